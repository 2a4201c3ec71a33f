"""The command line: ``python -m reports SOURCE --pdf FILE --sr FILE --capture FILE``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from inference.answer.answer import answer_scan
from inference.answer.classifier import Classifier
from inference.errors import GyrusError, OutputError
from inference.imaging.types import CONVENTIONS, PLANES, WINDOWS, Convention, ReadOptions
from inference.settings import Settings
from ui.reports.encode import DICOM_KINDS, PACKAGES, encode_reports
from ui.reports.files import check_targets, write_new
from ui.reports.topic import build_topic, check_source, choose_scan
from ui.words.labels import CONVENTION_HELP

_EPILOG = """\
Without --keep-identity no report names the patient, the institution or a date: the DICOM files belong to a new patient
and a new study, made at random, and who was examined is not even read from the headers. They still refer to the source
images by their identifiers (UIDs); whoever has those images can tell whose they are.

No file is written over. The exit status is 0 when every report was written, 1 when the source cannot be answered or a
report not be written, 2 when the call itself was wrong."""


def build_parser(
    default_model: Path, prog: str = "python -m reports", convention: Convention = "radiological"
) -> argparse.ArgumentParser:
    """The options of ``python -m reports``."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Answer a picture or a volume, and write the answer as a PDF page or as DICOM.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SOURCE", type=Path, help="a file, or a folder with a DICOM series")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="one page to read")
    parser.add_argument("--sr", type=Path, metavar="FILE", help="a DICOM structured report (of a DICOM source)")
    parser.add_argument("--capture", type=Path, metavar="FILE", help="the heat map as DICOM (of a DICOM source)")
    parser.add_argument("--keep-identity", action="store_true", help="carry patient and study over from a DICOM source")
    parser.add_argument("--scan", type=_parse_number, metavar="N", help="which, if the source holds several")
    parser.add_argument("--model", type=Path, default=default_model, help="bundle folder or model file (%(default)s)")
    parser.add_argument(
        "--plane", choices=PLANES, default="axial", help="how volumes that are not DICOM are cut (%(default)s)"
    )
    parser.add_argument("--window", choices=WINDOWS, default="percentile", help="grey values of DICOM (%(default)s)")
    parser.add_argument("--convention", choices=CONVENTIONS, default=convention, help=CONVENTION_HELP)
    return parser


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m reports") -> int:
    """Run the command line; returns the exit status."""
    try:
        settings = Settings.from_env(os.environ)
        parser = build_parser(settings.model, prog, settings.convention)
        options = parser.parse_args(argv)
        targets = {kind: path for kind in PACKAGES if (path := getattr(options, kind)) is not None}
        if not targets:
            parser.error("name a report to write: --pdf, --sr or --capture")
        check_targets(targets.values())
        _check_installed(targets)
        classifier = Classifier.load(options.model)
    except GyrusError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        reading = ReadOptions(plane=options.plane, window=options.window)
        needs_sources = options.keep_identity or any(kind in targets for kind in DICOM_KINDS)
        with choose_scan(options.source, reading, options.scan) as scan:
            if needs_sources:
                check_source(scan)
            topic = build_topic(
                answer_scan(classifier, scan, explain=True),
                classifier.bundle,
                needs_sources=needs_sources,
                keep_identity=options.keep_identity,
                convention=options.convention,
            )
        for kind, content in encode_reports(topic, targets, keep_identity=options.keep_identity).items():
            write_new(targets[kind], content)
            print(targets[kind])
    except GyrusError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _check_installed(kinds: Iterable[str]) -> None:
    """Say so at once, and not after a volume was classified."""
    for kind in kinds:
        if find_spec(PACKAGES[kind]) is None:
            raise OutputError(
                "Reports need packages that are not installed "
                f"({PACKAGES[kind]} is missing): pip install 'gyrus[reports]'"
            )


def _parse_number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"N is a whole number from 1; received {text}")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
