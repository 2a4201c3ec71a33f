"""Class, source and split are read from the folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.heads import draw_head, save
from training.data.layout import list_folder, read_label


def test_sources_above_classes(tmp_path: Path) -> None:
    for folder in ("one/Glioma Tumor", "two/train/notumor", "two/val/notumor", "two/val/cats"):
        save(tmp_path / folder / "a.png", draw_head(0))
    listing = list_folder(tmp_path)
    found = {(s.source, split, s.label) for s, split in zip(listing.samples, listing.splits, strict=True)}
    assert found == {("one", "", "glioma"), ("two", "train", "no"), ("two", "val", "no"), ("two", "val", "cats")}


@pytest.mark.parametrize(
    ("folder", "label"),
    [("no_tumor", "no"), ("notumor", "no"), ("Pituitary", "pituitary"), ("Tumor", "tumor"), ("yes", "yes")],
)
def test_labels(folder: str, label: str) -> None:
    assert read_label(folder) == label
