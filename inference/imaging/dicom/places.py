"""Where slices lie along their normal: what is one place, what can be filled in, and where slices are missing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from inference.imaging.dicom.frame import Frame

_SAME_PLACE_MM = 0.01
"""Positions that differ by less are the same; the thinnest slices of scanners are ten times as thick."""

_SAME_PLACE_SHARE = 0.1
"""So are positions that differ by a smaller share of the usual distance."""

_JITTER_MM = 0.25
"""Images of one place may be this far apart: positions are rounded, and corrected for the patient's motion."""

_JITTER_SHARE = 0.25
"""A jitter is smaller than this share of the distance between places."""

_OFFSET_MM = 5.0
r"""A position of 0\\0\\0 that lies this far beside the line of the others is none: the exporter filled it in."""

_FIT_SHARE = 0.25
"""Numbers give a slice its place if they do so for the others, with an error below this share of their distance."""

_GAP_SHARE = 1.5
"""Two slices farther apart than this many of the usual distance have a gap between them."""

_EVEN_SHARE = 0.1
"""Slices lie evenly if none is farther from its even place than this share of their distance."""

_SHOWN_GAPS = 3


def project_positions(frames: Sequence[Frame]) -> np.ndarray:
    r"""The position of each slice along the first known normal.

    Returns
    -------
    numpy.ndarray, shape (N,), float64, millimetres
        NaN for a slice of which it is not known: it has none, or a 0\\0\\0 that an exporter filled in. All are NaN if
        they are the same while the slices' locations differ.
    """
    normal = next((frame.normal for frame in frames if frame.normal is not None), None)
    unknown = np.full(len(frames), np.nan)
    if normal is None:
        return unknown
    points = np.array([np.full(3, np.nan) if frame.position is None else frame.position for frame in frames])
    is_zero = (points == 0.0).all(axis=1)
    known = ~np.isnan(points).any(axis=1)
    if is_zero[known].all() and known.sum() > 1:
        return unknown
    if (known & ~is_zero).sum() > 1 and is_zero.any():
        others = points[known & ~is_zero]
        beside = np.median(others - np.outer(others @ normal, normal), axis=0)
        if np.linalg.norm(beside) > _OFFSET_MM:
            points[is_zero] = np.nan
    positions_mm = np.asarray(points @ normal)
    locations = [frame.location_mm for frame in frames]
    if len(frames) > 1 and not np.isnan(positions_mm).any() and np.ptp(positions_mm) < _SAME_PLACE_MM:
        return unknown if None not in locations and len(set(locations)) == len(frames) else positions_mm
    return positions_mm


def number_places(positions_mm: np.ndarray) -> np.ndarray:
    """Number the places at which slices lie, from 0 in the direction of the normal.

    Parameters
    ----------
    positions_mm : numpy.ndarray, shape (N,)

    Returns
    -------
    numpy.ndarray, shape (N,), int
        -1 where the position is not known.
    """
    places = np.full(len(positions_mm), -1)
    known = np.flatnonzero(~np.isnan(positions_mm))
    if not len(known):
        return places
    order = known[np.argsort(positions_mm[known], kind="stable")]
    steps_mm = np.diff(positions_mm[order])
    places[order] = np.concatenate([[0], np.cumsum(steps_mm > _find_tolerance(steps_mm))])
    return places


def _find_tolerance(steps_mm: np.ndarray) -> float:
    """How far apart images of one place may be, by the distances between neighbours along the normal."""
    real = np.sort(steps_mm[steps_mm > _SAME_PLACE_MM])
    if not len(real):
        return _SAME_PLACE_MM
    if len(real) > 1:
        split = int(np.argmax(real[1:] / real[:-1]))
        if real[split] <= _JITTER_MM and real[split] <= _JITTER_SHARE * real[split + 1]:
            tolerance_mm = float(np.sqrt(real[split] * real[split + 1]))
            ends = np.flatnonzero(steps_mm > tolerance_mm)
            images = np.diff([-1, *ends, len(steps_mm)])  # of each place
            if np.median(images) >= 2:
                return tolerance_mm
    return max(_SAME_PLACE_MM, _SAME_PLACE_SHARE * float(np.median(real)))


