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
from training.recipes.recipe import list_recipes

MANUAL = """Make the models that Gyrus serves.

A model is a bundle: a folder with the network, its labels, its thresholds and its card, which
`python app.py --model FOLDER` and `python -m inference --model FOLDER` serve.

Your own pictures, one folder a class:

  python -m training audit pictures --out runs/audit      what is in there: copies, conflicts, shortcuts
  python -m training fit --data pictures --recipe lite0-224 --out models/pictures
  python app.py --model models/pictures                   serve it; models/pictures/report.html says how good it is

A classifier of 1,000 everyday things, without any pictures:

  python -m training fit --recipe lite0-imagenet --out models/imagenet_lite0

The brain tumour model, from its data to its figures (`make train` runs all of it):

  python -m training fit --data DATA --work runs/plain
  python -m training export --data DATA --work runs/plain --out models/mine --version 0.1.0
  python -m training evaluate models/mine --data DATA
"""

FIT_MANUAL = """Train a network.

With --recipe: on any folder of class folders, from the pictures to the finished bundle. The pictures are
split by group, so that copies are never on both sides; files that cannot be read are skipped and named;
rare classes count more. The bundle holds report.html and figures/: class counts, example pictures, learning
curves, classification report, confusion matrix, calibration, right and wrong answers.

  python -m training fit --data pictures --recipe cnn-grey-100
  python -m training fit --data pictures --recipe lite0-224 --unfreeze --out models/pictures
  tensorboard --logdir runs/pictures

Without --recipe: the brain tumour network, on a folder with a manifest.csv; `export` makes its bundle.
"""


