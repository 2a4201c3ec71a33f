"""A run over any number of files: cases in order, each content once, rows written as they come."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from inference.answer.classifier import BATCH_SIZE
from inference.answer.rows import Row, VolumeSummary
from inference.batch.find import Case
from inference.batch.outcomes import Outcome
from inference.batch.workers import Pool
from inference.imaging.types import Identifiers

_AHEAD = 2
"""Chunks a worker has waiting; more would only take memory."""


class JournalLike(Protocol):
    """What is needed of `inference.batch.journal.Journal`."""

    def is_done(self, key: str) -> bool:
        """Whether a case is done."""

    def cached(self, digest: bytes) -> str | None:
        """What was kept under a digest."""

    def store(self, digest: bytes, rows: str) -> None:
        """Keep an answer."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """A case and what became of it.

    Attributes
    ----------
    case : Case
    outcome : Outcome
    is_copy : bool
        Its content was answered before; its rows are those, under its own names.
    """

    case: Case
    outcome: Outcome
    is_copy: bool


@dataclass(frozen=True, kw_only=True)
class _Item:
    case: Case
    digest: bytes | None
    is_copy: bool


def run_cases(cases: Iterable[Case], pool: Pool, journal: JournalLike) -> Iterator[Done | None]:
    """Answer cases in their order, several at a time, and no more than a few chunks ahead.

    Parameters
    ----------
    cases : iterable of Case
    pool : Pool
    journal : JournalLike
        Says what is done already, and keeps the answers of contents for their copies.

    Yields
    ------
    Done or None
        None for a case that is done already, or that was named twice. Whoever calls enters the others in the journal
        before asking for the next.
    """
    run = _Run(pool, journal)
    for case in cases:
        if run.is_known(case):
            yield None
            continue
        run.add(case)
        while run.is_full():
            yield from run.finish_first()
    run.submit()
    while run.waiting:
        yield from run.finish_first()


class _Run:
    """Chunks of cases on their way, in order."""

    def __init__(self, pool: Pool, journal: JournalLike) -> None:
        self._pool, self._journal = pool, journal
        self._items: list[_Item] = []
        self._keys: set[str] = set()
        self._digests: set[bytes] = set()
        self._ahead = _AHEAD * pool.workers if pool.workers > 1 else 0
        self.waiting: deque[tuple[list[_Item], Future[list[Outcome]]]] = deque()

    def is_known(self, case: Case) -> bool:
        """Whether a case is done or on its way."""
        return case.key in self._keys or self._journal.is_done(case.key)

    def add(self, case: Case) -> None:
        """Put a case into a chunk: up to `BATCH_SIZE` pictures, or one volume."""
        digest = case.digest()
        is_copy = digest is not None and (digest in self._digests or self._journal.cached(digest) is not None)
        if case.is_large:
            self.submit()
        self._keys.add(case.key)
        if digest is not None:
            self._digests.add(digest)
        self._items.append(_Item(case=case, digest=digest, is_copy=is_copy))
        if case.is_large or len(self._items) == BATCH_SIZE:
            self.submit()

    def submit(self) -> None:
        """Hand the chunk to the pool."""
        items, self._items = self._items, []
        if items:
            self.waiting.append((items, self._pool.submit([item.case for item in items if not item.is_copy])))

    def is_full(self) -> bool:
        """Whether to wait for the first chunk before adding more."""
        return len(self.waiting) > self._ahead

    def finish_first(self) -> Iterator[Done]:
        """Wait for the first chunk and give its cases in order."""
        items, future = self.waiting.popleft()
        outcomes = iter(self._pool.collect(future, [item.case for item in items if not item.is_copy]))
        for item in items:
            outcome = self._copy(item) if item.is_copy else next(outcomes)
            if item.digest is not None and not item.is_copy and outcome.final:
                self._journal.store(item.digest, pack(item.case, outcome))
            yield Done(case=item.case, outcome=outcome, is_copy=item.is_copy)
            self._keys.discard(item.case.key)
            if item.digest is not None and not item.is_copy:
                self._digests.discard(item.digest)

    def _copy(self, item: _Item) -> Outcome:
        kept = self._journal.cached(item.digest) if item.digest is not None else None
        if kept is not None:
            return unpack(item.case, kept)
        return self._pool.collect(self._pool.submit([item.case]), [item.case])[0]  # the first of them failed


def pack(case: Case, outcome: Outcome) -> str:
    """An outcome as JSON without the case's own names."""
    numbers = {path: number for number, path in enumerate(case.files)} if len(case.files) > 1 else {}

    def strip(path: str) -> int | str:
        return numbers[path] if path in numbers else path.removeprefix(case.path)

    rows = [{**asdict(row), "path": strip(row.path)} for row in outcome.rows]
    return json.dumps({"rows": rows, "notes": [[strip(path), note] for path, note in outcome.notes]})


def unpack(case: Case, text: str) -> Outcome:
    """What `pack` made, under the names of another case of the same content."""

    def name(place: int | str) -> str:
        return case.files[place] if isinstance(place, int) else case.path + place

    document = json.loads(text)
    return Outcome(
        rows=[_build_row(row, name(row["path"]), case) for row in document["rows"]],
        notes=[(name(path), note) for path, note in document["notes"]],
    )


def _build_row(values: dict[str, Any], path: str, case: Case) -> Row:
    volume = values.get("volume")
    summary = None if volume is None else VolumeSummary(**volume)
    if summary is not None and case.series:
        summary = replace(summary, series=case.series)
    whose = values.get("identifiers")
    return Row(**{**values, "path": path, "volume": summary, "identifiers": whose and Identifiers(**whose)})
