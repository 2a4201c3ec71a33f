"""Volumes, DICOM files and archives sent to the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from inference import Catalogue
from inference.settings import Settings
from tests.clinical import box_volume, build_dicom, encode_dicom, encode_nifti, encode_zip, ramp, write_series
from tests.fakes import FakeClassifier, make_bundle
from tests.pictures import encode
from ui.web.server import build_app

KEYS = [
    *("path", "slice", "verdict", "label", "probabilities", "candidates"),
    *("finding", "finding_probability", "types", "type_probabilities", "novelty", "error"),
]


@pytest.fixture
def client() -> Iterator[TestClient]:
    classifier = FakeClassifier(bundle=make_bundle(modalities=("MR",), background="Quince"))
    with TestClient(build_app(Catalogue.of(classifier), Settings()), raise_server_exceptions=False) as client:
        yield client


def post(client: TestClient, content: bytes, name: str = "scan", query: str = "") -> Any:
    return client.post(f"/api/classify{query}", files={"file": (name, content)})


def test_a_volume_is_one_answer_with_a_row_a_slice(client: TestClient) -> None:
    values = np.stack([box_volume(), box_volume()], axis=3)
    answer = post(client, encode_nifti(values), "v.nii")
    body = answer.json()
    assert answer.status_code == 200
    assert list(body) == [*KEYS, "volume", "slices"]
    assert (body["path"], body["slice"], body["label"]) == ("v.nii", None, "Pear Fruit")
    assert body["volume"]["slices"] == 6
    assert body["volume"]["best_slice"] in body["volume"]["suspicious"]
    assert [row["slice"] for row in body["slices"]] == [1, 2, 3, 4, 5, 6]
    assert [list(row) for row in body["slices"]] == [KEYS] * 6
    assert answer.headers["Gyrus-Note"] == "Only the first of 2 volumes was read."


def test_one_slice_of_dicom_is_a_picture(client: TestClient) -> None:
    assert list(post(client, encode_dicom()).json()) == KEYS
    seen = post(client, encode_dicom(), query="?explain=1")
    assert seen.headers["content-type"] == "image/png"


def test_frames_of_dicom_are_a_volume(client: TestClient) -> None:
    body = post(client, encode_dicom(build_dicom(np.stack([ramp()] * 4)))).json()
    assert body["volume"]["slices"] == len(body["slices"]) == 4


def test_a_zip_of_a_series(client: TestClient, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in write_series(tmp_path, 5)}
    body = post(client, encode_zip(files), "study.zip").json()
    assert body["path"] == "study.zip"
    assert body["volume"]["series"] == "series 1 of 1, T1, 5 slices"
    assert [row["path"] for row in body["slices"]] == [f"study.zip/{name}" for name in files]
    assert "Mustermann" not in str(body)


def test_a_zip_of_several(client: TestClient) -> None:
    files = {"a.png": encode(), "b.txt": b"text", "c.nii": encode_nifti(box_volume())}
    body = post(client, encode_zip(files), "all.zip").json()
    assert [scan["path"] for scan in body["scans"]] == ["all.zip/a.png", "all.zip/b.txt", "all.zip/c.nii"]
    assert [scan["error"] is None for scan in body["scans"]] == [True, False, True]


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (encode_dicom(build_dicom(np.stack([ramp()] * 3), Modality="CT")), 422, "received CT (computed tomography)"),
        (encode_nifti(box_volume())[:-50], 422, "voxels end before the last slice"),
        (encode_zip({"../a": b"x"}), 422, "names a file outside itself"),
        (encode_zip({}), 422, "holds no file"),
        (encode_dicom(build_dicom(Rows=65535, Columns=65535)), 413, "40 million pixels"),
    ],
)
def test_bad_input_is_a_sentence(client: TestClient, content: bytes, status: int, sentence: str) -> None:
    answer = post(client, content)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]
    assert list(answer.json()) == KEYS


def test_an_archive_that_takes_too_long_is_a_sentence(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by ``make fuzz``: a hundred kilobytes hold hundreds of volumes."""
    monkeypatch.setattr("ui.web.api.volumes.MAX_ANSWER_S", 0.0)
    answer = post(client, encode_zip({f"{number}.png": encode() for number in range(3)}), "many.zip")
    assert answer.status_code == 413
    assert "takes longer" in answer.json()["error"]
