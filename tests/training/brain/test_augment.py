"""What is drawn follows the tumour."""

from __future__ import annotations

import numpy as np

from tests.training.heads import draw_ellipse
from training.brain.augment import Slice, borrow_histogram, change_appearance, reframe, strip_skull
from training.brain.counterfactuals import draw_harmless_box, draw_lesion, hide_region, paint_lesion, paste_tumour
from training.data.grey import STORED_SIZE_PX, head_box


class TestAugment:
    def test_lesion_moves_with_the_picture(self) -> None:
        box = (0.35, 0.6, 0.12, 0.1)
        lesion = draw_lesion(box)
        grey = np.clip(draw_ellipse() * 0.5 + 200 * lesion, 0, 255).astype(np.uint8)
        for seed in range(10):
            moved = reframe(Slice(grey=grey, lesion=lesion), np.random.default_rng(seed))
            inside = moved.grey[moved.lesion > 0.9]
            outside = moved.grey[(moved.lesion < 0.01) & (moved.grey > 0)]
            assert len(inside) > 50
            assert np.median(inside) > np.median(outside) + 80

    def test_reproducible_and_different(self) -> None:
        item = Slice(grey=draw_ellipse(), lesion=draw_lesion((0.4, 0.4, 0.1, 0.1)))
        one, same, other = (reframe(item, np.random.default_rng(seed)).grey for seed in (1, 1, 2))
        assert np.array_equal(one, same)
        assert not np.array_equal(one, other)

    def test_appearance_moves_nothing(self) -> None:
        grey = draw_ellipse()
        for seed in range(20):
            changed = change_appearance(grey, np.random.default_rng(seed))
            assert (changed.shape, changed.dtype) == (grey.shape, np.uint8)

    def test_pasted_tumour_is_where_the_box_says(self) -> None:
        donor = np.clip(draw_ellipse() + 120 * draw_lesion((0.35, 0.5, 0.12, 0.12)), 0, 255).astype(np.uint8)
        host = draw_ellipse(5)
        pasted, box = paste_tumour(host, donor, (0.35, 0.5, 0.12, 0.12), np.random.default_rng(0), flip_polarity=0.0)
        inside = draw_lesion(box) > 0.9
        assert pasted[inside].mean() > host[inside].mean() + 25
        assert np.array_equal(
            pasted[draw_lesion((box[0], box[1], box[2] * 1.8, box[3] * 1.8)) == 0],
            host[draw_lesion((box[0], box[1], box[2] * 1.8, box[3] * 1.8)) == 0],
        )

    def test_nothing_is_pasted_outside_the_head(self) -> None:
        assert (
            paste_tumour(np.zeros((256, 256), np.uint8), draw_ellipse(), (0.5, 0.5, 0.1, 0.1), np.random.default_rng(0))
            is None
        )

    def test_a_hidden_tumour_is_hidden_and_the_rest_untouched(self) -> None:
        box = (0.35, 0.5, 0.12, 0.12)
        stripes = 60 + 80 * (np.arange(256) // 4 % 2)
        ill = np.clip(draw_ellipse() * 0.7 + stripes * draw_lesion(box), 0, 255).astype(np.uint8)
        inside, far = draw_lesion(box) > 0.9, draw_lesion((0.35, 0.5, 0.3, 0.3)) == 0
        covered = [hide_region(ill, box, np.random.default_rng(seed)) for seed in range(40)]
        made = [picture for picture in covered if picture is not None]
        assert len(made) > 30
        for picture in made:
            # nothing of the tumour's own pattern is left inside; a plain cover has no pattern at all
            cover, tumour = picture[inside].astype(float), ill[inside].astype(float)
            assert cover.std() == 0 or abs(np.corrcoef(cover, tumour)[0, 1]) < 0.3
            assert np.array_equal(picture[far], ill[far])

    def test_a_tumour_is_not_copied_elsewhere(self) -> None:
        tumour = (0.35, 0.5, 0.12, 0.12)
        ill = np.clip(draw_ellipse() * 0.5 + 200 * draw_lesion(tumour), 0, 255).astype(np.uint8)
        for seed in range(40):
            rng = np.random.default_rng(seed)
            region = draw_harmless_box(ill, rng, avoid=tumour)
            changed = None if region is None else hide_region(ill, region, rng, avoid=tumour)
            untouched = draw_lesion((tumour[0], tumour[1], 0.06, 0.06)) > 0.9
            assert changed is None or np.median(changed[untouched]) > 180

    def test_a_stripped_head_loses_its_rim_and_keeps_its_middle(self) -> None:
        grey = draw_ellipse()
        stripped = strip_skull(grey, np.random.default_rng(0))
        assert np.array_equal(stripped[120:136, 120:136], grey[120:136, 120:136])
        left, _, right, _ = head_box(grey)
        assert stripped[:, left : left + 6].max() == 0
        assert stripped[:, right - 6 : right].max() == 0


def test_a_painted_lesion_lies_in_the_brain_and_in_its_box() -> None:
    host, rng, painted = draw_ellipse(3), np.random.default_rng(0), 0
    for _ in range(20):
        region = draw_harmless_box(host, rng, avoid=None)
        result = paint_lesion(host, region, rng)
        if result is None:
            continue
        painted += 1
        ill, box = result
        changed = np.abs(ill.astype(int) - host) > 15
        assert changed.any()
        assert not changed[host <= 12].any(), "nothing is painted beside the head"
        left, top = ((box[axis] - box[axis + 2] / 2) * STORED_SIZE_PX for axis in (0, 1))
        assert draw_lesion(box)[changed].mean() > 0.2
        assert 0 <= left < STORED_SIZE_PX and 0 <= top < STORED_SIZE_PX
    assert painted >= 10


def test_a_borrowed_histogram_keeps_the_order_of_the_greys() -> None:
    grey, other = draw_ellipse(1), (draw_ellipse(2) // 2 + 60) * (draw_ellipse(2) > 12)
    borrowed = borrow_histogram(grey, other.astype(np.uint8))
    bright = grey > 12
    assert abs(float(np.median(borrowed[bright])) - float(np.median(other[other > 12]))) < 4
    assert np.array_equal(borrowed[~bright], grey[~bright])
    order = np.argsort(grey[bright], kind="stable")
    assert (np.diff(borrowed[bright][order].astype(int)) >= 0).all()
