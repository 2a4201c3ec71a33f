"""``gyrus bundle``: is a model's folder in order, what are its files' checksums, what may bundle.json say."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from inference.answer.classifier import Classifier
from inference.errors import GyrusError
from inference.model.checksums import write_checksums
from inference.model.schema import build_json_schema


def build_parser(prog: str = "gyrus bundle") -> argparse.ArgumentParser:
    """The commands for a bundle."""
    parser = argparse.ArgumentParser(prog=prog, description="Look after a bundle: a model's folder.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    about = {
        "check": "load it, as a front does: checksums, the look through its files, the trial on a made-up picture",
        "checksums": "write the SHA-256 of its files into bundle.json",
    }
    for name, summary in about.items():
        command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        command.add_argument("folders", metavar="FOLDER", nargs="+", type=Path)
    commands.add_parser("schema", help="print the JSON Schema of bundle.json", description="Print it.")
    return parser


def main(argv: Sequence[str] | None = None, *, prog: str = "gyrus bundle") -> int:
    """Run the command; returns the exit status: 0, or 1 when a bundle is not in order."""
    options = build_parser(prog).parse_args(argv)
    if options.command == "schema":
        print(json.dumps(build_json_schema(), indent=2, ensure_ascii=False))
        return 0
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
