"""Where items are answered: in this process, or in several that each have the model. Their order is the runner's."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from inference.answer.classifier import Classifier
from inference.answer.rows import Row
from inference.batch.outcomes import Outcome, classify_items

if TYPE_CHECKING:
    from inference.answer.volume import SliceClassifier
    from inference.imaging.find import WorkItem
    from inference.imaging.types import ReadOptions


class Pool(Protocol):
    """Answers items for a run."""

    workers: int

    def submit(self, items: Sequence[WorkItem]) -> Future[list[Outcome]]:
        """Begin to answer items."""

    def collect(self, future: Future[list[Outcome]], items: Sequence[WorkItem]) -> list[Outcome]:
        """Wait for the outcomes of the items that were submitted."""

    def close(self) -> None:
        """Stop; items that wait are not answered."""


class OwnProcess:
    """Answers in this process, when the outcomes are collected.

    Examples
    --------
    >>> from inference import ReadOptions
    >>> from inference.imaging.find import find_items
    >>> pool = OwnProcess(Classifier.load("models/brain_tumor"), ReadOptions())
    >>> items = list(find_items(["models/brain_tumor/examples/chelsea.jpg"]))
    >>> [row.verdict for outcome in pool.collect(pool.submit(items), items) for row in outcome.rows]
    ['rejected']
    """

    workers = 1

    def __init__(self, classifier: SliceClassifier, options: ReadOptions) -> None:
        self._classifier, self._options = classifier, options

    def submit(self, items: Sequence[WorkItem]) -> Future[list[Outcome]]:
        """See `Pool.submit`."""
        return Future()

    def collect(self, future: Future[list[Outcome]], items: Sequence[WorkItem]) -> list[Outcome]:
        """See `Pool.collect`."""
        return classify_items(self._classifier, items, self._options)

    def close(self) -> None:
        """See `Pool.close`."""


class Workers:
    """Several processes. One that dies costs the item that killed it, and no other.

    Parameters
    ----------
    model : pathlib.Path
        Loaded once in each process.
    options : ReadOptions
    workers : int

    Examples
    --------
    >>> from inference import ReadOptions
    >>> pool = Workers(Path("models/brain_tumor"), ReadOptions(), workers=2)  # processes start with the first items
    >>> pool.workers
    2
    >>> pool.close()
    """

    def __init__(self, model: Path, options: ReadOptions, workers: int) -> None:
        self.workers = workers
        self._model, self._options = model, options
        self._executor = self._start()

    def submit(self, items: Sequence[WorkItem]) -> Future[list[Outcome]]:
        """See `Pool.submit`."""
        try:
            return self._executor.submit(_work, list(items))
        except BrokenProcessPool as error:
            broken: Future[list[Outcome]] = Future()
            broken.set_exception(error)
            return broken

    def collect(self, future: Future[list[Outcome]], items: Sequence[WorkItem]) -> list[Outcome]:
        """See `Pool.collect`."""
        try:
            return future.result()
        except BrokenProcessPool:
            return [self._retry(item) for item in items]

    def _retry(self, item: WorkItem) -> Outcome:
        """Answer one item alone, which shows whether it is the one that ends a process."""
        for _ in range(2):
            try:
                return self._executor.submit(_work, [item]).result()[0]
            except BrokenProcessPool:
                self.close()
                self._executor = self._start()
        return describe_crash(item)

    def _start(self) -> ProcessPoolExecutor:
        threads = max((os.cpu_count() or 1) // self.workers, 1)
        return ProcessPoolExecutor(
            self.workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(self._model, self._options, threads),
        )

    def close(self) -> None:
        """See `Pool.close`."""
        self._executor.shutdown(wait=True, cancel_futures=True)


def describe_crash(item: WorkItem) -> Outcome:
    """The outcome of an item that ended the processes that read it."""
    sentence = "The process that read this file was stopped, by its content or for lack of memory."
    return Outcome(rows=[Row(path=item.path, error=sentence)], final=False)


_worker: OwnProcess | None = None


def _start_worker(model: Path, options: ReadOptions, threads: int) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that writes the rows
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = OwnProcess(Classifier.load(model, threads), options)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(items: list[WorkItem]) -> list[Outcome]:
    if _worker is None:
        raise RuntimeError("A worker was given work before it was started.")
    return _worker.collect(_worker.submit(items), items)
