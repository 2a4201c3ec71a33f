"""What a bundle that a recipe made is worth: counts, accuracy, calibration, novelty; plain numbers, ready for JSON.

Measured on the answers that `inference` itself gives for the test split, not on the network that was trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix

from inference import Prediction, Verdict
from training.bundle.calibration import negative_log_likelihood
from training.measure.metrics import expected_calibration_error, reliability, undo_temperature
from training.report.folder_report import TOP

if TYPE_CHECKING:
    from training.data.folder import Folder

SHOWN = 5
"""Right and wrong answers that are shown, in the order of the pictures."""


def measure_folder(
    folder: Folder, splits: dict[str, np.ndarray], predictions: Sequence[Prediction], temperature: float
) -> dict[str, Any]:
    """All figures that need no history.

    Parameters
    ----------
    folder : Folder
    splits : dict of str to numpy.ndarray
        Of `training.recipes.splits.split_folder`.
    predictions : sequence of Prediction
        Of the test split, in its order.
    temperature : float
        The bundle's.
    """
    truth = folder.classes[splits["test"]]
    probabilities = np.array([list(prediction.probabilities.values()) for prediction in predictions])
    return {
        "pictures": _count_pictures(folder, splits),
        "counts": {name: folder.counts(indices) for name, indices in splits.items()},
        "classes": measure_classes(folder, splits, truth, probabilities),
        "calibration": measure_calibration(truth, probabilities, temperature),
        "verdicts": measure_verdicts(folder, truth, predictions),
        **_show_answers(folder, splits["test"], truth, predictions),
    }


def _count_pictures(folder: Folder, splits: dict[str, np.ndarray]) -> dict[str, Any]:
    return {
        "readable": len(folder.paths),
        "different": len(set(folder.groups)),
        "copies_left_out": len(folder.paths) - sum(map(len, splits.values())),
        "left_out": folder.left_out,
        "unreadable": [{"path": path, "why": why} for path, why in folder.unreadable],
    }


def measure_classes(
    folder: Folder, splits: dict[str, np.ndarray], truth: np.ndarray, probabilities: np.ndarray
) -> dict[str, Any]:
    """Accuracy beside the baseline, the classification report, the confusion matrix (row: truth, column: answer)."""
    answers = probabilities.argmax(axis=1)
    numbers = list(range(len(folder.labels)))
    report = classification_report(
        truth, answers, labels=numbers, target_names=folder.labels, output_dict=True, zero_division=0.0
    )
    commonest = int(np.bincount(folder.classes[splits["train"]]).argmax())
    ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    figures = {
        "images": len(truth),
        "accuracy": float((answers == truth).mean()),
        "majority_class_accuracy": float((truth == commonest).mean()),
        "majority_class": folder.labels[commonest],
        "balanced_accuracy": float(
            np.mean([report[label]["recall"] for label in folder.labels if report[label]["support"]])
        ),
        "report": {
            label: {
                "precision": float(report[label]["precision"]),
                "recall": float(report[label]["recall"]),
                "f1": float(report[label]["f1-score"]),
                "images": int(report[label]["support"]),
            }
            for label in (*folder.labels, "macro avg", "weighted avg")
        },
        "confusion": confusion_matrix(truth, answers, labels=numbers).tolist(),
    }
    if len(folder.labels) > TOP:
        figures["top_5_accuracy"] = float((ranked == truth[:, None]).any(axis=1).mean())
    return figures


def measure_calibration(truth: np.ndarray, probabilities: np.ndarray, temperature: float) -> dict[str, Any]:
    """How far the probabilities are to be trusted before the temperature and after; ECE, mean −log p, reliability."""
    stages = {"before": undo_temperature(probabilities, temperature), "after": probabilities}
    figures: dict[str, Any] = {"temperature": temperature, "images": len(truth)}
    for stage, values in stages.items():
        top, right = values.max(axis=1), values.argmax(axis=1) == truth
        figures[stage] = {
            "expected_calibration_error": expected_calibration_error(top, right),
            "negative_log_likelihood": negative_log_likelihood(values, truth),
            "mean_confidence": float(top.mean()),
            "reliability": reliability(top, right, bins=10),
        }
    return figures


def measure_verdicts(folder: Folder, truth: np.ndarray, predictions: Sequence[Prediction]) -> dict[str, Any]:
    """How often one answer is given and right, how often the truth is among those named, how often it is refused."""
    right = np.array([p.index == index for p, index in zip(predictions, truth, strict=True)])
    named = np.array([folder.labels[index] in p.candidates for p, index in zip(predictions, truth, strict=True)])
    verdicts = np.array([prediction.verdict.value for prediction in predictions])
    sure, unsure = verdicts == Verdict.CONFIDENT.value, verdicts == Verdict.UNCERTAIN.value
    return {
        "confident": float(sure.mean()),
        "accuracy_when_confident": float(right[sure].mean()) if sure.any() else None,
        "uncertain": float(unsure.mean()),
        "named_when_uncertain": float(named[unsure].mean()) if unsure.any() else None,
        "refused": float((verdicts == Verdict.REJECTED.value).mean()),
    }


def _show_answers(
    folder: Folder, indices: np.ndarray, truth: np.ndarray, predictions: Sequence[Prediction]
) -> dict[str, list[dict[str, Any]]]:
    shown: dict[str, list[dict[str, Any]]] = {"right": [], "wrong": []}
    for index, true_class, prediction in zip(indices.tolist(), truth.tolist(), predictions, strict=True):
        kind = shown["right" if prediction.index == true_class else "wrong"]
        if len(kind) < SHOWN:
            kind.append(
                {
                    "place": index,
                    "label": folder.labels[true_class],
                    "answer": prediction.label,
                    "probability": prediction.probability,
                    "verdict": prediction.verdict.value,
                }
            )
    return shown
