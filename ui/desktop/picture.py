"""Pixels to look at: a picture fitted to a frame, with the heat map on it or without, and the bar of its colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ui.pictures import color_stops, render_overlay

if TYPE_CHECKING:
    from inference.answer.prediction import Heatmap


def fit_size(width_px: int, height_px: int, frame_px: tuple[int, int]) -> tuple[int, int]:
    """The largest (width, height) of the same proportions that a frame of (width, height) holds; 1 at least."""
    scale = min(frame_px[0] / width_px, frame_px[1] / height_px)
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def render_picture(pixels: np.ndarray, frame_px: tuple[int, int], heatmap: Heatmap | None) -> Image.Image:
    """Scale a picture to a frame and lay the heat map over it.

    Parameters
    ----------
    pixels : numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
    frame_px : tuple of int
        Width and height.
    heatmap : Heatmap or None
    """
    picture = Image.fromarray(pixels)
    size_px = fit_size(picture.width, picture.height, frame_px)
    scaled = picture.resize(size_px, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return scaled if heatmap is None else Image.fromarray(render_overlay(np.asarray(scaled), heatmap))


def render_color_bar(width_px: int, height_px: int) -> Image.Image:
    """The heat map's colours from none to strong evidence, on the black that the picture stands on."""
    stops = np.array(color_stops(width_px), np.float32)
    colors = stops[:, :3] * stops[:, 3:] / 255.0
    return Image.fromarray(np.repeat(np.rint(colors).astype(np.uint8)[None], height_px, axis=0))
