"""From a decoded picture to the network's input; training calls these very functions.

Nothing here knows which model is loaded: size, colour order, value range, layout and resize method are data of the
bundle (`inference.model.schema.InputSpec`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from inference.model.schema import InputSpec, Resize

RESIZE_METHODS: dict[Resize, int] = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
}
"""Names that ``bundle.json`` may use, and OpenCV's constants for them."""


def prepare_image(image: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Bring one picture into the form a network was trained on.

    Parameters
    ----------
    image : numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
        Or the plane (H, W) that `inference.imaging.arrays.reduce_grey` makes of a grey one.
    spec : InputSpec
        The bundle's declared input.

    Returns
    -------
    numpy.ndarray, shape (spec.height_px, spec.width_px, C), float32
        C is 3 in the order ``spec.color_order``, or 1 for ``grey`` (ITU-R BT.601 luma, as OpenCV computes it). Values
        run linearly from ``spec.value_min`` (0) to ``spec.value_max`` (255); ``spec.mean`` and ``spec.std`` come after.
    """
    return scale_values(resize_image(image, spec), spec)


def resize_image(image: np.ndarray, spec: InputSpec) -> np.ndarray:
    """The first half of `prepare_image`: colour order and size; uint8, 0–255, a quarter of the memory."""
    if spec.color_order == "grey" and image.ndim == 3:
        image = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    size = (spec.width_px, spec.height_px)
    small = cv2.resize(np.ascontiguousarray(image), size, interpolation=RESIZE_METHODS[spec.resize])
    if small.ndim == 2:
        return small[:, :, None] if spec.channels == 1 else cv2.cvtColor(small, cv2.COLOR_GRAY2RGB)
    return np.ascontiguousarray(small[:, :, ::-1]) if spec.color_order == "bgr" else small


def scale_values(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """The second half of `prepare_image`: values in 0–255, of any shape, to the network's range; a copy, float32."""
    values = pixels.astype(np.float32)
    if (spec.value_min, spec.value_max) != (0.0, 255.0):
        values *= np.float32((spec.value_max - spec.value_min) / 255.0)
        values += np.float32(spec.value_min)
    if spec.mean:
        values -= np.array(spec.mean, np.float32)
    if spec.std:
        values /= np.array(spec.std, np.float32)
    return values


def build_batch(images: Iterable[np.ndarray], spec: InputSpec) -> np.ndarray:
    """Prepare several pictures and stack them.

    Parameters
    ----------
    images : iterable of numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
        Sizes may differ.
    spec : InputSpec

    Returns
    -------
    numpy.ndarray, shape (N, spec.height_px, spec.width_px, C), float32
        See `prepare_image`; of shape (N, C, height, width) if ``spec.layout`` is ``nchw``.
    """
    return stack_batch([prepare_image(image, spec) for image in images], spec)


def stack_batch(prepared: Sequence[np.ndarray], spec: InputSpec) -> np.ndarray:
    """The second half of `build_batch`: pictures as `prepare_image` gives them to one array."""
    batch = prepared[0][None] if len(prepared) == 1 else np.stack(prepared)
    return np.ascontiguousarray(batch.transpose(0, 3, 1, 2)) if spec.layout == "nchw" else batch
