"""Small copies of pictures that a page carries inside itself."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    import numpy as np

_PREVIEW_PX = 150


def encode_preview(pixels: np.ndarray, side_px: int = _PREVIEW_PX) -> str:
    """A small JPEG of a decoded picture as a data URI.

    Parameters
    ----------
    pixels : numpy.ndarray, shape (H, W, 3), uint8, RGB
    side_px : int
        The longer side is at most this long.
    """
    picture = Image.fromarray(pixels)
    picture.thumbnail((side_px, side_px))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=72)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
