"""Cut one slice out of a picture that shows more, and say so."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import cv2
import numpy as np

from inference.errors import InputError
from inference.imaging.arrays import reduce_grey, spread_grey
from inference.imaging.framing.panels import holds_several
from inference.imaging.framing.surround import Box, find_slices

if TYPE_CHECKING:
    from inference.imaging.types import DecodedImage

LONGEST_PX = 192
"""About so small a picture is made before it is looked at; a frame that is narrower than a pixel then does no harm."""

_MOST_CHROMA = 0.15
"""Mean (max − min channel) / 255 up to which a cut-out is a grey slice with a tint, as a camera sees it on a screen."""

_LEAST_TINT = 0.97
"""Least correlation of each channel with the grey picture, for its colour to be a tint."""


def cut_slice(image: DecodedImage) -> DecodedImage:
    """The slice that a picture shows.

    A picture that is nothing but a slice comes back as it is. A cut-out that is coloured is no slice: so does it.

    Parameters
    ----------
    image : DecodedImage

    Returns
    -------
    DecodedImage
        With a note if something was cut off.

    Raises
    ------
    InputError
        There are several.

    Examples
    --------
    >>> from inference.imaging.types import DecodedImage
    >>> head = cv2.circle(np.zeros((100, 100), np.uint8), (50, 50), 40, 160, -1)
    >>> framed = cv2.copyMakeBorder(head, 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=255)
    >>> cut_slice(DecodedImage(spread_grey(framed))).notes
    ('What lies around the slice was cut off: 100 × 100 of 140 × 140 pixels were read.',)
    """
    grey = reduce_grey(image.pixels)
    if grey.ndim == 3:
        grey = cv2.cvtColor(np.ascontiguousarray(grey), cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    small = _shrink(grey, max(1, round(max(height, width) / LONGEST_PX)))
    slices = find_slices(small)
    is_sheet = len(slices) > 1 or holds_several(slices[0].cut(small) if slices else small)
    if is_sheet and _remove_tint(image.pixels) is not None:
        raise InputError("Several slices in one picture: one is accepted. Cut one out and send it alone.")
    if len(slices) != 1:
        return image
    box = _enlarge(slices[0], small.shape[::-1], (width, height))
    pixels = _remove_tint(box.cut(image.pixels))
    if pixels is None:
        return image
    note = (
        f"What lies around the slice was cut off: {pixels.shape[1]} × {pixels.shape[0]} of {width} × {height} pixels "
        "were read."
    )
    return replace(image, pixels=pixels, notes=(*image.notes, note))


def _shrink(grey: np.ndarray, by: int) -> np.ndarray:
    """The mean of each ``by`` × ``by`` pixels, without the rest at the right and below: faster than any other share."""
    if by == 1:
        return np.ascontiguousarray(grey)
    height, width = max(1, grey.shape[0] // by), max(1, grey.shape[1] // by)
    return cv2.resize(grey[: height * by, : width * by], (width, height), interpolation=cv2.INTER_AREA)


def _enlarge(box: Box, size_px: tuple[int, ...], full_px: tuple[int, int]) -> Box:
    """The box in the full picture, without the pixels that are only partly the slice's."""
    edges = []
    for low, high, size, full in zip((box.left, box.top), (box.right, box.bottom), size_px, full_px, strict=True):
        by = full / size
        inset = 0.5 if by > 1 else 0.0
        edges.append((ceil((low + inset) * by) if low else 0, int((high - inset) * by) if high < size else full))
    (left, right), (top, bottom) = edges
    return Box(left=left, top=top, right=right, bottom=bottom)


def _remove_tint(pixels: np.ndarray) -> np.ndarray | None:
    """A slice (H, W, 3) as grey, if it is grey but for a tint; None if it is coloured."""
    reduced = reduce_grey(pixels)
    if reduced.ndim == 2:
        return spread_grey(reduced)
    small = cv2.resize(reduced, (64, 64), interpolation=cv2.INTER_AREA)
    if (small.max(axis=2) - small.min(axis=2)).mean() / 255.0 > _MOST_CHROMA:
        return None
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    if grey.std() == 0 or any(
        channel.std() > 0 and np.corrcoef(channel.ravel(), grey.ravel())[0, 1] < _LEAST_TINT
        for channel in cv2.split(small)
    ):
        return None
    return spread_grey(cv2.cvtColor(np.ascontiguousarray(reduced), cv2.COLOR_RGB2GRAY))
