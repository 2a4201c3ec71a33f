"""Figures that can be believed: what a bundle's answers are worth on pictures its training never touched."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, roc_auc_score

from inference import Prediction, Verdict
from inference.answer.decision import choose_temperature, find_novelty_weight
from training.data.manifest import CLASS_LABELS, NO_TUMOUR, TUMOUR_TYPES, UNKNOWN_TUMOUR, Sample
from training.measure.bundle_answers import BundleAnswers, SampleAnswers, is_right
from training.measure.metrics import (
    brier_score,
    detection_figures,
    energy_inside,
    expected_calibration_error,
    is_inside,
    random_hit,
    reliability,
    risk_coverage,
    undo_calibration,
)
from training.measure.shortcut import score_shortcut

if TYPE_CHECKING:
    from inference.model.schema import Calibration

NONE_LABEL = CLASS_LABELS[NO_TUMOUR]


def measure_classes(samples: Sequence[Sample], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Four-class figures of the samples whose class is known."""
    known = [(s, p) for s, p in zip(samples, predictions, strict=True) if s.label != UNKNOWN_TUMOUR]
    labels = list(CLASS_LABELS.values())
    truth = np.array([CLASS_LABELS[sample.label] for sample, _ in known])
    answer = np.array([prediction.label for _, prediction in known])
    confidences = np.array([prediction.probability for _, prediction in known])
    right = truth == answer
    confident = np.array([prediction.verdict is Verdict.CONFIDENT for _, prediction in known])
    return {
        "images": len(known),
        "groups": len({sample.group for sample, _ in known}),
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(balanced_accuracy_score(truth, answer)),
        "macro_f1": float(f1_score(truth, answer, labels=labels, average="macro", zero_division=0)),
        "majority_class_accuracy": Counter(truth.tolist()).most_common(1)[0][1] / len(truth),
        "ece": expected_calibration_error(confidences, right),
        "brier": brier_score(
            np.array([list(prediction.probabilities.values()) for _, prediction in known]),
            np.array([labels.index(label) for label in truth]),
        ),
        "reliability": reliability(confidences, right),
        "risk_coverage": risk_coverage(confidences, right),
        "truth_among_candidates": _truth_named(known),
        "share_confident": float(confident.mean()),
        "wrong_and_confident": float((confident & ~right).mean()),
        "accuracy_when_confident": float(right[confident].mean()) if confident.any() else None,
        "confusion": {"labels": labels, "rows_true": confusion_matrix(truth, answer, labels=labels).tolist()},
    }


def measure_sources(samples: Sequence[Sample], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Accuracy by source and class: the mean over sources hides the shortcut, the table does not."""
    table: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for sample, prediction in zip(samples, predictions, strict=True):
        table[sample.source][sample.label].append(is_right(sample, prediction))
    return {
        source: {label: {"images": len(hits), "right": float(np.mean(hits))} for label, hits in sorted(rows.items())}
        for source, rows in sorted(table.items())
    }


def _truth_named(known: Sequence[tuple[Sample, Prediction]]) -> float:
    """Share of the answered pictures whose true class is among the labels that the answer names."""
    answered = [(s, p) for s, p in known if p.verdict is not Verdict.REJECTED]
    return float(np.mean([CLASS_LABELS[s.label] in p.candidates for s, p in answered]))


def mask_mixed_sources(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """Which samples are of each source that has slices with a tumour and slices without; (N,), bool."""
    present = np.array([sample.has_tumour for sample in samples], bool)
    sources = np.array([sample.source for sample in samples])
    masks = {source: sources == source for source in sorted(set(sources))}
    return {source: inside for source, inside in masks.items() if 0 < present[inside].sum() < inside.sum()}


def score_tumour(predictions: Sequence[Prediction]) -> np.ndarray:
    """The score of "tumour present", 1 − P(no tumour), shape (N,)."""
    return np.array([1.0 - prediction.probabilities[NONE_LABEL] for prediction in predictions])


def measure_detection(samples: Sequence[Sample], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """How well "tumour present" (1 − P(no tumour)) tells tumour from none, over all and inside each source.

    Inside one source it does not help to recognise the source, so that figure is the one to believe.
    """
    present, scores = np.array([sample.has_tumour for sample in samples]), score_tumour(predictions)
    inside_sources = {
        source: detection_figures(present[inside], scores[inside])
        for source, inside in mask_mixed_sources(samples).items()
    }
    return {"all": detection_figures(present, scores), **inside_sources}


def measure_peaks(samples: Sequence[Sample], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Where the heat map peaks, on the slices whose tumour's box is known; by source.

    ``random_peak`` is what a peak at a random position in the picture would reach, ``box_share`` what a map without any
    preference would have inside the box.
    """
    names = ("peak_inside", "energy_inside", "box_share", "random_peak")
    table: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for sample, prediction in zip(samples, predictions, strict=True):
        box, heatmap = sample.box, prediction.heatmap
        if box is not None and heatmap is not None:
            hit, energy = is_inside(heatmap.peak, box), energy_inside(heatmap.grid, box)
            table[sample.source].append((float(hit), energy, box[2] * box[3], random_hit(box)))
    return {
        source: dict(zip(names, map(float, np.mean(rows, axis=0)), strict=True)) | {"images": len(rows)}
        for source, rows in sorted(table.items())
    }


def measure_patients(samples: Sequence[Sample], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Tumour type by patient (Cheng): mean of the slices' probabilities over the three types."""
    sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(TUMOUR_TYPES)))
    truth: dict[str, str] = {}
    for sample, prediction in zip(samples, predictions, strict=True):
        if sample.patient and sample.source == "cheng":
            sums[sample.patient] += [prediction.probabilities[CLASS_LABELS[name]] for name in TUMOUR_TYPES]
            truth[sample.patient] = sample.label
    answers = {patient: TUMOUR_TYPES[int(np.argmax(total))] for patient, total in sums.items()}
    patients = sorted(truth)
    return {
        "patients": len(patients),
        "balanced_accuracy_of_three_types": float(
            balanced_accuracy_score([truth[p] for p in patients], [answers[p] for p in patients])
        ),
    }


