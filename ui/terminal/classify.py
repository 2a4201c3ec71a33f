"""``gyrus classify``: the run of ``python -m inference``, with a table for people where it prints to a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from inference.__main__ import Printer, build_json_lines
from inference.__main__ import build_parser as build_run_parser
from inference.__main__ import main as answer_files
from ui.terminal.table import TablePrinter

if TYPE_CHECKING:
    from inference.model.bundle import ModelBundle

_DESCRIPTION = """\
Classify pictures, DICOM files, volumes, archives of them, and folders of all that. A terminal shows a table;
a pipe, a file and --json get one JSON object a line, as below."""


def build_parser(default_model: Path, prog: str = "gyrus classify") -> argparse.ArgumentParser:
    """The options of ``python -m inference``, and ``--json``."""
    parser = build_run_parser(default_model)
    parser.prog, parser.description = prog, _DESCRIPTION
    parser.add_argument("--json", action="store_true", help="print JSON Lines to a terminal, too")
    return parser


def build_printer(options: argparse.Namespace, bundle: ModelBundle) -> Printer:
    """A table for a terminal, else JSON Lines; with ``--out`` a terminal shows the progress alone."""
    if options.json or options.out is not None or not sys.stdout.isatty():
        return build_json_lines(options, bundle)
    return TablePrinter(bundle, top=options.top)


def main(argv: Sequence[str] | None = None, *, prog: str = "gyrus classify") -> int:
    """Run the command; returns the exit status, see ``gyrus classify --help``."""
    return answer_files(argv, build_parser=partial(build_parser, prog=prog), build_printer=build_printer)
