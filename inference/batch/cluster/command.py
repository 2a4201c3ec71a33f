"""What ``python -m inference --cluster`` does, from its options to its sidecar and exit status."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

from inference import __version__
from inference.answer.classifier import Classifier
from inference.batch.cluster.run import add_counts, check_cluster, keep_stderr, run_on_cluster
from inference.batch.cluster.shards import Shards
from inference.batch.cluster.units import list_inputs
from inference.batch.output import RunClock, describe_settings
from inference.batch.tables import Table
from inference.errors import OutputError

if TYPE_CHECKING:
    import argparse

    from inference.imaging.types import ReadOptions


class ClusterRun:
    """One call of the command with ``--cluster``.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Told what is wrong with the call.
    options : argparse.Namespace
        What it has read.
    reading : ReadOptions

    Examples
    --------
    >>> ClusterRun(parser, options, ReadOptions()).work()  # doctest: +SKIP
    0
    """

    def __init__(self, parser: argparse.ArgumentParser, options: argparse.Namespace, reading: ReadOptions) -> None:
        if options.out is None:
            parser.error("--cluster writes a folder of parts: name it with --out")
        check_cluster([*options.paths, options.out])
        self._bundle = Classifier.load(options.model).bundle  # what is wrong with it is said here, not by an actor
        self._address, self._workers = options.cluster, options.workers
        self._reading = reading
        self._listing = list_inputs(options.paths, options.out)
        self._settings = {
            **describe_settings(self._bundle, self._reading),
            "files_sha256": self._listing.sha256,
            "version": __version__,
        }
        try:
            self._shards = Shards(options.out, Table(labels=self._bundle.labels, identifiers=self._reading.identifiers))
            self._shards.begin(self._settings, resume=options.resume)
        except OutputError as error:
            parser.error(str(error))
        self._clock = RunClock()
        self._counts: dict[str, Any] = {}

    def work(self) -> int:
        """Answer everything; returns the exit status."""
        from tqdm import tqdm

        run = run_on_cluster(
            self._address, self._listing, self._bundle, self._reading, self._shards, workers=self._workers
        )
        seconds = 0.2 if sys.stderr.isatty() else 30.0
        try:
            with (
                keep_stderr() as terminal,
                closing(run),
                tqdm(
                    total=self._listing.files, unit=" files", mininterval=seconds, smoothing=0.1, file=terminal
                ) as bar,
            ):
                for progress in run:
                    add_counts(self._counts, progress)
                    bar.update(progress.files)
                    for path, note in progress.notes:
                        tqdm.write(f"{path}: {note}", file=terminal)
        except KeyboardInterrupt:
            self._write_sidecar(complete=False)
            print(f"Stopped. What is done is in {self._shards.folder}; --resume does the rest.", file=sys.stderr)
            return 130  # as a shell has it
        self._write_sidecar(complete=True)
        return 1 if self._counts.get("errors") else 0

    def _write_sidecar(self, *, complete: bool) -> None:
        document = self._clock.describe(self._settings, complete=complete)
        self._shards.write_sidecar({**document, "workers": self._workers, "counts": self._counts})
