"""An answer that is kept: rows always, reports where their packages are installed; nothing stays on the server."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from inference import Catalogue, InputError
from tests.clinical import NAME, box_volume, build_dicom, encode_dicom, encode_nifti, encode_zip, write_series
from tests.fakes import FakeClassifier, make_bundle
from tests.pictures import encode
from ui.web.http.capacity import CapacityLimiter
from ui.web.http.uploads import Uploads
from ui.web.page import downloads
from ui.web.page.downloads import KINDS, build_download, list_kinds
from ui.web.page.handlers import Handlers
from ui.web.page.upload_cache import UploadCache

MODELS = Path(__file__).parents[4] / "models"
CLASSIFIER = FakeClassifier(bundle=make_bundle(MODELS / "brain_tumor", background="Quince"))
TRUE_UID = {"StudyInstanceUID": "1.2.3"}


def keep(tmp_path: Path, content: bytes, kind: str, *, name: str = "scan", number: int = 1) -> bytes:
    path = tmp_path / name
    path.write_bytes(content)
    with UploadCache().open(path) as upload:
        made = build_download(upload.answer(CLASSIFIER, number), CLASSIFIER.bundle, kind)  # type: ignore[arg-type]
    assert [file.name for file in tmp_path.iterdir()] == [name], "nothing is left on the server"
    return made


def series(tmp_path: Path, **changes: object) -> bytes:
    paths = write_series(tmp_path / "files", 4, **{**TRUE_UID, **changes})
    files = {path.name: path.read_bytes() for path in paths}
    for path in paths:
        path.unlink()
    (tmp_path / "files").rmdir()
    return encode_zip(files)


def test_rows_of_a_picture_and_of_a_volume(tmp_path: Path) -> None:
    (row,) = csv.DictReader(io.StringIO(keep(tmp_path, encode(), "csv").decode()))
    assert (row["path"], row["label"], row["verdict"]) == ("scan", "Pear Fruit", "confident")
    lines = keep(tmp_path, encode_nifti(box_volume()), "jsonl").decode().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["slice"] for row in rows] == [1, 2, 3, 4, 5, 6, None]
    assert rows[-1]["volume"]["best_slice"] in rows[-1]["volume"]["suspicious"]


@pytest.mark.parametrize("content", [encode(), encode_nifti(box_volume())], ids=["picture", "volume"])
def test_pdf(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("reportlab")
    assert keep(tmp_path, content, "pdf").startswith(b"%PDF")


@pytest.mark.parametrize("kind", ["sr", "capture"])
def test_dicom_reports_name_nobody(tmp_path: Path, kind: str) -> None:
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("highdicom")
    for content in (series(tmp_path), encode_dicom(build_dicom(**TRUE_UID))):
        made = keep(tmp_path, content, kind)
        dataset = pydicom.dcmread(io.BytesIO(made))
        assert dataset.Modality == {"sr": "SR", "capture": "OT"}[kind]
        assert dataset.PatientIdentityRemoved == "YES"
        assert NAME.encode() not in made and b"Mustermann" not in made and b"K-4711" not in made


def test_what_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "find_spec", lambda name: SimpleNamespace())
    assert list_kinds(is_dicom=True) == list(KINDS)
    assert list_kinds(is_dicom=False) == ["pdf", "csv", "jsonl"]
    monkeypatch.setattr(downloads, "find_spec", lambda name: None)
    assert list_kinds(is_dicom=True) == ["csv", "jsonl"]


def test_another_kind_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another kind"):
        keep(tmp_path, encode(), "exe")


class TestScans:
    FILES: ClassVar = {"a.png": encode(), "b.txt": b"text", "c.nii": encode_nifti(box_volume())}

    def test_an_archive_is_chosen_from(self, tmp_path: Path) -> None:
        path = tmp_path / "all.zip"
        path.write_bytes(encode_zip(self.FILES))
        with UploadCache().open(path) as upload:
            assert upload.titles == ["a.png", "c.nii"]
            scan = upload.pick(2)
            assert (scan.path, scan.is_dicom, scan.open().count) == ("c.nii", False, 6)  # type: ignore[union-attr]
            with pytest.raises(InputError, match="no scan 3"):
                upload.pick(3)

    def test_a_series_is_named_without_its_patient(self, tmp_path: Path) -> None:
        path = tmp_path / "study.zip"
        content = series(tmp_path)
        path.write_bytes(content)
        with UploadCache().open(path) as upload:
            assert upload.titles == ["series 1 of 1, T1, 4 slices"]
            scan = upload.pick(1)
            assert scan.is_dicom
            assert scan.open().load(3).image.pixels.any(), "the archive is open inside the block"  # type: ignore[union-attr]

    def test_an_upload_of_one_is_not_listed(self, tmp_path: Path) -> None:
        for content, is_dicom in ((encode(), False), (encode_nifti(box_volume()), False), (encode_dicom(), True)):
            path = tmp_path / "upload"
            path.write_bytes(content)
            with UploadCache().open(path) as upload:
                assert upload.titles == []
                assert upload.pick(1).is_dicom is is_dicom

    def test_an_archive_without_a_scan_says_why(self, tmp_path: Path) -> None:
        path = tmp_path / "words.zip"
        path.write_bytes(encode_zip({"b.txt": b"text"}))
        with UploadCache().open(path) as upload, pytest.raises(InputError, match="received a text file"):
            upload.pick(1)

    def test_rows_of_the_chosen_scan(self, tmp_path: Path) -> None:
        rows = keep(tmp_path, encode_zip(self.FILES), "jsonl", name="all.zip", number=2).decode().splitlines()
        assert {json.loads(row)["path"] for row in rows} == {"all.zip/c.nii"}


def test_the_page_answers_with_the_scan_and_the_kinds(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(encode_zip(TestScans.FILES))
    handlers = Handlers(Catalogue.of(CLASSIFIER), Uploads(tmp_path), UploadCache(), CapacityLimiter())
    upload = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
    _, answer = handlers.classify(upload, None, 2)
    assert (answer["scan"], answer["error"], len(answer["volume"]["rows"])) == (2, None, 6)
    assert answer["volume"]["picture"]["caption"].endswith(f"slice {answer['volume']['best'] + 1} of 6")
    assert {"csv", "jsonl"} <= set(answer["saves"])
    assert answer["sentence"] == "Pear, 94 %."
    json.dumps(answer)
    shown = handlers.show_picture(upload, 1)
    assert (shown["scans"], shown.get("slices")) == (["a.png", "c.nii"], None)
    planes = handlers.show_planes(upload, 2)
    assert planes["slices"] == 6 and np.isfinite(planes["affine"]).all()
    saved = handlers.save(upload, None, 2, {"kind": "csv"})
    assert (saved["file_name"], saved["sentence"]) == ("gyrus.csv", "")
    path.unlink()
    assert "no longer here" in handlers.save(upload, None, 2, {"kind": "csv"})["sentence"]
    assert handlers.save(None, None, 1, None)["sentence"] == "There is no image yet."
