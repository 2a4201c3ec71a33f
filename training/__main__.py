"""The command line of the training room: ``python -m training COMMAND``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from inference.errors import GyrusError, SettingsError


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options; heavy modules are imported by the command that needs them."""
    parser = argparse.ArgumentParser(prog="python -m training", description="Make the model that Gyrus serves.")
    commands = parser.add_subparsers(dest="command", required=True)

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

    fit = commands.add_parser("fit", help="train the network; run again to go on after a stop")
    _add_common(fit)
    fit.add_argument("--epochs", type=int, help="passes; each draws --batches × --batch-size slices (default 12)")
    fit.add_argument("--batches", type=int, help="batches an epoch (default 96)")
    fit.add_argument("--batch-size", type=int, help="slices a batch (default 32)")
    fit.add_argument("--learning-rate", type=float, help="peak learning rate (default 0.001)")
    fit.add_argument("--counterfactuals", type=float, help="share of counterfactual slices, 0 to 1 (default 0)")
    fit.add_argument("--strength", type=float, help="of the random changes, 0 to 1 (default 1)")
    fit.add_argument("--seed", type=int, help="for everything that is drawn (default 1)")
    fit.add_argument(
        "--backbone",
        metavar="NAME",
        help="lite0 (default; its weights are here), or EfficientNetB0 to B3 or EfficientNetV2B0 to B3 (downloaded)",
    )
    fit.add_argument("--start", help="a trained.keras to start from instead of ImageNet's weights")
    fit.add_argument("--volumes", action="store_true", default=None, help="train on gbm_nifti and dicom_t1 too")
    fit.add_argument("--test-fold", metavar="1-5", help="Cheng's fold that is kept for testing (default 1)")
    fit.add_argument("--without", metavar="SOURCE", help="keep this whole source for testing, such as br35h")

    export = commands.add_parser("export", help="calibrate the trained network and write the bundle")
    _add_common(export)
    export.add_argument("--out", type=Path, default=Path("models/brain_tumor"), help="bundle folder to write")
    export.add_argument("--twin", type=Path, help="evaluation.json of the twin trained without --volumes")
    export.add_argument("--version", required=True, help="version of the bundle, such as 0.1.0")

    average = commands.add_parser("average", help="average the weights of networks that grew from one another")
    average.add_argument("--of", nargs="+", required=True, metavar="WORK:SHARE", help="such as runs/plain:0.3")
    average.add_argument("--work", type=Path, required=True, help="folder for the result, as if it were a run")

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


def _add_data(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    default = os.environ.get("GYRUS_DATA")
    parser.add_argument(
        "--data",
        type=Path,
        required=required and default is None,
        default=default and Path(default),
        help="folder of images with manifest.csv (default: $GYRUS_DATA)",
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
        0, or 1 with a sentence on standard error.
    """
    parser = build_parser()
    options = parser.parse_args(argv)
    try:
        run(options)
    except GyrusError as error:
        parser.exit(1, f"{error}\n")
    return 0


def run(options: argparse.Namespace) -> None:
    """Carry out the command that was parsed."""
    if options.command == "audit":
        from training.audit import audit
        from training.audit_page import summarise

        figures = audit(options.data, options.out, progress=show_progress)
        print("\n".join(f"{value} {words}" for value, words, _ in summarise(figures)))
        print(
            f"The report is {options.out / 'audit.html'}; fit and evaluate take --groups {options.out / 'groups.csv'}."
        )
    elif options.command == "fit":
        from training.fit import FitSettings, fit

        given = {field.name: getattr(options, field.name) for field in fields(FitSettings)}
        fit(
            options.data,
            options.work,
            FitSettings(**{name: value for name, value in given.items() if value is not None}),
            groups=options.groups,
        )
    elif options.command == "average":
        from training.average import average_networks, parse_share

        average_networks([parse_share(text) for text in options.of], options.work)
    elif options.command == "export":
        from training.export import export_bundle

        export_bundle(
            options.data,
            options.work,
            options.out,
            version=options.version,
            twin=options.twin,
            groups=options.groups,
        )
    elif options.command == "volumes":
        from training.evaluate_volumes import evaluate_volumes

        print(json.dumps(evaluate_volumes(options.bundle, _find_data(options)), indent=2))
    else:
        from training.evaluate import evaluate

        evaluate(options.bundle, _find_data(options), options.out, groups=options.groups)
        print(f"The report is {options.out / 'evaluation.html'}.", file=sys.stderr)


def _find_data(options: argparse.Namespace) -> Path:
    data: Path | None = options.folder or options.data
    if data is None:
        raise SettingsError(
            f"Name the folder of images: python -m training {options.command} BUNDLE DATA, or set GYRUS_DATA."
        )
    return data


def show_progress(task: str, done: int, total: int) -> None:
    """Say on standard error how far a task is: in place on a terminal, else at every tenth."""
    if sys.stderr.isatty():
        print(f"\r{task}: {done:,} of {total:,}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done == total or done * 10 // total > (done - 1) * 10 // total:
        print(f"{task}: {done:,} of {total:,}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
