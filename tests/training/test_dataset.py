"""Splits never part a group, twins go, and what is drawn follows the tumour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference.errors import InputError
from training.augment import (
    Slice,
    borrow_histogram,
    change_appearance,
    draw_harmless_box,
    draw_lesion,
    hide_region,
    paint_lesion,
    paste_tumour,
    reframe,
    strip_skull,
)
from training.dataset import (
    FOLDS,
    STORED_SIZE_PX,
    Sample,
    drop_copies,
    drop_twins,
    head_box,
    leave_out_source,
    read_manifest,
    split_by_group,
)


def make_samples() -> list[Sample]:
    """300 groups of three; every fourth holds Cheng's slices of some fold."""
    samples = []
    for group in range(300):
        for number in range(3):
            cheng = group % 4 == 0
            samples.append(
                Sample(
                    path=Path(f"{group}/{number}.png"),
                    label="glioma" if cheng else "no",
                    source="cheng" if cheng and number else "sartaj",
                    group=f"g{group}",
                    fold=str(1 + group % 5) if cheng and number else "",
                )
            )
    return samples


def test_no_group_is_on_two_sides() -> None:
    parts = split_by_group(make_samples())
    groups = {name: {sample.group for sample in samples} for name, samples in parts.items()}
    assert sum(len(names) for names in groups.values()) == 300
    assert not groups["train"] & groups["test"]
    assert not groups["train"] & groups["validation"]
    assert all(len(names) > 15 for names in groups.values())


def test_fold_one_is_test_and_nothing_else_of_cheng() -> None:
    parts = split_by_group(make_samples())
    folds = {name: {sample.fold for sample in samples if sample.fold} for name, samples in parts.items()}
    assert folds["test"] == {"1"}
    assert folds["train"] == {"2", "3", "4", "5"}


def test_each_fold_is_tested_once() -> None:
    tested = [sample.path for fold in FOLDS for sample in split_by_group(make_samples(), fold)["test"]]
    assert len(tested) == len(set(tested)) == 900


def test_nothing_of_a_source_left_out_is_learnt_from() -> None:
    parts = leave_out_source(make_samples(), "cheng")
    assert {sample.source for sample in parts["test"]} == {"cheng"}
    assert not {s.group for s in parts["test"]} & {s.group for s in parts["train"] + parts["validation"]}
    with pytest.raises(InputError, match="there are cheng, sartaj"):
        leave_out_source(make_samples(), "mars")


def head(seed: int = 0) -> np.ndarray:
    """A bright ellipse with texture on black."""
    rng = np.random.default_rng(seed)
    inside = draw_lesion((0.5, 0.5, 0.6, 0.7))
    texture = 100 + 20 * rng.normal(size=(16, 16)).repeat(16, 0).repeat(16, 1)
    return np.clip(inside * texture, 0, 255).astype(np.uint8)


def test_twins_go_and_chengs_slice_stays() -> None:
    cheng = Sample(path=Path("c.png"), label="glioma", source="cheng", group="g", fold="2")
    copy = Sample(path=Path("s.png"), label="meningioma", source="sartaj", group="g")
    other = Sample(path=Path("o.png"), label="meningioma", source="sartaj", group="g")
    pictures = {
        cheng.path: head(0),
        copy.path: np.clip(head(0).astype(int) + 3, 0, 255).astype(np.uint8),
        other.path: head(9),
    }
    assert drop_twins([copy, other, cheng], pictures) == [cheng, other]


def test_mirrored_copies_do_not_leak() -> None:
    train = Sample(path=Path("t.png"), label="no", source="br35h", group="a")
    mirrored = Sample(path=Path("m.png"), label="no", source="br35h", group="b")
    other = Sample(path=Path("o.png"), label="no", source="br35h", group="c")
    pictures = {train.path: head(0), mirrored.path: head(0)[:, ::-1].copy(), other.path: head(9)}
    assert drop_copies([mirrored, other], [train], pictures) == [other]


def test_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no readable"):
        read_manifest(tmp_path)
    columns = "path,label,source,patient_id,cheng_fold,group,box_x_center,box_y_center,box_width,box_height"
    (tmp_path / "manifest.csv").write_text(
        f"{columns}\na.png,no,br35h,,,g1,,,,\nb.png,glioma,cheng,7,2,g2,.5,.5,.1,.2\n"
    )
    first, second = read_manifest(tmp_path)
    assert (first.has_tumour, first.box, second.box) == (False, None, (0.5, 0.5, 0.1, 0.2))
    (tmp_path / "manifest.csv").write_text("path,label\na.png,no\n")
    with pytest.raises(InputError, match="lacks the column"):
        read_manifest(tmp_path)


