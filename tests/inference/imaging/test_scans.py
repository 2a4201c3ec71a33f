"""What a file or an archive holds: numbers, titles, locations, and until when it can be read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from inference.errors import InputError
from inference.imaging.scans import open_scans, refused_scan
from inference.imaging.sniff import Kind
from inference.imaging.types import DecodedImage, Identifiers, ReadOptions, Volume
from tests.clinical import box_volume, encode_dicom, encode_nifti, encode_zip, write_series
from tests.pictures import encode


@pytest.fixture
def series(tmp_path: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in write_series(tmp_path / "series", 3)}


def test_numbers_count_scans_and_nothing_else(series: dict[str, bytes]) -> None:
    files = {
        "a.txt": b"words",
        "b.png": encode()[:60],  # damaged, and a picture all the same
        "c.png": encode(),
        "d.zip": encode_zip({"e.png": encode()}),
        "f.dcm": encode_dicom()[:200],  # begins like DICOM, has no header
        **series,
    }
    with open_scans(encode_zip(files), name="all.zip") as scans:
        listed = list(scans)
        assert [(scan.path, scan.number) for scan in listed] == [
            ("a.txt", 0),
            ("b.png", 1),
            ("c.png", 2),
            ("d.zip", 0),
            ("f.dcm", 0),
            ("", 3),
        ]
        assert [isinstance(scan.content, InputError) for scan in listed] == [True, True, False, True, True, False]
        assert [scan.is_archived for scan in listed if scan.number] == [True] * 3
        assert [scan.is_dicom for scan in listed] == [False] * 5 + [True]


def test_titles_and_locations(series: dict[str, bytes]) -> None:
    with open_scans(encode_zip({"a/b.png": encode(), **series}), name="up.zip") as scans:
        picture, volume = scans
        assert (picture.title, picture.location) == ("a/b.png", "up.zip/a/b.png")
        assert (volume.title, volume.location) == ("series 1 of 1, T1, 3 slices", "up.zip")
        assert volume.locate("IM0000") == "up.zip/IM0000"
    with open_scans(encode_zip({"a.png": encode()})) as scans:
        assert next(scans).location == "a.png", "bytes without a name have no path in front"
    with open_scans(encode(), name="x/y.png") as scans:
        (one,) = scans
        assert (one.title, one.location, one.number, one.is_archived) == ("y.png", "x/y.png", 1, False)


def test_content_is_read_once_and_not_before_it_is_asked_for() -> None:
    with open_scans(encode_zip({"a.png": encode(), "b.png": b"\x89PNG\r\n\x1a\nno"})) as scans:
        good, bad = scans
        assert good.opened is None
        assert good.content is good.content is good.opened is good.open()
        with pytest.raises(InputError, match="damaged"):
            bad.open()
        assert bad.opened is bad.content


def test_a_closed_archive_says_so(tmp_path: Path, series: dict[str, bytes]) -> None:
    path = tmp_path / "study.zip"
    path.write_bytes(encode_zip({"a.png": encode(), **series}))
    with open_scans(path) as scans:
        picture, volume = scans
        opened = volume.open()
    assert isinstance(opened, Volume)
    for read in (lambda: opened.load(0), picture.open, volume.read_identifiers):
        with pytest.raises(InputError, match="The zip archive was closed before this was read"):
            read()


def test_what_comes_from_bytes_can_be_read_at_any_time(series: dict[str, bytes]) -> None:
    for content in (encode(), encode_zip(series)):
        with open_scans(content) as scans:
            (scan,) = scans
        opened = scan.open()
        assert not isinstance(opened, Volume) or opened.load(2).image.pixels.shape == (48, 40, 3)


def test_a_closed_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode())
    with open_scans(tmp_path / "a.png") as scans:
        (scan,) = scans
    with pytest.raises(InputError, match="The file was closed before it was read"):
        scan.open()


@pytest.mark.parametrize("archived", [False, True])
def test_identifiers_are_read_on_request(tmp_path: Path, series: dict[str, bytes], archived: bool) -> None:
    content = encode_zip(series) if archived else next(iter(series.values()))
    (tmp_path / "upload").write_bytes(content)
    with open_scans(tmp_path / "upload") as scans:
        (scan,) = scans
        assert scan.open().identifiers is None
        assert scan.read_identifiers() == Identifiers(
            patient_id="K-4711", study_date="20200229", accession_number="", series_uid="1.2.3.4"
        )
    with open_scans(tmp_path / "upload", ReadOptions(identifiers=True)) as scans:
        (scan,) = scans
        assert scan.open().identifiers == scan.read_identifiers()


def test_what_is_no_dicom_has_no_identifiers() -> None:
    for content in (encode(), encode_nifti(box_volume())):
        with open_scans(content) as scans:
            assert next(scans).read_identifiers() is None
    assert refused_scan(InputError("No."), "a.dcm").read_identifiers() is None


def test_a_volume_of_one_slice_is_a_picture() -> None:
    with open_scans(encode_nifti(box_volume((40, 48, 1)))) as scans:
        (scan,) = scans
        assert scan.kind is Kind.NIFTI
        assert isinstance(scan.content, DecodedImage)


def test_files_of_a_scan_can_be_opened_again(series: dict[str, bytes]) -> None:
    with open_scans(encode_zip(series)) as scans:
        (scan,) = scans
        assert {name: scan.open_file(name).read() for name in scan.files} == series
    with open_scans(encode()) as scans:
        (scan,) = scans
        assert isinstance(scan.open_file(scan.files[0]), io.BytesIO)


def test_a_pipe_is_not_waited_for() -> None:
    with pytest.raises(InputError, match="null is no file; a device or a pipe is not read"), open_scans("/dev/null"):
        pass
