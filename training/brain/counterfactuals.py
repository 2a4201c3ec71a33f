"""The same slice with the other answer: a tumour put into a healthy brain, or taken out of an ill one.

Works on grey pictures of `training.data.grey.STORED_SIZE_PX` a side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from training.brain.augment import brain_depth
from training.data.grey import STORED_SIZE_PX, head_box

if TYPE_CHECKING:
    from training.data.manifest import Box


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
    pixels = np.arange(STORED_SIZE_PX, dtype=np.float32) + 0.5
    radius = np.hypot(
        (pixels[None, :] - x_center) / max(width / 2, 2.0), (pixels[:, None] - y_center) / max(height / 2, 2.0)
    )
    return np.asarray(np.clip((1.0 + softness - radius) / softness, 0.0, 1.0), np.float32)


def paste_tumour(
    host: np.ndarray, donor: np.ndarray, box: Box, rng: np.random.Generator, *, flip_polarity: float = 0.25
) -> tuple[np.ndarray, Box] | None:
    """Put the tumour of one slice into the brain of another.

    The position is carried over through the two heads' boxes; the patch is matched to the mean and contrast of its new
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
        The new picture and the tumour's box in it; None when that position lies outside the host's head.
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
    return np.asarray(host * (1 - weight) + patch * weight).astype(np.uint8)


def paint_lesion(host: np.ndarray, box: Box, rng: np.random.Generator) -> tuple[np.ndarray, Box] | None:
    """Paint a lesion that no scanner made: an uneven blob, solid, with a dark core, or shining through, with oedema.

    The grey of a tumour depends on the sequence (bright on FLAIR, dark on T1, ringed after contrast); the tumours
    that were photographed for training are mostly of one. The idea of painting them is Hu et al. 2023.

    Parameters
    ----------
    host : numpy.ndarray, shape (S, S), uint8
    box : Box
        About where, and how large.
    rng : numpy.random.Generator

    Returns
    -------
    tuple of (numpy.ndarray, shape (S, S), uint8; Box), or None
        The new picture and the lesion's box in it; None when too little of the head is there.

    References
    ----------
    Hu et al. 2023, label-free liver tumor segmentation, https://arxiv.org/abs/2303.14869.
    """
    radius = _uneven_radius(box, rng)
    core, inside = radius < 1.0, host > 12
    if (core & inside).sum() < 60 or inside[core].mean() < 0.85 or brain_depth(host)[core].mean() < 0.2:
        return None
    if host[core].mean() < 0.4 * host[inside].mean():
        return None  # beside the head
    around = host[(radius < 1.8) & inside]
    level, spread = float(around.mean()), float(around.std()) + 6.0
    sign = 1.0 if rng.random() < (0.75 if level < 150 else 0.3) else -1.0
    rise = sign * max(22.0, spread * rng.uniform(0.9, 2.8))
    softness = rng.uniform(0.08, 0.4)
    if rng.random() < 0.25:  # faint, and dark more often than not: what takes up no contrast
        rise = (-1.0 if rng.random() < 0.7 else 1.0) * max(14.0, spread * rng.uniform(0.5, 1.0))
        softness = rng.uniform(0.2, 0.6)
    weight = np.clip((1.0 + softness / 2 - radius) / softness, 0.0, 1.0)
    values = host.astype(np.float32)
    if rng.random() < 0.45:  # oedema
        reach = rng.uniform(1.3, 2.2)
        halo = np.clip((reach - radius) / (reach - 0.8), 0.0, 1.0) * (host > 12)
        values += halo * rise * rng.uniform(0.25, 0.6) * (1.0 if rng.random() < 0.7 else -1.0)
    texture = _smooth_noise(host.shape, rng.uniform(1.5, 6.0), rng) * spread * rng.uniform(0.1, 0.5)
    kind = rng.random()
    if kind < 0.35:  # shines through
        changed = values + rise + texture * 0.5
    elif kind < 0.65:  # solid
        changed = level + rise + texture + (values - level) * rng.uniform(0.0, 0.4)
    else:  # a rim round a core of the other sign
        rim = np.clip((radius - rng.uniform(0.45, 0.75)) / 0.15, 0.0, 1.0)
        changed = level + rise * rim - rise * (1.0 - rim) * rng.uniform(0.0, 0.9) + texture
    values = np.clip(values * (1.0 - weight) + changed * weight, 0, 255)
    return np.where(inside, values, host).astype(np.uint8), _bounding_box(core & inside)


def _uneven_radius(box: Box, rng: np.random.Generator) -> np.ndarray:
    """Distance from the box's centre in units of its half sides, the outline dented and turned; shape (S, S)."""
    x_center, y_center, width, height = (value * STORED_SIZE_PX for value in box)
    pixels = np.arange(STORED_SIZE_PX, dtype=np.float32) + 0.5
    x, y = pixels[None, :] - x_center, pixels[:, None] - y_center
    angle = rng.uniform(0, np.pi)
    turned = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    radius = np.hypot(turned[0] / max(width / 2, 3.0), turned[1] / max(height / 2, 3.0))
    dents = _smooth_noise(radius.shape, max(width, height) * rng.uniform(0.12, 0.3) + 1.5, rng)
    return np.asarray(radius * (1.0 + np.clip(dents, -1.5, 1.5) * rng.uniform(0.03, 0.22)), np.float32)


