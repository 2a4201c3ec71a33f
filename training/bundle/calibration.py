"""What `inference.answer.decision` needs to know about a network, fitted on validation images.

Temperature, the probability from which one answer is given, and the statistics of the features. Nothing here uses
the test split.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.answer.decision import FeatureStatistics, feature_distance, softmax, to_probabilities
from inference.model.schema import Calibration

MAX_CONFIDENTLY_WRONG = 0.01
"""Share of new images that may get a wrong answer with verdict ``confident``."""

COVERAGE = 0.98
"""Share of the prediction sets that hold the true label."""

MAX_REFUSED = 0.01
"""Share of validation images that the novelty score may refuse."""

COMPONENTS = 64
"""Principal directions kept of the features; the rest is one residual."""

UNFAMILIAR_SHARE = 0.1
"""Share of the validation images, the least familiar ones, from which on a picture counts as unfamiliar altogether."""

_LEAST_SPREAD = 1e-3
"""Share of the widest direction's spread below which a direction counts as having none."""


def negative_log_likelihood(probabilities: np.ndarray, classes: np.ndarray) -> float:
    """Mean −log p of the true classes; probabilities (N, classes), classes (N,) as indices."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(classes)), classes], 1e-12)).mean())


def fit_temperature(logits: np.ndarray, classes: np.ndarray) -> float:
    """The temperature of least negative log-likelihood, from 0.2 to 10, to within 1 %.

    References
    ----------
    Guo et al. 2017, https://arxiv.org/abs/1706.04599.
    """
    candidates = np.exp(np.arange(np.log(0.2), np.log(10.0), 0.01))
    losses = [negative_log_likelihood(softmax(logits, float(candidate)), classes) for candidate in candidates]
    return round(float(candidates[int(np.argmin(losses))]), 3)


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What a network says of pictures whose class is known.

    ``logits`` (N, classes); ``classes`` (N,), as indices; ``novelty`` (N,), the novelty scores.
    """

    logits: np.ndarray
    classes: np.ndarray
    novelty: np.ndarray

    def loss(self, calibration: Calibration) -> float:
        """Mean −log p of the true classes."""
        return negative_log_likelihood(to_probabilities(self.logits, self.novelty, calibration), self.classes)


def fit_calibration(known: Judged, prior_shift: tuple[float, ...] = ()) -> Calibration:
    """Temperature, and its rise where pictures are unfamiliar, of least negative log-likelihood.

    Familiar is what is less novel than the median, unfamiliar the tenth that is most so. Fitted on the validation
    split alone: the less familiar of its pictures tell how much less sure to be, so that an unseen cohort stays one.

    Parameters
    ----------
    known : Judged
    prior_shift : tuple of float
        See `inference.model.schema.Calibration`; given, not fitted: pictures that are to stand for other hospitals tell
        nothing of how frequent tumours are there.

    Returns
    -------
    Calibration
        Its thresholds are not fitted yet.
    """
    familiar_at, unfamiliar_at = np.quantile(known.novelty, [0.5, 1.0 - UNFAMILIAR_SHARE])
    candidates = (
        Calibration(
            temperature=round(float(temperature), 3),
            temperature_rise=round(float(rise), 2),
            familiar_at=round(float(familiar_at), 4),
            unfamiliar_at=round(float(unfamiliar_at), 4),
            prior_shift=prior_shift,
        )
        for rise in np.arange(0.0, 4.0, 0.1)
        for temperature in np.exp(np.arange(np.log(0.2), np.log(10.0), 0.02))
    )
    return min(candidates, key=known.loss)


def balanced_prior_shift(share: float, classes: int, background: int) -> tuple[float, ...]:
    """The shift of logits from a background that was a share ``1 − share`` of training to one of a half.

    Parameters
    ----------
    share : float
        Of the other classes, together, in what the network was trained on; in (0, 1).
    classes : int
    background : int
        The background's index (base 0).
    """
    shifts = [round(float(np.log(0.5 / share)), 3)] * classes
    shifts[background] = round(float(np.log(0.5 / (1.0 - share))), 3)
    return tuple(shifts)


def fit_confident_at(probabilities: np.ndarray, classes: np.ndarray) -> float:
    """The lowest threshold, 0.5 or more, at which at most `MAX_CONFIDENTLY_WRONG` of new answers are wrong and sure.

    By conformal risk control: one more wrong answer than was counted must still be within what is allowed.

    References
    ----------
    Angelopoulos et al. 2022, https://arxiv.org/abs/2208.02814, section 1.
    """
    top, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != classes
    allowed = MAX_CONFIDENTLY_WRONG * (len(classes) + 1)
    for threshold in np.arange(0.5, 1.0, 0.01):
        if (wrong & (top >= threshold)).sum() + 1 <= allowed:
            return round(float(threshold), 2)
    return 0.99


def fit_in_set_at(probabilities: np.ndarray, classes: np.ndarray) -> float:
    """The probability from which a label is in the prediction set, by split conformal prediction at `COVERAGE`.

    References
    ----------
    Angelopoulos and Bates 2021, https://arxiv.org/abs/2107.07511, section 1.
    """
    of_truth = np.sort(probabilities[np.arange(len(classes)), classes])
    allowed_misses = int(np.floor((len(classes) + 1) * (1.0 - COVERAGE)))
    return float(of_truth[allowed_misses - 1]) if allowed_misses else 0.0


def fit_statistics(features: np.ndarray, components: int = COMPONENTS) -> FeatureStatistics:
    """Mean, principal directions and spreads of the training images' features, shape (N, F); N above ``components``.

    Directions without spread (units that are never active) are left out, and the residual's scale is no finer than the
    least direction's: else a rounding error would look like a novelty. The directions are rounded as they are stored.
    """
    mean = features.mean(axis=0)
    _, spreads, directions = np.linalg.svd(features - mean, full_matrices=False)
    spreads = spreads[spreads > _LEAST_SPREAD * spreads[0]][:components]
    kept = directions[: len(spreads)].astype(np.float16).astype(np.float32)
    scale = spreads / np.sqrt(len(features))
    left_over = (features - mean) - (features - mean) @ kept.T @ kept
    return FeatureStatistics(
        mean=mean.astype(np.float32),
        components=kept,
        scale=scale.astype(np.float32),
        residual_scale=max(float(np.sqrt((left_over**2).sum(axis=1).mean())), float(scale[-1])),
    )


def save_statistics(statistics: FeatureStatistics, path: Path) -> None:
    """Write the ``.npz`` file that a bundle names under ``novelty.statistics``."""
    np.savez_compressed(
        path,
        mean=statistics.mean,
        components=statistics.components.astype(np.float16),
        scale=statistics.scale,
        residual_scale=statistics.residual_scale,
    )


def fit_distance_limit(features: np.ndarray, statistics: FeatureStatistics) -> float:
    """The distance that all but `MAX_REFUSED` of the validation images stay below."""
    return round(float(np.quantile(feature_distance(features, statistics), 1.0 - MAX_REFUSED)), 4)
