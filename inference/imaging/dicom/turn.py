"""How a frame is turned for the screen, as its header has it; the rules are `inference.imaging.orientation`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inference.imaging.dicom.dataset import find_item
from inference.imaging.dicom.geometry import find_geometry
from inference.imaging.orientation import find_turn, pixel_ratio

if TYPE_CHECKING:
    from pydicom import Dataset

    from inference.imaging.types import Turn

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""The class of what was drawn or photographed, and of its kin the beginning: letters in it must not be turned."""


def find_frame_turn(dataset: Dataset, frame: int) -> Turn:
    """How to turn a frame; its pixels are made square even where nothing says how it lies.

    References
    ----------
    PS3.3, 10.7.1.3 (Pixel Spacing: between rows, then between columns) and C.7.6.3.1.7 (Pixel Aspect Ratio: of a
    pixel's height and width).
    """
    try:
        height, width = map(float, _find_pair(dataset, frame))
        ratio = pixel_ratio(width, height)
    except (TypeError, ValueError, ArithmeticError):
        ratio = 1.0
    if str(dataset.get("SOPClassUID") or "").startswith(_SECONDARY_CAPTURE):
        return find_turn(None, ratio)
    try:
        orientation, _ = find_geometry(dataset, frame)
    except (TypeError, ValueError, ArithmeticError):  # no six numbers: the picture is shown as it is stored
        orientation = None
    return find_turn(None if orientation is None else np.reshape(orientation, (2, 3)).T, ratio)


def _find_pair(dataset: Dataset, frame: int) -> Any:
    """What says how high and how wide a pixel is; empty if nothing does."""
    measures = find_item(dataset, frame, "PixelMeasuresSequence")
    return measures.get("PixelSpacing") or dataset.get("PixelAspectRatio") or ()
