"""Files that lie elsewhere are found and read as those of the disk; fsspec's own memory stands for a store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.answer.classifier import Classifier
from inference.batch.outcomes import classify_items
from inference.errors import InputError, SettingsError
from inference.imaging.find import find_items
from inference.imaging.storage import check_address, list_folder, open_file
from inference.limits import MAX_ARCHIVE_BYTES
from tests.clinical import box_volume, build_dicom, encode_dicom, encode_nifti, encode_zip, write_series
from tests.pictures import encode
from tests.tiny import write_bundle

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed; pip install -r requirements-cluster.txt")


@pytest.fixture
def store() -> Iterator[str]:
    yield "memory://scans"
    fsspec.filesystem("memory").rm("/scans", recursive=True)


def fill(folder: Path) -> None:
    """Pictures, a series, volumes, an archive, what cannot be read, and what is hidden."""
    write_series(folder / "b" / "series", 4)
    for name, content in {
        "a/1.png": encode(),
        "a/2.txt": b"no picture",
        "b/v.nii": encode_nifti(box_volume()),
        "b/cut.nii": encode_nifti(box_volume())[:-9],
        "c/z.zip": encode_zip({"v.nii": encode_nifti(box_volume()), "x.dcm": encode_dicom()}),
        "c/ct.dcm": encode_dicom(build_dicom(Modality="CT")),
        "c/.hidden": b"x",
        "d.png": encode(),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_the_same_rows_as_from_the_disk(store: str, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    fill(folder)
    fsspec.filesystem("memory").put(str(folder), "/scans", recursive=True)
    classifier = Classifier.load(write_bundle(tmp_path / "bundle", background="No Tumor", modalities=["MR"]))
    here = [row.to_dict() for one in classify_items(classifier, list(find_items([folder]))) for row in one.rows]
    there = [row.to_dict() for one in classify_items(classifier, list(find_items([store]))) for row in one.rows]
    for row in here:
        row["path"] = row["path"].replace(str(folder), store)
    assert len(here) == 5 + 7 + 1 + 7 + 1 + 1 + 1 + 1
    assert there == here
    (one,) = find_items([f"{store}/d.png"])
    assert one.path == f"{store}/d.png"


def test_own_output_is_not_read(store: str) -> None:
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe({"/scans/a.png": b"1", "/scans/rows.csv/part-1.csv": b"2", "/scans/deep/rows.csv/x": b"3"})
    found = [case.path for case in find_items([store], leave_out=[f"{store}/rows.csv"])]
    assert found == [f"{store}/a.png", f"{store}/deep/rows.csv/x"]


def test_what_cannot_be_read_is_said(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.filesystem("memory").pipe("/scans/a.png", encode())
    with pytest.raises(InputError, match=r"There is no file b.png"):
        open_file(f"{store}/b.png")
    with pytest.raises(InputError, match="Addresses of nonsense:// cannot be read here"):
        open_file("nonsense://b.png")

    class Refused(Exception):
        """What a store raises: it quotes the address, and what signs it."""

    def refuse(*_: object, **__: object) -> None:
        raise Refused("https://store/a.png?signature=secret")

    memory = type(fsspec.filesystem("memory"))
    with monkeypatch.context() as patch:
        patch.setattr(memory, "open", refuse)
        with pytest.raises(InputError, match=r"a.png cannot be read: Refused") as raised:
            open_file(f"{store}/a.png")
        assert "secret" not in str(raised.value)
        patch.setattr(memory, "ls", refuse)
        with pytest.raises(OSError, match="Refused"):
            list_folder(store)
        (case,) = find_items([store])
        assert case.error == "The folder scans cannot be opened: Refused."
    with monkeypatch.context() as patch:
        patch.setattr(memory, "info", lambda *_: {"size": MAX_ARCHIVE_BYTES + 1})
        patch.setattr(memory, "open", refuse)
        with pytest.raises(InputError, match="2048 MB is accepted"):
            open_file(f"{store}/a.png")


def test_an_address_with_a_password_is_refused() -> None:
    with pytest.raises(SettingsError, match="without a user or a password") as raised:
        check_address("ftp://erika:secret@host/scans")
    assert "secret" not in str(raised.value)
    check_address("s3://bucket/a@b")
    check_address(os.devnull)
