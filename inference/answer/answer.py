"""From a scan to its answer: the only way there is, whichever front asks.

Pictures that come together are classified together; a volume is classified by itself. An error concerns the scan that
caused it and no other. How rows are built is in `inference.answer.rows`, how an answer is worded in ``ui.words``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from inference.answer.classifier import BATCH_SIZE, check_modality
from inference.answer.prediction import Heatmap, Prediction
from inference.answer.rows import Row, build_row, build_volume_rows
from inference.answer.volume import SliceClassifier, VolumePrediction, predict_volume
from inference.errors import InputError
from inference.imaging.types import DecodedImage, Volume

if TYPE_CHECKING:
    from inference.imaging.scans import Scan


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """A model's answer for a scan.

    Attributes
    ----------
    scan : Scan
        What was answered.
    prediction : Prediction
        The picture's; or the whole volume's, with the heat map of the slice that is shown.
    volume : VolumePrediction or None
        Slice by slice, if the scan is a volume.

    Examples
    --------
    >>> from inference import Classifier, load_scans
    >>> classifier = Classifier.load("models/brain_tumor")
    >>> for scan in load_scans("models/brain_tumor/examples/chelsea.jpg"):
    ...     print(answer_scan(classifier, scan).prediction.verdict.value)
    rejected
    """

    scan: Scan
    prediction: Prediction
    volume: VolumePrediction | None = None

    @property
    def shown(self) -> int:
        """The slice to show, counted from 0: the best one; of a volume that was rejected the middle readable one."""
        if self.volume is None:
            return 0
        if self.volume.best_slice is not None:
            return self.volume.best_slice
        readable = [index for index, one in enumerate(self.volume.slices) if isinstance(one, Prediction)]
        return readable[len(readable) // 2]

    @property
    def shown_prediction(self) -> Prediction:
        """The prediction of the slice to show; of a picture, its own."""
        if self.volume is None:
            return self.prediction
        shown = self.volume.slices[self.shown]
        if isinstance(shown, InputError):  # never: `shown` is a slice that was read
            raise shown
        return shown

    @property
    def heatmap(self) -> Heatmap | None:
        """Where the evidence is on what is shown; None if it was not asked for, there is no answer, or no map."""
        return self.prediction.heatmap

    @cached_property
    def image(self) -> DecodedImage:
        """The picture, or the slice to show; read once more, as long as the scan's source is open.

        Raises
        ------
        InputError
            It cannot be read any more.
        """
        content = self.scan.open()
        return content.load(self.shown).image if isinstance(content, Volume) else content

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """What the command line writes: of a volume a row for each slice, and the volume's as the last."""
        content = self.scan.open()
        if self.volume is None or not isinstance(content, Volume):
            return (build_row(self.scan.location, self.prediction, identifiers=content.identifiers),)
        slice_paths = [self.scan.locate(path) for path in content.paths]
        return tuple(build_volume_rows(self.scan.location, content, self.volume, slice_paths=slice_paths))

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """The body that the API answers: the row, and of a volume under ``slices`` a row for each slice.

        Parameters
        ----------
        top : int or None
            Of more classes only so many probabilities, the most probable first.
        """
        *slices, whole = (row.to_dict(top) for row in self.rows)
        return {**whole, "slices": slices} if self.volume is not None else whole


Done = Callable[[Answer | Exception], None]
"""Is called once for each scan, with its answer or the error that it has instead."""


def answer_scan(
    classifier: SliceClassifier, scan: Scan, *, explain: bool = False, check: Callable[[], None] | None = None
) -> Answer:
    """Answer a picture or a volume.

    Parameters
    ----------
    classifier : SliceClassifier
    scan : Scan
        Its source is open.
    explain : bool
        Give the heat map, of a volume for each slice.
    check : callable or None
        Called before each picture and each slice; what it raises ends the work.

    Raises
    ------
    InputError
        The scan cannot be read, or is of a modality that the model is not about.
    EngineError
        The network failed.

    Examples
    --------
    See `Answer`.
    """
    answers: list[Answer | Exception] = []
    queue = AnswerQueue(classifier, explain=explain, check=check)
    queue.add(scan, answers.append)
    queue.flush()
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Waiting:
    """A picture that waits for company."""

    scan: Scan
    image: DecodedImage
    done: Done


class AnswerQueue:
    """Answers scans as they come: up to `BATCH_SIZE` pictures together, a volume at once.

    Pictures are answered in the order in which they were added. A volume is answered before the pictures that wait.

    Parameters
    ----------
    classifier : SliceClassifier
    explain : bool
    check : callable or None
        See `answer_scan`.

    Examples
    --------
    >>> from inference import Classifier, load_scans
    >>> queue = AnswerQueue(Classifier.load("models/brain_tumor"))
    >>> for scan in load_scans("models/brain_tumor/examples/chelsea.jpg"):
    ...     queue.add(scan, lambda answer: print(answer.prediction.verdict.value))
    >>> queue.flush()
    rejected
    """

    def __init__(
        self, classifier: SliceClassifier, *, explain: bool = False, check: Callable[[], None] | None = None
    ) -> None:
        self._classifier, self._explain, self._check = classifier, explain, check
        self._waiting: list[_Waiting] = []
        self._stopped: Exception | None = None

    def add(self, scan: Scan, done: Done) -> None:
        """Read a scan and answer it, now or together with the next ones; ``done`` is handed the answer or the error."""
        self._check_stop()
        result: Answer | DecodedImage | Exception
        try:
            content = scan.open()
            check_modality(content.modality, self._classifier.bundle)
            result = self._answer_volume(scan, content) if isinstance(content, Volume) else content
        except Exception as error:
            if error is self._stopped:
                raise
            result = error  # costs its own scan, not those behind it
        if not isinstance(result, DecodedImage):
            done(result)
            return
        self._waiting.append(_Waiting(scan=scan, image=result, done=done))
        if len(self._waiting) == BATCH_SIZE:
            self.flush()

    def flush(self) -> None:
        """Answer the pictures that wait."""
        waiting, self._waiting = self._waiting, []
        self._answer_pictures(waiting)

    def _answer_pictures(self, waiting: Sequence[_Waiting]) -> None:
        if not waiting:
            return
        try:
            images = [one.image for one in waiting]
            predictions = list(self._classifier.predict_many(images, explain=self._explain))
        except Exception as error:  # noqa: BLE001 - see below: costs its own picture
            if len(waiting) == 1:
                waiting[0].done(error)
                return
            for one in waiting:  # which picture it is shows when each is classified alone
                self._answer_pictures([one])
            return
        for one, prediction in zip(waiting, predictions, strict=True):
            one.done(Answer(scan=one.scan, prediction=prediction))

    def _check_stop(self) -> None:
        """Call ``check``, and note what it raises, so that it is not taken for an error of a scan."""
        if self._check is None:
            return
        try:
            self._check()
        except Exception as error:
            self._stopped = error
            raise

    def _answer_volume(self, scan: Scan, volume: Volume) -> Answer:
        found = predict_volume(self._classifier, volume, explain=self._explain, check=self._check_stop)
        best = None if found.best_slice is None else found.slices[found.best_slice]
        heatmap = best.heatmap if isinstance(best, Prediction) else None
        return Answer(scan=scan, prediction=replace(found.answer, heatmap=heatmap), volume=found)
