"""What comes out of `inference`: frozen values with units, and nothing that computes or words them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Verdict(str, Enum):
    """How much an answer may be relied on; decided in `inference.decision`."""

    CONFIDENT = "confident"
    """One label is answered."""
    UNCERTAIN = "uncertain"
    """Two or more labels are named; none is the answer."""
    REJECTED = "rejected"
    """The picture is not of the kind that the model knows: no answer is given."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A model's answer for one picture.

    Attributes
    ----------
    label : str
        The most probable class. For a rejected picture it is only the largest number, not an answer.
    index : int
        Place of ``label`` in the model's outputs (index base 0).
    probabilities : Mapping of str to float
        Class name to calibrated probability in [0, 1], in the order of the model's outputs; they sum to 1. A rejected
        picture carries them too.
    candidates : tuple of str
        The labels that the verdict names, most probable first: one when confident, two or more when uncertain, none
        when rejected.
    verdict : Verdict
    novelty : float
        How far the picture is from what the model knows: 0 is ordinary, from 1 on it is rejected.
    model_name, model_version : str
    duration_s : float
        Seconds from the call to the answer, decoding included; in a batch, the batch's time shared equally.
    notes : tuple of str
        Sentences that the user should read beside the answer, such as "Only the first of 12 frames was read."
    """

    label: str
    index: int
    probabilities: Mapping[str, float]
    candidates: tuple[str, ...]
    verdict: Verdict
    novelty: float
    model_name: str
    model_version: str
    duration_s: float
    notes: tuple[str, ...] = ()

    @property
    def probability(self) -> float:
        """Calibrated probability of ``label``, in [0, 1]."""
        return self.probabilities[self.label]
