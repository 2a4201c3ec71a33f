"""What the slices of a volume say together: the run of slices that looks most like a finding, and how sure that makes.

A slice's evidence is the logarithm of the odds that it shows a finding. A finding goes on over a share of the head's
height and a mistake often does not, so the evidence is averaged over a run of slices as long as that share. Near the
first and the last slice, where healthy slices look odd, evidence counts for less. Every number that decides is a value
of the bundle (`inference.model.schema.VolumeRule`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from inference.model.schema import VolumeRule

_MIN_SHARE = 1e-5
"""Probabilities nearer to 0 or 1 say nothing more, so that no slice outweighs all others of its run."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """The neighbouring slices whose mean is a volume's answer.

    Attributes
    ----------
    slices : numpy.ndarray, shape (R,), int
        Their indices.
    best : int
        The index of the one that shows it best.
    evidence : float or None
        Their mean evidence, weighed by height; None if no rule for volumes chose them.

    Examples
    --------
    >>> Run(slices=np.array([4, 5, 6]), best=5, evidence=2.5).best
    5
    """

    slices: np.ndarray
    best: int
    evidence: float | None = None


def to_evidence(probabilities: np.ndarray) -> np.ndarray:
    """Logarithm of the odds of each slice's finding.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (N,)

    Returns
    -------
    numpy.ndarray, shape (N,), float64
    """
    shares = np.clip(np.asarray(probabilities, np.float64), _MIN_SHARE, 1.0 - _MIN_SHARE)
    return np.asarray(np.log(shares) - np.log1p(-shares))


def weigh_by_height(evidence: np.ndarray, heights: np.ndarray, rule: VolumeRule) -> np.ndarray:
    """The evidence, less towards the first and the last slice.

    Parameters
    ----------
    evidence : numpy.ndarray, shape (N,)
    heights : numpy.ndarray, shape (N,), in [0, 1]
        Where each slice lies between the head's first and last.
    rule : VolumeRule

    Returns
    -------
    numpy.ndarray, shape (N,), float64
    """
    if rule.edge_share == 0.0:
        return evidence
    nearness = np.clip(1.0 - np.minimum(heights, 1.0 - heights) / rule.edge_share, 0.0, 1.0)
    return np.asarray(evidence - rule.edge_penalty * nearness)


def choose_run(values: np.ndarray, width: int, parts: Sequence[int] = ()) -> np.ndarray:
    """The neighbouring slices whose mean is the highest.

    Parameters
    ----------
    values : numpy.ndarray, shape (N,)
        At least one.
    width : int
        How many slices; of a part with fewer, all.
    parts : sequence of int
        Of each slice the number of its part, in a volume that gaps divide; empty if none does.

    Returns
    -------
    numpy.ndarray, shape (up to width,), int
        Their indices.
    """
    numbers = np.asarray(parts) if len(parts) else np.zeros(len(values), int)
    chosen, highest = np.arange(len(values)), -np.inf
    for number in np.unique(numbers):
        part = np.flatnonzero(numbers == number)
        span = min(width, len(part))
        means = np.convolve(values[part], np.full(span, 1.0 / span), mode="valid")
        start = int(np.argmax(means))
        if means[start] > highest:
            chosen, highest = part[start : start + span], float(means[start])
    return chosen


def find_run(
    evidence: np.ndarray, indices: np.ndarray, span: tuple[int, int], rule: VolumeRule, parts: Sequence[int] = ()
) -> Run:
    """The run of slices that looks most like a finding.

    Parameters
    ----------
    evidence : numpy.ndarray, shape (N,)
        At least one.
    indices : numpy.ndarray, shape (N,), int
        The slices' in the volume, rising.
    span : (int, int)
        The indices of the first and the last slice that is not nearly empty.
    rule : VolumeRule
    parts : sequence of int
        See `choose_run`.
    """
    first, last = span
    height = last - first + 1
    weighed = weigh_by_height(evidence, (indices - first + 0.5) / height, rule)
    run = choose_run(weighed, max(1, round(rule.run_share * height)), parts)
    best = run[np.argmax(weighed[run])]
    return Run(slices=indices[run], best=int(indices[best]), evidence=float(weighed[run].mean()))


def measure_volume(evidence: float, rule: VolumeRule) -> float:
    """Calibrated probability that a volume shows a finding, from its run's mean evidence."""
    return float(np.exp(-np.logaddexp(0.0, -(rule.intercept + rule.slope * evidence))))
