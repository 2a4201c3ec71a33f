"""Splits never part a group, and duplicates go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inference.errors import InputError
from tests.training.heads import draw_ellipse
from training.data.manifest import Sample
from training.data.splits import FOLDS, drop_copies, drop_duplicates, leave_out_source, split_by_group


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
    splits = split_by_group(make_samples())
    groups = {name: {sample.group for sample in samples} for name, samples in splits.items()}
    assert sum(len(names) for names in groups.values()) == 300
    assert not groups["train"] & groups["test"]
    assert not groups["train"] & groups["validation"]
    assert all(len(names) > 15 for names in groups.values())


def test_fold_one_is_test_and_nothing_else_of_cheng() -> None:
    splits = split_by_group(make_samples())
    folds = {name: {sample.fold for sample in samples if sample.fold} for name, samples in splits.items()}
    assert folds["test"] == {"1"}
    assert folds["train"] == {"2", "3", "4", "5"}


def test_each_fold_is_tested_once() -> None:
    tested = [sample.path for fold in FOLDS for sample in split_by_group(make_samples(), fold)["test"]]
    assert len(tested) == len(set(tested)) == 900


def test_nothing_of_a_source_left_out_is_learnt_from() -> None:
    splits = leave_out_source(make_samples(), "cheng")
    assert {sample.source for sample in splits["test"]} == {"cheng"}
    assert not {s.group for s in splits["test"]} & {s.group for s in splits["train"] + splits["validation"]}
    with pytest.raises(InputError, match="there are cheng, sartaj"):
        leave_out_source(make_samples(), "mars")


def test_duplicates_go_and_chengs_slice_stays() -> None:
    cheng = Sample(path=Path("c.png"), label="glioma", source="cheng", group="g", fold="2")
    copy = Sample(path=Path("s.png"), label="meningioma", source="sartaj", group="g")
    other = Sample(path=Path("o.png"), label="meningioma", source="sartaj", group="g")
    pictures = {
        cheng.path: draw_ellipse(0),
        copy.path: np.clip(draw_ellipse(0).astype(int) + 3, 0, 255).astype(np.uint8),
        other.path: draw_ellipse(9),
    }
    assert drop_duplicates([copy, other, cheng], pictures) == [cheng, other]


def test_mirrored_copies_do_not_leak() -> None:
    train = Sample(path=Path("t.png"), label="no", source="br35h", group="a")
    mirrored = Sample(path=Path("m.png"), label="no", source="br35h", group="b")
    other = Sample(path=Path("o.png"), label="no", source="br35h", group="c")
    pictures = {
        train.path: draw_ellipse(0),
        mirrored.path: draw_ellipse(0)[:, ::-1].copy(),
        other.path: draw_ellipse(9),
    }
    assert drop_copies([mirrored, other], [train], pictures) == [other]
