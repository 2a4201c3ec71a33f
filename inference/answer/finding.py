"""Is there anything but the background, and of which type? Two questions, each with a certainty of its own.

Every number that decides is a value of the bundle (`inference.model.schema.FindingRule`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inference.answer.decision import find_novelty_weight, softmax
from inference.answer.prediction import Finding, Presence

if TYPE_CHECKING:
    from inference.model.bundle import ModelBundle
    from inference.model.schema import Calibration, FindingRule


def measure_evidence(logits: np.ndarray, background: int) -> np.ndarray:
    """By how much the logit of all other labels together exceeds the background's.

    Parameters
    ----------
    logits : numpy.ndarray, shape (N, classes)
    background : int
        The background's index, counted from 0.

    Returns
    -------
    numpy.ndarray, shape (N,), float64
    """
    others = np.delete(logits.astype(np.float64), background, axis=1)
    return np.asarray(np.logaddexp.reduce(others, axis=1) - logits[:, background])


def measure_presence(evidence: np.ndarray, novelty_weight: np.ndarray, rule: FindingRule) -> np.ndarray:
    """Calibrated probability that anything but the background is there.

    Parameters
    ----------
    evidence, novelty_weight : numpy.ndarray, shape (N,)
        See `measure_evidence` and `inference.answer.decision.find_novelty_weight`.

    Returns
    -------
    numpy.ndarray, shape (N,), float64, in [0, 1]
    """
    intercept = rule.intercept + rule.unfamiliar_intercept * novelty_weight
    slope = rule.slope + rule.unfamiliar_slope * novelty_weight
    return np.asarray(np.exp(-np.logaddexp(0.0, -(intercept + slope * evidence))))


def measure_types(logits: np.ndarray, background: int, novelty_weight: np.ndarray, rule: FindingRule) -> np.ndarray:
    """Share of each label but the background, given that one of them is there.

    Returns
    -------
    numpy.ndarray, shape (N, classes - 1), float64
        Rows that sum to 1, in the order of the labels.
    """
    temperature = rule.type_temperature + rule.type_temperature_rise * novelty_weight
    return softmax(np.delete(logits, background, axis=1), temperature[:, None])


def decide_finding(presence: float, types: np.ndarray, labels: tuple[str, ...], rule: FindingRule) -> Finding:
    """Present, absent or unclear; and the types that it may be of, if it is present.

    Parameters
    ----------
    presence : float
        As `measure_presence` gives it.
    types : numpy.ndarray, shape (classes - 1,)
        As `measure_types` gives it.
    labels : tuple of str
        Those of ``types``.
    rule : FindingRule

    References
    ----------
    Sadinle, Lei and Wasserman 2019, least ambiguous set-valued classifiers, https://arxiv.org/abs/1609.00451.
    """
    kind = Presence.UNCLEAR
    if presence >= rule.present_at:
        kind = Presence.PRESENT
    elif presence <= rule.absent_at:
        kind = Presence.ABSENT
    ranked = [int(index) for index in np.argsort(-types, kind="stable")]
    named = ranked[: max(1, int((types >= rule.type_in_set_at).sum()))] if kind is Presence.PRESENT else []
    return Finding(
        presence=kind,
        probability=presence,
        types=tuple(labels[index] for index in named),
        type_probabilities=dict(zip(labels, map(float, types), strict=True)),
    )


def find_all(logits: np.ndarray, novelty: np.ndarray, bundle: ModelBundle) -> list[Finding | None]:
    """The finding of each picture; None of one that is rejected, and of each if the bundle has no rule for it.

    Parameters
    ----------
    logits : numpy.ndarray, shape (N, classes)
    novelty : numpy.ndarray, shape (N,)
    bundle : ModelBundle
    """
    rule, background = bundle.calibration.finding, bundle.background
    if rule is None or background is None:
        return [None] * len(logits)
    index, weight = bundle.labels.index(background), _weigh(novelty, bundle.calibration)
    labels = tuple(label for label in bundle.labels if label != background)
    presences = measure_presence(measure_evidence(logits, index), weight, rule)
    types = measure_types(logits, index, weight, rule)
    return [
        None if score >= 1.0 else decide_finding(float(presence), shares, labels, rule)
        for score, presence, shares in zip(novelty, presences, types, strict=True)
    ]


def _weigh(novelty: np.ndarray, calibration: Calibration) -> np.ndarray:
    return np.asarray(find_novelty_weight(novelty, calibration)[:, 0])
