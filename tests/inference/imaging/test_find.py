"""Folders become work items in a stable order, and each item knows its content again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inference.errors import InputError
from inference.imaging.find import WorkItem, count_files, find_folders, find_items
from tests.clinical import box_volume, encode_nifti, encode_zip, write_series
from tests.pictures import encode


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "scans"
    write_series(root, 3)
    (root / "z.png").write_bytes(encode())
    (root / "a.nii").write_bytes(encode_nifti(box_volume()))
    (root / ".hidden.png").write_bytes(encode())
    for name in ("b", ".git", "a"):
        (root / name).mkdir()
        (root / name / "c.png").write_bytes(encode())
    return root


def names(items: list[WorkItem], root: Path) -> list[str]:
    return [os.path.relpath(item.path, root) for item in items]


def test_files_then_series_then_folders(folder: Path) -> None:
    items = list(find_items([folder]))
    assert names(items, folder) == ["a.nii", "z.png", ".", "a/c.png", "b/c.png"]
    assert [item.series for item in items if item.series] == ["series 1 of 1, T1, 3 slices"]
    assert [item.is_large for item in items] == [True, False, True, False, False]
    assert len({item.key for item in items}) == len(items)


def test_a_series_in_two_folders_is_said(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "a", 8)
    copies = write_series(tmp_path / "copy", 8)
    (tmp_path / "b").mkdir()
    for path in paths[5:]:
        path.rename(tmp_path / "b" / path.name)
    notes = {Path(item.path).name: item.stack.notes for item in find_items([tmp_path]) if item.stack is not None}
    told = "Other slices of this series are in the folder a: neither answer is about the whole series."
    assert (notes["a"], notes["b"]) == ((), (told,))
    for path in copies[5:]:
        path.unlink()
    (same,) = (item.stack for item in find_items([tmp_path / "a", tmp_path / "copy"]) if item.path.endswith("copy"))
    assert same is not None
    assert same.notes == (), "a copy is no other part"


def test_what_is_named_is_kept(folder: Path) -> None:
    (item,) = find_items([folder / ".hidden.png"])
    with item.open() as scans:
        assert [scan.location for scan in scans] == [str(folder / ".hidden.png")]
    (slice_item,) = find_items([folder / "IM0000"])
    assert (slice_item.series, slice_item.stack) == ("", None), "a DICOM file that is named stands for itself"


def test_leave_out_several_of_one_name(folder: Path) -> None:
    out = [folder / "a" / "c.png", folder / "b" / "c.png", folder / "gone.png"]
    assert names(list(find_items([folder], leave_out=out)), folder) == ["a.nii", "z.png", "."]
    (folder / "link.png").symlink_to(folder / "z.png")
    assert "link.png" in names(list(find_items([folder], leave_out=[folder / "z.png"])), folder)


def test_the_count_is_of_the_files_that_are_found(folder: Path) -> None:
    """Hidden files and folders, and what is left out, would keep a progress bar from its end."""
    files = [path for item in find_items([folder]) for path in item.files]
    assert count_files([folder]) == len(files) == 7
    assert count_files([folder / "z.png", folder / "a"]) == 2
    assert count_files([folder], leave_out=[folder / "z.png"]) == 6
    assert [item.count for item in find_folders([folder / "z.png"])] == [1]


def test_a_folder_that_cannot_be_opened_is_an_item(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0)
    if os.access(tmp_path / "locked", os.R_OK):  # root may read everything
        pytest.skip("this user reads every folder")
    (item,) = find_items([tmp_path / "locked"])
    assert item.error == "The folder locked cannot be opened: Permission denied."
    assert count_files([tmp_path / "locked"]) == 1


def test_a_file_that_is_not_there() -> None:
    (item,) = find_items(["nowhere/a.png"])
    with pytest.raises(InputError, match=r"There is no file a\.png"), item.open():
        pass
    assert item.digest() is None
    scan = item.refuse(InputError("No."))
    assert (scan.location, scan.number, str(scan.content)) == ("nowhere/a.png", 0, "No.")


def test_devices_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (item,) = find_items([tmp_path])
    assert item.error == "pipe is no file; a device or a pipe is not read."
    assert item.digest() is None


def test_digest_is_of_the_content(tmp_path: Path) -> None:
    for name, content in {"a.zip": encode_zip({"a.png": encode()}), "b.png": encode(), "c.png": encode()}.items():
        (tmp_path / name).write_bytes(content)
    archive, one, copy = find_items([tmp_path])
    assert one.digest() == copy.digest() != archive.digest()
