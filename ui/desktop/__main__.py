"""The program ``gyrus``: a window, or with ``--classify`` the answer on standard output; ``python -m ui.desktop``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from inference import Classifier, GyrusError, __version__
from inference.__main__ import main as print_rows
from inference.imaging.types import CONVENTIONS, Convention
from inference.model.bundle import DEFAULT_MODEL
from inference.settings import Settings
from ui.desktop.answering import answer_file
from ui.words.answer import list_lines
from ui.words.errors import present_error
from ui.words.labels import CONVENTION_HELP

_NO_WINDOW = """\
The window cannot be opened: {reason}.
gyrus --classify FILE answers without one. From the source, Tk is needed (on Debian: apt-get install python3-tk)."""


def build_parser(prog: str = "gyrus") -> argparse.ArgumentParser:
    """The options of the program."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Open a window that classifies images. A research and teaching tool, not a medical device.",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="an image to open")
    parser.add_argument("--version", action="version", version=f"gyrus {__version__}")
    parser.add_argument("--classify", metavar="FILE", type=Path, help="print the answer and open no window")
    parser.add_argument("--json", action="store_true", help="with --classify: the line of python -m inference")
    parser.add_argument("--model", metavar="PATH", type=Path, help="bundle folder or model file to start with")
    parser.add_argument("--convention", choices=CONVENTIONS, help=CONVENTION_HELP)
    return parser


def main(argv: Sequence[str] | None = None, *, prog: str = "gyrus") -> int:
    """Run the program; returns the exit status: 0, 1 when an image has no answer, 2 when the call was wrong."""
    parser = build_parser(prog)
    options = parser.parse_args(argv)
    if options.json and options.classify is None:
        parser.error("--json goes with --classify FILE")
    try:
        settings = Settings.from_env(os.environ)
        model = options.model or settings.model
        if options.json:
            return print_rows(["--model", str(model), "--", str(options.classify)])
        if options.classify:
            return _print_answer(options.classify, model)
        return _open_window(options.file, model, options.convention or settings.convention)
    except GyrusError as error:
        print(error, file=sys.stderr)
        return 2


def _print_answer(path: Path, model: Path) -> int:
    classifier = Classifier.load(model)
    try:
        shown = answer_file(classifier, path).presentation
    except GyrusError as error:
        print(present_error(error).sentence, file=sys.stderr)
        return 1
    print("\n".join(list_lines(shown, classifier.bundle, has_source=False)))
    return 0


def _open_window(path: Path | None, model: Path, convention: Convention) -> int:
    logging.basicConfig(level=logging.WARNING)
    try:
        import tkinter

        from ui.desktop.window import Window
    except ImportError as error:
        print(_NO_WINDOW.format(reason=error), file=sys.stderr)
        return 2
    from ui.desktop.files import find_bundles
    from ui.desktop.session import Session
    from ui.desktop.worker import Worker

    bundles = find_bundles(DEFAULT_MODEL.parent, model)
    worker = Worker()
    try:
        session = Session(bundles, worker)
        window = Window(session, worker, convention)
        session.preload()
        if path is not None:
            window.take(path)
        window.run()
    except tkinter.TclError as error:
        print(_NO_WINDOW.format(reason=error), file=sys.stderr)
        return 2
    finally:
        worker.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
