"""A handful of figures about a whole picture: size, brightness, border and histogram.

They say nothing about a tumour, but much about where the picture comes from.
"""

from __future__ import annotations

import numpy as np

from training.data.grey import to_grey

STATISTICS = (
    *("width_px", "height_px", "aspect"),
    *("mean", "spread", "border_mean", "border_spread"),
    *(f"histogram_{low}_{low + 31}" for low in range(0, 256, 32)),
)
"""What `measure_statistics` returns, in order: sizes in pixels, grey values 0–255, shares of the pixels 0–1."""

SIZES = 3
"""The first so many of `STATISTICS` are sizes, which a network that is given resized pictures does not see."""

_BORDER_PX = 8
"""Width of the border, of 256 pixels: inside it there is hardly ever a head."""


def measure_statistics(pixels: np.ndarray) -> np.ndarray:
    """`STATISTICS` of one decoded picture, shape (H, W, 3), uint8, RGB; returns shape (15,), float32."""
    height, width = pixels.shape[:2]
    grey = to_grey(pixels)
    inside = np.zeros(grey.shape, bool)
    inside[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = True
    border = grey[~inside]
    histogram = np.bincount(grey.ravel() >> 5, minlength=8) / grey.size
    greys = (grey.mean(), grey.std(), border.mean(), border.std())
    return np.array([width, height, width / height, *greys, *histogram], np.float32)
