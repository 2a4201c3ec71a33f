"""Pictures as training keeps them: grey, of one size; where the head is; and thumbnails that can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from inference.imaging.load import load_image

if TYPE_CHECKING:
    from training.data.manifest import Sample

STORED_SIZE_PX = 256
"""Side to which a picture is stretched when it is kept in memory for augmentation."""


def read_grey(path: Path) -> np.ndarray:
    """Decode one picture as the serving code would, then keep its grey values at `STORED_SIZE_PX`.

    Returns
    -------
    numpy.ndarray, shape (STORED_SIZE_PX, STORED_SIZE_PX), uint8, 0–255
    """
    return to_grey(load_image(path).pixels)


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """Grey values at `STORED_SIZE_PX` of a decoded picture, shape (H, W, 3), uint8, RGB."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (STORED_SIZE_PX, STORED_SIZE_PX), interpolation=cv2.INTER_AREA)


def head_box(grey: np.ndarray) -> tuple[int, int, int, int]:
    """Find the head: the box of what is brighter than the background.

    Parameters
    ----------
    grey : numpy.ndarray, shape (H, W), uint8

    Returns
    -------
    tuple of int
        (left, top, right, bottom) in pixels, right and bottom exclusive; the whole picture when nothing stands out.
    """
    height, width = grey.shape
    bright = cv2.medianBlur(grey, 5) > max(12, int(grey.mean() * 0.35))
    columns, rows = np.flatnonzero(bright.mean(0) > 0.02), np.flatnonzero(bright.mean(1) > 0.02)
    if len(columns) < width // 4 or len(rows) < height // 4:
        return (0, 0, width, height)
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def thumbnail(grey: np.ndarray) -> np.ndarray:
    """The head at 32×32 with mean 0 and length 1, so that a dot product of two is their correlation."""
    left, top, right, bottom = head_box(grey)
    small = cv2.resize(grey[top:bottom, left:right], (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)


def read_pictures(samples: Iterable[Sample]) -> dict[Path, np.ndarray]:
    """Decode all pictures (see `read_grey`); about 65 kB of memory each."""
    return {sample.path: read_grey(sample.path) for sample in samples}