def fill_positions(frames: Sequence[Frame], positions_mm: np.ndarray) -> tuple[np.ndarray, str]:
    """Give slices without a position the one that their instance number or slice location says.

    Only if these numbers give the right position for all the others, and nothing lies there.

    Parameters
    ----------
    frames : sequence of Frame
    positions_mm : numpy.ndarray, shape (N,)
        NaN where not known; no place is there twice.

    Returns
    -------
    tuple of (numpy.ndarray, str)
        The positions, and a note if any was filled in.
    """
    missing = np.flatnonzero(np.isnan(positions_mm))
    known = np.flatnonzero(~np.isnan(positions_mm))
    if not len(missing) or len(known) < 3:  # any two lie on a line
        return positions_mm, ""
    step_mm = float(np.median(np.diff(np.sort(positions_mm[known]))))
    rules: dict[str, list[float | None]] = {
        "instance number": [frame.instance for frame in frames],
        "slice location": [frame.location_mm for frame in frames],
    }
    for name, values in rules.items():
        if None in values:
            continue
        numbers = np.array(values, float)
        if np.ptp(numbers[known]) == 0:
            continue
        slope, start = np.polyfit(numbers[known], positions_mm[known], 1)
        if np.abs(slope * numbers[known] + start - positions_mm[known]).max() > _FIT_SHARE * step_mm:
            continue
        filled = positions_mm.copy()
        filled[missing] = slope * numbers[missing] + start
        if np.diff(np.sort(filled)).min() < step_mm / 2:
            continue
        count = len(missing)
        return filled, (
            f"1 slice without a position was placed by its {name}."
            if count == 1
            else f"{count} slices without a position were placed by their {name}s."
        )
    return positions_mm, ""


class Gaps(NamedTuple):
    """Whether slices are missing.

    Attributes
    ----------
    breaks : tuple of int
        Slices, counted from 0, behind which there is a gap.
    is_even : bool
        All lie equally far apart.
    notes : tuple of str

    Examples
    --------
    >>> find_gaps(np.array([0.0, 5.0, 10.0])).is_even
    True
    """

    breaks: tuple[int, ...]
    is_even: bool
    notes: tuple[str, ...]


def find_gaps(positions_mm: np.ndarray) -> Gaps:
    """Find the gaps between slices in order.

    Examples
    --------
    >>> find_gaps(np.array([0.0, 5.0, 10.0, 25.0, 30.0]))
    Gaps(breaks=(2,), is_even=False, notes=('Slices seem to be missing: there is room for 2 between slices 3 and 4.',))
    """
    steps_mm = np.diff(positions_mm)
    if len(steps_mm) < 2:
        return Gaps((), True, ())
    step_mm = float(np.median(steps_mm))
    breaks = tuple(int(index) for index in np.flatnonzero(steps_mm > _GAP_SHARE * step_mm))
    if breaks:
        rooms = [
            f"{round(steps_mm[index] / step_mm) - 1} between slices {index + 1} and {index + 2}"
            for index in breaks[:_SHOWN_GAPS]
        ]
        more = f", and more in {len(breaks) - _SHOWN_GAPS} other places" if len(breaks) > _SHOWN_GAPS else ""
        return Gaps(breaks, False, (f"Slices seem to be missing: there is room for {', '.join(rooms)}{more}.",))
    even_mm = np.linspace(positions_mm[0], positions_mm[-1], len(positions_mm))
    if np.abs(positions_mm - even_mm).max() <= _EVEN_SHARE * step_mm:
        return Gaps((), True, ())
    note = f"The slices do not lie evenly: they are {steps_mm.min():.2g} to {steps_mm.max():.2g} mm apart."
    return Gaps((), False, (note,))


def order_by_name(paths: Sequence[str]) -> list[int]:
    """The indices of files in the natural order of their names: im2 before im10."""
    return sorted(range(len(paths)), key=lambda index: (_split_numbers(paths[index]), paths[index]))


def _split_numbers(path: str) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdecimal() else (1, part.lower()) for part in re.split(r"(\d+)", path) if part]
