"""The heat map's colours: what is coloured, how strongly, and what is left alone."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.answer.heatmap import build_heatmap
from inference.answer.prediction import Heatmap
from inference.imaging.orientation import RADIOLOGICAL
from inference.imaging.types import DecodedImage, Turn
from tests.fakes import make_heatmap
from ui.pictures import color_stops, draw_letters, encode_png, face_picture, render_layer, render_overlay


def test_layer_has_the_pictures_proportions_and_grows_opaque_with_the_evidence() -> None:
    layer = render_layer(make_heatmap(1.0, (300, 600)), 200)
    assert (layer.shape, layer.dtype) == ((100, 200, 4), np.uint8)
    assert layer[60:, :100, 3].max() == 0
    assert layer[int(100 * 4.5 / 19), int(200 * 14.5 / 19), 3] > 240


def test_overlay_changes_only_places_with_evidence() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (1100, 700, 3), dtype=np.uint8)  # more than one strip
    before = picture.copy()
    overlay = render_overlay(picture, make_heatmap(1.0, picture.shape[:2]))
    assert (overlay.shape, overlay.dtype) == (picture.shape, np.uint8)
    assert np.array_equal(overlay[600:], picture[600:])
    assert not np.array_equal(overlay[:300], picture[:300])
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("opacity", [0.0, 0.5, 1.0])
def test_opacity_is_the_share_of_the_colour(opacity: float) -> None:
    heatmap = build_heatmap(np.ones((19, 19, 1), np.float32), 0, (64, 64))
    picture = np.full((64, 64, 3), 100, np.uint8)
    expected = 100 * (1 - opacity) + np.array(color_stops()[-1][:3]) * opacity
    assert np.abs(render_overlay(picture, heatmap, opacity) - expected).max() <= 0.5


def test_colours_grow_lighter_and_are_never_grey() -> None:
    stops = color_stops(32)
    luma = [0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue, _ in stops]
    assert luma == sorted(luma)
    assert [alpha for *_, alpha in stops][:: len(stops) - 1] == [0, 255]
    assert min(max(color[:3]) - min(color[:3]) for color in stops) > 80


def test_png_keeps_every_channel() -> None:
    for channels in (3, 4):
        pixels = np.random.default_rng(2).integers(0, 255, (20, 30, channels), dtype=np.uint8)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(pixels)))), pixels)


class TestSides:
    @pytest.mark.parametrize("convention", ["radiological", "neurological"])
    def test_a_convention_mirrors_picture_map_and_letters_together(self, convention: Any) -> None:
        pixels = np.zeros((64, 48, 3), np.uint8)
        pixels[:, :10] = 200  # the patient's right
        image = DecodedImage(pixels, turn=Turn(orientation=RADIOLOGICAL["axial"]))
        evidence = np.zeros((8, 6), np.float32)
        evidence[2, 0] = 3.0
        heatmap = Heatmap(grid=evidence, width_px=48, height_px=64, peak=(0.1, 0.3), peak_value=3.0, stands_out=True)
        shown = face_picture(image, convention, heatmap)
        assert shown.heatmap is not None
        assert shown.orientation is not None
        is_left = convention == "radiological"
        assert (shown.pixels[0, 0, 0] == 200) == is_left
        assert shown.orientation.left == ("R" if is_left else "L")
        assert shown.heatmap.peak[0] == pytest.approx(0.1 if is_left else 0.9)
        assert (shown.heatmap.grid[2, 0] == 3.0) == is_left

    def test_a_sagittal_picture_has_no_side_to_mirror(self) -> None:
        image = DecodedImage(np.zeros((64, 48, 3), np.uint8), turn=Turn(orientation=RADIOLOGICAL["sagittal"]))
        assert face_picture(image, "neurological").orientation == RADIOLOGICAL["sagittal"]

    def test_letters_are_at_the_edges_and_nowhere_else(self) -> None:
        grey = np.full((200, 300, 3), 90, np.uint8)
        changed = (draw_letters(grey, RADIOLOGICAL["coronal"]) != grey).any(axis=2)
        assert [changed[90:110, :20].any(), changed[90:110, -20:].any()] == [True, True]
        assert [changed[:20, 140:160].any(), changed[-20:, 140:160].any()] == [True, True]
        assert not changed[30:-30, 30:-30].any()
        assert draw_letters(grey, None) is grey
