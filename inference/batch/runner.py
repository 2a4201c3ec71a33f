"""A run over any number of files: items in order, each content once, rows written as they come."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from inference.answer.classifier import BATCH_SIZE
from inference.answer.rows import Row, VolumeSummary
from inference.batch.outcomes import Outcome
from inference.imaging.types import Identifiers

if TYPE_CHECKING:
    from inference.batch.workers import Pool
    from inference.imaging.find import WorkItem

_AHEAD = 2
"""Chunks that wait for each worker; more would only take memory."""


class JournalLike(Protocol):
    """The part of `inference.batch.journal.Journal` that is used here."""

    def is_done(self, key: str) -> bool:
        """Whether an item is done."""

    def cached(self, digest: bytes) -> str | None:
        """The rows that were stored under a digest; None if there are none."""

    def store(self, digest: bytes, rows: str) -> None:
        """Store the rows of a content for its copies."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """An item and what became of it.

    Attributes
    ----------
    item : WorkItem
    outcome : Outcome
    is_copy : bool
        Its content was answered before; its rows are those, under its own names.

    Examples
    --------
    >>> from inference import Classifier, ReadOptions
    >>> from inference.batch.journal import Journal
    >>> from inference.batch.workers import OwnProcess
    >>> from inference.imaging.find import find_items
    >>> pool = OwnProcess(Classifier.load("models/brain_tumor"), ReadOptions())
    >>> for done in run_items(find_items(["models/brain_tumor/examples/chelsea.jpg"]), pool, Journal(None)):
    ...     print(done.item.path, done.outcome.rows[0].verdict, done.is_copy)
    models/brain_tumor/examples/chelsea.jpg rejected False
    """

    item: WorkItem
    outcome: Outcome
    is_copy: bool


@dataclass(frozen=True, kw_only=True)
class _Queued:
    item: WorkItem
    digest: bytes | None
    is_copy: bool


def run_items(items: Iterable[WorkItem], pool: Pool, journal: JournalLike) -> Iterator[Done | None]:
    """Answer items in their order, several at a time, and no more than a few chunks ahead.

    Parameters
    ----------
    items : iterable of WorkItem
    pool : Pool
    journal : JournalLike
        Says what is done already, and keeps the answers of contents for their copies.

    Yields
    ------
    Done or None
        None for an item that is done already, or that was named twice. Whoever calls enters the others in the journal
        before asking for the next.
    """
    run = _ChunkedRun(pool, journal)
    for item in items:
        if run.is_known(item):
            yield None
            continue
        run.add(item)
        while run.is_full():
            yield from run.finish_first()
    run.submit()
    while run.waiting:
        yield from run.finish_first()


class _ChunkedRun:
    """Chunks of items on their way, in order."""

    def __init__(self, pool: Pool, journal: JournalLike) -> None:
        self._pool, self._journal = pool, journal
        self._chunk: list[_Queued] = []
        self._keys: set[str] = set()
        self._digests: set[bytes] = set()
        self._ahead = _AHEAD * pool.workers if pool.workers > 1 else 0
        self.waiting: deque[tuple[list[_Queued], Future[list[Outcome]]]] = deque()

    def is_known(self, item: WorkItem) -> bool:
        """Whether an item is done or on its way."""
        return item.key in self._keys or self._journal.is_done(item.key)

    def add(self, item: WorkItem) -> None:
        """Put an item into a chunk: up to `BATCH_SIZE` pictures, or one volume."""
        digest = item.digest()
        is_copy = digest is not None and (digest in self._digests or self._journal.cached(digest) is not None)
        if item.is_large:
            self.submit()
        self._keys.add(item.key)
        if digest is not None:
            self._digests.add(digest)
        self._chunk.append(_Queued(item=item, digest=digest, is_copy=is_copy))
        if item.is_large or len(self._chunk) == BATCH_SIZE:
            self.submit()

    def submit(self) -> None:
        """Hand the chunk to the pool."""
        chunk, self._chunk = self._chunk, []
        if chunk:
            self.waiting.append((chunk, self._pool.submit(_list_new(chunk))))

    def is_full(self) -> bool:
        """Whether to wait for the first chunk before adding more."""
        return len(self.waiting) > self._ahead

    def finish_first(self) -> Iterator[Done]:
        """Wait for the first chunk and give its items in order."""
        chunk, future = self.waiting.popleft()
        outcomes = iter(self._pool.collect(future, _list_new(chunk)))
        for queued in chunk:
            item, digest = queued.item, queued.digest
            outcome = self._copy(queued) if queued.is_copy else next(outcomes)
            if digest is not None and not queued.is_copy and outcome.final:
                self._journal.store(digest, pack(item, outcome))
            yield Done(item=item, outcome=outcome, is_copy=queued.is_copy)
            self._keys.discard(item.key)
            if digest is not None and not queued.is_copy:
                self._digests.discard(digest)

    def _copy(self, queued: _Queued) -> Outcome:
        kept = self._journal.cached(queued.digest) if queued.digest is not None else None
        if kept is not None:
            return unpack(queued.item, kept)
        return self._pool.collect(self._pool.submit([queued.item]), [queued.item])[0]  # the first of them failed


def _list_new(chunk: Sequence[_Queued]) -> list[WorkItem]:
    """The items of a chunk that have to be answered."""
    return [queued.item for queued in chunk if not queued.is_copy]


def pack(item: WorkItem, outcome: Outcome) -> str:
    """An outcome as JSON without the item's own names."""
    indices = {path: index for index, path in enumerate(item.files)} if len(item.files) > 1 else {}

    def strip(path: str) -> int | str:
        return indices[path] if path in indices else path.removeprefix(item.path)

    rows = [{**asdict(row), "path": strip(row.path)} for row in outcome.rows]
    return json.dumps({"rows": rows, "notes": [[strip(path), note] for path, note in outcome.notes]})


def unpack(item: WorkItem, text: str) -> Outcome:
    """The outcome that `pack` was given, under the names of another item of the same content."""

    def restore(stripped: int | str) -> str:
        return item.files[stripped] if isinstance(stripped, int) else item.path + stripped

    document = json.loads(text)
    return Outcome(
        rows=[_build_row(row, restore(row["path"]), item) for row in document["rows"]],
        notes=[(restore(path), note) for path, note in document["notes"]],
    )


def _build_row(values: dict[str, Any], path: str, item: WorkItem) -> Row:
    volume = values.get("volume")
    summary = None if volume is None else VolumeSummary(**volume)
    if summary is not None and item.series:
        summary = replace(summary, series=item.series)
    identifiers = values.get("identifiers")
    if identifiers is not None:
        identifiers = Identifiers(**identifiers)
    return Row(**{**values, "path": path, "volume": summary, "identifiers": identifiers})
