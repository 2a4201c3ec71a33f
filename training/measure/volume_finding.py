"""Fits a volume's finding on patients that the network has not learnt from, and measures it on others.

Heads without a tumour are the volumes and stacks of ``more.csv``, whose persons are dealt as for the slices' finding.
No whole volume with a tumour is left that the network has not learnt from, so their place is taken by what Cheng's kept
patients have of one: slices in a row that all show the tumour, those of the validation part to fit on and those of the
test part to measure on. The volumes of ``gbm_nifti`` are measured too, and said to be learnt from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import roc_auc_score

from inference import BundleError, Classifier, Prediction, Presence
from inference.answer.runs import choose_run, find_run, measure_volume, to_evidence
from inference.answer.volume import EMPTY_BELOW, combine
from training.bundle.volume_finding import UNFITTED, fit_volume_rule
from training.data.grey import read_pictures
from training.data.heads import SPLIT_SOURCES, read_heads
from training.data.manifest import Sample, read_manifest
from training.data.splits import hash_fraction, split_samples
from training.measure.finding import BOOTSTRAPS, share_with_interval, write_finding
from training.measure.whole_volumes import read_masked, read_shown

if TYPE_CHECKING:
    from inference.imaging.types import DecodedImage
    from inference.model.bundle import ModelBundle
    from inference.model.schema import VolumeRule

TUMOUR_RUN = 3
"""Slices of a patient of Cheng's that are averaged: of slices 5 to 7 mm apart as many as a run is long."""

FEWEST_SLICES = 8
"""A stack of fewer slices is no volume."""

_SEED = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """A volume, stack of slices or row of slices, and what the network says of each.

    Attributes
    ----------
    source, patient, sequence : str
    slices : tuple of Prediction
        In order; nearly empty ones of a whole volume are not among them unless ``strengths`` says so.
    strengths : tuple of float
    is_present : bool
    is_whole : bool
        False of a row of slices that all show the tumour.
    mask : numpy.ndarray, shape (slices,), bool, or None
        Which slices show the tumour.
    """

    source: str
    patient: str
    sequence: str
    slices: tuple[Prediction, ...]
    strengths: tuple[float, ...]
    is_present: bool
    is_whole: bool = True
    mask: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Called:
    """What a rule says of a head: whether it is there, its probability, and if the slice shown has the tumour."""

    presence: Presence
    probability: float
    best_is_inside: bool | None


def calibrate_volumes(
    bundle_path: Path, data_dir: Path, *, version: str | None = None, groups: Path | None = None
) -> dict[str, Any]:
    """Fit ``calibration.finding.volume``, write it and its figures into the bundle, and give the figures.

    Raises
    ------
    BundleError
        The bundle's slices have no finding.
    InputError
        The data cannot be read.
    """
    classifier = Classifier.load(bundle_path)
    bundle = classifier.bundle
    if bundle.calibration.finding is None or bundle.background is None:
        raise BundleError(f"{bundle_path}: its slices have no finding; fit it by python -m training finding before.")
    fitted, measured = _read(classifier, data_dir, groups)
    learnt = list(_read_learnt(classifier, data_dir))
    scored = [(head, value) for head in fitted if (value := _measure_evidence(head)) is not None]
    fitted, evidence = [head for head, _ in scored], np.array([value for _, value in scored])
    is_present = np.array([head.is_present for head in fitted])
    rule = fit_volume_rule(
        evidence, is_present, np.array([head.patient for head in fitted]), bundle.calibration.finding
    )
    figures = {"fitted_on": _count(fitted), **measure_volumes(measured, learnt, bundle, rule)}
    finding = bundle.calibration.finding.model_copy(update={"volume": rule})
    write_finding(bundle_path, finding, {"volume_finding": figures}, version)
    return figures


def _read(classifier: Classifier, data_dir: Path, groups: Path | None) -> tuple[list[Head], list[Head]]:
    """The heads to fit on and those to measure on."""
    samples = read_manifest(data_dir, groups)
    splits = split_samples(samples, read_pictures(samples))
    fitted = list(_read_rows(classifier, splits["validation"]))
    measured = list(_read_rows(classifier, splits["test"]))
    for head in _read_heads(classifier, data_dir):
        (fitted if hash_fraction("finding", head.patient) < 0.5 else measured).append(head)
    return fitted, measured


