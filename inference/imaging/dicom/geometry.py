"""Where a slice lies in the patient: orientation, position, spacing, and a stack's affine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inference.imaging.dicom.dataset import find_item

if TYPE_CHECKING:
    from pydicom import Dataset


def find_geometry(dataset: Dataset, frame: int = 0) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Orientation (6,) and position (3,) of a frame, each None if the file does not say."""
    orientation = find_item(dataset, frame, "PlaneOrientationSequence").get("ImageOrientationPatient")
    position = find_item(dataset, frame, "PlanePositionSequence").get("ImagePositionPatient")
    return (
        np.array(orientation, float) if orientation is not None and len(orientation) == 6 else None,
        np.array(position, float) if position is not None and len(position) == 3 else None,
    )


def find_spacing(dataset: Dataset, frame: int = 0) -> tuple[float, float] | None:
    """Millimetres between a frame's rows and between its columns; None if the file does not say."""
    try:
        row_mm, column_mm = map(
            float, find_item(dataset, frame, "PixelMeasuresSequence").get("PixelSpacing") or ()
        )  # PS3.3, 10.7.1.1
    except (TypeError, ValueError, ArithmeticError):  # no two numbers: the slices are read all the same
        return None
    return (row_mm, column_mm) if row_mm > 0 and column_mm > 0 else None


def build_plane(
    orientation: np.ndarray | None, position: np.ndarray | None, spacing_mm: tuple[float, float] | None
) -> np.ndarray | None:
    """From (column, row, 1) of a slice to millimetres to the left, back and head; None if any of it is not known.

    Parameters
    ----------
    orientation : numpy.ndarray, shape (6,), or None
    position : numpy.ndarray, shape (3,), or None
    spacing_mm : tuple of (float, float) or None
        Between rows, and between columns.

    Returns
    -------
    numpy.ndarray, shape (3, 3), or None

    References
    ----------
    PS3.3, C.7.6.2.1.1.
    """
    if orientation is None or position is None or spacing_mm is None:
        return None
    row_mm, column_mm = spacing_mm
    return np.column_stack([orientation[:3] * column_mm, orientation[3:] * row_mm, position])


def stack_planes(first: np.ndarray | None, last: np.ndarray | None, count: int) -> np.ndarray | None:
    """The affine of slices that lie evenly between two; see `inference.imaging.types.Volume.affine`."""
    if first is None or last is None or count < 2:
        return None
    step = (last[:, 2] - first[:, 2]) / (count - 1)
    affine = np.eye(4)
    affine[:3] = np.diag([-1.0, -1.0, 1.0]) @ np.column_stack([first[:, :2], step, first[:, 2]])
    return affine if np.isfinite(affine).all() and abs(np.linalg.det(affine)) > 1e-9 else None
