"""The command line: ``python -m tests.stress fuzz`` and ``soak``."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fuzz = commands.add_parser("fuzz", help="read damaged files by the thousand")
    fuzz.add_argument("--inputs", type=int, default=20_000, help="how many are read (20,000)")
    fuzz.add_argument("--requests", type=int, default=2_000, help="how many are sent to the server (2,000)")
    fuzz.add_argument("--seed", type=int, default=1, help="the same seed gives the same inputs (1)")
    fuzz.add_argument("--only", type=int, metavar="NUMBER", help="read this input alone, in this process")
    fuzz.add_argument("--out", type=Path, default=Path("runs/fuzz"), metavar="FOLDER", help="runs/fuzz; goes on there")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status, 1 if something was found."""
    given = build_parser().parse_args(argv)
    warnings.simplefilter("ignore")  # pydicom warns of each value that a mutation writes
    from tests.stress.fuzz import run_fuzz, run_one

    if given.only is not None:
        return run_one(given.seed, given.only)
    return run_fuzz(given.out, given.seed, given.inputs, given.requests)


if __name__ == "__main__":
    sys.exit(main())