def describe_recipes() -> str:
    """A line for each recipe."""
    return "\n".join(f"  {name:<23}{summary}" for name, summary in list_recipes().items())


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options; heavy modules are imported by the command that needs them."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description=MANUAL,
        epilog=f"recipes:\n{describe_recipes()}\n\nEach command has a page of its own: python -m training fit --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, title="commands", metavar="COMMAND")

    audit = commands.add_parser("audit", help="report what is in a folder of images, and group what belongs together")
    default = os.environ.get("GYRUS_DATA")
    audit.add_argument(
        "data",
        type=Path,
        nargs="?" if default else None,
        default=default and Path(default),
        help="folder of class folders, or with a manifest.csv (default: $GYRUS_DATA)",
    )
    audit.add_argument(
        "--out", type=Path, default=Path("runs/audit"), help="folder for audit.html, audit.json and groups.csv"
    )

    fit = commands.add_parser(
        "fit",
        help="train; run again to go on after a stop",
        usage="python -m training fit --data FOLDER [--recipe NAME] [--out FOLDER] [options]",
        description=FIT_MANUAL,
        epilog=f"recipes:\n{describe_recipes()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_data(fit, required=False, what="folder of class folders; without a recipe, one with a manifest.csv")
    fit.add_argument("--work", type=Path, help="folder for checkpoint and log (default runs/NAME of the bundle)")
    fit.add_argument("--epochs", type=int, help="passes (default: the recipe's, else 12)")
    fit.add_argument("--batch-size", type=int, help="pictures a batch (default: the recipe's, else 32)")
    fit.add_argument("--learning-rate", type=float, help="peak learning rate (default: the recipe's, else 0.001)")
    fit.add_argument("--seed", type=int, help="for everything that is drawn (default 1)")
    recipe = fit.add_argument_group("with a recipe, on any folder of class folders")
    recipe.add_argument("--recipe", metavar="NAME", help="one of those below, or the path of a .json file like them")
    recipe.add_argument("--out", type=Path, help="bundle folder to write (default models/ and the data folder's name)")
    recipe.add_argument("--unfreeze", action="store_true", default=None, help="add the recipe's second stage")
    recipe.add_argument("--title", help="of the bundle (default: the data folder's name)")
    recipe.add_argument("--subject", help='what completes "This does not look like …", such as "a photograph of a dog"')
    recipe.add_argument("--version", help="of the bundle (default 0.1.0)")
    brain = fit.add_argument_group("without a recipe: the brain tumour network")
    brain.add_argument("--batches", type=int, help="batches an epoch (default 96)")
    brain.add_argument("--counterfactuals", type=float, help="share of counterfactual slices, 0 to 1 (default 0)")
    brain.add_argument("--strength", type=float, help="of the random changes, 0 to 1 (default 1)")
    brain.add_argument(
        "--backbone",
        metavar="NAME",
        help="lite0 (default; its weights are here), or EfficientNetB0 to B3 or EfficientNetV2B0 to B3 (downloaded)",
    )
    brain.add_argument("--start", help="a trained.keras to start from instead of ImageNet's weights")
    brain.add_argument("--volumes", action="store_true", default=None, help="train on gbm_nifti and dicom_t1 too")
    brain.add_argument(
        "--healthy",
        type=Path,
        nargs=2,
        metavar=("HEAD", "BRAIN"),
        help="train on slices of a healthy head too: its NIfTI volume, and the same without anything but the brain",
    )
    brain.add_argument("--test-fold", metavar="1-5", help="Cheng's fold that is kept for testing (default 1)")
    brain.add_argument("--without", metavar="SOURCE", help="keep this whole source for testing, such as br35h")

    export = commands.add_parser("export", help="calibrate the trained network and write the bundle")
    _add_common(export)
    export.add_argument("--out", type=Path, default=Path("models/brain_tumor"), help="bundle folder to write")
    export.add_argument("--twin", type=Path, help="bundle folder of the twin trained without --volumes")
    export.add_argument("--cross", type=Path, help="figures of training cross, for the card and the report")
    export.add_argument("--version", required=True, help="version of the bundle, such as 0.1.0")

    average = commands.add_parser("average", help="average the weights of networks that grew from one another")
    average.add_argument("--of", nargs="+", required=True, metavar="WORK:SHARE", help="such as runs/plain:0.3")
    average.add_argument("--work", type=Path, required=True, help="folder for the result, as if it were a run")

    cross = commands.add_parser("cross", help="measure runs that each left out one of Cheng's folds, or a source")
    _add_data(cross)
    cross.add_argument("--of", nargs="+", required=True, type=Path, metavar="WORK", help="such as runs/fold-*")
    cross.add_argument("--out", type=Path, default=Path("runs/cross.json"), help="file for the figures")

    evaluate = commands.add_parser("evaluate", help="measure a bundle on the test part; prints JSON, writes a report")
    evaluate.add_argument("bundle", type=Path, help="bundle folder")
    evaluate.add_argument("folder", metavar="data", type=Path, nargs="?", help="the same as --data")
    _add_data(evaluate, required=False)
    evaluate.add_argument(
        "--out", type=Path, default=Path("runs/evaluation"), help="folder for evaluation.html and evaluation.json"
    )

    volumes = commands.add_parser("volumes", help="measure a bundle's answers for whole volumes; prints JSON")
    volumes.add_argument("bundle", type=Path, help="bundle folder")
    volumes.add_argument("folder", metavar="data", type=Path, nargs="?", help="the same as --data")
    _add_data(volumes, required=False)
    return parser


def _add_data(
    parser: argparse.ArgumentParser, *, required: bool = True, what: str = "folder of images with manifest.csv"
) -> None:
    default = os.environ.get("GYRUS_DATA")
    parser.add_argument(
        "--data",
        type=Path,
        required=required and default is None,
        default=default and Path(default),
        help=f"{what} (default: $GYRUS_DATA)",
    )
    parser.add_argument("--groups", type=Path, help="groups.csv of an audit, instead of the folder's manifest.csv")


def _add_common(parser: argparse.ArgumentParser) -> None:
    _add_data(parser)
    parser.add_argument("--work", type=Path, default=Path("runs/brain_tumor"), help="folder for checkpoint and log")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0; 1, or 130 after Ctrl-C, with a sentence on standard error.
    """
    parser = build_parser()
    options = parser.parse_args(argv)
    try:
        run(options)
    except GyrusError as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        goes_on = " The same command goes on after the last epoch that it finished." if options.command == "fit" else ""
        parser.exit(130, f"\nStopped.{goes_on}\n")
    return 0


def run(options: argparse.Namespace) -> None:
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
        figures = json.dumps(measure_runs(options.data, options.of, groups=options.groups), indent=2)
        options.out.write_text(figures + "\n", encoding="utf-8")
        print(figures)
    elif options.command == "export":
        from training.brain.export import export_bundle

        export_bundle(
            options.data,
            options.work,
            options.out,
            version=options.version,
            twin=options.twin,
            cross=options.cross,
            groups=options.groups,
        )
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
