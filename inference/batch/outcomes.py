"""Work items in, rows out: a result or an error for each picture, slice and volume, never a stop in between.

How one scan is answered is in `inference.answer.answer`; which items there are, and where their rows go, is not known
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from inference.answer.answer import Answer, AnswerQueue
from inference.answer.classifier import BATCH_SIZE
from inference.answer.rows import Row, build_error_row
from inference.errors import GyrusError, InputError
from inference.failures import log_failure
from inference.imaging.types import DEFAULT_OPTIONS, ReadOptions

if TYPE_CHECKING:
    from inference.answer.volume import SliceClassifier
    from inference.imaging.find import WorkItem
    from inference.imaging.scans import Scan

Check = Callable[[], None]
"""See `inference.answer.answer.answer_scan`."""


@dataclass(kw_only=True)
class Outcome:
    """What became of a work item.

    Attributes
    ----------
    rows : list of Row
        Empty for a file that is no image, met in a folder.
    notes : list of (str, str)
        Path and sentence; see `inference.answer.prediction.Prediction.notes`.
    final : bool
        The same content would give the same rows: not after a failure of the program or its runtime.

    Examples
    --------
    >>> from inference import Classifier
    >>> from inference.imaging.find import find_items
    >>> items = list(find_items(["models/brain_tumor/examples/chelsea.jpg"]))
    >>> (outcome,) = classify_items(Classifier.load("models/brain_tumor"), items)
    >>> outcome.rows[0].verdict, outcome.final
    ('rejected', True)
    """

    rows: list[Row] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    final: bool = True


def classify_items(
    classifier: SliceClassifier,
    items: Sequence[WorkItem],
    options: ReadOptions = DEFAULT_OPTIONS,
    *,
    check: Check | None = None,
) -> list[Outcome]:
    """Answer work items, their pictures together; what fails becomes a row with its error.

    Parameters
    ----------
    classifier : SliceClassifier
    items : sequence of WorkItem
    options : ReadOptions
    check : callable or None
        See `inference.answer.answer.answer_scan`.

    Returns
    -------
    list of Outcome
        One for each item. Of an archive, rows stand in the order of `inference.imaging.scans.open_scans`.
    """
    queue, collectors = AnswerQueue(classifier, check=check), [_Collector(item) for item in items]
    for collector in collectors:
        collector.collect_all(queue, options)
    queue.flush()
    return [collector.build() for collector in collectors]


def classify_in_steps(
    classifier: SliceClassifier,
    item: WorkItem,
    options: ReadOptions = DEFAULT_OPTIONS,
    *,
    check: Check | None = None,
) -> Iterator[Outcome]:
    """Answer one item, of an archive bit by bit.

    Yields
    ------
    Outcome
        The next rows, as they are ready; together those of `classify_items`.
    """
    if item.is_other:
        return
    with ExitStack() as opened:
        scans: Iterator[Scan] = iter(())
        step = _Collector(item)
        with step.guard():
            scans = opened.enter_context(item.open(options))
        while True:
            queue = AnswerQueue(classifier, check=check)
            with step.guard():
                step.collect(queue, islice(scans, BATCH_SIZE))
            queue.flush()
            outcome = step.build()
            if not outcome.rows:
                return
            yield outcome
            step = _Collector(item)


class _Collector:
    """The rows of one item, in the order of its scans, though a volume is answered before pictures that wait."""

    def __init__(self, item: WorkItem) -> None:
        self._item = item
        self._rows: list[Sequence[Row]] = []
        self._notes: list[Sequence[tuple[str, str]]] = []
        self._final = True

    def collect_all(self, queue: AnswerQueue, options: ReadOptions) -> None:
        """Have every scan of the item answered."""
        if self._item.is_other:
            return
        with self.guard(), self._item.open(options) as scans:
            self.collect(queue, scans)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Turn what goes wrong inside into a row of the item."""
        try:
            yield
        except InputError as error:
            self._add(build_error_row(self._item.path, error))
        except Exception as error:  # noqa: BLE001 - a defect costs its own item, not the thousands behind it
            self._final = False
            self._add(Row(path=self._item.path, error=_word_failure(error)))

    def collect(self, queue: AnswerQueue, scans: Iterable[Scan]) -> None:
        """Have scans answered."""
        for scan in scans:
            queue.add(scan, self._reserve(scan))

    def build(self) -> Outcome:
        """The outcome, once the queue is flushed."""
        return Outcome(
            rows=[row for rows in self._rows for row in rows],
            notes=[note for notes in self._notes for note in notes],
            final=self._final,
        )

    def _reserve(self, scan: Scan) -> Callable[[Answer | Exception], None]:
        """Reserve the position of a scan's rows; the function that is returned fills it."""
        position = len(self._rows)
        self._add()

        def fill(answer: Answer | Exception) -> None:
            if isinstance(answer, Answer):
                self._rows[position] = answer.rows
                self._notes[position] = [(scan.location, note) for note in answer.prediction.notes]
                return
            self._final = self._final and isinstance(answer, InputError)
            content = scan.opened  # after a defect it is not, and reading it again would only raise that again
            identifiers = None if content is None or isinstance(content, InputError) else content.identifiers
            if isinstance(answer, InputError):
                self._rows[position] = [build_error_row(scan.location, answer, identifiers=identifiers)]
                return
            sentence = str(answer) if isinstance(answer, GyrusError) else _word_failure(answer)
            self._rows[position] = [Row(path=scan.location, error=sentence, identifiers=identifiers)]

        return fill

    def _add(self, *rows: Row) -> None:
        self._rows.append(rows)
        self._notes.append(())


def _word_failure(error: Exception) -> str:
    return f"{log_failure(error)} The log says more under this id."
