"""Directions and spacings as ITK's formats write them (to the patient's left, back and head), for a `Grid`."""

from __future__ import annotations

import numpy as np

from inference.imaging.nifti import NO_SIDE, NO_SPACING

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From millimetres to the left, back and head to those to the right, front and head."""

_MAX_SPACING_MM = 1e4
"""A larger one is no spacing."""


def place_grid(
    directions: np.ndarray | None, spacing_mm: np.ndarray | None, origin_mm: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, bool, tuple[str, ...]]:
    """Affine, spacing, whether the directions are known, and what is to be said.

    Parameters
    ----------
    directions : numpy.ndarray, shape (3, 3), or None
        Its columns are unit vectors along the axes, in RAS+. Without them, or if they span no space, the volume is
        shown as it is stored: the first axis to the right, the second downwards.
    spacing_mm : numpy.ndarray, shape (3,), or None
    origin_mm : numpy.ndarray, shape (3,), or None
        Of the first voxel, in RAS+.
    """
    notes = []
    spacing = np.ones(3) if spacing_mm is None else np.abs(np.asarray(spacing_mm, dtype=float))
    is_known = np.isfinite(spacing) & (spacing > 0) & (spacing < _MAX_SPACING_MM)
    if spacing_mm is None or not is_known.all():
        notes.append(NO_SPACING)
    spacing = np.where(is_known, spacing, 1.0)
    has_directions = (
        directions is not None and bool(np.isfinite(directions).all()) and abs(np.linalg.det(directions)) > 1e-4
    )
    if directions is None or not has_directions:
        directions = np.diag([1.0, -1.0, 1.0])
        notes.append(NO_SIDE)
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing
    if origin_mm is not None and np.isfinite(origin_mm).all():
        affine[:3, 3] = origin_mm
    return affine, spacing, has_directions, tuple(notes)
