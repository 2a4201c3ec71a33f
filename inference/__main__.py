"""The command line: ``python -m inference PATH…``, one JSON object a line."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from inference.batch import Row, classify_paths
from inference.classifier import Classifier
from inference.errors import GyrusError
from inference.prediction import count_shown
from inference.settings import Settings

_EPILOG = """\
Each line holds path, slice, verdict (confident, uncertain, rejected), label, probabilities, candidates, novelty and
error. Of more than ten classes, the five most probable are printed (--top says how many); a file that --out names has
them all. The exit status is 0 when every file was answered, 1 when some failed, 2 when the call itself was wrong."""


def build_parser(default_model: Path) -> argparse.ArgumentParser:
    """The options of ``python -m inference``."""
    parser = argparse.ArgumentParser(
        prog="python -m inference",
        description="Classify pictures and folders of pictures.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="a picture, or a folder, which is walked")
    parser.add_argument("--model", type=Path, default=default_model, help="bundle folder or model file (%(default)s)")
    parser.add_argument("--top", type=_parse_top, metavar="N", help="print the N most probable classes of each picture")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the rows to a .csv or .jsonl file")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        settings = Settings.from_env(os.environ)
        parser = build_parser(settings.model)
        options = parser.parse_args(argv)
        classifier = Classifier.load(options.model)
    except GyrusError as error:
        print(error, file=sys.stderr)
        return 2
    failed = False
    with ExitStack() as stack:
        try:
            labels = classifier.bundle.labels
            print_row = _write_json_line(sys.stdout, options.top or count_shown(len(labels)))
            write_rows = [print_row, *_open_output(options.out, labels, stack)]
        except (OSError, ValueError) as error:
            parser.error(str(error))
        for row, notes in classify_paths(classifier, options.paths):
            for write in write_rows:
                write(row)
            for note in notes:
                print(f"{row.path}: {note}", file=sys.stderr)
            failed = failed or row.error is not None
    return 1 if failed else 0


def _parse_top(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"N is a whole number from 1; received {text}")
    return int(text)


def _write_json_line(stream: TextIO, top: int | None = None) -> Callable[[Row], None]:
    def write(row: Row) -> None:
        print(json.dumps(row.to_dict(top=top), ensure_ascii=False), file=stream, flush=True)

    return write


def _write_csv_line(stream: TextIO, labels: Sequence[str]) -> Callable[[Row], None]:
    writer = csv.writer(stream)
    writer.writerow(["path", "slice", "verdict", "label", *labels, "candidates", "novelty", "error"])

    def write(row: Row) -> None:
        numbers = [(row.probabilities or {}).get(label) for label in labels]
        candidates = "|".join(row.candidates or ())
        writer.writerow([row.path, row.slice, row.verdict, row.label, *numbers, candidates, row.novelty, row.error])
        stream.flush()

    return write


def _open_output(path: Path | None, labels: Sequence[str], stack: ExitStack) -> list[Callable[[Row], None]]:
    if path is None:
        return []
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise ValueError(f"--out takes a file that ends in .csv or .jsonl; received {path}")
    if path.exists() and path.stat().st_size:
        raise ValueError(f"--out does not write over a file that exists; received {path}")
    stream = stack.enter_context(path.open("w", newline="", encoding="utf-8"))
    return [_write_csv_line(stream, labels) if path.suffix.lower() == ".csv" else _write_json_line(stream)]


if __name__ == "__main__":
    raise SystemExit(main())
