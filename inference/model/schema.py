"""What ``bundle.json`` may say, as values with their bounds."""

from __future__ import annotations

import re
from dataclasses import dataclass

COLOR_CHANNELS = {"rgb": 3, "bgr": 3, "grey": 1}
"""Names of colour orders that ``bundle.json`` may use, and the channels each has."""

SCHEMA_VERSION = 1
"""The ``schema`` that this code reads and writes."""

LAYOUTS = ("nhwc", "nchw")
"""Orders of a batch's axes that ``bundle.json`` may name: N pictures, H rows, W columns, C channels."""

OUTPUTS = ("logits", "probabilities", "sigmoid")
"""What a network's output may be, see `ModelBundle.output`."""

FILE_NAME = re.compile(r"[^/\\:\x00-\x1f\x7f]{1,255}")
"""A name that is no path on any system."""


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """What a network expects of one picture.

    Attributes
    ----------
    width_px, height_px : int
    color_order : str
        ``"rgb"``, ``"bgr"`` or ``"grey"``.
    value_min, value_max : float
        What the uint8 values 0 and 255 become.
    mean, std : tuple of float
        One number a channel, in ``color_order``: after ``value_range``, the mean is subtracted and the result divided
        by the standard deviation. Empty: neither.
    layout : str
        One of `LAYOUTS`, the order of the batch's axes.
    resize : str
        A key of `inference.model.preprocess.RESIZE_METHODS`; the picture is stretched to the size, not cropped.
    """

    width_px: int = 150
    height_px: int = 150
    color_order: str = "bgr"
    value_min: float = 0.0
    value_max: float = 255.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: str = "nhwc"
    resize: str = "bilinear"

    @property
    def channels(self) -> int:
        """1 for grey, else 3."""
        return COLOR_CHANNELS[self.color_order]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height_px, width_px, channels): one prepared picture, before ``layout``."""
        return (self.height_px, self.width_px, self.channels)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How the network's logits become probabilities and a verdict; fitted on validation images, see the model card.

    Attributes
    ----------
    temperature : float
        The logits are divided by it before the softmax. Guo et al. 2017, https://arxiv.org/abs/1706.04599.
    familiar_at, unfamiliar_at : float
        The novelty scores up to which a picture counts as like those of training, and from which as not.
    temperature_rise : float
        How much higher the temperature is where a picture is unfamiliar; 0 for not at all.
    prior_shift : tuple of float
        What is added to each label's logit, after the temperature, where a picture is unfamiliar: how much more often,
        as a logarithm, the label is expected there than training showed it. Empty for nothing. See
        `inference.answer.decision.to_probabilities`.
    confident_at : float
        The calibrated probability, in (0, 1], from which a single answer is given.
    in_set_at : float
        The calibrated probability from which a label belongs to the prediction set that an uncertain answer names; the
        set has two labels at least. Fitted so that the sets hold the true label as often as ``coverage`` says.
    coverage : float
        See ``in_set_at``; 0 when the sets carry no promise.
    """

    temperature: float = 1.0
    familiar_at: float = 0.0
    unfamiliar_at: float = 1.0
    temperature_rise: float = 0.0
    prior_shift: tuple[float, ...] = ()
    confident_at: float = 0.5
    in_set_at: float = 1.0
    coverage: float = 0.0


@dataclass(frozen=True, kw_only=True)
class NoveltyRule:
    """What the picture and the network's features must look like for an answer to be given.

    Attributes
    ----------
    grey_only : bool
        The subject is shown in shades of grey, so that a colourful picture is refused.
    statistics : str or None
        An ``.npz`` file of the bundle with ``mean`` (F,), ``components`` (K, F) and ``scale`` (K,) of the features of
        the training images; see `inference.answer.decision.feature_distance`.
    distance_limit : float
        The feature distance at which a picture is refused, in the units of `feature_distance`.
    """

    grey_only: bool = True
    statistics: str | None = None
    distance_limit: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Golden:
    """What the network gave for a made-up picture when the bundle was made; see
    `inference.model.self_check.build_check_batch`.

    Attributes
    ----------
    scores : tuple of float
        The network's output, before any calibration.
    tolerance : float
        The largest difference that is accepted on loading, in the output's units.
    """

    scores: tuple[float, ...]
    tolerance: float