def _read_rows(classifier: Classifier, samples: Sequence[Sample]) -> Iterator[Head]:
    rows: dict[str, list[Path]] = defaultdict(list)
    for sample in samples:
        if sample.source == "cheng":
            rows[sample.patient or sample.group].append(sample.path)
    for patient, paths in sorted(rows.items()):
        ordered = sorted(paths, key=lambda path: int(path.stem))
        answered = tuple(one for one in classifier.predict_many(ordered) if one.finding is not None)
        if len(answered) >= TUMOUR_RUN:
            yield Head(
                source="cheng",
                patient=f"cheng:{patient}",
                sequence="T1C",
                slices=answered,
                strengths=(1.0,) * len(answered),
                is_present=True,
                is_whole=False,
            )


def _read_heads(classifier: Classifier, data_dir: Path) -> Iterator[Head]:
    stacks: dict[tuple[str, str, str, str], list[tuple[Path, DecodedImage]]] = defaultdict(list)
    for sample, image in read_heads(data_dir):
        if sample.source in SPLIT_SOURCES:
            volume = str(sample.path).rpartition("#")[0]
            stacks[sample.source, sample.group, sample.sequence or "", volume].append((sample.path, image))
    for (source, patient, sequence, volume), pairs in stacks.items():
        ordered = pairs if volume else sorted(pairs, key=lambda pair: pair[0].name)
        if len(ordered) < FEWEST_SLICES:
            continue
        yield Head(
            source=source,
            patient=patient,
            sequence=sequence.removesuffix("WI"),
            slices=tuple(classifier.predict_many(image for _, image in ordered)),
            strengths=(1.0,) * len(ordered),
            is_present=False,
        )


def _read_learnt(classifier: Classifier, data_dir: Path) -> Iterator[Head]:
    for scan, volume in read_masked(data_dir / "gbm_nifti"):
        slices = [volume.load(index) for index in range(volume.count)]
        yield Head(
            source="gbm_nifti",
            patient=f"gbm-{scan.parent.name}",
            sequence="T1C",
            slices=tuple(classifier.predict_many(one.image for one in slices)),
            strengths=tuple(one.strength for one in slices),
            is_present=True,
            mask=read_shown(scan),
        )


def _count(heads: Sequence[Head]) -> dict[str, int]:
    def persons(chosen: list[Head]) -> int:
        return len({head.patient for head in chosen})

    present, absent = [head for head in heads if head.is_present], [head for head in heads if not head.is_present]
    return {
        "present": len(present),
        "present_patients": persons(present),
        "absent": len(absent),
        "absent_patients": persons(absent),
    }


def measure_volumes(
    heads: Sequence[Head], learnt: Sequence[Head], bundle: ModelBundle, rule: VolumeRule
) -> dict[str, Any]:
    """What a volume's finding is worth, by the rule and without it, each with its 95 % interval over patients.

    Parameters
    ----------
    heads : sequence of Head
        That nothing was learnt from or fitted on.
    learnt : sequence of Head
        Whole volumes with a tumour that the network has learnt from.
    bundle : ModelBundle
        Its slices have a finding.
    rule : VolumeRule
    """
    present, absent = [head for head in heads if head.is_present], [head for head in heads if not head.is_present]
    parts: dict[str, list[Head]] = {"present": present, "absent": absent}
    for head in absent:
        parts.setdefault(f"{head.source} {head.sequence}", []).append(head)
    parts["learnt"] = list(learnt)
    figures: dict[str, Any] = {"counts": _count(heads)}
    for name, used in (("rule", rule), ("without", None)):
        called = {key: [_call(head, bundle, used) for head in part] for key, part in parts.items()}
        figures[name] = {key: _describe(part, called[key]) for key, part in parts.items()}
        for key, part in parts.items():
            if key not in ("present", "learnt"):
                figures[name][key]["auc"] = _measure_auc((present, called["present"]), (part, called[key]))
    return figures


