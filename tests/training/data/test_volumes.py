"""Slices of volumes stand the right way up, and know where the tumour is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed")

from training.data.volumes import read_volumes  # noqa: E402


def write_volume(path: Path, values: np.ndarray, flips: tuple[int, int]) -> None:
    """Write RAS values (x right, y to the front, z up), stored along other directions."""
    affine = np.diag([float(flips[0]), float(flips[1]), 1.0, 1.0])
    stored = values[:: flips[0], :: flips[1]]
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(stored), affine), path)


@pytest.mark.parametrize("flips", [(1, 1), (-1, -1), (1, -1)])
def test_the_nose_is_up_whatever_the_file_says(tmp_path: Path, flips: tuple[int, int]) -> None:
    folder = tmp_path / "gbm_nifti" / "01"
    folder.mkdir(parents=True)
    values = np.random.default_rng(0).uniform(50, 80, (64, 64, 3)).astype(np.float32)
    mask = np.zeros_like(values)
    values[20:44, 52:60, :] = 200  # a bright nose at the front
    mask[8:20, 10:22, 1] = 1  # at the back, in the middle slice
    values[:, :, 2] = 0  # padding
    write_volume(folder / "Pre_Scan_T1.nii.gz", values, flips)
    write_volume(folder / "Pre_Mask.nii.gz", mask, flips)
    slices = read_volumes(tmp_path)
    assert [(sample.label, sample.group, sample.source) for sample, _ in slices] == [
        ("no", "gbm-01", "gbm_nifti"),
        ("glioma", "gbm-01", "gbm_nifti"),
    ]
    sample, picture = slices[1]
    rows = picture.astype(float).mean(axis=1)
    assert rows[:64].max() > rows[128:].max() + 20
    assert sample.box == pytest.approx((14 / 64, 48 / 64, 12 / 64, 12 / 64), abs=1e-6)


def test_no_volumes_is_no_slices(tmp_path: Path) -> None:
    assert read_volumes(tmp_path) == []
