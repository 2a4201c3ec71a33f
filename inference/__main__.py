"""The command line: ``python -m inference PATH…``, one JSON object a line.

Options, exit statuses and progress stand here; work is done in `inference.batch`, tables for people in ``ui.terminal``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from inference.answer.classifier import Classifier
from inference.answer.prediction import count_shown
from inference.batch.journal import Journal
from inference.batch.output import Output, RunClock, describe_settings, output_paths
from inference.batch.runner import Done, run_items
from inference.batch.tables import Table, format_rows
from inference.batch.workers import OwnProcess, Pool, Workers
from inference.errors import GyrusError, OutputError
from inference.imaging.find import count_files, find_items
from inference.imaging.storage import is_remote
from inference.imaging.types import PLANES, WINDOWS, ReadOptions
from inference.model.bundle import DEFAULT_MODEL

if TYPE_CHECKING:
    from inference.batch.outcomes import Outcome
    from inference.model.bundle import ModelBundle

_EPILOG = """\
Each line holds path, slice, verdict (confident, uncertain, rejected), label, probabilities, candidates, finding
(present, absent, unclear), its probability, the types that it may be of, novelty and error. Of more than ten classes,
the five most probable are printed (--top says how many); a file that --out names has
them all. A volume (NIfTI, or a DICOM series: the files of one folder and series) has a line a slice, counted from 1,
and a last line with "slice": null, its answer for the whole, and "volume", which slices show it.

With --out the rows go to that file; a journal beside it (.state) lets --resume go on after any stop, and a sidecar
(.json) says what was counted, with which model. They are printed too, unless to a terminal, which shows the progress.

With --cluster the work is done by Ray, PATH may be an address such as s3://bucket/scans, and --out names a folder of
parts, .parquet or .csv, here or at an address. Nothing is printed but the progress.

The exit status is 0 when every file was answered, 1 when some failed or results could not be written, 2 when the call
itself was wrong, 130 after Ctrl-C."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as a shell has it."""


def build_parser(default_model: Path) -> argparse.ArgumentParser:
    """The options of ``python -m inference``."""
    parser = argparse.ArgumentParser(
        prog="python -m inference",
        description="Classify pictures, DICOM files, volumes, archives of them, and folders of all that.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a file, or a folder, which is walked")
    parser.add_argument("--model", type=Path, default=default_model, help="bundle folder or model file (%(default)s)")
    parser.add_argument("--top", type=_parse_top, metavar="N", help="print the N most probable classes of each picture")
    parser.add_argument("--out", metavar="FILE", help="also write the rows to a .csv or .jsonl file")
    parser.add_argument("--resume", action="store_true", help="go on with --out where an earlier run was stopped")
    parser.add_argument(
        "--workers", type=_parse_workers, metavar="N", help="processes (1; of a cluster, all its cores)"
    )
    parser.add_argument("--cluster", metavar="ADDRESS", help="run on Ray: local, auto, or where it listens")
    parser.add_argument(
        "--plane", choices=PLANES, default="axial", help="how volumes that are not DICOM are cut (%(default)s)"
    )
    parser.add_argument(
        "--window",
        choices=WINDOWS,
        default="percentile",
        help="grey values of DICOM: by each slice's own (%(default)s), or as the file says",
    )
    parser.add_argument(
        "--include-identifiers",
        action="store_true",
        help="also write whose a DICOM file is: patient id, study date, accession number, series UID",
    )
    return parser


def find_default_model(environ: Mapping[str, str]) -> Path:
    """The model that the environment names, else the one that comes with Gyrus.

    Raises
    ------
    SettingsError
        A variable called ``GYRUS_…`` is not known, or has a value that cannot be used.
    """
    if not any(name.startswith("GYRUS_") for name in environ):
        return DEFAULT_MODEL
    from inference.settings import Settings  # takes a twentieth of a second, so only where something is set

    return Settings.from_env(environ).model


class Printer(Protocol):
    """Shows a run to whoever started it."""

    def show(self, outcome: Outcome) -> None:
        """Show what became of a work item."""

    def close(self) -> None:
        """End; nothing more will be shown."""


class JsonLines:
    """Rows as JSON Lines on standard output, notes on standard error, above a progress bar if there is one.

    Parameters
    ----------
    top : int
        Of more classes, only so many are printed.
    prints_rows : bool
        False: notes only.

    Examples
    --------
    >>> from inference.answer.rows import Row
    >>> from inference.batch.outcomes import Outcome
    >>> JsonLines(top=5).show(Outcome(rows=[Row(path="a.png", error="The file is empty.")]))
    {"path": "a.png", "slice": null, ... "error": "The file is empty."}
    """

    def __init__(self, top: int, *, prints_rows: bool = True) -> None:
        self._top, self._prints_rows = top, prints_rows

    def show(self, outcome: Outcome) -> None:
        """See `Printer.show`."""
        if self._prints_rows:
            text = format_rows(outcome.rows, ".jsonl", Table(), top=self._top).decode(errors="replace")
            print(text, end="", flush=True)
        if outcome.notes:
            from tqdm import tqdm
        for path, note in outcome.notes:
            tqdm.write(f"{path}: {note}", file=sys.stderr)

    def close(self) -> None:
        """See `Printer.close`."""


