"""From raw values to pixels: windows, depths, grey planes; an array goes in, uint8 RGB comes out. Opens no file."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from inference.errors import InputError
from inference.imaging.orientation import square_size
from inference.imaging.types import DecodedImage, Slice, Turn
from inference.limits import check_picture_size

_TAIL_PERCENTILE = 99.9
"""High end of the window for data deeper than 8 bits: a few hot pixels must not darken the whole slice."""

_WIDENED = 257
"""A picture of 16 bits of which every value is a multiple of this is one of 8 bits that was widened."""

_FULL_8_BIT = 2**7
"""Real numbers up to 255, of which some are above this, are taken as those of 8 bits; numbers up to 3 are none."""

_FEW = 0.001
"""Of an image's values, the share that may be dead voxels; as many hot pixels the window's high end passes over."""

_FAR_BELOW, _FAR_ABOVE = 0.5, 3.0
"""How far from the rest a value lies that is an outlier, in widths of the rest, above of the rest and zero: contrast
agent, fat and vessels are bright, but nothing in a head is far below air."""

_TAIL, _BLURRED_TAIL = 0.01, 0.05
"""Shares of the values that are passed over at either end to see how wide the rest is: of an image as it was taken, and
of one where padding or text was blurred, so that its edges lie between it and the rest."""

_FAR_ABOVE_BLURRED = 8.0
"""As `_FAR_ABOVE`: in a slice near the vertex so many values may be the whole head."""

_MOST_LAYERS = 4
"""Outliers may hide behind others: padding, a dead voxel, text."""

_12_BIT = 2**12
"""What the values of a scanner are below; one that is not, among such, was painted."""

DARK = 32
"""Grey value (0–255) up to which nothing can be seen on black. A transparent picture is laid on white only if all its
visible pixels are that dark; else it is laid on black, as the background of a scan is."""


def decode_array(array: np.ndarray) -> np.ndarray:
    """Bring an array of any depth to uint8 RGB.

    Parameters
    ----------
    array : numpy.ndarray, shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        uint8 is taken as it is, bool as black and white. A floating array within [0, 1] is multiplied by 255, one
        within [0, 255] that reaches its upper half is rounded. uint16 is divided by 257 where that leaves no rest.
        Everything else is windowed (`window_array`). Outliers have no say in this (`sort_bulk`). Transparent pixels
        become black, or white if all visible ones are nearly black (`DARK`).

    Returns
    -------
    numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
        Not to be written to; see `DecodedImage`.

    Raises
    ------
    InputError
        The shape is another, the size is outside the limits, or a value is not a finite number.
    """
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InputError(
            "An array of shape (height, width), (height, width, 3) or (height, width, 4) is accepted; "
            f"received {tuple(array.shape)}."
        )
    check_picture_size(array.shape[1], array.shape[0])
    if array.dtype.kind not in "buif":
        raise InputError(f"An array of numbers is accepted; received the type {array.dtype}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError("Every value must be a finite number; the image holds NaN or infinity.")
    if array.ndim == 3 and array.shape[2] == 4:
        values = _to_uint8(array[:, :, :3])
        alpha = _to_uint8(array[:, :, 3:])
        on_black = np.asarray(values.astype(np.uint16) * alpha // 255, dtype=np.uint8)
        return on_black if on_black.max() > DARK else on_black + (255 - alpha)
    values = _to_uint8(array)
    return spread_grey(values) if values.ndim == 2 else np.ascontiguousarray(values)


def spread_grey(plane: np.ndarray) -> np.ndarray:
    """A grey plane (H, W) as RGB (H, W, 3): a view that shows it three times and takes no memory of its own."""
    return np.broadcast_to(plane[:, :, None], (*plane.shape, 3))


def _to_uint8(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * 255
    if array.dtype.kind == "u" and array.dtype.itemsize == 2 and not (array % _WIDENED).any():
        return (array // _WIDENED).astype(np.uint8)
    bulk = sort_bulk(array)
    window = _find_window(bulk)
    low, high = window[0], min(float(bulk[-1]), 2 * window[1])  # a hot pixel says nothing about the depth
    if array.dtype.kind == "f" and low >= 0 and (high <= 1 or _FULL_8_BIT <= high <= 255):
        return np.asarray(np.rint(np.clip(array, 0, 255) if high > 1 else np.clip(array, 0, 1) * 255.0), np.uint8)
    return _apply_window(array, window)


def window_array(array: np.ndarray) -> np.ndarray:
    """Bring values of any range linearly to uint8: their minimum becomes 0, their 99.9th percentile 255.

    Outliers (`sort_bulk`) do not set the window: those below it become 0, those above it 255.
    """
    return _apply_window(array, _find_window(sort_bulk(array)))


def _apply_window(array: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    low, high = window
    scaled = np.clip((array.astype(np.float64) - low) / (high - low), 0.0, 1.0)
    return np.asarray(np.rint(scaled * 255.0).astype(np.uint8))


def _find_window(bulk: np.ndarray) -> tuple[float, float]:
    """The values that become black and white."""
    low = float(bulk[0])
    return low, max(float(np.percentile(bulk, _TAIL_PERCENTILE)), low + 1e-12, float(np.nextafter(low, np.inf)))


def sort_bulk(values: np.ndarray) -> np.ndarray:
    """An image's values in ascending order, without outliers.

    Outliers lie far from all others. Below, they are few (dead voxels) or one negative value over and over (padding);
    above, text that was burnt in: one value over and over, or one that no scanner gives. A few hot pixels stay: a
    percentile passes over them.

    Parameters
    ----------
    values : numpy.ndarray
        Of any shape, finite, one at least.

    Returns
    -------
    numpy.ndarray, shape (N,), floating
        All of them, if none is an outlier. Those below count as the lowest of the others, as air does.
    """
    ordered = np.sort(values, axis=None)
    if ordered.dtype.kind != "f":
        ordered = ordered.astype(np.float64)  # two int16 may lie further apart than an int16 can say
    for _ in range(_MOST_LAYERS):
        start, stop = _count_below(ordered), len(ordered) - _count_above(ordered)
        if start == 0 and stop == len(ordered):
            break
        ordered[:start] = ordered[start]
        ordered = ordered[:stop]
    return ordered


def _count_below(ordered: np.ndarray) -> int:
    """How many of ascending values are outliers at their beginning."""
    inner, few, lowest = _cut_ends(ordered), _FEW * len(ordered), float(ordered[0])
    if len(inner) <= few:
        return 0
    for tail in (_TAIL, _BLURRED_TAIL):
        first, last = _find_width(inner, tail)
        floor = first - _FAR_BELOW * (last - first)
        if lowest >= floor or first == last:
            continue
        count = int(np.searchsorted(ordered, floor))
        if count <= few and tail == _TAIL:
            return count
        if lowest < 0 and _is_one_value(ordered[:count]):
            darkest = _find_width(inner, _BLURRED_TAIL)[0]
            return int(np.searchsorted(ordered, 0.0 if darkest >= 0 else floor))  # with the padding's blurred edges
    return 0


def _count_above(ordered: np.ndarray) -> int:
    """How many of ascending values are outliers at their end."""
    inner, few, highest = _cut_ends(ordered), _FEW * len(ordered), float(ordered[-1])
    if len(inner) <= few:
        return 0
    for tail, far in ((_TAIL, _FAR_ABOVE), (_BLURRED_TAIL, _FAR_ABOVE_BLURRED)):
        last = _find_width(inner, tail)[1]
        ceiling = last + far * (last - min(float(ordered[0]), 0.0))
        if highest <= ceiling:
            continue
        known, stop = np.searchsorted(ordered, (last, ceiling), "right")
        outliers = ordered[stop:]
        if len(outliers) > few and (_is_one_value(outliers) or last < _12_BIT <= highest / 4):
            edges = _count_others(outliers) * (ceiling - last) / (highest - ceiling)
            return len(outliers) + int(min(edges, stop - known))  # as dense below the ceiling as above it
    return 0


def _cut_ends(ordered: np.ndarray) -> np.ndarray:
    """Ascending values without all that are the lowest or the highest."""
    return ordered[np.searchsorted(ordered, ordered[0], "right") : np.searchsorted(ordered, ordered[-1])]


def _find_width(inner: np.ndarray, tail: float) -> tuple[float, float]:
    """The first and the last of ascending values behind and before a share of them."""
    passed = int(tail * len(inner))
    return float(inner[passed]), float(inner[-1 - passed])


def _is_one_value(ordered: np.ndarray) -> bool:
    """Whether at least half of ascending values are the same."""
    return 2 * _count_others(ordered) <= len(ordered)


def _count_others(ordered: np.ndarray) -> int:
    """How many of ascending values are not the one in their middle."""
    middle = ordered[len(ordered) // 2]
    same = np.searchsorted(ordered, middle, "right") - np.searchsorted(ordered, middle)
    return len(ordered) - int(same)


STRENGTH_PERCENTILE = 99.0
"""A slice's strength is this percentile of its values: a few hot pixels do not fill an empty slice."""


