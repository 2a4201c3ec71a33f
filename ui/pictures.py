"""Pictures as a front shows them: the heat map in colours, alone or over its picture, and files for a browser.

No toolkit and no words are here, and no picture is read: that is `inference.imaging`'s. The words are in
`ui.words.answer`. The heat map's colours are matplotlib's *plasma* (CC0, https://bids.github.io/colormap/), which is
perceptually uniform, as OpenCV carries it. None of them is grey, so that the map cannot be mistaken for grey tissue. A
pixel without evidence is left as it is, because the layer's opacity grows with the evidence.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inference.answer.heatmap import mirror_heatmap

if TYPE_CHECKING:
    from inference.answer.prediction import Heatmap
    from inference.imaging.types import Convention, DecodedImage, Orientation

DEFAULT_OPACITY = 0.6
"""Opacity, in [0, 1], of the strongest evidence: the picture stays visible beneath it."""

_STRIP_ROWS = 512
"""Rows that are blended at once, so that a large picture needs little memory beside itself."""


_SMALLEST_LETTER_PX = 11

_LETTER_SHARE = 1 / 22
"""Height of a letter at the edge, as a share of the picture's shorter side."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FacedPicture:
    """A picture as a convention shows it.

    Attributes
    ----------
    pixels : numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
    heatmap : Heatmap or None
        Of these pixels.
    orientation : Orientation or None
        What lies at the edges; None if that is not known.

    Examples
    --------
    >>> from inference.imaging.types import DecodedImage
    >>> face_picture(DecodedImage(np.zeros((90, 120, 3), np.uint8)), "neurological").orientation is None
    True
    """

    pixels: np.ndarray
    heatmap: Heatmap | None
    orientation: Orientation | None


def face_picture(image: DecodedImage, convention: Convention, heatmap: Heatmap | None = None) -> FacedPicture:
    """Show a picture and its heat map in a convention; one without the patient's sides at its own is left alone."""
    orientation = image.orientation
    if convention == "radiological" or orientation is None or not orientation.has_sides:
        return FacedPicture(pixels=image.pixels, heatmap=heatmap, orientation=orientation)
    return FacedPicture(
        pixels=image.pixels[:, ::-1],
        heatmap=None if heatmap is None else mirror_heatmap(heatmap),
        orientation=orientation.mirror(),
    )


def draw_letters(pixels: np.ndarray, orientation: Orientation | None) -> np.ndarray:
    """Write at each edge what lies there; white with a black rim, so that they can be read on every grey.

    Parameters
    ----------
    pixels : numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
    orientation : Orientation or None
        None draws nothing.

    Returns
    -------
    numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
    """
    if orientation is None:
        return pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    width, height = picture.size
    size_px = max(_SMALLEST_LETTER_PX, round(min(picture.size) * _LETTER_SHARE))
    gap = max(2, size_px // 3)
    drawing, font = ImageDraw.Draw(picture), ImageFont.load_default(size_px)
    places = {
        "lm": (orientation.left, gap, height / 2),
        "rm": (orientation.right, width - gap, height / 2),
        "mt": (orientation.top, width / 2, gap),
        "mb": (orientation.bottom, width / 2, height - gap),
    }
    for anchor, (letter, x, y) in places.items():
        rim = max(1, size_px // 10)
        drawing.text((x, y), letter, "white", font, anchor=anchor, stroke_width=rim, stroke_fill="black")
    return np.asarray(picture)


def render_layer(heatmap: Heatmap, side_px: int) -> np.ndarray:
    """Render the map by itself, to be laid over a picture of the same proportions.

    Parameters
    ----------
    heatmap : Heatmap
    side_px : int
        Longer side of the layer.

    Returns
    -------
    numpy.ndarray, shape (h, w, 4), uint8, RGBA, 0–255
        The opacity is the evidence: 0 where there is none, 255 where it is strongest.
    """
    scale = side_px / max(heatmap.width_px, heatmap.height_px)
    size_px = (max(1, round(heatmap.width_px * scale)), max(1, round(heatmap.height_px * scale)))
    levels = _enlarge(heatmap, *size_px)
    return np.dstack([_colors()[levels], levels])


def render_overlay(pixels: np.ndarray, heatmap: Heatmap, opacity: float = DEFAULT_OPACITY) -> np.ndarray:
    """Blend the map into the picture it belongs to.

    Parameters
    ----------
    pixels : numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
        The original picture.
    heatmap : Heatmap
    opacity : float
        Of the strongest evidence, in [0, 1]; weaker evidence is fainter in proportion.

    Returns
    -------
    numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
        A new array.
    """
    height_px, width_px = pixels.shape[:2]
    levels = _enlarge(heatmap, width_px, height_px)
    overlay = np.empty_like(pixels)
    for top in range(0, height_px, _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        alpha = levels[rows, :, None] * np.float32(opacity / 255.0)
        overlay[rows] = np.rint(pixels[rows] + (_colors()[levels[rows]] - pixels[rows].astype(np.float32)) * alpha)
    return overlay


def color_stops(count: int = 9) -> list[tuple[int, int, int, int]]:
    """The layer's colours from no to the strongest evidence, evenly spaced: (R, G, B, A), 0–255, for a colour bar."""
    levels = np.rint(np.linspace(0, 255, count)).astype(np.uint8)
    rows = np.column_stack([_colors()[levels], levels])
    return [(int(red), int(green), int(blue), int(alpha)) for red, green, blue, alpha in rows]


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode pixels, uint8 RGB or RGBA (H, W, 3 or 4), as a PNG file; quickly rather than small."""
    order = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    _, content = cv2.imencode(".png", cv2.cvtColor(pixels, order))  # OpenCV's own settings are its fastest
    return content.tobytes()


def _enlarge(heatmap: Heatmap, width_px: int, height_px: int) -> np.ndarray:
    """The map as levels 0–255; one byte a pixel, which is all that the 256 colours can show."""
    levels = np.rint(heatmap.grid * 255.0).astype(np.uint8)
    return np.asarray(cv2.resize(levels, (width_px, height_px), interpolation=cv2.INTER_LINEAR))


def _colors() -> np.ndarray:
    """The 256 colours, uint8 RGB (256, 3), from no to the strongest evidence."""
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_PLASMA)[:, 0, ::-1])


def encode_picture(pixels: np.ndarray, side_px: int) -> str:
    """Encode pixels, uint8 RGB (H, W, 3), as a ``data:`` URL of at most ``side_px`` on the longer side."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=92)
    return build_data_url(buffer.getvalue(), "image/jpeg")


def build_data_url(content: bytes, media_type: str) -> str:
    """A file as a ``data:`` URL (RFC 2397), which a browser shows without asking for it.

    Examples
    --------
    >>> build_data_url(b"GIF", "image/gif")
    'data:image/gif;base64,R0lG'
    """
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
