"""The command line of the training room: ``python -m training COMMAND``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from inference.errors import GyrusError, SettingsError
from inference.settings import check_variables
from training.parser import build_parser


def main(argv: Sequence[str] | None = None, *, prog: str = "") -> int:
    """Run one command.

    Returns
    -------
    int
        0; 1, or 130 after Ctrl-C, with a sentence on standard error.
    """
    parser = build_parser(prog)
    options = parser.parse_args(argv)
    try:
        check_variables(os.environ)
        run_command(options)
    except GyrusError as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        goes_on = " The same command goes on after the last epoch that it finished." if options.command == "fit" else ""
        parser.exit(130, f"\nStopped.{goes_on}\n")
    return 0


def run_command(options: argparse.Namespace) -> None:
    """Carry out the command that was parsed."""
    if options.command == "audit":
        from training.audit.folder import audit_folder
        from training.report.audit_page import summarise

        figures = audit_folder(options.data, options.out, progress=show_progress)
        print("\n".join(f"{found.value} {found.words}" for found in summarise(figures)))
        print(
            f"The report is {options.out / 'audit.html'}; fit and evaluate take --groups {options.out / 'groups.csv'}."
        )
    elif options.command == "fit":
        run_fit(options) if options.recipe is None else run_recipe(options)
    elif options.command == "average":
        from training.brain.average import average_networks, parse_share

        average_networks([parse_share(text) for text in options.of], options.work)
    elif options.command == "cross":
        from training.brain.cross_validation import measure_runs

        options.out.parent.mkdir(parents=True, exist_ok=True)
        document = json.dumps(measure_runs(options.data, options.of, groups=options.groups), indent=2)
        options.out.write_text(document + "\n", encoding="utf-8")
        print(document)
    elif options.command == "export":
        from training.brain.export import KnownFigures, export_bundle

        known = KnownFigures(holdout=options.holdout, cross=options.cross)
        export_bundle(
            options.data, options.work, options.out, version=options.version, known=known, groups=options.groups
        )
    elif options.command == "finding":
        from training.measure.finding import calibrate_finding

        figures = calibrate_finding(options.bundle, options.data, version=options.version, groups=options.groups)
        print(json.dumps(figures, indent=2))
    elif options.command == "volumes":
        from training.measure.whole_volumes import evaluate_volumes

        print(json.dumps(evaluate_volumes(options.bundle, _find_data(options)), indent=2))
    else:
        from training.measure.evaluate import evaluate

        evaluate(options.bundle, _find_data(options), options.out, groups=options.groups)
        print(f"The report is {options.out / 'evaluation.html'}.", file=sys.stderr)


def run_fit(options: argparse.Namespace) -> None:
    """Train the brain tumour network."""
    from training.brain.fit import FitSettings, fit

    _refuse(options, ("out", "unfreeze", "title", "subject", "version"), "is for a recipe; name one with --recipe")
    fit(
        _find_data(options),
        options.work or Path("runs/brain_tumor"),
        FitSettings(**_given(options, FitSettings) | {"healthy": options.healthy is not None}),
        groups=options.groups,
        head=options.healthy and (options.healthy[0], options.healthy[1]),
    )


def run_recipe(options: argparse.Namespace) -> None:
    """Carry out a recipe and say where its report is."""
    from training.recipes.recipe import load_recipe

    recipe = load_recipe(options.recipe)
    brain = (
        *("batches", "counterfactuals", "strength", "backbone", "start"),
        *("volumes", "healthy", "test_fold", "without", "groups"),
    )
    _refuse(options, brain, "is for the brain tumour network, not for a recipe")
    if recipe.training is None:
        from training.recipes.imagenet import build_imagenet_bundle

        changes = ("epochs", "batch_size", "learning_rate", "seed", "unfreeze", "title", "subject", "work")
        _refuse(options, changes, f"changes nothing in {recipe.name}, which trains nothing")
        out = options.out or Path("models") / recipe.name.replace("-", "_")
        build_imagenet_bundle(recipe, out, version=options.version or "0.1.0")
    else:
        from training.recipes.fit import fit_folder
        from training.recipes.settings import FolderSettings

        data = _find_data(options)
        out = options.out or Path("models") / data.resolve().name
        figures = fit_folder(
            data,
            recipe,
            options.work or Path("runs") / out.name,
            out,
            FolderSettings(**_given(options, FolderSettings)),
            progress=show_progress,
        )
        classes = figures["classes"]
        print(f"{classes['accuracy']:.1%} of {classes['images']} test pictures are answered right; always answering")
        print(
            f"{classes['majority_class']}, the commonest class, is right in {classes['majority_class_accuracy']:.1%}."
        )
        for file in figures["pictures"]["unreadable"]:
            print(f"Skipped {file['path']}: {file['why']}")
        print(f"The report is {out / 'report.html'}.")
    print(f"Serve it: python app.py --model {out}")


def _given(options: argparse.Namespace, settings: type) -> dict[str, Any]:
    """The options that are fields of a settings class and were given."""
    given = {field.name: getattr(options, field.name) for field in fields(settings)}
    return {name: value for name, value in given.items() if value is not None}


def _refuse(options: argparse.Namespace, names: Sequence[str], why: str) -> None:
    """Say of an option that was given for nothing that it was."""
    for name in names:
        if getattr(options, name) is not None:
            raise SettingsError(f"--{name.replace('_', '-')} {why}.")


def _find_data(options: argparse.Namespace) -> Path:
    data: Path | None = getattr(options, "folder", None) or options.data
    if data is None:
        call = "fit --data FOLDER" if options.command == "fit" else f"{options.command} BUNDLE DATA"
        raise SettingsError(f"Name the folder of images: python -m training {call}, or set GYRUS_DATA.")
    return data


def show_progress(task: str, done: int, total: int) -> None:
    """Say on standard error how far a task is: in place on a terminal, else at every tenth."""
    if sys.stderr.isatty():
        print(f"\r{task}: {done:,} of {total:,}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done == total or done * 10 // total > (done - 1) * 10 // total:
        print(f"{task}: {done:,} of {total:,}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
