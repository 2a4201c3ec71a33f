"""From the answers of a volume's slices to the volume's answer.

The rule. Slices that are nearly empty or that the model refused are left out. Where one label means that nothing was
found (`ModelBundle.background`), the answer is the mean of the `NEIGHBOURS` neighbouring slices on which that label is
least probable: a finding is on a few slices only, and a mean over all would hide it. They are neighbours because a
finding goes on in the next slice and a mistake often does not; slices with a gap between them are none. Since every
slice is one more chance to be mistaken, a finding is answered with confidence only from a higher probability on, at
which a mistake on any of the slices is as rare as on one picture (Bonferroni). "Nothing found" needs no such
correction: the most suspicious slices say it. How good the rule is, is measured by ``python -m training volumes``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from inference.answer.classifier import check_modality
from inference.answer.decision import SIGMOIDS_NOTE, decide
from inference.answer.finding import decide_finding
from inference.answer.prediction import Prediction, Verdict
from inference.errors import InputError

if TYPE_CHECKING:
    from inference.answer.prediction import Finding
    from inference.imaging.types import DecodedImage, Volume
    from inference.model.bundle import ModelBundle

NEIGHBOURS = 3
"""How many neighbouring slices are averaged for the volume's answer."""

EMPTY_BELOW = 0.1
"""A slice is nearly empty if its strength is a smaller share of the strongest slice's."""


class SliceClassifier(Protocol):
    """The part of `inference.Classifier` that is used here."""

    @property
    def bundle(self) -> ModelBundle:
        """The classifier's model bundle."""

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
        Slices that are nearly empty, counted from 0, as all indices here.
    best_slice : int or None
        The slice that shows the answer best: the middle one of the neighbours that were averaged; without a
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
        for index in range(volume.count):
            if check is not None:
                check()
            try:
                one = volume.load(index)
            except InputError as error:
                errors[index] = error
                continue
            strengths.append(one.strength)
            yield one.image

    predictions = list(classifier.predict_many(images(), explain=explain))
    if not predictions:
        raise errors[0]
    readable = [index for index in range(volume.count) if index not in errors]
    combined = combine(predictions, strengths, classifier.bundle, _count_parts(readable, volume.breaks))
    lost = (f"{len(errors)} of {volume.count} slices could not be read.",) if errors else ()
    duration_s = time.perf_counter() - started
    meaning = () if classifier.bundle.is_exclusive else (SIGMOIDS_NOTE,)
    answer = replace(combined.answer, notes=(*volume.notes, *lost, *meaning), duration_s=duration_s)
    return _restore_indices(replace(combined, answer=answer), errors, volume.count)


def _restore_indices(combined: VolumePrediction, errors: dict[int, InputError], count: int) -> VolumePrediction:
    """Give the slices the indices that they have in the volume, where some could not be read."""
    if not errors:
        return combined
    indices = [index for index in range(count) if index not in errors]
    readable = dict(zip(indices, combined.slices, strict=True))
    return replace(
        combined,
        slices=tuple(errors.get(index) or readable[index] for index in range(count)),
        empty=tuple(indices[index] for index in combined.empty),
        suspicious=tuple(indices[index] for index in combined.suspicious),
        best_slice=None if combined.best_slice is None else indices[combined.best_slice],
    )


def _count_parts(indices: Sequence[int], breaks: Sequence[int]) -> list[int]:
    """For each slice, how many gaps lie before it."""
    return [sum(index > last for last in breaks) for index in indices]


