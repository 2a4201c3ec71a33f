"""How a slice is turned for the screen, from where it lies in the patient: flips and transposes, and square pixels.

Every slice is turned to the radiological convention, as an atlas of radiology prints it: axial slices are seen from the
feet with the nose up, coronal ones from the front and sagittal ones from the patient's left (the nose points to the
left, as scanners write them), both with the head up. A slice is never resampled for that: an oblique one is turned
to the nearest of the three. Who wants the neurological convention mirrors the picture.

Opens no file and holds no pixels; `inference.imaging.arrays.orient_slice` turns them.

References
----------
PS3.3, C.7.6.2.1.1 (Image Plane), and C.7.6.1.1.1 (Patient Orientation): x runs to the patient's left, y to the back, z
to the head.
"""

from __future__ import annotations

import numpy as np

from inference.imaging.types import Orientation, Turn
from inference.limits import MAX_PIXELS

RADIOLOGICAL = {
    "axial": Orientation(left="R", right="L", top="A", bottom="P"),
    "coronal": Orientation(left="R", right="L", top="S", bottom="I"),
    "sagittal": Orientation(left="A", right="P", top="S", bottom="I"),
}
"""What lies at the edges of a slice that is shown; by its plane (`inference.imaging.types.PLANES`)."""

_AXES = {"axial": (0, 1, 1), "coronal": (0, 2, -1), "sagittal": (1, 2, -1)}
"""Of DICOM's axes: along which the shown columns and rows follow one another, and which way the rows do; the columns
run to the left or to the back."""

_SAME = 0.01
"""Parts of a direction that differ by less count as equal: of a plane that lies halfway between two, noise decides
nothing."""

_SQUARE_TOLERANCE = 0.02
"""Pixels whose sides differ by a smaller share count as square."""

_MAX_RATIO = 20.0
"""A DICOM pixel that is longer in one direction is a mistake of its header; reformatted thick slices reach 10."""


def find_turn(directions: np.ndarray | None, ratio: float = 1.0) -> Turn:
    """How to turn a picture whose directions are known.

    Parameters
    ----------
    directions : numpy.ndarray, shape (3, 2) or more columns, float64, or None
        Where the next column and the next row lie, to the patient's left, back and head; of any length. The first
        two columns of `inference.imaging.dicom.geometry.find_plane`.
    ratio : float
        Height of a pixel over its width.

    Returns
    -------
    Turn
        Of directions that are none, not finite, or not at right angles, one that turns nothing and knows no letters.

    Examples
    --------
    >>> import numpy as np
    >>> neurological = np.array([[-1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    >>> turn = find_turn(neurological)
    >>> turn.is_mirrored, turn.is_upside_down, turn.orientation.left
    (True, False, 'R')
    """
    ratio = ratio if np.isfinite(ratio) and 1 / _MAX_RATIO <= ratio <= _MAX_RATIO else 1.0
    unit = _normalise(directions)
    if unit is None:
        return Turn(pixel_ratio=ratio)
    plane = _name_plane(np.abs(np.cross(unit[:, 0], unit[:, 1])))
    across, down, way = _AXES[plane]
    straight, crossed = unit[across, 0] * unit[down, 1], unit[across, 1] * unit[down, 0]
    # Products and not sums: each factor of the larger one is clear of 0, so that both signs are sure.
    is_transposed = bool(abs(crossed) > abs(straight) + _SAME)
    column, row = (1, 0) if is_transposed else (0, 1)
    return Turn(
        pixel_ratio=ratio,
        is_transposed=is_transposed,
        is_mirrored=bool(unit[across, column] < 0),
        is_upside_down=bool(unit[down, row] * way < 0),
        orientation=RADIOLOGICAL[plane],
    )


def _normalise(directions: np.ndarray | None) -> np.ndarray | None:
    """Both directions with the length 1, shape (3, 2); None if they span no right angle."""
    if directions is None or not np.isfinite(directions[:, :2]).all():
        return None
    lengths = np.linalg.norm(directions[:, :2], axis=0)
    if not lengths.all():
        return None
    unit = np.asarray(directions[:, :2] / lengths)
    return unit if abs(float(unit[:, 0] @ unit[:, 1])) < 0.1 else None


def _name_plane(normal: np.ndarray) -> str:
    """The plane whose normal is nearest; of equal ones the first of axial, coronal, sagittal."""
    parts = {"axial": normal[2], "coronal": normal[1], "sagittal": normal[0]}
    return next(name for name, part in parts.items() if part >= normal.max() - _SAME)


def pixel_ratio(width_mm: float, height_mm: float) -> float:
    """Height of a pixel over its width; 1 where a number is missing."""
    ratio = height_mm / width_mm if width_mm > 0 and height_mm > 0 else 1.0
    return ratio if np.isfinite(ratio) and ratio > 0 else 1.0


def square_size(width_px: int, height_px: int, ratio: float) -> tuple[int, int]:
    """Width and height in pixels once pixels are square, as fine as the finer side is now.

    Examples
    --------
    >>> square_size(256, 128, ratio=2.0)
    (256, 256)
    """
    if abs(ratio - 1.0) < _SQUARE_TOLERANCE:
        return width_px, height_px
    ratio = min(max(ratio, 1 / MAX_PIXELS), float(MAX_PIXELS))  # beyond it no size is accepted, and some are infinite
    return (width_px, round(height_px * ratio)) if ratio > 1 else (round(width_px / ratio), height_px)


def turn_plane(plane: np.ndarray | None, turn: Turn, shape_px: tuple[int, int]) -> np.ndarray | None:
    """Where the pixels of a slice lie after it was turned and its pixels were made square.

    Parameters
    ----------
    plane : numpy.ndarray, shape (3, 3), or None
        From (column, row, 1) as they are stored, counted from 0 in the middle of a pixel, to millimetres.
    turn : Turn
    shape_px : tuple of int
        Rows and columns, as stored.

    Returns
    -------
    numpy.ndarray, shape (3, 3), or None
        From (column, row, 1) as they are shown; None if ``plane`` is.

    Examples
    --------
    >>> import numpy as np
    >>> shown = turn_plane(np.eye(3), Turn(is_mirrored=True), (90, 120))
    >>> (shown @ [0, 0, 1]).tolist()
    [119.0, 0.0, 1.0]
    """
    if plane is None:
        return None
    height, width = shape_px
    size_px = square_size(width, height, turn.pixel_ratio)
    wide, high = width / size_px[0], height / size_px[1]
    change = np.array(
        [[wide, 0, wide / 2 - 0.5], [0, high, high / 2 - 0.5], [0, 0, 1]]
    )  # pixels lie round their middle
    columns, rows = size_px
    if turn.is_transposed:
        change, columns, rows = change[:, [1, 0, 2]], rows, columns
    if turn.is_mirrored:
        change = change @ np.array([[-1, 0, columns - 1], [0, 1, 0], [0, 0, 1]])
    if turn.is_upside_down:
        change = change @ np.array([[1, 0, 0], [0, -1, rows - 1], [0, 0, 1]])
    return np.asarray(plane @ change)


def restore_point(point: tuple[float, float], turn: Turn) -> tuple[float, float]:
    """Where a point of the shown picture lies in the stored one: (x, y), fractions of width and height in [0, 1].

    Examples
    --------
    >>> restore_point((0.25, 0.5), Turn(is_mirrored=True, is_transposed=True))
    (0.5, 0.75)
    """
    x, y = point
    x, y = 1.0 - x if turn.is_mirrored else x, 1.0 - y if turn.is_upside_down else y
    return (y, x) if turn.is_transposed else (x, y)
