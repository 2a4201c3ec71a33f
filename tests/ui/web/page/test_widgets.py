"""The values of the page's widgets."""

from __future__ import annotations

import numpy as np

from inference.imaging.types import DecodedImage
from ui.pictures import encode_picture
from ui.web.page.widgets import picture_value


def test_picture_is_reduced_and_described() -> None:
    pixels = np.zeros((3000, 1500, 3), np.uint8)
    value = picture_value("/tmp/x/slice.png", DecodedImage(pixels))
    assert value["src"].startswith("data:image/jpeg;base64,")
    assert value["caption"] == "slice.png, 1500 × 3000 pixels"
    assert len(encode_picture(pixels, 16)) < len(value["src"])


def test_picture_states() -> None:
    assert picture_value()["state"] == "empty"
    assert picture_value(message="The file is empty.")["state"] == "problem"
