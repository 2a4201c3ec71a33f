"""Which DICOM files are one stack, in which order its slices lie, and what it is called.

A header is read in `inference.imaging.dicom.header`; pixels are of no interest here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from inference.imaging.dicom.faults import BAD_VALUES, mapping_errors
from inference.imaging.dicom.geometry import find_geometry

if TYPE_CHECKING:
    from pydicom import Dataset

    from inference.imaging.dicom.header import Header


_SAME_POSITION_MM = 0.01
"""Slices that are closer have the same position; the thinnest slices of scanners are ten times as thick."""


def keep_first_at_each_position(files: list[tuple[Header, str]]) -> tuple[list[tuple[Header, str]], tuple[str, ...]]:
    """Leave out the later echoes and time points of each position.

    Parameters
    ----------
    files : list of (Header, str)
        In the order of `sort_series`.

    Returns
    -------
    tuple of (list of (Header, str), tuple of str)
        The files that are kept, and a note if any is not.
    """
    kept: list[tuple[Header, str]] = []
    for header, path in files:
        if (
            not kept
            or header.position_mm is None
            or header.position_mm - (kept[-1][0].position_mm or 0.0) > _SAME_POSITION_MM
        ):
            kept.append((header, path))
    return kept, (_first_of_each(len(files) - len(kept)),) if len(kept) < len(files) else ()


def group_series(files: Iterable[tuple[Header, str]]) -> list[tuple[str, list[tuple[Header, str]]]]:
    """Tell the stacks of a folder or an archive apart, and sort each by position.

    A file of several frames is a stack of its own.

    Returns
    -------
    list of (str, list of (Header, str))
        ``"series 1 of 3, T1, 24 slices"`` and its files, by the series' numbers.
    """
    stacks: dict[Hashable, list[tuple[Header, str]]] = {}
    for header, path in files:
        key = (header.series, path if header.frames > 1 else "")
        stacks.setdefault(key, []).append((header, path))
    ordered = sorted(stacks.values(), key=lambda stack: (stack[0][0].number, min(path for _, path in stack)))
    return [(_name_series(index, len(ordered), stack), sort_series(stack)) for index, stack in enumerate(ordered)]


def sort_series(stack: Iterable[tuple[Header, str]]) -> list[tuple[Header, str]]:
    """Sort slices by their position along the normal; by instance number if a file does not say where it lies."""
    files = list(stack)
    if all(header.position_mm is not None for header, _ in files):
        return sorted(files, key=lambda file: (round(file[0].position_mm or 0.0, 2), file[0].order, file[1]))
    return sorted(files, key=lambda file: (file[0].order, file[1]))


def _name_series(index: int, count: int, stack: list[tuple[Header, str]]) -> str:
    slices = sum(header.frames for header, _ in stack)
    parts = [f"series {index + 1} of {count}", stack[0][0].words, f"{slices} slice{'s' if slices != 1 else ''}"]
    return ", ".join(part for part in parts if part)


@mapping_errors(BAD_VALUES)
def order_frames(dataset: Dataset, frames: int) -> tuple[list[int], tuple[str, ...]]:
    """Sort the frames of a file along their normal; of several at one position only the first is kept.

    Returns
    -------
    tuple of (list of int, tuple of str)
        The frames' indices, and a note if any is left out.

    Raises
    ------
    InputError
        The header holds values that cannot be.
    """
    first_frames: dict[float, int] = {}
    for frame in range(frames):
        orientation, position = find_geometry(dataset, frame)
        if frames == 1 or orientation is None or position is None or "PerFrameFunctionalGroupsSequence" not in dataset:
            return list(range(frames)), ()
        position_mm = round(float(np.cross(orientation[:3], orientation[3:]) @ position), 2)
        first_frames.setdefault(position_mm, frame)
    order = [first_frames[position_mm] for position_mm in sorted(first_frames)]
    dropped = frames - len(order)
    return order, (_first_of_each(dropped),) if dropped else ()


def _first_of_each(dropped: int) -> str:
    """The note of a scan that holds several images of one position."""
    return f"Several images show the same place (echoes, time points): the first of each was read, {dropped} were not."
