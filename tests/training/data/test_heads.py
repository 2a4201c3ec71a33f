"""Heads without a tumour are read from more.csv, and a person stays on one side of a split."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.errors import InputError
from training.data.heads import choose_split, read_heads
from training.data.manifest import Sample

DATA = Path(os.environ.get("GYRUS_DATA") or "nowhere")


def write_table(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "more.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "label", "source", "patient", "sequence"])
        writer.writeheader()
        writer.writerows(rows)


def test_pictures_volumes_and_nothing_else(tmp_path: Path) -> None:
    import nibabel

    head = cv2.circle(np.zeros((64, 64), np.uint8), (32, 32), 24, 180, -1)
    cv2.imwrite(str(tmp_path / "a.png"), head)
    cv2.imwrite(str(tmp_path / "sheet.png"), np.hstack([head] * 3))
    values = np.repeat(head[:, :, None], 5, axis=2).astype(np.float32) + np.random.default_rng(1).random((64, 64, 5))
    values[:, :, 0] = 0.01
    nibabel.Nifti1Image(values.astype(np.float32), np.eye(4)).to_filename(tmp_path / "b.nii.gz")
    base = {"label": "no", "source": "here", "patient": "P1", "sequence": "T1"}
    rows = [
        {**base, "path": "a.png"},
        {**base, "path": "sheet.png"},
        {**base, "path": "b.nii.gz", "patient": "P2", "sequence": "FLAIR"},
        {**base, "path": "ct.png", "label": "not_brain"},
    ]
    write_table(tmp_path, rows)
    samples = [sample for sample, _ in read_heads(tmp_path)]
    assert [(sample.path.name, sample.group, sample.sequence) for sample in samples] == [
        ("a.png", "here:P1", "T1"),
        *((f"b.nii.gz#{index}", "here:P2", "FLAIR") for index in range(1, 5)),
    ]


def test_no_table_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no readable .*more\.csv"):
        next(read_heads(tmp_path))


def test_persons_are_dealt_and_other_sources_train() -> None:
    def split(source: str, person: int) -> str:
        name = f"{source}:{person}"
        return choose_split(Sample(path=Path("a"), label="no", source=source, group=name))

    dealt = [split("nichart", person) for person in range(400)]
    assert {name: round(dealt.count(name) / 400, 1) for name in ("train", "validation", "test")} == {
        "train": 0.5,
        "validation": 0.2,
        "test": 0.3,
    }
    assert {split("fnndsc", person) for person in range(50)} == {"train"}


@pytest.mark.skipif(not (DATA / "more.csv").is_file(), reason="GYRUS_DATA names no folder of real images")
def test_the_real_heads() -> None:
    persons = {sample.group for sample, _ in read_heads(DATA) if sample.source == "ms_tabriz"}
    assert len(persons) == 10
