"""Heads made in code, for tests of several rooms."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from training.brain.counterfactuals import draw_lesion


def draw_ellipse(seed: int = 0) -> np.ndarray:
    """A bright ellipse with texture on black."""
    rng = np.random.default_rng(seed)
    inside = draw_lesion((0.5, 0.5, 0.6, 0.7))
    texture = 100 + 20 * rng.normal(size=(16, 16)).repeat(16, 0).repeat(16, 1)
    return np.clip(inside * texture, 0, 255).astype(np.uint8)


def draw_head(seed: int, side_px: int = 128) -> np.ndarray:
    """A head of its own texture on black, not symmetrical, shape (side_px, side_px), uint8."""
    rng = np.random.default_rng(seed)
    texture = cv2.resize(rng.uniform(60, 220, (9, 9)), (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[-1 : 1 : side_px * 1j, -1 : 1 : side_px * 1j]
    return np.clip(texture * ((rows / 0.8) ** 2 + (columns / 0.65) ** 2 < 1), 0, 255).astype(np.uint8)


def save(path: Path, grey: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey).save(path)
    return path
