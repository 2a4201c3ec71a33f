"""From the answers of a volume's slices to the volume's answer.

The rule. Slices that are nearly empty or that the model refused are left out. Where one label means that nothing was
found (`ModelBundle.background`), the answer is the mean of the neighbouring slices that look most like a finding: one
is on a few slices only, and a mean over all would hide it. They are neighbours because a finding goes on in the next
slice and a mistake often does not; slices with a gap between them are none.

How many they are and when they are believed is fitted on volumes, where the bundle says so
(`inference.model.schema.VolumeRule`, `inference.answer.runs`). Where it does not, they are the `NEIGHBOURS` on which
the background is least probable; since every slice is one more chance to be mistaken, something is present only from a
higher probability on, at which a mistake on any of the slices is as rare as on one picture (Bonferroni). The verdict,
which is about one label of all, is corrected like this either way. "Nothing found" needs no such correction: the most
suspicious slices say it. How good the rule is, is measured by ``python -m training volumes``.
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
from inference.answer.runs import Run, choose_run, find_run, measure_volume, to_evidence
from inference.errors import InputError

if TYPE_CHECKING:
    from inference.answer.prediction import Finding
    from inference.imaging.types import DecodedImage, Volume
    from inference.model.bundle import ModelBundle

NEIGHBOURS = 3
"""How many neighbouring slices are averaged for the volume's answer, unless the bundle has a rule for volumes."""

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
        The slice that shows the answer best: of the neighbours that were averaged the one of most evidence, or the
        middle one if the bundle has no rule for volumes; without a background, the one on which the volume's label is
        most probable. None when the volume was rejected.
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
    run = _choose(slices, np.flatnonzero(filled), counted, parts, bundle) if len(counted) else None
    averaged = np.arange(len(slices)) if run is None else run.slices
    answer = _build_answer(
        slices[0], probabilities[averaged].mean(axis=0), 1.0 if is_rejected else 0.0, len(counted), bundle
    )
    if is_rejected or run is None:
        finding, best = None, None
        suspicious: tuple[int, ...] = ()
    else:
        findings = [slices[index].finding for index in map(int, averaged)]
        finding = decide_volume_finding(findings, len(counted), bundle, evidence=run.evidence)
        suspicious = tuple(index for index in map(int, counted) if _is_suspicious(slices[index], answer, bundle))
        best = run.best
        if bundle.background is None:
            best = int(averaged[np.argmax(probabilities[averaged, answer.index])])
    return VolumePrediction(
        answer=replace(answer, novelty=novelty, finding=finding),
        slices=tuple(slices),
        empty=tuple(int(index) for index in np.flatnonzero(~filled)),
        best_slice=best,
        suspicious=suspicious,
    )


def _choose(
    slices: Sequence[Prediction], filled: np.ndarray, counted: np.ndarray, parts: Sequence[int], bundle: ModelBundle
) -> Run:
    """The slices whose mean is the volume's answer: neighbours, if there is a background, else all."""
    if bundle.background is None:
        return Run(slices=counted, best=int(counted[0]))
    rule = bundle.calibration.finding.volume if bundle.calibration.finding is not None else None
    numbers = [parts[index] for index in counted] if len(parts) else ()
    findings = [finding for index in counted if (finding := slices[index].finding) is not None]
    if rule is None or len(findings) < len(counted):
        found = np.array([1.0 - slices[index].probabilities[bundle.background] for index in counted])
        run = counted[choose_run(found, NEIGHBOURS, numbers)]
        return Run(slices=run, best=int(run[len(run) // 2]))
    evidence = to_evidence(np.array([finding.probability for finding in findings]))
    return find_run(evidence, counted, (int(filled[0]), int(filled[-1])), rule, numbers)


def decide_volume_finding(
    findings: Sequence[Finding | None], slices: int, bundle: ModelBundle, *, evidence: float | None = None
) -> Finding | None:
    """The volume's finding from those of the neighbours that look most like one.

    Parameters
    ----------
    findings : sequence of Finding or None
    slices : int
        How many were looked at.
    bundle : ModelBundle
    evidence : float or None
        The neighbours' mean evidence, which the bundle's rule for volumes takes. None without one: then something is
        present only if it would be rare among as many slices.
    """
    rule, known = bundle.calibration.finding, [finding for finding in findings if finding is not None]
    if rule is None or not known:
        return None
    labels = tuple(known[0].type_probabilities)
    types = np.mean([list(finding.type_probabilities.values()) for finding in known], axis=0)
    if rule.volume is not None and evidence is not None:
        limits = {"present_at": rule.volume.present_at, "absent_at": rule.volume.absent_at}
        presence = measure_volume(evidence, rule.volume)
    else:
        limits = {"present_at": 1.0 - (1.0 - rule.present_at) / max(slices, 1)}
        presence = float(np.mean([finding.probability for finding in known]))
    return decide_finding(presence, types, labels, rule.model_copy(update=limits))


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
