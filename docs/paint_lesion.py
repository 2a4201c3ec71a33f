"""Paint a tumour that nobody has: ``python docs/paint_lesion.py lesion.png``.

The slice in the README's picture of the page: the example of a healthy template with a ring that shines, a dark core
and a dark swelling round it, as a glioma looks on T1 after contrast. About 37 mm across.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
HEALTHY = ROOT / "models" / "brain_tumor" / "examples" / "mni152_axial_2mm.png"
CENTER_X_PX, CENTER_Y_PX, RADIUS_PX = 310, 228, 30


def paint_lesion(plane: np.ndarray, seed: int = 4) -> np.ndarray:
    """Paint it into a slice.

    Parameters
    ----------
    plane : numpy.ndarray, shape (H, W), uint8, 0–255
    seed : int
        Of the outline's and the texture's chance.

    Returns
    -------
    numpy.ndarray, shape (H, W), uint8, 0–255
    """
    random = np.random.default_rng(seed)

    def noise(sigma_px: float) -> np.ndarray:
        blurred = cv2.GaussianBlur(random.standard_normal(plane.shape), (0, 0), sigma_px)
        return np.asarray(blurred / blurred.std())

    def inside(distance_px: np.ndarray, softness_px: float) -> np.ndarray:
        """1 inside, 0 outside, and a soft edge between."""
        return np.asarray(0.5 + 0.5 * np.tanh(-distance_px / (2 * softness_px)))

    y, x = np.indices(plane.shape, dtype=np.float64)
    radius = RADIUS_PX
    outline = np.hypot(x - CENTER_X_PX, 0.92 * (y - CENTER_Y_PX)) + 0.10 * radius * noise(0.35 * radius)
    spread = np.hypot(x - CENTER_X_PX + 0.2 * radius, 0.85 * (y - CENTER_Y_PX)) + 0.28 * radius * noise(0.5 * radius)
    brain = cv2.GaussianBlur((plane > 25).astype(np.float64), (0, 0), 2)
    swelling = inside(spread - 1.75 * radius, 0.10 * radius) * brain
    ring = inside(outline - radius, 1.6) * brain
    core = inside(outline + 0.06 * radius * noise(5) - 0.68 * radius, 2.2) * brain
    texture = noise(2)
    painted = plane * (1 - 0.38 * swelling)
    painted = painted * (1 - ring) + ring * (225 + 7 * texture)
    painted = painted * (1 - core) + core * (70 + 5 * texture)
    return cv2.GaussianBlur(painted.clip(0, 255), (0, 0), 0.7).round().astype(np.uint8)


if __name__ == "__main__":
    cv2.imwrite(sys.argv[1], paint_lesion(cv2.imread(str(HEALTHY), cv2.IMREAD_GRAYSCALE)))
