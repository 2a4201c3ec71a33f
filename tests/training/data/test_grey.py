"""The head is found in a grey picture."""

from __future__ import annotations

import numpy as np

from tests.training.heads import draw_ellipse
from training.data.grey import STORED_SIZE_PX, head_box


def test_head_box() -> None:
    left, top, right, bottom = head_box(draw_ellipse())
    # the ellipse fades out over 15 % of its radius, which is 14 pixels down
    assert 0 <= 0.2 * STORED_SIZE_PX - left < 14
    assert 0 <= bottom - 0.85 * STORED_SIZE_PX < 14
    assert head_box(np.zeros((256, 256), np.uint8)) == (0, 0, 256, 256)
    assert right > left
    assert top < bottom