def build_slice(values: np.ndarray, modality: str | None = None) -> Slice:
    """Make a slice of raw values.

    Parameters
    ----------
    values : numpy.ndarray, shape (H, W) or (H, W, 3)
        Grey values of any range, finite, which are windowed (`inference.imaging.arrays.window_array`); uint8 is taken
        as it is, and so are three channels, RGB.
    modality : str or None

    Raises
    ------
    InputError
        The size is outside the limits.
    """
    check_picture_size(values.shape[1], values.shape[0])
    if values.dtype == np.uint8:
        strength = float(np.percentile(values if values.ndim == 2 else values.mean(axis=2), STRENGTH_PERCENTILE))
        return Slice(image=DecodedImage(decode_array(values), modality=modality), strength=strength)
    window, strength = _measure(values)
    image = DecodedImage(decode_array(_apply_window(values, window)), modality=modality)
    return Slice(image=image, strength=strength, window=window)


def _measure(values: np.ndarray) -> tuple[tuple[float, float], float]:
    """The window of a slice, and its strength."""
    bulk = sort_bulk(values)
    return _find_window(bulk), float(np.percentile(bulk, STRENGTH_PERCENTILE))


def orient_slice(one: Slice, turn: Turn) -> Slice:
    """Make a slice's pixels square and turn them for the screen.

    Parameters
    ----------
    one : Slice
        As it is stored.
    turn : Turn
        See `inference.imaging.orientation.find_turn`.

    Raises
    ------
    TooLargeError
        With square pixels it is larger than a picture may be.
    """
    plane = reduce_grey(one.image.pixels) if one.image.pixels.strides[2] == 0 else one.image.pixels
    size_px = square_size(plane.shape[1], plane.shape[0], turn.pixel_ratio)
    if size_px != plane.shape[1::-1]:
        check_picture_size(*size_px)
        plane = cv2.resize(np.ascontiguousarray(plane), size_px, interpolation=cv2.INTER_LINEAR)
    if turn.is_transposed:
        plane = plane.swapaxes(0, 1)
    if turn.is_mirrored:
        plane = plane[:, ::-1]
    if turn.is_upside_down:
        plane = plane[::-1]
    plane = np.ascontiguousarray(plane)
    pixels = spread_grey(plane) if plane.ndim == 2 else plane
    return replace(one, image=replace(one.image, pixels=pixels, turn=turn))


def reduce_grey(image: np.ndarray) -> np.ndarray:
    """The one plane, (H, W), of a picture (H, W, 3) whose channels are equal, as most scans' are; else the picture.

    Preparing one plane for the network takes half the time and gives the same to the last bit.
    """
    if image.strides[2] == 0:  # one plane already, see `inference.imaging.arrays.spread_grey`
        return image[:, :, 0]
    red, green, blue = cv2.split(image)
    return red if _is_same(red, green) and _is_same(red, blue) else image


def _is_same(one: np.ndarray, other: np.ndarray) -> bool:
    return cv2.norm(one, other, cv2.NORM_INF) == 0.0