def measure_refusals(kinds: Mapping[str, Sequence[Prediction]], brains: Sequence[Prediction]) -> dict[str, Any]:
    """Share refused: of the test split's brain MRIs (should be none) and of what is not one (should be all)."""
    return {name: _refusal_figures(predictions, brains) for name, predictions in {"brain_mri": brains, **kinds}.items()}


def _refusal_figures(predictions: Sequence[Prediction], brains: Sequence[Prediction]) -> dict[str, float]:
    novelty = [prediction.novelty for prediction in predictions]
    ordinary = [prediction.novelty for prediction in brains]
    return {
        "images": len(predictions),
        "refused": float(np.mean([prediction.verdict is Verdict.REJECTED for prediction in predictions])),
        "auroc": float(roc_auc_score([0] * len(ordinary) + [1] * len(novelty), ordinary + novelty)),
    }


def measure_calibration(answers: SampleAnswers, calibration: Calibration) -> dict[str, Any]:
    """How far the probabilities can be taken at their word, and how far had nothing been done to the network's own."""
    probabilities, classes = answers.known_probabilities()
    novelty = np.array([prediction.novelty for _, prediction in answers.known()])
    temperature = choose_temperature(find_novelty_weight(novelty, calibration), calibration)
    return {
        "temperature": calibration.temperature,
        "mean_temperature": float(temperature.mean()),
        "before": describe_calibration(undo_calibration(probabilities, novelty, calibration), classes),
        "after": describe_calibration(probabilities, classes),
    }


def describe_calibration(probabilities: np.ndarray, classes: np.ndarray) -> dict[str, Any]:
    """Calibration error, Brier score and reliability diagram of probabilities (N, classes); true classes as indices."""
    confidences, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == classes
    return {
        "ece": expected_calibration_error(confidences, right),
        "brier": brier_score(probabilities, classes),
        "reliability": reliability(confidences, right),
    }


def measure_baseline(answers: SampleAnswers) -> dict[str, Any]:
    """What one gets on the same pictures from anything but the brain.

    Returns
    -------
    dict
        ``majority`` and ``majority_of_source``: accuracy of always answering the commonest class, of all or of the
        picture's source; ``shortcut_probe``: `score_shortcut` on the classes, and on tumour or none.
    """
    known = np.flatnonzero([sample.label != UNKNOWN_TUMOUR for sample in answers.samples])
    samples = [answers.samples[index] for index in known]
    by_source: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        by_source[sample.source][sample.label] += 1
    commonest = sum(by_source.values(), Counter()).most_common(1)[0][1]
    return {
        "majority": commonest / len(samples),
        "majority_of_source": sum(count.most_common(1)[0][1] for count in by_source.values()) / len(samples),
        "shortcut_probe": {
            "classes": score_shortcut(
                answers.statistics[known], [s.label for s in samples], [s.group for s in samples]
            ),
            "detection": score_detection_shortcut(answers),
        },
    }


def score_detection_shortcut(answers: SampleAnswers) -> dict[str, Any]:
    """`score_shortcut` for tumour or none, over all and inside each source that has both."""
    groups = np.array([sample.group for sample in answers.samples])
    labels = np.array(["tumour" if sample.has_tumour else "none" for sample in answers.samples])
    masks = {"all": np.ones(len(labels), bool), **mask_mixed_sources(answers.samples)}
    return {
        source: score_shortcut(answers.statistics[inside], labels[inside].tolist(), groups[inside].tolist())
        for source, inside in masks.items()
    }


def measure_answers(measured: BundleAnswers) -> dict[str, Any]:
    """All figures of a bundle on the test split, and on the volumes unless it was trained on them."""
    test, bundle = measured.test, measured.bundle
    figures = {
        "model": f"{bundle.name} {bundle.version}",
        "classes": measure_classes(test.samples, test.predictions),
        "calibration": measure_calibration(test, bundle.calibration),
        "sources": measure_sources(test.samples, test.predictions),
        "detection": measure_detection(test.samples, test.predictions),
        "place": measure_peaks(test.samples, test.predictions),
        "patients": measure_patients(test.samples, test.predictions),
        "refusal": measure_refusals(measured.kinds, test.predictions),
        "baseline": measure_baseline(test),
    }
    if not bundle.provenance.get("settings", {}).get("volumes"):
        figures["volumes"] = measure_volumes(measured.volumes, bundle.calibration)
    return figures


def measure_volumes(answers: SampleAnswers, calibration: Calibration) -> dict[str, Any]:
    """The cohorts that came as volumes, slice by slice: detection, peaks, and how many of the slices are refused."""
    samples, predictions = answers.samples, answers.predictions
    if not samples:
        return {}
    refused = [prediction.verdict is Verdict.REJECTED for prediction in predictions]
    healthy = [p.label == NONE_LABEL for s, p in zip(samples, predictions, strict=True) if s.source == "dicom_t1"]
    return {
        "detection": measure_detection(samples, predictions),
        "place": measure_peaks(samples, predictions),
        "refused": float(np.mean(refused)),
        "healthy_called_healthy": float(np.mean(healthy)) if healthy else None,
        "calibration": measure_calibration(answers, calibration),
        "shortcut_probe": score_detection_shortcut(answers),
    }
