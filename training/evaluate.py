"""Figures that can be believed: a bundle, served as users are served, on images its training never touched."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, roc_auc_score

from inference import Classifier, GyrusError, Prediction, Verdict, load_image
from training.dataset import (
    CLASS_LABELS,
    NO_TUMOUR,
    TUMOUR_TYPES,
    UNKNOWN_TUMOUR,
    Sample,
    part_samples,
    read_manifest,
    read_pictures,
)
from training.metrics import (
    brier_score,
    detection_figures,
    energy_inside,
    expected_calibration_error,
    is_inside,
    reliability,
    risk_coverage,
)
from training.volumes import read_volumes

NONE_LABEL = CLASS_LABELS[NO_TUMOUR]

PHOTOGRAPHS = (
    "astronaut",
    "camera",
    "coffee",
    "chelsea",
    "rocket",
    "brick",
    "grass",
    "gravel",
    "coins",
    "text",
    "page",
)
"""Pictures that scikit-image ships; they are made grey, so that colour does not give them away."""


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
        right = (
            prediction.label != NONE_LABEL
            if sample.label == UNKNOWN_TUMOUR
            else prediction.label == CLASS_LABELS[sample.label]
        )
        table[sample.source][sample.label].append(right)
    return {
        source: {label: {"images": len(hits), "right": float(np.mean(hits))} for label, hits in sorted(rows.items())}
        for source, rows in sorted(table.items())
    }


def _truth_named(known: Sequence[tuple[Sample, Prediction]]) -> float:
    """Share of the answered pictures whose true class is among the labels that the answer names."""
    answered = [(s, p) for s, p in known if p.verdict is not Verdict.REJECTED]
    return float(np.mean([CLASS_LABELS[s.label] in p.candidates for s, p in answered]))


def measure_detection(samples: Sequence[Sample], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """How well "tumour present" (1 − P(no tumour)) tells tumour from none, over all and inside each source.

    Inside one source the look of the source cannot help, so that figure is the one to believe.
    """
    present = np.array([sample.has_tumour for sample in samples])
    scores = np.array([1.0 - prediction.probabilities[NONE_LABEL] for prediction in predictions])
    sources = np.array([sample.source for sample in samples])
    figures = {"all": detection_figures(present, scores)}
    for source in sorted(set(sources)):
        inside = sources == source
        if 0 < present[inside].sum() < inside.sum():
            figures[source] = detection_figures(present[inside], scores[inside])
    return figures


def measure_place(samples: Sequence[Sample], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Where the heat map peaks, on the slices whose tumour's box is known; by source.

    ``box_share`` is what a peak at a random place would reach.
    """
    table: dict[str, list[tuple[bool, float, float]]] = defaultdict(list)
    for sample, prediction in zip(samples, predictions, strict=True):
        if sample.box is not None and prediction.heatmap is not None:
            heatmap = prediction.heatmap
            hit = is_inside(heatmap.peak, sample.box)
            table[sample.source].append((hit, energy_inside(heatmap.grid, sample.box), sample.box[2] * sample.box[3]))
    return {
        source: dict(zip(("peak_inside", "energy_inside", "box_share"), map(float, np.mean(rows, axis=0)), strict=True))
        | {"images": len(rows)}
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


def measure_refusals(classifier: Classifier, data_dir: Path, brains: Sequence[Prediction]) -> dict[str, Any]:
    """Share refused: of the test part's brain MRIs (should be none) and of what is not one (should be all)."""
    kinds: dict[str, Sequence[Prediction]] = {"brain_mri": brains}
    for folder in sorted(path for path in (data_dir / "not_brain").glob("*") if path.is_dir()):
        kinds[folder.name] = _predict(classifier, sorted(folder.iterdir()))
    kinds["photographs"] = list(classifier.predict_many(_grey_photographs()))
    kinds["noise"] = list(classifier.predict_many(_noise()))
    kinds["blank"] = list(classifier.predict_many(np.full((200, 200), level, np.uint8) for level in (0, 90, 255)))
    return {name: _refusal_figures(predictions, brains) for name, predictions in kinds.items()}


def _refusal_figures(predictions: Sequence[Prediction], brains: Sequence[Prediction]) -> dict[str, float]:
    novelty = [prediction.novelty for prediction in predictions]
    ordinary = [prediction.novelty for prediction in brains]
    return {
        "images": len(predictions),
        "refused": float(np.mean([prediction.verdict is Verdict.REJECTED for prediction in predictions])),
        "auroc": float(roc_auc_score([0] * len(ordinary) + [1] * len(novelty), ordinary + novelty)),
    }


def _grey_photographs() -> list[np.ndarray]:
    import skimage.data

    pictures = [load_image(getattr(skimage.data, name)()).pixels for name in PHOTOGRAPHS]
    return [np.rint(picture.mean(axis=2)).astype(np.uint8) for picture in pictures]


def _noise() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(100, spread, (200, 200)).clip(0, 255).astype(np.uint8) for spread in (20, 40, 60) * 5]


def _predict(classifier: Classifier, paths: Sequence[Path]) -> list[Prediction]:
    images = []
    for path in paths:
        try:
            images.append(load_image(path))
        except GyrusError:
            continue  # a licence file beside the pictures
    return list(classifier.predict_many(images, explain=True))


def measure(bundle_path: Path, data_dir: Path, *, groups: Path | None = None) -> dict[str, Any]:
    """All figures of a bundle on the test part (see `training.dataset.part_samples`), and on the volumes.

    A bundle that was trained on the volumes too is not measured on them.
    """
    classifier = Classifier.load(bundle_path)
    samples = read_manifest(data_dir, groups)
    test = part_samples(samples, read_pictures(samples))["test"]
    predictions = _predict(classifier, [sample.path for sample in test])
    figures = {
        "model": f"{classifier.bundle.name} {classifier.bundle.version}",
        "classes": measure_classes(test, predictions),
        "sources": measure_sources(test, predictions),
        "detection": measure_detection(test, predictions),
        "place": measure_place(test, predictions),
        "patients": measure_patients(test, predictions),
        "refusal": measure_refusals(classifier, data_dir, predictions),
    }
    if not classifier.bundle.provenance.get("settings", {}).get("volumes"):
        figures["volumes"] = measure_volumes(classifier, data_dir)
    return figures


def measure_volumes(classifier: Classifier, data_dir: Path) -> dict[str, Any]:
    """The cohorts that came as volumes, slice by slice: detection, place, and how many of the slices are refused."""
    volumes = read_volumes(data_dir)
    if not volumes:
        return {}
    samples = [sample for sample, _ in volumes]
    predictions = list(classifier.predict_many((grey for _, grey in volumes), explain=True))
    refused = [prediction.verdict is Verdict.REJECTED for prediction in predictions]
    healthy = [p.label == NONE_LABEL for s, p in zip(samples, predictions, strict=True) if s.source == "dicom_t1"]
    return {
        "detection": measure_detection(samples, predictions),
        "place": measure_place(samples, predictions),
        "refused": float(np.mean(refused)),
        "healthy_called_healthy": float(np.mean(healthy)) if healthy else None,
    }


def evaluate(bundle_path: Path, data_dir: Path, *, groups: Path | None = None) -> None:
    """Print `measure` as JSON."""
    print(json.dumps(measure(bundle_path, data_dir, groups=groups), indent=2))
