"""What comes out of `inference`: frozen values with units. They are decided elsewhere, and worded in ``ui.words``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np


class Verdict(str, Enum):
    """How much an answer may be relied on; decided in `inference.answer.decision`."""

    CONFIDENT = "confident"
    """One label is answered."""
    UNCERTAIN = "uncertain"
    """Two or more labels are named; none is the answer."""
    REJECTED = "rejected"
    """The picture is not of the kind that the model knows: no answer is given."""


class Presence(str, Enum):
    """Whether there is what the model looks for; decided in `inference.answer.finding`."""

    PRESENT = "present"
    """Something other than the background is there."""
    ABSENT = "absent"
    """Nothing but the background is there."""
    UNCLEAR = "unclear"
    """Neither is sure enough."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Whether there is something other than the background, and which types it may be of: two questions, each with a
    certainty of its own.

    Attributes
    ----------
    presence : Presence
    probability : float
        Calibrated probability that something other than the background is there, in [0, 1].
    types : tuple of str
        The labels that it may be of, most probable first: one if that is settled. Empty unless it is present.
    type_probabilities : Mapping of str to float
        Share of each label but the background, given that it is there; they sum to 1.

    Examples
    --------
    >>> Finding(presence=Presence.ABSENT, probability=0.02, types=(), type_probabilities={"Apple": 1.0}).presence.value
    'absent'
    """

    presence: Presence
    probability: float
    types: tuple[str, ...]
    type_probabilities: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Heatmap:
    """Where in the picture the network found evidence for what it looks for; made by `inference.answer.heatmap`.

    The map is kept as small as the network gave it and enlarged on demand: on a picture of 40 megapixels it would take
    160 MB.

    Attributes
    ----------
    grid : numpy.ndarray, shape (h, w), float32, in [0, 1]
        The network's own map; not writeable. Each number is its local probability, 0 no evidence, 1 strong evidence.
        The cells divide the picture's width and height evenly.
    width_px, height_px : int
        Size of the original picture.
    peak : tuple of (float, float)
        Position of the largest value, the middle of its cell: (x, y) as fractions of width and height, each in [0, 1],
        from the upper left corner of the picture.
    peak_value : float
        The largest value, in [0, 1].
    stands_out : bool
        False if no cell has enough evidence to be pointed at, see `inference.answer.heatmap.STANDS_OUT_AT`.

    Examples
    --------
    >>> from inference.answer.heatmap import build_heatmap
    >>> evidence = np.zeros((19, 19, 1), np.float32)
    >>> evidence[4, 14] = 0.9
    >>> heatmap = build_heatmap(evidence, 0, (90, 120))
    >>> heatmap.stands_out, [round(share, 2) for share in heatmap.peak], heatmap.values.shape
    (True, [0.76, 0.24], (90, 120))
    """

    grid: np.ndarray
    width_px: int
    height_px: int
    peak: tuple[float, float]
    peak_value: float
    stands_out: bool

    @property
    def values(self) -> np.ndarray:
        """The map on the original picture's pixels: shape (height_px, width_px), float32, in [0, 1].

        Bilinear, computed anew at each access; 4 bytes a pixel.
        """
        size_px = (self.width_px, self.height_px)
        return np.asarray(cv2.resize(self.grid, size_px, interpolation=cv2.INTER_LINEAR))


FEW_CLASSES = 10
"""Of so many classes or fewer, people are shown every one."""

SHOWN_OF_MANY = 5
"""Of more classes, people are shown so many: the most probable ones."""


def count_shown(classes: int) -> int:
    """How many of a model's classes people are shown beside an answer."""
    return classes if classes <= FEW_CLASSES else SHOWN_OF_MANY


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A model's answer for one picture.

    Attributes
    ----------
    label : str
        The most probable class. For a rejected picture it is only the largest number, not an answer.
    index : int
        Index of ``label`` in the model's outputs, counted from 0.
    probabilities : Mapping of str to float
        Class name to calibrated probability in [0, 1], in the order of the model's outputs; they sum to 1, unless
        the model judges each label for itself (``sigmoids``). A rejected picture carries them too.
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
    finding : Finding or None
        None when rejected, and of a bundle without a background or without `inference.model.schema.FindingRule`.
    heatmap : Heatmap or None
        Where the evidence is, if it was asked for (``explain=True``), an answer is given (a rejected picture has none)
        and the network gives a map.

    Examples
    --------
    >>> from inference import Classifier
    >>> prediction = Classifier.load("models/brain_tumor").predict("models/brain_tumor/examples/mni152_axial_2mm.png")
    >>> prediction.label, prediction.verdict.value, f"{prediction.probability:.2f}"
    ('No Tumor', 'confident', '0.98')
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
    finding: Finding | None = None
    heatmap: Heatmap | None = None

    @property
    def probability(self) -> float:
        """Calibrated probability of ``label``, in [0, 1]."""
        return self.probabilities[self.label]