def combine(
    slices: Sequence[Prediction], strengths: Sequence[float], bundle: ModelBundle, parts: Sequence[int] = ()
) -> VolumePrediction:
    """Combine the slices' answers; see the module's docstring for the rule.

    Parameters
    ----------
    slices : sequence of Prediction
        In their order along the volume.
    strengths : sequence of float
        Of each slice, `inference.imaging.types.Slice.strength`.
    bundle : ModelBundle
    parts : sequence of int
        Of each slice the number of its part, in a volume that gaps divide; empty if none does.
    """
    probabilities = np.array([list(prediction.probabilities.values()) for prediction in slices])
    novelties = np.array([prediction.novelty for prediction in slices])
    filled = np.asarray(strengths) > EMPTY_BELOW * max(strengths)
    counted = np.flatnonzero(filled & (novelties < 1.0))
    novelty = float(np.median(novelties[filled])) if filled.any() else float(novelties.max())
    is_rejected = novelty >= 1.0 or not len(counted)
    averaged = _choose(probabilities, counted, parts, bundle) if len(counted) else np.arange(len(slices))
    score = 1.0 if is_rejected else 0.0
    answer = _build_answer(slices[0], probabilities[averaged].mean(axis=0), score, len(counted), bundle)
    findings = [slices[index].finding for index in map(int, averaged)]
    finding = None if is_rejected else decide_volume_finding(findings, len(counted), bundle)
    if is_rejected:
        suspicious: tuple[int, ...] = ()
        best = None
    else:
        suspicious = tuple(index for index in map(int, counted) if _is_suspicious(slices[index], answer, bundle))
        best = _find_best(probabilities[:, answer.index], averaged, bundle)
    return VolumePrediction(
        answer=replace(answer, novelty=novelty, finding=finding),
        slices=tuple(slices),
        empty=tuple(int(index) for index in np.flatnonzero(~filled)),
        best_slice=best,
        suspicious=suspicious,
    )


def _choose(probabilities: np.ndarray, counted: np.ndarray, parts: Sequence[int], bundle: ModelBundle) -> np.ndarray:
    """The indices of the slices whose mean is the volume's answer: of each part up to `NEIGHBOURS` may be it."""
    if bundle.background is None:
        return counted
    numbers = np.asarray(parts)[counted] if len(parts) else np.zeros(len(counted), int)
    chosen, highest = counted, -1.0
    for number in np.unique(numbers):
        part = counted[numbers == number]
        found = 1.0 - probabilities[part, bundle.labels.index(bundle.background)]
        width = min(NEIGHBOURS, len(part))
        means = np.convolve(found, np.full(width, 1.0 / width), mode="valid")
        start = int(np.argmax(means))
        if means[start] > highest:
            chosen, highest = part[start : start + width], float(means[start])
    return chosen


def decide_volume_finding(findings: Sequence[Finding | None], slices: int, bundle: ModelBundle) -> Finding | None:
    """The volume's finding from those of the neighbours that look most like one; present only if it would be rare among
    as many slices.

    Parameters
    ----------
    findings : sequence of Finding or None
    slices : int
        How many were looked at.
    bundle : ModelBundle
    """
    rule, known = bundle.calibration.finding, [finding for finding in findings if finding is not None]
    if rule is None or not known:
        return None
    labels = tuple(known[0].type_probabilities)
    types = np.mean([list(finding.type_probabilities.values()) for finding in known], axis=0)
    presence = float(np.mean([finding.probability for finding in known]))
    stricter = rule.model_copy(update={"present_at": 1.0 - (1.0 - rule.present_at) / max(slices, 1)})
    return decide_finding(presence, types, labels, stricter)


def _find_best(probabilities: np.ndarray, averaged: np.ndarray, bundle: ModelBundle) -> int:
    if bundle.background is None:
        return int(averaged[np.argmax(probabilities[averaged])])
    return int(averaged[len(averaged) // 2])


def _build_answer(
    template: Prediction, probabilities: np.ndarray, novelty: float, slices: int, bundle: ModelBundle
) -> Prediction:
    index = int(np.argmax(probabilities))
    calibration = bundle.calibration
    if bundle.background is not None and bundle.labels[index] != bundle.background:
        needed = 1.0 - (1.0 - calibration.confident_at) / max(slices, 1)
        calibration = calibration.model_copy(update={"confident_at": needed})
    verdict, candidates = decide(probabilities, novelty, calibration, exclusive=bundle.is_exclusive)
    return replace(
        template,
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
