"""Cases in, rows out: a result or an error for each picture, slice and volume, never a stop in between."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from inference.answer.classifier import BATCH_SIZE, check_modality
from inference.answer.rows import Row, build_row, build_volume_rows
from inference.answer.volume import SliceClassifier, predict_volume
from inference.batch.find import Case
from inference.errors import GyrusError, InputError
from inference.imaging.scans import Scan
from inference.imaging.types import DEFAULT_OPTIONS, DecodedImage, ReadOptions

_LOG = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Outcome:
    """What became of a case.

    Attributes
    ----------
    rows : list of Row
    notes : list of (str, str)
        Path and sentence; see `Prediction.notes`.
    final : bool
        The same content would give the same rows: not after a failure of the program or its runtime.
    """

    rows: list[Row] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    final: bool = True


def classify_cases(
    classifier: SliceClassifier, cases: Sequence[Case], options: ReadOptions = DEFAULT_OPTIONS
) -> list[Outcome]:
    """Answer cases; what fails becomes a row with its error.

    Returns
    -------
    list of Outcome
        One for each case. Of an archive, rows stand in the order of `inference.imaging.scans.load_scans`.
    """
    pending = _Pending(classifier)
    outcomes = [Outcome() for _ in cases]
    for case, outcome in zip(cases, outcomes, strict=True):
        _answer_scans(classifier, case, case.load(options), outcome, pending)
    pending.flush()
    return outcomes


def classify_in_parts(
    classifier: SliceClassifier, case: Case, options: ReadOptions = DEFAULT_OPTIONS
) -> Iterator[Outcome]:
    """Answer one case, of an archive bit by bit.

    Yields
    ------
    Outcome
        The next rows, as they are ready; together those of `classify_cases`.
    """
    scans = case.load(options)
    while True:
        pending, part = _Pending(classifier), Outcome()
        _answer_scans(classifier, case, islice(scans, BATCH_SIZE), part, pending)
        pending.flush()
        if not part.rows:
            return
        yield part


def _answer_scans(
    classifier: SliceClassifier, case: Case, scans: Iterable[Scan], outcome: Outcome, pending: _Pending
) -> None:
    try:
        for scan in scans:
            _answer(classifier, case, scan, outcome, pending)
    except InputError as error:
        outcome.rows.append(Row(path=case.path, error=str(error)))
    except Exception as error:  # a defect costs its own case, not the thousands behind it
        pending.forget(outcome)
        outcome.rows[:] = [Row(path=case.path, error=_word_failure(error))]
        outcome.final = False


def _word_failure(error: Exception) -> str:
    """An error as a row holds it; one that is a defect of the program is logged, and only its id is shown."""
    if isinstance(error, GyrusError):
        return str(error)
    error_id = secrets.token_hex(4)
    _LOG.error("Unexpected error %s", error_id, exc_info=error)
    return f"Something went wrong (id {error_id}). The log says more under this id."


def _answer(classifier: SliceClassifier, case: Case, scan: Scan, outcome: Outcome, pending: _Pending) -> None:
    path = f"{case.path}/{scan.path}" if scan.path else case.path
    content = scan.content
    if isinstance(content, DecodedImage):
        pending.add(outcome, path, content)
        return
    if isinstance(content, InputError):
        outcome.rows.append(Row(path=path, error=str(content)))
        return
    try:
        prediction = predict_volume(classifier, content)
    except GyrusError as error:
        outcome.rows.append(Row(path=path, error=str(error), identifiers=content.identifiers))
        outcome.final = outcome.final and isinstance(error, InputError)
        return
    inside = "" if case.headers else f"{case.path}/"
    outcome.rows += build_volume_rows(path, content, prediction, inside=inside)
    outcome.notes += [(path, note) for note in prediction.answer.notes]


class _Pending:
    """Pictures that wait to be classified together; each has its place among its case's rows."""

    def __init__(self, classifier: SliceClassifier) -> None:
        self._classifier = classifier
        self._pictures: list[tuple[Outcome, int, DecodedImage]] = []

    def add(self, outcome: Outcome, path: str, image: DecodedImage) -> None:
        """Keep a place for a picture's row."""
        try:
            check_modality(image.modality, self._classifier.bundle)
        except InputError as error:
            outcome.rows.append(Row(path=path, error=str(error), identifiers=image.identifiers))
            return
        self._pictures.append((outcome, len(outcome.rows), image))
        outcome.rows.append(Row(path=path, identifiers=image.identifiers))
        if len(self._pictures) == BATCH_SIZE:
            self.flush()

    def forget(self, outcome: Outcome) -> None:
        """Drop the pictures of a case that failed."""
        self._pictures = [picture for picture in self._pictures if picture[0] is not outcome]

    def flush(self) -> None:
        """Classify what waits."""
        pictures, self._pictures = self._pictures, []
        if not pictures:
            return
        try:
            images = [image for _, _, image in pictures]
            predictions = list(self._classifier.predict_many(images))
        except Exception as error:
            sentence = _word_failure(error)
            for outcome, index, _ in pictures:
                outcome.rows[index] = replace(outcome.rows[index], error=sentence)
                outcome.final = False
            return
        for (outcome, index, _), prediction in zip(pictures, predictions, strict=True):
            path, identifiers = outcome.rows[index].path, outcome.rows[index].identifiers
            outcome.rows[index] = build_row(path, prediction, identifiers=identifiers)
            outcome.notes += [(path, note) for note in prediction.notes]
