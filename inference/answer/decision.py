"""From logits to an answer: temperature, novelty score, and when to answer, to hedge or to refuse.

Every threshold is a value of the bundle (`inference.model.schema.Calibration`, `inference.model.schema.NoveltyRule`) or
a named constant of this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from inference.answer.prediction import Verdict

if TYPE_CHECKING:
    from inference.model.schema import Calibration, NoveltyRule

MAX_CHROMA = 0.08
"""Mean (max − min channel) / 255 from which a picture counts as coloured. The most colourful of the
7,353 grey pictures that the shipped model learnt from has 0.04 (a coloured mark); colour photographs
have 0.15 and more."""

MIN_SPREAD = 4.0
"""Standard deviation of the grey values (0–255) below which a picture counts as blank; the flattest of the same
pictures has 20."""

MAX_NOVELTY = 99.0
"""Larger scores say nothing more and are cut off here."""

MIN_CANDIDATES = 2
"""How many labels an uncertain answer names at least."""

SIGMOIDS_NOTE = "Each probability is that of its label for itself; they need not add up to one."
"""Stands beside the answers of a model whose labels do not exclude each other."""

_MIN_SHARE = 1e-12
"""What a sigmoid that gives 0 or 1 is taken for: it has no logit."""

_THUMBNAIL_PX = 128


@dataclass(frozen=True, kw_only=True)
class FeatureStatistics:
    """Where the training images lie in the network's feature space.

    Attributes
    ----------
    mean : numpy.ndarray, shape (F,), float32
    components : numpy.ndarray, shape (K, F), float32
        Orthonormal principal directions.
    scale : numpy.ndarray, shape (K,), float32
        Standard deviation along each.
    residual_scale : float
        Root mean square length of what the components leave over.

    Examples
    --------
    >>> statistics = FeatureStatistics(
    ...     mean=np.zeros(3, np.float32),
    ...     components=np.eye(2, 3, dtype=np.float32),
    ...     scale=np.array([1.0, 2.0], np.float32),
    ...     residual_scale=1.0,
    ... )
    >>> feature_distance(np.array([[1.0, 2.0, 1.0], [0.0, 0.0, 0.0]], np.float32), statistics).tolist()
    [1.0, 0.0]
    """

    mean: np.ndarray
    components: np.ndarray
    scale: np.ndarray
    residual_scale: float


def to_logits(scores: np.ndarray, output: str) -> np.ndarray:
    """Turn a network's output into logits.

    Parameters
    ----------
    scores : numpy.ndarray, shape (N, classes), or (N, 1) for ``sigmoid``
    output : str
        See `inference.model.schema.BundleDocument.output`.

    Returns
    -------
    numpy.ndarray, shape (N, classes)
        Their softmax is the network's own probabilities; of ``sigmoids``, their sigmoid.
    """
    if output == "logits":
        return scores
    if output == "sigmoids":
        shares = np.clip(scores.astype(np.float64), _MIN_SHARE, 1.0 - _MIN_SHARE)
        return np.asarray(np.log(shares) - np.log1p(-shares))
    if output == "sigmoid":
        scores = np.hstack([1.0 - scores, scores])
    return np.asarray(np.log(np.maximum(scores, 1e-30)))


def find_novelty_weight(novelty: np.ndarray, calibration: Calibration) -> np.ndarray:
    """How unlike those of training each picture is: 0 up to ``familiar_at``, 1 from ``unfamiliar_at`` on.

    Parameters
    ----------
    novelty : numpy.ndarray, shape (N,)
        The novelty scores.
    calibration : Calibration

    Returns
    -------
    numpy.ndarray, shape (N, 1)
    """
    reach = calibration.unfamiliar_at - calibration.familiar_at
    return np.asarray(np.clip((novelty - calibration.familiar_at) / reach, 0.0, 1.0))[:, None]


def choose_temperature(novelty_weight: np.ndarray, calibration: Calibration) -> np.ndarray:
    """The temperature of each picture.

    Parameters
    ----------
    novelty_weight : numpy.ndarray, shape (N, 1), in [0, 1]
        As `find_novelty_weight` gives it.
    calibration : Calibration

    Returns
    -------
    numpy.ndarray, shape (N, 1)
    """
    return np.asarray(calibration.temperature + calibration.temperature_rise * novelty_weight)


def to_probabilities(
    logits: np.ndarray, novelty: np.ndarray, calibration: Calibration, *, exclusive: bool = True
) -> np.ndarray:
    """Probabilities that can be taken at their word, also where the pictures are unlike those of training.

    A temperature that was fitted on pictures like those of training holds for such pictures. On others a network is as
    sure of itself and right less often; and it expects each label as often as training showed it. So the less familiar
    a picture is, the higher is the temperature, and the more of ``prior_shift`` is added.

    Parameters
    ----------
    logits : numpy.ndarray, shape (N, classes)
    novelty : numpy.ndarray, shape (N,)
        The novelty scores.
    calibration : Calibration
    exclusive : bool
        Whether one label of a picture is right. Else each is judged for itself, as ``sigmoids`` do.

    Returns
    -------
    numpy.ndarray, shape (N, classes), float64
        Rows in [0, 1] that sum to 1 if the labels are exclusive.

    References
    ----------
    A temperature that follows the distance from what is known: Tomani et al. 2021, https://arxiv.org/abs/2012.10988;
    exchanging the classes' frequencies: Saerens et al. 2002, https://doi.org/10.1162/089976602753284446.
    """
    novelty_weight = find_novelty_weight(novelty, calibration)
    shift = np.array(calibration.prior_shift or 0.0)
    calibrated = logits / choose_temperature(novelty_weight, calibration) + novelty_weight * shift
    return softmax(calibrated) if exclusive else np.asarray(np.exp(-np.logaddexp(0.0, -calibrated)))


def softmax(logits: np.ndarray, temperature: float | np.ndarray = 1.0) -> np.ndarray:
    """Calibrated probabilities.

    Parameters
    ----------
    logits : numpy.ndarray, shape (N, classes)
    temperature : float, or numpy.ndarray, shape (N, 1)
        Above 0; larger makes the answer less sure. Guo et al. 2017, https://arxiv.org/abs/1706.04599.

    Returns
    -------
    numpy.ndarray, shape (N, classes), float64
        Rows in [0, 1] that sum to 1.
    """
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def feature_distance(features: np.ndarray, statistics: FeatureStatistics) -> np.ndarray:
    """How far features lie from the training images: 1 is the training images' own root mean square.

    A Mahalanobis distance in the principal subspace, with what lies outside the subspace as one more coordinate.

    Parameters
    ----------
    features : numpy.ndarray, shape (N, F)

    Returns
    -------
    numpy.ndarray, shape (N,)

    References
    ----------
    Lee et al. 2018, https://arxiv.org/abs/1807.03888; residual: Wang et al. 2022, https://arxiv.org/abs/2203.10807.
    """
    centred = features - statistics.mean
    along = centred @ statistics.components.T
    residual = np.linalg.norm(centred - along @ statistics.components, axis=1) / statistics.residual_scale
    squares = (along / statistics.scale) ** 2
    return np.asarray(np.sqrt((squares.mean(axis=1) + residual**2) / 2.0))


def picture_novelty(image: np.ndarray, rule: NoveltyRule) -> float:
    """The novelty score of the picture alone: from 1 on it is blank, or coloured where only grey is expected.

    Parameters
    ----------
    image : numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255, or of a grey picture (H, W)

    Returns
    -------
    float
        In [0, `MAX_NOVELTY`].
    """
    small = cv2.resize(image, (_THUMBNAIL_PX, _THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) if small.ndim == 3 else small
    score = MIN_SPREAD / max(float(grey.std()), 1e-6)
    if rule.grey_only and small.ndim == 3:
        red, green, blue = cv2.split(small)
        strongest, weakest = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
        chroma = cv2.mean(cv2.subtract(strongest, weakest))[0] / 255.0
        score = max(score, chroma / MAX_CHROMA)
    return min(score, MAX_NOVELTY)


def decide(
    probabilities: np.ndarray, novelty: float, calibration: Calibration, *, exclusive: bool = True
) -> tuple[Verdict, tuple[int, ...]]:
    """Choose the verdict and the classes it names.

    An uncertain answer names the prediction set of split conformal prediction, and two labels at least. Where labels do
    not exclude each other, an answer of which two or more are probable enough for it is uncertain as well.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (classes,)
    novelty : float
        From 1 on the picture is refused.
    calibration : Calibration
    exclusive : bool
        As for `to_probabilities`.

    Returns
    -------
    tuple of (Verdict, tuple of int)
        The classes' indices, most probable first.

    References
    ----------
    Sadinle, Lei and Wasserman 2019, least ambiguous set-valued classifiers, https://arxiv.org/abs/1609.00451.
    """
    ranked = tuple(int(index) for index in np.argsort(-probabilities, kind="stable"))
    if novelty >= 1.0:
        return Verdict.REJECTED, ()
    is_alone = exclusive or probabilities[ranked[1]] < calibration.confident_at
    if probabilities[ranked[0]] >= calibration.confident_at and is_alone:
        return Verdict.CONFIDENT, ranked[:1]
    in_set = int((probabilities >= calibration.in_set_at).sum())
    return Verdict.UNCERTAIN, ranked[: max(in_set, MIN_CANDIDATES)]
