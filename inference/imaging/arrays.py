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

_FULL_16_BIT = 2**15
"""A 16-bit picture that uses its top bit is taken as full-range and divided by 257; 12-bit data never reaches it."""

DARK = 32
"""Grey value (0–255) up to which nothing can be seen on black. A transparent picture is laid on white only if all its
visible pixels are that dark; else it is laid on black, as the background of a scan is."""


def decode_array(array: np.ndarray) -> np.ndarray:
    """Bring an array of any depth to uint8 RGB.

    Parameters
    ----------
    array : numpy.ndarray, shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        uint8 is taken as it is, bool as black and white. A floating array within [0, 1] is multiplied by 255, one
        within [0, 255] is rounded. uint16 that uses its top bit is divided by 257. Everything else is windowed
        linearly from its minimum to its 99.9th percentile. Transparent pixels become black, or white if all visible
        ones are nearly black (`DARK`).

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
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind == "f" and low >= 0 and high <= 255:
        return np.rint(array * (255.0 if high <= 1.0 else 1.0)).astype(np.uint8)
    if array.dtype == np.uint16 and high >= _FULL_16_BIT:
        return np.rint(array / 257.0).astype(np.uint8)
    return window_array(array)


def window_array(array: np.ndarray) -> np.ndarray:
    """Bring values of any range linearly to uint8: their minimum becomes 0, their 99.9th percentile 255."""
    low, high = find_window(array)
    scaled = np.clip((array.astype(np.float64) - low) / (high - low), 0.0, 1.0)
    return np.asarray(np.rint(scaled * 255.0).astype(np.uint8))


def find_window(array: np.ndarray) -> tuple[float, float]:
    """The values that `window_array` makes black and white."""
    low = float(array.min())
    return low, max(float(np.percentile(array, _TAIL_PERCENTILE)), low + 1e-12)


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
    grey = values if values.ndim == 2 else values.mean(axis=2)
    strength = float(np.percentile(grey, STRENGTH_PERCENTILE)) if grey.size else 0.0
    if values.dtype == np.uint8:
        return Slice(image=DecodedImage(decode_array(values), modality=modality), strength=strength)
    image = DecodedImage(decode_array(window_array(values)), modality=modality)
    return Slice(image=image, strength=strength, window=find_window(values))


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
