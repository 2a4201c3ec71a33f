"""Fits `inference.model.schema.FindingRule`: is there anything, and of which type, each with its own promise.

Fitted on pictures that the network has not learnt from. Nothing here uses the test split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.answer.decision import find_novelty_weight, softmax
from inference.answer.finding import measure_evidence, measure_presence, measure_types
from inference.model.schema import Calibration, FindingRule

RISK = 0.005
"""Share of the absent that may be called present, and of the present that may be called absent. Each kind counts for
itself, so that the promise holds however many of each there are; together it is one in a hundred at most."""

TYPE_COVERAGE = 0.95
"""Share of the findings of which the true type is among those that are named."""

_RIDGE = 1e-3
"""Keeps the weights finite where the fitted pictures can be told apart without a mistake."""

_STEPS = 50


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """Pictures whose truth is known, and what the network says of them.

    Attributes
    ----------
    logits : numpy.ndarray, shape (N, classes)
        Up to a number added to each row.
    novelty : numpy.ndarray, shape (N,)
    is_present : numpy.ndarray, shape (N,), bool
    types : numpy.ndarray, shape (N,), int
        Index of the true label among those that are not the background; -1 where it is the background or unknown.
    background : int
        The background's index among the labels.
    """

    logits: np.ndarray
    novelty: np.ndarray
    is_present: np.ndarray
    types: np.ndarray
    background: int

    def weigh(self, calibration: Calibration) -> np.ndarray:
        """How unfamiliar each picture is, shape (N,), in [0, 1]."""
        return np.asarray(find_novelty_weight(self.novelty, calibration)[:, 0])


def fit_finding(scored: Scored, calibration: Calibration) -> FindingRule:
    """Presence by logistic regression of the evidence, present and absent counting the same; the types' temperature;
    and the thresholds that keep `RISK` and `TYPE_COVERAGE`.

    Parameters
    ----------
    scored : Scored
    calibration : Calibration
        The bundle's: which pictures are unfamiliar.
    """
    weight = scored.weigh(calibration)
    evidence = measure_evidence(scored.logits, scored.background)
    columns = np.stack([np.ones_like(evidence), evidence, weight, weight * evidence], axis=1)
    numbers = [round(float(value), 4) for value in _fit_logistic(columns, scored.is_present)]
    temperature, rise = _fit_type_temperature(scored, weight)
    rule = FindingRule(
        intercept=numbers[0],
        slope=numbers[1],
        unfamiliar_intercept=numbers[2],
        unfamiliar_slope=numbers[3],
        type_temperature=temperature,
        type_temperature_rise=rise,
        risk=RISK,
        type_coverage=TYPE_COVERAGE,
    )
    presence = measure_presence(evidence, weight, rule)
    known = scored.types >= 0
    shares = measure_types(scored.logits, scored.background, weight, rule)[known]
    return rule.model_copy(
        update={
            "present_at": _fit_limit(presence[~scored.is_present]),
            "absent_at": round(1.0 - _fit_limit(1.0 - presence[scored.is_present]), 4),
            "type_in_set_at": _fit_in_set_at(shares[np.arange(len(shares)), scored.types[known]]),
        }
    )


def _fit_logistic(columns: np.ndarray, is_true: np.ndarray) -> np.ndarray:
    """Weights (columns) of a ridge logistic regression by Newton's method; true and false count the same in all."""
    weights = np.zeros(columns.shape[1])
    counts = np.where(is_true, 0.5 / is_true.mean(), 0.5 / (1.0 - is_true.mean())) / len(is_true)
    for _ in range(_STEPS):
        probability = 1.0 / (1.0 + np.exp(-columns @ weights))
        slope = columns.T @ (counts * (probability - is_true)) + _RIDGE * weights
        curvature = (columns * (counts * probability * (1.0 - probability))[:, None]).T @ columns
        step = np.linalg.solve(curvature + _RIDGE * np.eye(len(weights)), slope)
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def _fit_type_temperature(scored: Scored, weight: np.ndarray) -> tuple[float, float]:
    """Temperature of the types, and its rise where a picture is unfamiliar, of least negative log-likelihood."""
    known = scored.types >= 0
    logits, unfamiliar = np.delete(scored.logits, scored.background, axis=1)[known], weight[known]
    rows, truth = np.arange(len(logits)), scored.types[known]

    def loss(temperature: float, rise: float) -> float:
        shares = softmax(logits, (temperature + rise * unfamiliar)[:, None])
        return float(-np.log(np.maximum(shares[rows, truth], 1e-12)).mean())

    pairs = [(float(t), float(r)) for t in np.exp(np.arange(-1.5, 2.0, 0.05)) for r in np.arange(0.0, 4.0, 0.1)]
    temperature, rise = min(pairs, key=lambda pair: loss(*pair))
    return round(temperature, 3), round(rise, 2)


def _fit_limit(wrong: np.ndarray) -> float:
    """The lowest probability from which at most `RISK` of new pictures are sure and wrong, by conformal risk control.

    Parameters
    ----------
    wrong : numpy.ndarray, shape (M,)
        The probabilities of what the pictures are not.

    References
    ----------
    Angelopoulos et al. 2022, https://arxiv.org/abs/2208.02814, section 1.
    """
    allowed = int(np.floor(RISK * (len(wrong) + 1))) - 1
    if allowed < 0:
        return 1.0
    limit = float(np.sort(wrong)[::-1][allowed])
    return min(1.0, max(0.5, float(np.ceil(limit * 1e4 + 1) / 1e4)))


def _fit_in_set_at(of_truth: np.ndarray) -> float:
    """The share from which a type is named, by split conformal prediction; 0 if there are too few pictures."""
    misses = int(np.floor((len(of_truth) + 1) * (1.0 - TYPE_COVERAGE)))
    return round(float(np.sort(of_truth)[misses - 1]), 6) if misses else 0.0
