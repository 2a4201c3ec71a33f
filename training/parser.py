"""The options of ``python -m training COMMAND``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

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


def build_parser(prog: str = "") -> argparse.ArgumentParser:
    """The commands and their options; ``prog`` is what a front calls the command that it runs."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description=MANUAL,
        epilog=f"recipes:\n{describe_recipes()}\n\nEach command has a page of its own: python -m training fit --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, title="commands", metavar="COMMAND")
    for name, (summary, add_options) in _COMMANDS.items():
        add_options(commands.add_parser(name, help=summary, prog=prog or None))
    return parser


def _add_audit(audit: argparse.ArgumentParser) -> None:
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


def _add_fit(fit: argparse.ArgumentParser) -> None:
    fit.usage = "%(prog)s --data FOLDER [--recipe NAME] [--out FOLDER] [options]"
    fit.description, fit.epilog = FIT_MANUAL, f"recipes:\n{describe_recipes()}"
    fit.formatter_class = argparse.RawDescriptionHelpFormatter
    _add_data(fit, required=False, what="folder of class folders; without a recipe, one with a manifest.csv")
    fit.add_argument("--work", type=Path, help="folder for checkpoint and log (default runs/NAME of the bundle)")
    fit.add_argument("--epochs", type=int, help="passes (default: the recipe's, else 12)")
    fit.add_argument("--batch-size", type=int, help="pictures a batch (default: the recipe's, else 32)")
    fit.add_argument("--learning-rate", type=float, help="peak learning rate (default: the recipe's, else 0.001)")
    fit.add_argument("--seed", type=int, help="for everything that is drawn (default 1)")
    _add_recipe_options(fit)
    _add_brain_options(fit)


def _add_recipe_options(fit: argparse.ArgumentParser) -> None:
    recipe = fit.add_argument_group("with a recipe, on any folder of class folders")
    recipe.add_argument("--recipe", metavar="NAME", help="one of those below, or the path of a .json file like them")
    recipe.add_argument("--out", type=Path, help="bundle folder to write (default models/ and the data folder's name)")
    recipe.add_argument("--unfreeze", action="store_true", default=None, help="add the recipe's second stage")
    recipe.add_argument("--title", help="of the bundle (default: the data folder's name)")
    recipe.add_argument("--subject", help='what completes "This does not look like …", such as "a photograph of a dog"')
    recipe.add_argument("--version", help="of the bundle (default 0.1.0)")


def _add_brain_options(fit: argparse.ArgumentParser) -> None:
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


def _add_export(export: argparse.ArgumentParser) -> None:
    _add_data(export)
    export.add_argument("--work", type=Path, default=Path("runs/brain_tumor"), help="folder for checkpoint and log")
    export.add_argument("--out", type=Path, default=Path("models/brain_tumor"), help="bundle folder to write")
    export.add_argument(
        "--holdout", "--twin", type=Path, help="bundle folder of the holdout model, which was trained without --volumes"
    )
    export.add_argument("--cross", type=Path, help="figures of training cross, for the card and the report")
    export.add_argument("--version", required=True, help="version of the bundle, such as 0.1.0")


def _add_finding(finding: argparse.ArgumentParser) -> None:
    finding.add_argument("bundle", type=Path, help="bundle folder, of which bundle.json and the figures are rewritten")
    _add_data(finding)
    finding.add_argument("--version", help="of the bundle from now on (default: as it is)")


def _add_average(average: argparse.ArgumentParser) -> None:
    average.add_argument("--of", nargs="+", required=True, metavar="WORK:SHARE", help="such as runs/plain:0.3")
    average.add_argument("--work", type=Path, required=True, help="folder for the result, as if it were a run")


def _add_cross(cross: argparse.ArgumentParser) -> None:
    _add_data(cross)
    cross.add_argument("--of", nargs="+", required=True, type=Path, metavar="WORK", help="such as runs/fold-*")
    cross.add_argument("--out", type=Path, default=Path("runs/cross.json"), help="file for the figures")


def _add_evaluate(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument("bundle", type=Path, help="bundle folder")
    evaluate.add_argument("folder", metavar="data", type=Path, nargs="?", help="the same as --data")
    _add_data(evaluate, required=False)
    evaluate.add_argument(
        "--out", type=Path, default=Path("runs/evaluation"), help="folder for evaluation.html and evaluation.json"
    )


def _add_volumes(volumes: argparse.ArgumentParser) -> None:
    volumes.add_argument("bundle", type=Path, help="bundle folder")
    volumes.add_argument("folder", metavar="data", type=Path, nargs="?", help="the same as --data")
    _add_data(volumes, required=False)


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


_COMMANDS = {
    "audit": ("report what is in a folder of images, and group what belongs together", _add_audit),
    "fit": ("train; run again to go on after a stop", _add_fit),
    "export": ("calibrate the trained network and write the bundle", _add_export),
    "finding": ("fit when a bundle says present, absent or unclear; prints JSON", _add_finding),
    "average": ("average the weights of networks that grew from one another", _add_average),
    "cross": ("measure runs that each left out one of Cheng's folds, or a source", _add_cross),
    "evaluate": ("measure a bundle on the test split; prints JSON, writes a report", _add_evaluate),
    "volumes": ("measure a bundle's answers for whole volumes; prints JSON", _add_volumes),
}
"""Each command's summary, and what adds its options."""
