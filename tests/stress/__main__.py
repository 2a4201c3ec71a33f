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
    soak = commands.add_parser("soak", help="many visitors at once for a long time")
    soak.add_argument("--minutes", type=float, default=30, help="how long (30)")
    soak.add_argument("--seed", type=int, default=1, help="who asks what (1)")
    soak.add_argument(
        "--out", type=Path, default=Path("bench"), metavar="FOLDER", help="where the plot is written (bench)"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status, 1 if something was found."""
    given = build_parser().parse_args(argv)
    warnings.simplefilter("ignore")  # pydicom warns of each value that a mutation writes
    if given.command == "soak":
        from tests.stress.soak import run_soak

        return run_soak(given.out, given.minutes, given.seed)
    from tests.stress.fuzz import run_fuzz, run_one

    if given.only is not None:
        return run_one(given.seed, given.only)
    return run_fuzz(given.out, given.seed, given.inputs, given.requests)


if __name__ == "__main__":
    sys.exit(main())
