"""Whether a picture is a sheet of slices, in rows and columns on black."""

from __future__ import annotations

import itertools

import cv2
import numpy as np

_MOST = 8
"""Rows or columns; more slices on a sheet are too small to be read."""

_DARK_SHARE, _NEARLY_DARK_SHARE = 0.02, 0.25
"""Share of a line between two slices that may be bright: nothing but noise; or where heads touch, if they are alike."""

_BRIGHT_FROM = 32
"""Grey value (0–255) from which a pixel is not black."""

_LIGHT_FROM = 150
"""Grey value (0–255) from which a line from edge to edge is paper."""

_PAPER_SHARE = 0.5
"""Most of a sheet that is paper; of a bright disc, of which the middle looks like a line of paper, more is light."""

_FILLED = (0.08, 0.92)
"""Share of a slice's own part of the sheet that is bright."""

_ALIKE = 0.6
"""How well the outlines of touching heads overlap, as intersection over union: two halves of one head do by 0.4."""

_ASPECT = (0.6, 1.7)
"""Width over height of each slice's part."""

_LEAST_PX = 20
"""Of a slice's part, at the size at which is looked."""

_OUTLINE_PX = 16


def holds_several(grey: np.ndarray) -> bool:
    """Whether a picture shows several slices in rows and columns.

    Parameters
    ----------
    grey : numpy.ndarray, shape (H, W), uint8, 0–255
        Small: a few hundred pixels a side are enough.
    """
    bright = cv2.inRange(grey, _BRIGHT_FROM, 255) // 255
    light = cv2.inRange(grey, _LIGHT_FROM, 255)
    has_paper = cv2.mean(light)[0] <= _PAPER_SHARE * 255
    columns, rows = (_find_counts(_measure_lines(bright, light, axis, has_paper=has_paper)) for axis in (0, 1))
    return any(
        _holds_slices(bright, sheet, is_dark=max(rows[sheet[0]], columns[sheet[1]]) <= _DARK_SHARE)
        for sheet in itertools.product(rows, columns)
        if sheet != (1, 1)
    )


def _measure_lines(bright: np.ndarray, light: np.ndarray, axis: int, *, has_paper: bool) -> np.ndarray:
    """The bright share of each column (axis 0) or row (axis 1); none of one that is paper from end to end."""
    shares, light_shares = (
        cv2.reduce(plane, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel() for plane in (bright, light)
    )
    if has_paper:
        shares[light_shares >= (1 - _DARK_SHARE) * 255] = 0.0
    return np.asarray(shares)


def _find_counts(shares: np.ndarray) -> dict[int, float]:
    """In how many equal parts lines may be cut, and the share of the brightest of the cuts."""
    counts, length = {1: 0.0}, len(shares)
    for count in range(2, min(_MOST, length // _LEAST_PX) + 1):
        reach, worst = max(1, round(0.04 * length / count)), 0.0
        for index in range(1, count):
            middle = round(index * length / count)
            worst = max(worst, float(shares[middle - reach : middle + reach].min()))
            if worst > _NEARLY_DARK_SHARE:
                break
        else:
            counts[count] = worst
    return counts


def _holds_slices(bright: np.ndarray, sheet: tuple[int, int], *, is_dark: bool) -> bool:
    rows, columns = sheet
    height, width = bright.shape[0] / rows, bright.shape[1] / columns
    if not _ASPECT[0] <= width / height <= _ASPECT[1]:
        return False
    outlines = [
        cv2.resize(
            bright[
                round(row * height) : round((row + 1) * height), round(column * width) : round((column + 1) * width)
            ],
            (_OUTLINE_PX, _OUTLINE_PX),
            interpolation=cv2.INTER_AREA,
        )
        for row in range(rows)
        for column in range(columns)
    ]
    filled = [outline > 0 for outline in outlines if _FILLED[0] <= outline.mean() <= _FILLED[1]]
    if len(filled) < 2 or len(filled) < len(outlines) - max(rows, columns) + 1:  # the last places may be empty
        return False
    return True if is_dark else _are_alike(filled)


def _are_alike(outlines: list[np.ndarray]) -> bool:
    common = np.mean(outlines, axis=0) >= 0.5
    overlaps = [(outline & common).sum() / max(1, (outline | common).sum()) for outline in outlines]
    return bool(np.mean(overlaps) >= _ALIKE)
