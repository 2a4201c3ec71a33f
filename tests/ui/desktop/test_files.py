"""Neighbours in the folder, and the models that are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.errors import BundleError
from tests.tiny import write_bundle
from ui.desktop.files import find_bundles, list_neighbours, shorten_middle


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("", encoding="utf-8")


def test_neighbours_count_as_people_do_and_are_pictures(tmp_path: Path) -> None:
    touch(tmp_path, "slice_10.png", "slice_2.PNG", "slice_1.jpg", "notes.txt", ".hidden.png", "scan.nii.gz", "IM1")
    (tmp_path / "folder.png").mkdir()
    names = [path.name for path in list_neighbours(tmp_path / "slice_2.PNG")]
    assert names == ["scan.nii.gz", "slice_1.jpg", "slice_2.PNG", "slice_10.png"]


def test_a_file_like_no_picture_brings_its_own_kind(tmp_path: Path) -> None:
    touch(tmp_path, "IM2", "IM10", "IM1", "a.txt", "b.txt")
    assert [path.name for path in list_neighbours(tmp_path / "IM10")] == ["IM1", "IM2", "IM10"]
    assert [path.name for path in list_neighbours(tmp_path / "a.txt")] == ["a.txt", "b.txt"]


def test_a_folder_that_is_not_there_has_the_one_file(tmp_path: Path) -> None:
    assert list_neighbours(tmp_path / "gone" / "a.png") == (tmp_path / "gone" / "a.png",)


def test_every_bundle_is_found_and_a_broken_one_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("alpha", "beta", "gamma"):
        write_bundle(tmp_path / name, title=name.title())
    (tmp_path / "beta" / "bundle.json").write_text("{", encoding="utf-8")
    (tmp_path / "no_bundle").mkdir()
    assert [bundle.title for bundle in find_bundles(tmp_path, tmp_path / "gamma")] == ["Gamma", "Alpha"]
    assert "beta" in caplog.text
    with pytest.raises(BundleError, match="not valid JSON"):
        find_bundles(tmp_path, tmp_path / "beta")


def test_a_long_name_keeps_its_ends() -> None:
    assert shorten_middle("short.png", 20) == "short.png"
    shortened = shorten_middle(f"{'a' * 90}_0123.png", 21)
    assert (len(shortened), shortened) == (21, "aaaaaaaaaa…a_0123.png")
