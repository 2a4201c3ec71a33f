"""Random changes to a training slice, so that neither the scanner nor the framing tells the class.

Two families: framing (what the picture shows of the head) and appearance (what the scanner made of it); tumours are put
in and taken out in `training.brain.counterfactuals`. All work on grey pictures of
`training.data.grey.STORED_SIZE_PX` a side, and framing moves the evidence map's target along.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.data.grey import STORED_SIZE_PX, head_box


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One picture on its way into a batch.

    Attributes
    ----------
    grey : numpy.ndarray, shape (S, S), uint8, 0–255
        S is `STORED_SIZE_PX`.
    lesion : numpy.ndarray, shape (S, S), float32, 0–1
        Where the tumour is; all zero when there is none or its box is unknown.
    """

    grey: np.ndarray
    lesion: np.ndarray


def reframe(item: Slice, rng: np.random.Generator, *, strength: float = 1.0) -> Slice:
    """Show the head in another frame: crop or pad, turn, stretch, flip.

    Parameters
    ----------
    item : Slice
    rng : numpy.random.Generator
    strength : float
        0 leaves the picture as it is, 1 is what training uses.
    """
    size = STORED_SIZE_PX
    left, top, right, bottom = 0.0, 0.0, float(size), float(size)
    if rng.random() < 0.6:  # the head, with some air round it, or cropped tightly
        left, top, right, bottom = (float(edge) for edge in head_box(item.grey))
        width, height = right - left, bottom - top
        air = rng.uniform(-0.06, 0.30, 4) * strength
        left, right = left - air[0] * width, right + air[1] * width
        top, bottom = top - air[2] * height, bottom + air[3] * height
    scale = np.exp(rng.normal(0.0, 0.10 * strength, 2))
    x_scale, y_scale = size / (right - left) * scale[0], size / (bottom - top) * scale[1]
    x_scale *= -1.0 if rng.random() < 0.5 else 1.0
    y_scale *= -1.0 if rng.random() < 0.08 * strength else 1.0
    angle = np.deg2rad(rng.normal(0.0, 12.0 * strength))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([x_scale, y_scale])
    center = np.array([(left + right) / 2, (top + bottom) / 2])
    target = size / 2 + rng.normal(0.0, 0.03 * strength, 2) * size
    matrix = np.hstack([linear, (target - linear @ center)[:, None]])
    border = int(rng.integers(0, 256)) if rng.random() < 0.04 * strength else 0
    grey = cv2.warpAffine(item.grey, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=border)
    lesion = cv2.warpAffine(item.lesion, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return Slice(grey=grey, lesion=lesion)


def change_appearance(grey: np.ndarray, rng: np.random.Generator, *, strength: float = 1.0) -> np.ndarray:
    """Change what a sequence, a scanner or an export does to grey values; never what is where.

    Returns
    -------
    numpy.ndarray, shape (S, S), uint8
    """
    curve = np.linspace(0.0, 1.0, 256) ** np.exp(rng.normal(0.0, 0.35 * strength))
    if rng.random() < 0.5 * strength:
        curve = _monotone_curve(rng)[(curve * 255).astype(int)]
    if rng.random() < 0.12 * strength:
        curve = np.where(np.arange(256) > 14, 0.92 - 0.85 * curve, curve)  # inverted inside the head only
    gain, offset = np.exp(rng.normal(0.0, 0.2 * strength)), max(0.0, rng.normal(-0.02, 0.04 * strength))
    values = cv2.LUT(grey, np.clip(curve * gain + offset, 0, 1).astype(np.float32) * 255)
    if rng.random() < 0.25 * strength:
        values = values * _bias_field(rng)
    if rng.random() < 0.25 * strength:
        values = cv2.GaussianBlur(values, (0, 0), rng.uniform(0.6, 2.2))
    elif rng.random() < 0.15 * strength:
        coarse = int(rng.integers(80, 180))
        values = cv2.resize(cv2.resize(values, (coarse, coarse), interpolation=cv2.INTER_AREA), grey.shape[::-1])
    if rng.random() < 0.3 * strength:
        values = values + rng.normal(0.0, rng.uniform(1.0, 14.0), grey.shape)
    return np.clip(values, 0, 255).astype(np.uint8)


def _monotone_curve(rng: np.random.Generator) -> np.ndarray:
    """A rising curve from 0 to about 1 through four random knots, 256 values."""
    rises = rng.dirichlet(np.full(5, 1.5))
    knots = np.concatenate([[0.0], np.cumsum(rises)])
    return np.asarray(np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, 6), knots))


def _bias_field(rng: np.random.Generator) -> np.ndarray:
    """A smooth gain of the coil's kind, about 0.5 to 1.5."""
    coarse = np.exp(rng.normal(0.0, 0.22, (4, 4))).astype(np.float32)
    return cv2.resize(coarse, (STORED_SIZE_PX, STORED_SIZE_PX), interpolation=cv2.INTER_CUBIC)


def borrow_histogram(grey: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Give a picture the grey values of another, by rank: the scanner of that one, the anatomy of this one.

    Parameters
    ----------
    grey, other : numpy.ndarray, shape (S, S), uint8
        Only what is brighter than the background (12) is matched.

    Returns
    -------
    numpy.ndarray, shape (S, S), uint8
    """
    own, theirs = (_count_bright(picture).cumsum() for picture in (grey, other))
    if own[-1] == 0 or theirs[-1] == 0:
        return grey
    table = np.interp(own / own[-1], theirs / theirs[-1], np.arange(256))
    table[:13] = np.arange(13)
    return np.asarray(cv2.LUT(grey, np.clip(np.rint(table), 0, 255).astype(np.uint8)))


def _count_bright(grey: np.ndarray) -> np.ndarray:
    counts = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    counts[:13] = 0
    return counts


def strip_skull(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Roughly take away skull and scalp, as cohorts that were prepared for segmentation come without them.

    The brain is taken for the head's outline drawn in by 9 to 16 % of its size: right for the eye, not for a segmenter.
    """
    inside = (brain_depth(grey) > rng.uniform(0.16, 0.3)).astype(np.float32)
    return (grey * cv2.GaussianBlur(inside, (0, 0), 1.0)).astype(np.uint8)


def brain_depth(grey: np.ndarray) -> np.ndarray:
    """How deep in the head each pixel lies: 0 outside, 1 at the innermost; (S, S). 1 everywhere without a head."""
    small = cv2.resize(grey, (128, 128), interpolation=cv2.INTER_AREA)
    head = cv2.morphologyEx((cv2.medianBlur(small, 3) > 12).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((13, 13)))
    outlines, _ = cv2.findContours(head, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return np.ones(grey.shape, np.float32)
    filled = cv2.drawContours(np.zeros_like(head), [max(outlines, key=cv2.contourArea)], -1, 1, -1)
    depth = cv2.distanceTransform(np.pad(filled, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    relative = np.asarray(depth / max(float(depth.max()), 1.0), np.float32)
    return cv2.resize(relative, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
