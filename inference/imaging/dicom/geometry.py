"""Where a frame lies in the patient: orientation, position, spacing, and a stack's affine."""

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


def find_plane(dataset: Dataset, frame: int) -> np.ndarray | None:
    """From (column, row, 1) of a frame to millimetres to the left, back and head; None if the file does not say.

    Returns
    -------
    numpy.ndarray, shape (3, 3), or None

    References
    ----------
    PS3.3, C.7.6.2.1.1.
    """
    try:
        orientation, position = find_geometry(dataset, frame)
        spacing = find_item(dataset, frame, "PixelMeasuresSequence").get("PixelSpacing")
        row_mm, column_mm = map(float, spacing or ())  # between rows, and between columns
    except (TypeError, ValueError, ArithmeticError):  # no two numbers: the slices are read all the same
        return None
    if orientation is None or position is None:
        return None
    return np.column_stack([orientation[:3] * column_mm, orientation[3:] * row_mm, position])


def stack_planes(first: np.ndarray | None, last: np.ndarray | None, count: int) -> np.ndarray | None:
    """The affine of slices that lie evenly between two; see `inference.imaging.types.Volume.affine`."""
    if first is None or last is None or count < 2:
        return None
    step = (last[:, 2] - first[:, 2]) / (count - 1)
    affine = np.eye(4)
    affine[:3] = np.diag([-1.0, -1.0, 1.0]) @ np.column_stack([first[:, :2], step, first[:, 2]])
    return affine if np.isfinite(affine).all() and abs(np.linalg.det(affine)) > 1e-9 else None
