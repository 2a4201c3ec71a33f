"""What a volume is: slices in their order, each decoded when it is asked for, never all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from inference.images import DecodedImage, Identifiers, decode_array, find_window, window_array

STRENGTH_PERCENTILE = 99.0
"""A slice's strength is this percentile of its values: a few hot pixels do not fill an empty slice."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Slice:
    """One slice of a volume.

    Attributes
    ----------
    image : DecodedImage
    strength : float
        How bright its brightest parts are, in the volume's own units: compared with the other slices of the volume it
        tells an empty slice, which, windowed for itself, is a picture of noise.
    window : tuple of (float, float)
        The values that became black and white, in the same units: with them slices can be shown on one scale.
    """

    image: DecodedImage
    strength: float
    window: tuple[float, float] = (0.0, 255.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Volume:
    """A volume that can be classified slice by slice.

    Attributes
    ----------
    count : int
        How many slices; two or more, or one.
    load : Callable
        Number of a slice, counted from 0, to `Slice`; raises `InputError`.
    paths : tuple of str
        Of each slice, the file that it stands in, as far as each has its own; else empty.
    frames : tuple of int
        Of each slice, its frame in the file, counted from 0, if one file holds them all as frames; else empty.
    series : str
        What tells it from the other volumes of the same folder or archive: ``"series 1 of 3, T1, 24 slices"``. Never a
        name, an id or a date of the header.
    modality : str or None
        DICOM's code, such as ``"MR"``; None when the format has none.
    notes : tuple of str
        Sentences about what was left out or changed while reading.
    identifiers : Identifiers or None
        None unless they were asked for (`inference.images.ReadOptions.identifiers`).
    affine : numpy.ndarray, shape (4, 4), float64, or None
        From (column, row, slice) of the slices as they are loaded, counted from 0 in the middle of a pixel, to
        millimetres to the patient's right, front and head (NIfTI's RAS+). None if the source does not say.
    """

    count: int
    load: Callable[[int], Slice]
    paths: tuple[str, ...] = ()
    frames: tuple[int, ...] = ()
    series: str = ""
    modality: str | None = None
    notes: tuple[str, ...] = ()
    identifiers: Identifiers | None = None
    affine: np.ndarray | None = None


def build_slice(values: np.ndarray, modality: str | None = None) -> Slice:
    """Make a slice of raw values.

    Parameters
    ----------
    values : numpy.ndarray, shape (H, W) or (H, W, 3)
        Grey values of any range, finite, which are windowed (`inference.images.window_array`); uint8 is taken as it is,
        and so are three channels, RGB.
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