def _measure_evidence(head: Head, rule: VolumeRule = UNFITTED) -> float | None:
    """The run's, of a row by its length in slices; None if no slice of the head is answered."""
    counted = np.array([index for index in range(len(head.slices)) if head.slices[index].finding is not None], int)
    filled = np.flatnonzero(np.asarray(head.strengths) > EMPTY_BELOW * max(head.strengths))
    counted = np.intersect1d(counted, filled)
    if not len(counted):
        return None
    findings = [finding for index in counted if (finding := head.slices[index].finding) is not None]
    evidence = to_evidence(np.array([finding.probability for finding in findings]))
    if not head.is_whole:
        return float(evidence[choose_run(evidence, TUMOUR_RUN)].mean())
    return find_run(evidence, counted, (int(filled[0]), int(filled[-1])), rule).evidence


def _call(head: Head, bundle: ModelBundle, rule: VolumeRule | None) -> Called | None:
    """None of a head that is refused."""
    found = combine(head.slices, head.strengths, _give_rule(bundle, rule))
    finding = found.answer.finding
    if finding is None or found.best_slice is None:
        return None
    inside = bool(head.mask[found.best_slice]) if head.mask is not None else None
    presence, probability = finding.presence, finding.probability
    if rule is not None and not head.is_whole:
        evidence = _measure_evidence(head, rule)
        probability = measure_volume(0.0 if evidence is None else evidence, rule)
        presence = Presence.UNCLEAR
        if probability >= rule.present_at:
            presence = Presence.PRESENT
        elif probability <= rule.absent_at:
            presence = Presence.ABSENT
    return Called(presence=presence, probability=probability, best_is_inside=inside)


def _give_rule(bundle: ModelBundle, rule: VolumeRule | None) -> ModelBundle:
    calibration = bundle.calibration
    if calibration.finding is None:
        return bundle
    finding = calibration.finding.model_copy(update={"volume": rule})
    return bundle.model_copy(update={"calibration": calibration.model_copy(update={"finding": finding})})


def _describe(heads: Sequence[Head], called: Sequence[Called | None]) -> dict[str, Any]:
    patients = np.array([head.patient for head in heads])
    shares = {
        "refused": [one is None for one in called],
        "above_half": [one is not None and one.probability > 0.5 for one in called],
        "called_present": [one is not None and one.presence is Presence.PRESENT for one in called],
        "called_absent": [one is not None and one.presence is Presence.ABSENT for one in called],
        "best_inside": [one is not None and one.best_is_inside is True for one in called],
    }
    if any(head.mask is None for head in heads):
        del shares["best_inside"]
    every = np.ones(len(heads), bool)
    return {
        "volumes": len(heads),
        "patients": len(set(patients)),
        **{name: share_with_interval(np.array(hits, bool), every, patients) for name, hits in shares.items()},
    }


def _measure_auc(
    present: tuple[Sequence[Head], Sequence[Called | None]], absent: tuple[Sequence[Head], Sequence[Called | None]]
) -> dict[str, float] | None:
    """Of the probability, and its 95 % interval drawing the patients of each kind again."""
    rng = np.random.default_rng(_SEED)
    sides = []
    for heads, called in (present, absent):
        by_patient: dict[str, list[float]] = defaultdict(list)
        for head, one in zip(heads, called, strict=True):
            if one is not None:
                by_patient[head.patient].append(one.probability)
        sides.append(list(by_patient.values()))
    if not all(sides):
        return None

    def score(first: list[list[float]], second: list[list[float]]) -> float:
        scores = [list(chain.from_iterable(first)), list(chain.from_iterable(second))]
        truth = np.repeat([1, 0], [len(scores[0]), len(scores[1])])
        return float(roc_auc_score(truth, np.concatenate(scores)))

    drawn = [
        score(*([side[index] for index in rng.integers(0, len(side), len(side))] for side in sides))
        for _ in range(BOOTSTRAPS)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": score(*sides), "low": float(low), "high": float(high)}