def test_head_box() -> None:
    left, top, right, bottom = head_box(head())
    # the ellipse fades out over 15 % of its radius, which is 14 pixels down
    assert 0 <= 0.2 * STORED_SIZE_PX - left < 14
    assert 0 <= bottom - 0.85 * STORED_SIZE_PX < 14
    assert head_box(np.zeros((256, 256), np.uint8)) == (0, 0, 256, 256)
    assert right > left
    assert top < bottom


class TestAugment:
    def test_lesion_moves_with_the_picture(self) -> None:
        box = (0.35, 0.6, 0.12, 0.1)
        lesion = draw_lesion(box)
        grey = np.clip(head() * 0.5 + 200 * lesion, 0, 255).astype(np.uint8)
        for seed in range(10):
            moved = reframe(Slice(grey=grey, lesion=lesion), np.random.default_rng(seed))
            inside = moved.grey[moved.lesion > 0.9]
            outside = moved.grey[(moved.lesion < 0.01) & (moved.grey > 0)]
            assert len(inside) > 50
            assert np.median(inside) > np.median(outside) + 80

    def test_reproducible_and_different(self) -> None:
        item = Slice(grey=head(), lesion=draw_lesion((0.4, 0.4, 0.1, 0.1)))
        one, same, other = (reframe(item, np.random.default_rng(seed)).grey for seed in (1, 1, 2))
        assert np.array_equal(one, same)
        assert not np.array_equal(one, other)

    def test_appearance_moves_nothing(self) -> None:
        grey = head()
        for seed in range(20):
            changed = change_appearance(grey, np.random.default_rng(seed))
            assert (changed.shape, changed.dtype) == (grey.shape, np.uint8)

    def test_pasted_tumour_is_where_the_box_says(self) -> None:
        donor = np.clip(head() + 120 * draw_lesion((0.35, 0.5, 0.12, 0.12)), 0, 255).astype(np.uint8)
        host = head(5)
        pasted, box = paste_tumour(host, donor, (0.35, 0.5, 0.12, 0.12), np.random.default_rng(0), flip_polarity=0.0)
        inside = draw_lesion(box) > 0.9
        assert pasted[inside].mean() > host[inside].mean() + 25
        assert np.array_equal(
            pasted[draw_lesion((box[0], box[1], box[2] * 1.8, box[3] * 1.8)) == 0],
            host[draw_lesion((box[0], box[1], box[2] * 1.8, box[3] * 1.8)) == 0],
        )

    def test_nothing_is_pasted_outside_the_head(self) -> None:
        assert (
            paste_tumour(np.zeros((256, 256), np.uint8), head(), (0.5, 0.5, 0.1, 0.1), np.random.default_rng(0)) is None
        )

    def test_a_hidden_tumour_is_hidden_and_the_rest_untouched(self) -> None:
        box = (0.35, 0.5, 0.12, 0.12)
        stripes = 60 + 80 * (np.arange(256) // 4 % 2)
        ill = np.clip(head() * 0.7 + stripes * draw_lesion(box), 0, 255).astype(np.uint8)
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
        ill = np.clip(head() * 0.5 + 200 * draw_lesion(tumour), 0, 255).astype(np.uint8)
        for seed in range(40):
            rng = np.random.default_rng(seed)
            place = draw_harmless_box(ill, rng, avoid=tumour)
            changed = None if place is None else hide_region(ill, place, rng, avoid=tumour)
            untouched = draw_lesion((tumour[0], tumour[1], 0.06, 0.06)) > 0.9
            assert changed is None or np.median(changed[untouched]) > 180

    def test_a_stripped_head_loses_its_rim_and_keeps_its_middle(self) -> None:
        grey = head()
        stripped = strip_skull(grey, np.random.default_rng(0))
        assert np.array_equal(stripped[120:136, 120:136], grey[120:136, 120:136])
        left, _, right, _ = head_box(grey)
        assert stripped[:, left : left + 6].max() == 0
        assert stripped[:, right - 6 : right].max() == 0


def test_a_painted_lesion_lies_in_the_brain_and_in_its_box() -> None:
    host, rng, painted = head(3), np.random.default_rng(0), 0
    for _ in range(20):
        place = draw_harmless_box(host, rng, avoid=None)
        result = paint_lesion(host, place, rng)
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
    grey, other = head(1), (head(2) // 2 + 60) * (head(2) > 12)
    borrowed = borrow_histogram(grey, other.astype(np.uint8))
    bright = grey > 12
    assert abs(float(np.median(borrowed[bright])) - float(np.median(other[other > 12]))) < 4
    assert np.array_equal(borrowed[~bright], grey[~bright])
    order = np.argsort(grey[bright], kind="stable")
    assert (np.diff(borrowed[bright][order].astype(int)) >= 0).all()
