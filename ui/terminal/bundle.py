"""``gyrus bundle``: is a model's folder in order, and what are its files' checksums."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from inference.answer.classifier import Classifier
from inference.errors import GyrusError
from inference.model.checksums import write_checksums


def build_parser() -> argparse.ArgumentParser:
    """The commands for a bundle."""
    parser = argparse.ArgumentParser(prog="gyrus bundle", description="Look after a bundle: a model's folder.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    about = {
        "check": "load it, as a front does: checksums, the look through its files, the trial on a made-up picture",
        "checksums": "write the SHA-256 of its files into bundle.json",
    }
    for name, summary in about.items():
        command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        command.add_argument("folders", metavar="FOLDER", nargs="+", type=Path)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0, or 1 when a bundle is not in order."""
    options = build_parser().parse_args(argv)
    work = {"check": check_bundle, "checksums": list_checksums}[options.command]
    status = 0
    for folder in options.folders:
        try:
            print(f"{folder}: {work(folder)}")
        except GyrusError as error:
            print(f"{folder}: {error}", file=sys.stderr)
            status = 1
    return status


def check_bundle(folder: Path) -> str:
    """Load a bundle and say what was found.

    Raises
    ------
    BundleError
        It is not in order.
    """
    bundle = Classifier.load(folder).bundle
    listed = f"{len(bundle.files)} files as listed" if bundle.files else "no checksums: gyrus bundle checksums"
    golden = "gives what it gave when it was made" if bundle.golden else "was not compared with how it was made"
    return f"{bundle.name} {bundle.version}, {len(bundle.labels)} classes; {listed}; the network {golden}."


def list_checksums(folder: Path) -> str:
    """Write a bundle's checksums and name its files; see `inference.model.checksums.write_checksums`."""
    return ", ".join(write_checksums(folder))
