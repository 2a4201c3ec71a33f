"""``python -m training volumes`` counts what it says, on volumes whose truth is known."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from inference.errors import GyrusError
from tests.clinical import encode_nifti, write_series
from tests.tiny import write_bundle, write_onnx
from training.__main__ import main
from training.measure.whole_volumes import evaluate_volumes


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "gbm_nifti" / "01"
    folder.mkdir(parents=True)
    values, mask = np.zeros((40, 48, 12), np.int16), np.zeros((40, 48, 12), np.int16)
    values[::4] = 1000  # dark on the whole
    values[:, :, 5:9] = 1000
    values[::4, :, 5:9] = 0  # bright on the whole
    mask[10:20, 10:20, 5:9] = 1
    values[:, :, 11] = 0  # empty
    (folder / "Pre_Scan_T1.nii.gz").write_bytes(gzip.compress(encode_nifti(values)))
    (folder / "Pre_Mask.nii.gz").write_bytes(gzip.compress(encode_nifti(mask)))
    stripes = np.zeros((48, 40), np.int16)
    stripes[::4] = 1000
    write_series(tmp_path / "data" / "dicom_t1", 5, values=[stripes] * 5)
    return tmp_path / "data"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    weights = np.tile(np.array([1, 0.5, 0, 0], np.float32) / 30, (3, 1))  # the brighter, the more of a glioma
    write_onnx(folder / "model.onnx", weights=weights)
    return write_bundle(folder, background="No Tumor")


def test_figures(bundle: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["volumes", str(bundle), str(data)]) == 0
    figures = json.loads(capsys.readouterr().out)
    tumour, (volume,) = figures["tumour"], figures["tumour"]["volumes"]
    assert figures["trained_on_volumes"] is False
    assert (tumour["count"], tumour["found"], tumour["best_slice_in_mask"]) == (1, 1, 1)
    assert volume["name"] == "01/Pre"
    assert volume["mask"] == [6, 9]
    assert volume["best_slice"] in (7, 8)
    assert volume["empty"] == 1
    assert (tumour["tumour_slices"], tumour["free_slices"]) == (4, 7)
    assert tumour["random_slice_in_mask"] == pytest.approx(4 / 11)
    assert figures["healthy"]["count"] == 1
    assert figures["healthy"]["slices"] == 5


def test_nothing_to_measure(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(GyrusError, match="There are no volumes below"):
        evaluate_volumes(bundle, tmp_path)
    write_bundle(bundle, background=None)
    with pytest.raises(GyrusError, match='"background" must name'):
        evaluate_volumes(bundle, tmp_path)
