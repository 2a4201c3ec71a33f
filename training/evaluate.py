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
    drop_twins,
    read_manifest,
    read_pictures,
    split_by_group,
)

NONE_LABEL = CLASS_LABELS[NO_TUMOUR]


def expected_calibration_error(confidences: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equally wide bins, weighted by their sizes.

    References
    ----------
    Naeini et al. 2015, https://doi.org/10.1609/aaai.v29i1.9602.
    """
    places = np.minimum((confidences * bins).astype(int), bins - 1)
    gaps = [
        (places == place).mean() * abs(confidences[places == place].mean() - right[places == place].mean())
        for place in np.unique(places)
    ]
    return float(np.sum(gaps))


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


def measure_detection(samples: Sequence[Sample], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """How well "tumour present" (1 − P(no tumour)) tells tumour from none; 0.5 is chance."""
    truth = np.array([sample.has_tumour for sample in samples])
    scores = np.array([1.0 - prediction.probabilities[NONE_LABEL] for prediction in predictions])
    same_source = np.array([sample.source == "br35h" for sample in samples])
    return {
        "auc": float(roc_auc_score(truth, scores)),
        "auc_br35h_alone": float(roc_auc_score(truth[same_source], scores[same_source])),
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
    refused = {"brain_mri": {"images": len(brains), "refused": _share_refused(brains)}}
    for folder in sorted(path for path in (data_dir / "not_brain").glob("*") if path.is_dir()):
        predictions = _predict(classifier, sorted(folder.iterdir()))
        refused[folder.name] = {"images": len(predictions), "refused": _share_refused(predictions)}
    return refused


def _share_refused(predictions: Sequence[Prediction]) -> float:
    return float(np.mean([prediction.verdict is Verdict.REJECTED for prediction in predictions]))


def _predict(classifier: Classifier, paths: Sequence[Path]) -> list[Prediction]:
    images = []
    for path in paths:
        try:
            images.append(load_image(path))
        except GyrusError:
            continue  # a licence file beside the pictures
    return list(classifier.predict_many(images))


def measure(bundle_path: Path, data_dir: Path) -> dict[str, Any]:
    """All figures of a bundle on the test part (see `training.dataset.split_by_group`)."""
    classifier = Classifier.load(bundle_path)
    samples = read_manifest(data_dir)
    test = split_by_group(drop_twins(samples, read_pictures(samples)))["test"]
    predictions = _predict(classifier, [sample.path for sample in test])
    return {
        "model": f"{classifier.bundle.name} {classifier.bundle.version}",
        "classes": measure_classes(test, predictions),
        "sources": measure_sources(test, predictions),
        "detection": measure_detection(test, predictions),
        "patients": measure_patients(test, predictions),
        "refusal": measure_refusals(classifier, data_dir, predictions),
    }


def evaluate(bundle_path: Path, data_dir: Path) -> None:
    """Print `measure` as JSON."""
    print(json.dumps(measure(bundle_path, data_dir), indent=2))
