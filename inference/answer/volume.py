"""From the answers of a volume's slices to the volume's answer.

The rule. Slices that are nearly empty or that the model refused are left out. Where one label means that nothing was
found (`ModelBundle.background`), the answer is that of the `NEIGHBOURS` neighbouring slices that look least like it: a
finding fills a part of the slices, and a mean over all would drown it. They are neighbours because a finding goes on in
the next slice and a mistake often does not. Since every slice is one more chance to be mistaken, a finding is
answered with confidence only from a probability on at which as many mistakes as there are slices are as rare as one
picture's (Bonferroni); "nothing found" has passed the most suspicious slices already and needs no such correction.
What the rule is worth is measured by ``python -m training volumes``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from inference.answer.classifier import check_modality
from inference.answer.decision import decide
from inference.answer.prediction import Prediction, Verdict
from inference.errors import InputError

if TYPE_CHECKING:
    from inference.imaging.types import DecodedImage, Volume
    from inference.model.bundle import ModelBundle

NEIGHBOURS = 3
"""How many neighbouring slices speak for the volume."""

EMPTY_BELOW = 0.1
"""A slice is nearly empty if its strength is a smaller share of the strongest slice's."""


class SliceClassifier(Protocol):
    """What is needed of `inference.Classifier`."""

    @property
    def bundle(self) -> ModelBundle:
        """What the classifier answers."""

    def predict_many(self, sources: Iterable[DecodedImage], *, explain: bool = False) -> Iterator[Prediction]:
        """Classify pictures in order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class VolumePrediction:
    """A model's answer for a volume.

    Attributes
    ----------
    answer : Prediction
        The volume's; its notes are the volume's, and it has no heat map.
    slices : tuple of Prediction or InputError
        Every slice's, in order; the error of one that cannot be read.
    empty : tuple of int
        Slices that are nearly empty, counted from 0, as all numbers here.
    best_slice : int or None
        The slice that shows the answer best: the middle one of the neighbours that spoke for the volume; without a
        background, the one on which the volume's label is most probable. None when the volume was rejected.
    suspicious : tuple of int
        Slices, neither empty nor rejected, on which the background is not the most probable label; without a
        background, those on which the volume's label is.

    Examples
    --------
    >>> from inference import Classifier, Volume
    >>> from inference.imaging.arrays import build_slice
    >>> shades = np.random.default_rng(0).uniform(size=(3, 90, 120, 3))
    >>> volume = Volume(count=3, load=lambda index: build_slice(shades[index]))
    >>> found = predict_volume(Classifier.load("models/brain_tumor"), volume)
    >>> found.answer.verdict.value, len(found.slices), found.best_slice, found.suspicious
    ('rejected', 3, None, ())
    """

    answer: Prediction
    slices: tuple[Prediction | InputError, ...]
    empty: tuple[int, ...]
    best_slice: int | None
    suspicious: tuple[int, ...]


def predict_volume(
    classifier: SliceClassifier,
    volume: Volume,
    *,
    explain: bool = False,
    check: Callable[[], None] | None = None,
) -> VolumePrediction:
    """Classify a volume, slice by slice in batches; no more than one batch of slices is in memory.

    Parameters
    ----------
    classifier : SliceClassifier
    volume : Volume
    explain : bool
        Give each slice its heat map.
    check : callable or None
        Called before each slice; what it raises ends the work.

    Raises
    ------
    InputError
        No slice can be read, or the volume is of a modality that the model is not about.
    EngineError
        The network failed.
    """
    check_modality(volume.modality, classifier.bundle)
    started = time.perf_counter()
    strengths: list[float] = []
    errors: dict[int, InputError] = {}

    def images() -> Iterator[DecodedImage]:
        for number in range(volume.count):
            if check is not None:
                check()
            try:
                one = volume.load(number)
            except InputError as error:
                errors[number] = error
                continue
            strengths.append(one.strength)
            yield one.image

    predictions = list(classifier.predict_many(images(), explain=explain))
    if not predictions:
        raise errors[0]
    combined = combine(predictions, strengths, classifier.bundle)
    lost = (f"{len(errors)} of {volume.count} slices could not be read.",) if errors else ()
    duration_s = time.perf_counter() - started
    answer = replace(combined.answer, notes=(*volume.notes, *lost), duration_s=duration_s)
    return _put_back(replace(combined, answer=answer), errors, volume.count)


def _put_back(combined: VolumePrediction, errors: dict[int, InputError], count: int) -> VolumePrediction:
    """Number the slices as the volume does, with those that could not be read."""
    if not errors:
        return combined
    numbers = [number for number in range(count) if number not in errors]
    readable = dict(zip(numbers, combined.slices, strict=True))
    return replace(
        combined,
        slices=tuple(errors.get(number) or readable[number] for number in range(count)),
        empty=tuple(numbers[index] for index in combined.empty),
        suspicious=tuple(numbers[index] for index in combined.suspicious),
        best_slice=None if combined.best_slice is None else numbers[combined.best_slice],
    )


def combine(slices: Sequence[Prediction], strengths: Sequence[float], bundle: ModelBundle) -> VolumePrediction:
    """Combine the slices' answers; see the module's docstring for the rule.

    Parameters
    ----------
    slices : sequence of Prediction
        In their order along the volume.
    strengths : sequence of float
        Of each slice, `inference.imaging.types.Slice.strength`.
    bundle : ModelBundle
    """
    probabilities = np.array([list(prediction.probabilities.values()) for prediction in slices])
    novelties = np.array([prediction.novelty for prediction in slices])
    filled = np.asarray(strengths) > EMPTY_BELOW * max(strengths)
    counted = np.flatnonzero(filled & (novelties < 1.0))
    novelty = float(np.median(novelties[filled])) if filled.any() else float(novelties.max())
    is_rejected = novelty >= 1.0 or not len(counted)
    speaking = _choose(probabilities, counted, bundle) if len(counted) else np.arange(len(slices))
    answer = _answer(slices[0], probabilities[speaking].mean(axis=0), 1.0 if is_rejected else 0.0, len(counted), bundle)
    if is_rejected:
        suspicious: tuple[int, ...] = ()
        best = None
    else:
        suspicious = tuple(number for number in map(int, counted) if _is_suspicious(slices[number], answer, bundle))
        best = _find_best(probabilities[:, answer.index], speaking, bundle)
    return VolumePrediction(
        answer=replace(answer, novelty=novelty),
        slices=tuple(slices),
        empty=tuple(int(number) for number in np.flatnonzero(~filled)),
        best_slice=best,
        suspicious=suspicious,
    )


def _choose(probabilities: np.ndarray, counted: np.ndarray, bundle: ModelBundle) -> np.ndarray:
    """The numbers of the slices that speak for the volume."""
    if bundle.background is None:
        return counted
    found = 1.0 - probabilities[counted, bundle.labels.index(bundle.background)]
    width = min(NEIGHBOURS, len(counted))
    means = np.convolve(found, np.full(width, 1.0 / width), mode="valid")
    start = int(np.argmax(means))
    return counted[start : start + width]


def _find_best(probabilities: np.ndarray, speaking: np.ndarray, bundle: ModelBundle) -> int:
    if bundle.background is None:
        return int(speaking[np.argmax(probabilities[speaking])])
    return int(speaking[len(speaking) // 2])


def _answer(
    pattern: Prediction, probabilities: np.ndarray, novelty: float, looks: int, bundle: ModelBundle
) -> Prediction:
    index = int(np.argmax(probabilities))
    calibration = bundle.calibration
    if bundle.background is not None and bundle.labels[index] != bundle.background:
        needed = 1.0 - (1.0 - calibration.confident_at) / max(looks, 1)
        calibration = calibration.model_copy(update={"confident_at": needed})
    verdict, candidates = decide(probabilities, novelty, calibration)
    return replace(
        pattern,
        label=bundle.labels[index],
        index=index,
        probabilities=dict(zip(bundle.labels, map(float, probabilities), strict=True)),
        candidates=tuple(bundle.labels[candidate] for candidate in candidates),
        verdict=verdict,
        notes=(),
        heatmap=None,
    )


def _is_suspicious(prediction: Prediction, answer: Prediction, bundle: ModelBundle) -> bool:
    if prediction.verdict is Verdict.REJECTED:
        return False
    if bundle.background is None:
        return prediction.label == answer.label
    return prediction.label != bundle.background