def build_json_lines(options: argparse.Namespace, bundle: ModelBundle) -> JsonLines:
    """The printer of ``python -m inference``; with ``--out``, a terminal shows the progress instead of the rows."""
    top = options.top or count_shown(len(bundle.labels))
    return JsonLines(top, prints_rows=options.out is None or not sys.stdout.isatty())


def main(
    argv: Sequence[str] | None = None,
    *,
    build_parser: Callable[[Path], argparse.ArgumentParser] = build_parser,
    build_printer: Callable[[argparse.Namespace, ModelBundle], Printer] = build_json_lines,
) -> int:
    """Run the command line; returns the exit status.

    Parameters
    ----------
    argv : sequence of str, or None
        None for those of the process.
    build_parser : callable
        From the default model to the options: those of `build_parser`, and what else a front has.
    build_printer : callable
        From the options and the model's bundle to what shows the rows.
    """
    try:
        parser = build_parser(find_default_model(os.environ))
        options = parser.parse_args(argv)
        if options.resume and options.out is None:
            parser.error("--resume goes on with a file: name it with --out")
        if options.cluster is None and any(map(is_remote, options.paths)):
            parser.error("an address is read with --cluster only; without it, PATH is a file or a folder")
        if options.cluster is not None:
            from inference.batch.cluster.command import ClusterRun  # few runs need it

            return ClusterRun(parser, options, _build_reading(options)).work()
        classifier = Classifier.load(options.model)
        with ExitStack() as stack:
            try:
                run = _Run(classifier, options, build_printer, stack)
            except OutputError as error:
                parser.error(str(error))
            try:
                run.work()
            except KeyboardInterrupt:
                return run.stop()
            return run.end()
    except OutputError as error:
        print(error, file=sys.stderr)
        return 1
    except GyrusError as error:
        print(error, file=sys.stderr)
        return 2


class _Run:
    """One call of the command: where rows go, and how far it is."""

    def __init__(
        self,
        classifier: Classifier,
        options: argparse.Namespace,
        build_printer: Callable[[argparse.Namespace, ModelBundle], Printer],
        stack: ExitStack,
    ) -> None:
        self._bundle, self._paths, self._workers = classifier.bundle, options.paths, options.workers or 1
        self._reading = _build_reading(options)
        self._clock = RunClock()
        self._settings = describe_settings(self._bundle, self._reading)
        self._output: Output | None = None
        if options.out is not None:
            table = Table(labels=self._bundle.labels, identifiers=self._reading.identifiers)
            self._output = Output(Path(options.out), table, self._settings, resume=options.resume)
            stack.callback(self._output.close)
        self._journal = self._output.journal if self._output else Journal(None)
        self._own = output_paths(Path(options.out)) if self._output else ()
        self._pool: Pool = (
            OwnProcess(classifier, self._reading)
            if self._workers == 1
            else Workers(options.model, self._reading, self._workers)
        )
        stack.callback(self._pool.close)
        self._printer = build_printer(options, self._bundle)
        stack.callback(self._printer.close)

    def work(self) -> None:
        """Answer everything; rows are written item by item."""
        items = find_items(self._paths, leave_out=self._own)
        for done in self._show_progress(run_items(items, self._pool, self._journal)):
            if done is None:
                continue
            rows = done.outcome.rows
            if self._output is None:
                self._journal.mark_done(done.item.key, 0, len(done.item.files), rows, is_copy=done.is_copy)
            else:
                self._output.write(done.item.key, len(done.item.files), rows, is_copy=done.is_copy)
            self._printer.show(done.outcome)

    def _show_progress(self, run: Iterator[Done | None]) -> Iterator[Done | None]:
        if self._output is None:
            yield from run
            return
        from tqdm import tqdm

        seconds = 0.2 if sys.stderr.isatty() else 30.0
        total = count_files(self._paths, leave_out=self._own)
        with tqdm(total=total, unit=" files", mininterval=seconds, smoothing=0.1) as bar:
            for done in run:
                yield done
                bar.update(1 if done is None else max(len(done.item.files), 1))

    def end(self) -> int:
        """Say what was counted; returns the exit status."""
        self._write_sidecar(complete=True)
        counts = self._journal.count()
        if others := counts["not_images"]:
            what = "1 file that is no image was" if others == 1 else f"{others:,} files that are no images were"
            print(f"{what} passed over.", file=sys.stderr)
        return 1 if counts["errors"] else 0

    def stop(self) -> int:
        """Say how to go on; returns the exit status."""
        if self._output is not None:
            self._write_sidecar(complete=False)
            print(f"Stopped. What is done is in {self._output.path}; --resume does the rest.", file=sys.stderr)
        return INTERRUPTED

    def _write_sidecar(self, *, complete: bool) -> None:
        if self._output is None:
            return
        settings = {**self._settings, "workers": self._workers}
        self._output.write_sidecar(self._clock.describe(settings, complete=complete))


def _build_reading(options: argparse.Namespace) -> ReadOptions:
    return ReadOptions(plane=options.plane, window=options.window, identifiers=options.include_identifiers)


def _parse_top(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"N is a whole number from 1; received {text}")
    return int(text)


def _parse_workers(text: str) -> int:
    try:
        workers = int(text)
    except ValueError:
        workers = 0
    if not 1 <= workers <= 256:
        raise argparse.ArgumentTypeError(f"a number of processes from 1 to 256 is accepted; received {text}")
    return workers


if __name__ == "__main__":
    raise SystemExit(main())
