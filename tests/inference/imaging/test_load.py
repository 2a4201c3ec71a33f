"""`load_image` and `load_scans`: where a program begins that uses Gyrus as a library."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from inference import Classifier, InputError, Volume, load_image, load_scans
from inference.__main__ import main
from inference.answer.answer import answer_scan
from tests.clinical import box_volume, encode_nifti, encode_zip, write_series
from tests.pictures import encode
from tests.tiny import write_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "tiny", background="No Tumor")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "scans"
    write_series(root, 3)
    (root / "b.png").write_bytes(encode((200, 30, 30)))
    (root / "a.zip").write_bytes(encode_zip({"x.png": encode(), "y.txt": b"words"}))
    (root / "c.txt").write_bytes(b"words")
    (root / "d").mkdir()
    (root / "d" / "e.nii").write_bytes(encode_nifti(box_volume()))
    return root


def test_a_folder_in_the_order_of_the_command_line(
    folder: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(folder), "--model", str(bundle)])
    printed = [line.split('", ')[0].removeprefix('{"path": "') for line in capsys.readouterr().out.splitlines()]
    classifier = Classifier.load(bundle)
    paths: list[str] = []
    for scan in load_scans(folder):
        try:
            paths += [row.path for row in answer_scan(classifier, scan).rows]
        except InputError:
            paths.append(scan.location)
    assert paths == printed
    assert len(paths) == 3 + 4 + 7


def test_the_scans_of_a_folder_can_be_kept(folder: Path) -> None:
    scans = list(load_scans(folder))
    assert [type(scan.content).__name__ for scan in scans] == [
        *("DecodedImage", "LeftOutError", "DecodedImage", "Volume", "Volume"),
    ]
    slices = [scan.content.load(0) for scan in scans if isinstance(scan.content, Volume)]
    assert all(one.image.pixels.dtype == np.uint8 for one in slices)


def test_a_slice_can_be_classified(folder: Path, bundle: Path) -> None:
    classifier = Classifier.load(bundle)
    (scan,) = load_scans(folder / "d" / "e.nii")
    assert isinstance(scan.content, Volume)
    alone = [classifier.predict(scan.content.load(index)) for index in range(scan.content.count)]
    found = answer_scan(classifier, scan).volume
    assert found is not None
    together = [one.probabilities for one in found.slices if not isinstance(one, InputError)]
    for one, other in zip(alone, together, strict=True):
        assert one.probabilities == pytest.approx(dict(other))


def test_a_single_file_that_cannot_be_read_raises(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"words")
    for source in (tmp_path / "a.png", b"words"):
        with pytest.raises(InputError, match="received a text file"):
            list(load_scans(source))
    with pytest.raises(InputError, match=r"There is no file b\.png"):
        list(load_scans(tmp_path / "b.png"))


def test_sources_of_one_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode())
    pixels = load_image(tmp_path / "a.png").pixels
    for source in (str(tmp_path / "a.png"), encode(), bytearray(encode()), memoryview(encode()), np.array(pixels)):
        assert np.array_equal(load_image(source).pixels, pixels)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (None, "No image was given"),
        (7, "received int"),
        (b"", "The file is empty"),
        ("nowhere.png", r"There is no file nowhere\.png"),
        ("tests", "tests is a folder; a single picture"),
        ("/dev/zero", "zero is no file; a device or a pipe is not read"),
        ("a\0b.png", "cannot be read"),
        (encode_nifti(box_volume()), "A single picture is accepted here; received a NIfTI volume"),
        (encode_zip({"a.png": encode()}), "A single picture is accepted here; received a zip archive"),
    ],
)
def test_what_is_no_picture(source: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load_image(source)  # type: ignore[arg-type]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe is no file"):
        list(load_scans(tmp_path / "pipe"))
