"""Pixels to look at: a picture fitted to a frame, with the heat map on it or without, and the bar of its colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ui.pictures import color_stops, draw_letters, render_overlay

if TYPE_CHECKING:
    from ui.pictures import FacedPicture


def fit_size(width_px: int, height_px: int, frame_px: tuple[int, int]) -> tuple[int, int]:
    """The largest (width, height) of the same proportions that a frame of (width, height) holds; 1 at least."""
    scale = min(frame_px[0] / width_px, frame_px[1] / height_px)
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def render_picture(shown: FacedPicture, frame_px: tuple[int, int]) -> Image.Image:
    """Scale a picture to a frame, lay its heat map over it and write its letters at the edges.

    Parameters
    ----------
    shown : FacedPicture
    frame_px : tuple of int
        Width and height.
    """
    picture = Image.fromarray(np.ascontiguousarray(shown.pixels))
    size_px = fit_size(picture.width, picture.height, frame_px)
    scaled = np.asarray(picture.resize(size_px, Image.Resampling.LANCZOS, reducing_gap=2.0))
    pixels = scaled if shown.heatmap is None else render_overlay(scaled, shown.heatmap)
    return Image.fromarray(draw_letters(pixels, shown.orientation))


def render_color_bar(width_px: int, height_px: int) -> Image.Image:
    """The heat map's colours from none to strong evidence, on the black that the picture stands on."""
    stops = np.array(color_stops(width_px), np.float32)
    colors = stops[:, :3] * stops[:, 3:] / 255.0
    return Image.fromarray(np.repeat(np.rint(colors).astype(np.uint8)[None], height_px, axis=0))