def _smooth_noise(shape: tuple[int, ...], size_px: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of mean 0 and spread 1 whose blobs are about ``size_px`` large."""
    coarse = [max(2, round(side / size_px)) for side in shape]
    noise = cv2.resize(rng.normal(size=coarse).astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(noise - noise.mean()) / max(float(noise.std()), 1e-6)


def _bounding_box(inside: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    edges = float(columns[0]), float(rows[0]), float(columns[-1]) + 1, float(rows[-1]) + 1
    left, top, right, bottom = (edge / STORED_SIZE_PX for edge in edges)
    return ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)


def hide_region(grey: np.ndarray, box: Box, rng: np.random.Generator, *, avoid: Box | None = None) -> np.ndarray | None:
    """Cover a region, so that nothing of it can be seen.

    Applied to a tumour it makes a slice without one, from the same scanner; applied elsewhere it teaches that a covered
    region means nothing. The cover is another piece of the same head, its mirrored other side, or a plain patch.

    Parameters
    ----------
    grey : numpy.ndarray, shape (S, S), uint8
    box : Box
        What is covered.
    rng : numpy.random.Generator
    avoid : Box or None
        A tumour that must not be copied into the cover.

    Returns
    -------
    numpy.ndarray, shape (S, S), uint8, or None
        None when no clean piece of the head was found.
    """
    wide = (box[0], box[1], box[2] * 1.2 + 0.02, box[3] * 1.2 + 0.02)
    kind = rng.random()
    if kind < 0.3:
        return _fill_region(grey, wide, rng)
    forbidden = [box] if avoid is None else [box, avoid]
    left, top, right, bottom = (edge / STORED_SIZE_PX for edge in head_box(grey))
    if kind < 0.5:
        middle = left + right
        matrix = np.array([[-1.0, 0, middle * STORED_SIZE_PX - 1], [0, 1.0, 0]])
        sources = [(middle - box[0], box[1], box[2], box[3])]
    else:
        sources = [(float(rng.uniform(left, right)), float(rng.uniform(top, bottom)), box[2], box[3]) for _ in range(8)]
    for source in sources:
        if _is_brain(grey, source) and not any(_overlap(source, other) for other in forbidden):
            if kind >= 0.5:
                shift_px = np.array([box[0] - source[0], box[1] - source[1]]) * STORED_SIZE_PX
                matrix = np.array([[1.0, 0, shift_px[0]], [0, 1.0, shift_px[1]]])
            return _blend(grey, cv2.warpAffine(grey, matrix, grey.shape[::-1]), wide)
    return None


def _is_brain(grey: np.ndarray, box: Box) -> bool:
    inside = draw_lesion(box) > 0.5
    return bool(inside.any() and (grey[inside] > 15).mean() > 0.85)


def _overlap(first: Box, second: Box) -> bool:
    return abs(first[0] - second[0]) < 0.6 * (first[2] + second[2]) and abs(first[1] - second[1]) < 0.6 * (
        first[3] + second[3]
    )


def _fill_region(grey: np.ndarray, box: Box, rng: np.random.Generator) -> np.ndarray:
    """A plain cover: black, grey, noise or a strong blur; an ellipse or a rectangle, its edge hard or soft.

    Only a rectangle may be of any grey: a bright or dark ellipse resembles a lesion.
    """
    weight = draw_lesion(box, softness=float(rng.uniform(0.03, 0.5)))
    angular = rng.random() < 0.4
    if angular:
        left, top = (int((box[axis] - box[axis + 2] / 2) * STORED_SIZE_PX) for axis in (0, 1))
        right, bottom = (int((box[axis] + box[axis + 2] / 2) * STORED_SIZE_PX) + 1 for axis in (0, 1))
        weight = np.zeros(grey.shape, np.float32)
        weight[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 1.0
    around = grey[(draw_lesion((box[0], box[1], box[2] * 1.6, box[3] * 1.6)) > 0.5) & (weight < 0.5)]
    level = float(np.median(around)) if around.size else 0.0
    kind = int(rng.integers(4))
    cover: np.ndarray
    if kind == 0:
        cover = np.full(grey.shape, rng.choice([0.0, level, rng.uniform(0, 255) if angular else level]), np.float32)
    elif kind == 1:
        cover = rng.normal(level, rng.uniform(2.0, 25.0), grey.shape).astype(np.float32)
    elif kind == 2:
        cover = cv2.GaussianBlur(rng.normal(0, 1, grey.shape), (0, 0), rng.uniform(1.5, 6.0)).astype(np.float32)
        cover = level + cover / max(float(cover.std()), 1e-6) * rng.uniform(3.0, 18.0)
    else:
        blank = np.where(weight > 0.5, level, grey).astype(np.float32)
        cover = cv2.GaussianBlur(blank, (0, 0), rng.uniform(4.0, 10.0)) + rng.normal(0, 3.0, grey.shape)
    return np.asarray(np.clip(grey * (1 - weight) + cover * weight, 0, 255)).astype(np.uint8)


def draw_harmless_box(grey: np.ndarray, rng: np.random.Generator, *, avoid: Box | None) -> Box | None:
    """A random box inside the head, of a tumour's size, away from ``avoid``."""
    left, top, right, bottom = (edge / STORED_SIZE_PX for edge in head_box(grey))
    for _ in range(6):
        width, height = np.exp(rng.normal(-2.0, 0.45, 2))  # sides of tumour boxes: median 0.14, 5–95 %: 0.06–0.31
        box = (float(rng.uniform(left, right)), float(rng.uniform(top, bottom)), float(width), float(height))
        if _is_brain(grey, box) and (avoid is None or not _overlap(box, avoid)):
            return box
    return None
