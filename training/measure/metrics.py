"""Figures from numbers: what an array of answers is worth. Nothing here reads a file or runs a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from inference.answer.decision import choose_temperature, find_novelty_weight

if TYPE_CHECKING:
    from inference.model.schema import Calibration
    from training.data.manifest import Box

BOX_MARGIN = 1.1
"""A peak counts as inside a tumour's box when it is inside the box enlarged by this factor."""


def expected_calibration_error(confidences: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equally wide bins, weighted by their sizes.

    References
    ----------
    Naeini et al. 2015, https://doi.org/10.1609/aaai.v29i1.9602.
    """
    return float(
        sum(row["share"] * abs(row["confidence"] - row["accuracy"]) for row in reliability(confidences, right, bins))
    )


def reliability(confidences: np.ndarray, right: np.ndarray, bins: int = 15) -> list[dict[str, float]]:
    """The reliability diagram: for each bin that is not empty its share, mean confidence and accuracy, in [0, 1]."""
    bin_numbers = np.minimum((confidences * bins).astype(int), bins - 1)
    return [
        {
            "share": float((bin_numbers == number).mean()),
            "confidence": float(confidences[bin_numbers == number].mean()),
            "accuracy": float(right[bin_numbers == number].mean()),
        }
        for number in np.unique(bin_numbers)
    ]


def undo_temperature(probabilities: np.ndarray, temperature: float | np.ndarray) -> np.ndarray:
    """The probabilities before calibration, from the calibrated ones, shape (N, classes); temperature one or (N, 1).

    Calibrated are softmax(z / T), so their T-th powers are exp(z) up to a factor that makes the sum 1: raising to the
    temperature and dividing by the sum gives softmax(z) back without the logits z.
    """
    powers = np.maximum(probabilities, 1e-300) ** temperature
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def undo_calibration(probabilities: np.ndarray, novelty: np.ndarray, calibration: Calibration) -> np.ndarray:
    """The network's own probabilities, from what `inference.answer.decision.to_probabilities` made of its logits.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (N, classes)
    novelty : numpy.ndarray, shape (N,)
        The novelty scores.
    calibration : Calibration
    """
    weight = find_novelty_weight(novelty, calibration)
    unshifted = probabilities / np.exp(weight * np.array(calibration.prior_shift or 0.0))
    return undo_temperature(unshifted, choose_temperature(weight, calibration))


def brier_score(probabilities: np.ndarray, classes: np.ndarray) -> float:
    """Mean squared distance between the probabilities (N, classes) and the truth, in [0, 2]. Brier 1950."""
    truth = np.eye(probabilities.shape[1])[classes]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def risk_coverage(confidences: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """Share of wrong answers when only the surest 50, 60 … 100 % are answered."""
    ranked = right[np.argsort(-confidences, kind="stable")]
    counts = {share: max(1, round(share * len(ranked))) for share in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)}
    return [{"coverage": share, "risk": float(1 - ranked[:count].mean())} for share, count in counts.items()]


def detection_figures(present: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """How well a score tells tumour from none: AUC (0.5 is chance), sensitivity at 95 % specificity.

    Parameters
    ----------
    present : numpy.ndarray, shape (N,), bool
        Of both kinds.
    scores : numpy.ndarray, shape (N,)
        Probability that a tumour is present.
    """
    false_alarms, found, _ = roc_curve(present, scores)
    return {
        "images": len(present),
        "with_tumour": int(present.sum()),
        "auc": float(roc_auc_score(present, scores)),
        "sensitivity_at_95_specificity": float(found[false_alarms <= 0.05].max()),
        "sensitivity_at_half": float((scores[present] >= 0.5).mean()),
        "specificity_at_half": float((scores[~present] < 0.5).mean()),
    }


def is_inside(peak: tuple[float, float], box: Box) -> bool:
    """True when a peak (x, y as fractions) lies in the tumour's box, enlarged by `BOX_MARGIN`.

    References
    ----------
    The pointing game: Zhang et al. 2018, https://doi.org/10.1007/s11263-017-1059-x.
    """
    return abs(peak[0] - box[0]) <= box[2] * BOX_MARGIN / 2 and abs(peak[1] - box[1]) <= box[3] * BOX_MARGIN / 2


def random_hit(box: Box) -> float:
    """What `is_inside` gives a peak anywhere in the picture with equal chance: the enlarged box's share of it."""
    reach = [BOX_MARGIN * side / 2 for side in box[2:]]
    sides = [min(1.0, centre + half) - max(0.0, centre - half) for centre, half in zip(box[:2], reach, strict=True)]
    return max(0.0, sides[0]) * max(0.0, sides[1])


def energy_inside(grid: np.ndarray, box: Box) -> float:
    """Share of a heat map's sum that lies in the tumour's box; grid (h, w), cells counted by their centres."""
    height, width = grid.shape
    columns = np.abs((np.arange(width) + 0.5) / width - box[0]) <= box[2] / 2
    rows = np.abs((np.arange(height) + 0.5) / height - box[1]) <= box[3] / 2
    total = float(grid.sum())
    return float(grid[np.ix_(rows, columns)].sum()) / total if total > 0 else 0.0
