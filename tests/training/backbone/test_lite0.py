"""The converted ImageNet weights still know what they knew."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="TensorFlow is not installed")
skimage_data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")

from inference.answer.decision import softmax  # noqa: E402
from training.backbone.lite0 import build_lite0  # noqa: E402

TABBY, TIGER_CAT, EGYPTIAN_CAT, ESPRESSO = 281, 282, 285, 967
"""Class numbers of ImageNet-1k (index base 0)."""


def center_square(picture: np.ndarray) -> np.ndarray:
    """The middle square at 224×224, as a batch of one."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = picture[top : top + side, left : left + side]
    return cv2.resize(square, (224, 224), interpolation=cv2.INTER_AREA)[None].astype(np.float32)


@pytest.fixture(scope="module")
def networks() -> dict[str, keras.Model]:
    return {order: build_lite0(color_order=order) for order in ("rgb", "bgr")}


def test_a_cat_and_an_espresso(networks: dict[str, keras.Model]) -> None:
    cat = softmax(np.array(networks["rgb"](center_square(skimage_data.chelsea()))))[0]
    assert {TABBY, EGYPTIAN_CAT} <= set(cat.argsort()[::-1][:3].tolist())
    assert cat[[TABBY, TIGER_CAT, EGYPTIAN_CAT]].sum() > 0.8
    espresso = softmax(np.array(networks["rgb"](center_square(skimage_data.coffee()))))[0]
    assert espresso.argmax() == ESPRESSO
    assert espresso[ESPRESSO] > 0.8


def test_bgr_network_gives_the_same_for_bgr(networks: dict[str, keras.Model]) -> None:
    batch = center_square(skimage_data.coffee())
    assert np.allclose(networks["rgb"](batch), networks["bgr"](batch[..., ::-1]), atol=1e-4)
