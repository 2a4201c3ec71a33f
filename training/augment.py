"""Random changes to a training slice, so that neither the scanner's look nor the framing tells the class.

Three families: framing (what the picture shows of the head), appearance (what the scanner made of it) and
counterfactuals (a tumour put into a healthy brain, or taken out of an ill one). All work on grey pictures of
`training.dataset.STORED_SIZE_PX` a side and on the tumour's box, so that the evidence map's target moves along.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.dataset import STORED_SIZE_PX, head_box

Box = tuple[float, float, float, float]
"""(x_center, y_center, width, height) as fractions of the picture's width and height."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One picture on its way into a batch.

    Attributes
    ----------
    grey : numpy.ndarray, shape (S, S), uint8, 0–255
        S is `STORED_SIZE_PX`.
    lesion : numpy.ndarray, shape (S, S), float32, 0–1
        Where the tumour is; all zero when there is none or its place is unknown.
    """

    grey: np.ndarray
    lesion: np.ndarray


def draw_lesion(box: Box | None, *, softness: float = 0.15) -> np.ndarray:
    """Draw the ellipse inside a tumour's box.

    Returns
    -------
    numpy.ndarray, shape (S, S), float32
        1 inside, 0 outside, falling off over ``softness`` of the radius.
    """
    if box is None:
        return np.zeros((STORED_SIZE_PX, STORED_SIZE_PX), np.float32)
    x_center, y_center, width, height = (value * STORED_SIZE_PX for value in box)
    places = np.arange(STORED_SIZE_PX, dtype=np.float32) + 0.5
    radius = np.hypot(
        (places[None, :] - x_center) / max(width / 2, 2.0), (places[:, None] - y_center) / max(height / 2, 2.0)
    )
    return np.clip((1.0 + softness - radius) / softness, 0.0, 1.0).astype(np.float32)


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
    if rng.random() < 0.6:  # the head, with some air round it
        left, top, right, bottom = (float(edge) for edge in head_box(item.grey))
        width, height = right - left, bottom - top
        air = rng.uniform(-0.04, 0.30, 4) * strength
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
    return np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, 6), np.concatenate([[0.0], np.cumsum(rises)]))


def _bias_field(rng: np.random.Generator) -> np.ndarray:
    """A smooth gain of the coil's kind, about 0.5 to 1.5."""
    coarse = np.exp(rng.normal(0.0, 0.22, (4, 4))).astype(np.float32)
    return cv2.resize(coarse, (STORED_SIZE_PX, STORED_SIZE_PX), interpolation=cv2.INTER_CUBIC)


def paste_tumour(
    host: np.ndarray, donor: np.ndarray, box: Box, rng: np.random.Generator, *, flip_polarity: float = 0.25
) -> tuple[np.ndarray, Box] | None:
    """Put the tumour of one slice into the brain of another.

    The place is carried over through the two heads' boxes; the patch is matched to the mean and contrast of its new
    surroundings and blended in softly.

    Parameters
    ----------
    host, donor : numpy.ndarray, shape (S, S), uint8
    box : Box
        The tumour in the donor.
    rng : numpy.random.Generator
    flip_polarity : float
        Probability that what was brighter than its surroundings becomes darker.

    Returns
    -------
    tuple of (numpy.ndarray, shape (S, S), uint8; Box), or None
        The new picture and the tumour's box in it; None when the place lies outside the host's head.
    """
    d_left, d_top, d_right, d_bottom = head_box(donor)
    h_left, h_top, h_right, h_bottom = head_box(host)
    x_scale = (h_right - h_left) / (d_right - d_left) * np.exp(rng.normal(0.0, 0.15))
    y_scale = (h_bottom - h_top) / (d_bottom - d_top) * np.exp(rng.normal(0.0, 0.15))
    x_donor, y_donor = box[0] * STORED_SIZE_PX, box[1] * STORED_SIZE_PX
    x_share = (x_donor - d_left) / (d_right - d_left) + rng.normal(0.0, 0.04)
    y_share = (y_donor - d_top) / (d_bottom - d_top) + rng.normal(0.0, 0.04)
    if rng.random() < 0.5:
        x_share, x_scale = 1.0 - x_share, -x_scale
    x_host, y_host = h_left + x_share * (h_right - h_left), h_top + y_share * (h_bottom - h_top)
    new_box = (x_host / STORED_SIZE_PX, y_host / STORED_SIZE_PX, box[2] * abs(float(x_scale)), box[3] * float(y_scale))
    matrix = np.array([[x_scale, 0, x_host - x_scale * x_donor], [0, y_scale, y_host - y_scale * y_donor]])
    moved = cv2.warpAffine(donor, matrix, host.shape[::-1], flags=cv2.INTER_LINEAR)
    inside = draw_lesion(new_box) > 0.5
    if inside.sum() < 30 or (host[inside] > 15).mean() < 0.9:
        return None
    sign = -1.0 if rng.random() < flip_polarity else 1.0
    return _blend(host, moved, new_box, sign), new_box


def _blend(host: np.ndarray, moved: np.ndarray, box: Box, sign: float = 1.0) -> np.ndarray:
    """Lay ``moved`` over ``host`` inside the box's ellipse, matched to the ring round it."""
    wide = (box[0], box[1], box[2] * 1.7, box[3] * 1.7)
    ring = (draw_lesion(wide) > 0.5) & (draw_lesion((box[0], box[1], box[2] * 1.1, box[3] * 1.1)) < 0.5)
    there, here = ring & (moved > 10), ring & (host > 10)
    if there.sum() < 20 or here.sum() < 20:
        there = here = ring
    moved_mean, moved_spread = float(moved[there].mean()), float(moved[there].std()) + 6.0
    host_mean, host_spread = float(host[here].mean()), float(host[here].std()) + 6.0
    contrast = np.clip((moved.astype(np.float32) - moved_mean) / moved_spread, -3.5, 6.0) * sign
    patch = np.clip(host_mean + contrast * host_spread, 0, 255)
    weight = draw_lesion((box[0], box[1], box[2] * 1.12, box[3] * 1.12), softness=0.3)
    return (host * (1 - weight) + patch * weight).astype(np.uint8)


def remove_tumour(grey: np.ndarray, box: Box) -> np.ndarray | None:
    """Replace a tumour by the mirrored other side of the head.

    Returns
    -------
    numpy.ndarray, shape (S, S), uint8, or None
        None when the tumour reaches the midline, so that its mirror image overlaps it.
    """
    left, _, right, _ = head_box(grey)
    middle = (left + right) / 2 / STORED_SIZE_PX
    if abs(box[0] - middle) < box[2] * 0.62:
        return None
    mirrored = cv2.warpAffine(
        grey, np.array([[-1.0, 0, 2 * middle * STORED_SIZE_PX - 1], [0, 1.0, 0]]), grey.shape[::-1]
    )
    return _blend(grey, mirrored, (box[0], box[1], box[2] * 1.15, box[3] * 1.15))


def paste_healthy(host: np.ndarray, donor: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """Paste a piece of one healthy brain into another, so that a pasted edge does not mean a tumour."""
    left, top, right, bottom = (edge / STORED_SIZE_PX for edge in head_box(donor))
    size = rng.uniform(0.08, 0.3, 2)
    box = (
        float(rng.uniform(left + 0.2 * (right - left), right - 0.2 * (right - left))),
        float(rng.uniform(top + 0.15 * (bottom - top), bottom - 0.2 * (bottom - top))),
        float(size[0]),
        float(size[1]),
    )
    pasted = paste_tumour(host, donor, box, rng, flip_polarity=0.0)
    return None if pasted is None else pasted[0]
