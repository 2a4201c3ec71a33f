"""Zip archives give their scans in order, and cannot be used to harm."""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path

import pytest

from inference.errors import InputError, LeftOutError, TooLargeError
from inference.imaging.load import load_scans
from inference.imaging.scans import Scan
from inference.imaging.types import DecodedImage, Volume
from tests.clinical import box_volume, build_dicom, encode_dicom, encode_nifti, encode_zip, little_memory, write_series
from tests.pictures import encode


def load(content: bytes | Path) -> list[Scan]:
    return list(load_scans(content))


def assert_refused(content: bytes, match: str) -> None:
    with little_memory(), pytest.raises(TooLargeError, match=match):
        load(content)


def test_pictures_then_volumes_then_series(tmp_path: Path) -> None:
    slices = {f"d/{path.name}": path.read_bytes() for path in write_series(tmp_path, 4)}
    files = {"b.nii": encode_nifti(box_volume()), "a.png": encode(), "x.txt": b"hello", "__MACOSX/a": b"", ".DS": b""}
    (tmp_path / "all.zip").write_bytes(
        encode_zip({**slices, **files, "s.dcm": encode_dicom(build_dicom(SeriesInstanceUID="1.2.9"))})
    )
    scans = load_scans(tmp_path / "all.zip")
    found = []
    for scan in scans:
        content = scan.content
        if isinstance(content, Volume):
            content.load(content.count - 1)  # can be read while its turn lasts
            found.append((scan.path, content.count))
        else:
            found.append((scan.path, type(content)))
    assert found == [
        ("a.png", DecodedImage),
        ("b.nii", 6),
        ("x.txt", LeftOutError),
        ("", 4),
        ("s.dcm", DecodedImage),
    ]


def test_a_damaged_table_of_contents_of_a_disc() -> None:
    damaged = encode_dicom()[:300]
    found = {scan.path: type(scan.content) for scan in load(encode_zip({"DICOMDIR": damaged, "a.dcm": damaged}))}
    assert found == {"DICOMDIR": LeftOutError, "a.dcm": InputError}


def test_names_outside() -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "a/../../b", "..\\b", "C:\\b"):
        with pytest.raises(InputError, match="names a file outside itself"):
            load(encode_zip({"good.png": encode(), name: b"x"}))


def test_100_000_entries() -> None:
    content = encode_zip({f"{number:06}": b"" for number in range(100_000)}, zipfile.ZIP_STORED)
    assert_refused(content, "at most 10,000 files is accepted; received 100,000")


def test_a_table_of_contents_larger_than_it_says() -> None:
    content = bytearray(encode_zip({f"{number:0100}": b"" for number in range(60_000)}, zipfile.ZIP_STORED))
    content[-14:-10] = struct.pack("<HH", 1, 1)
    assert_refused(bytes(content), "table of contents of 8")


def test_nested() -> None:
    (scan,) = load(encode_zip({"inner.zip": encode_zip({"a.png": encode()})}))
    assert scan.path == "inner.zip"
    assert "archive inside an archive is not opened" in str(scan.content)


def test_bomb() -> None:
    content = bytearray(encode_zip({"a": bytes(1000), "b": bytes(1000)}))
    for header in re.finditer(b"PK\x01\x02", content):
        at = header.start()
        content[at + 24 : at + 28] = struct.pack("<I", 1500 * 2**20)
    assert_refused(bytes(content), "2,048 MB, decompressed, is accepted; received 3,000 MB")


def test_a_large_entry_is_not_decompressed() -> None:
    content = encode_zip({"zeros.png": bytes(80 * 2**20)})
    assert len(content) < 2**20
    with little_memory():
        (scan,) = load(content)
    assert isinstance(scan.content, TooLargeError)


def test_encrypted_empty_and_damaged() -> None:
    content = bytearray(encode_zip({"a.png": encode()}))
    at = content.rfind(b"PK\x01\x02")
    content[at + 8] |= 1
    with pytest.raises(InputError, match="encrypted"):
        load(bytes(content))
    with pytest.raises(InputError, match="holds no file"):
        load(encode_zip({}))
    with pytest.raises(InputError, match="damaged or cut off"):
        load(encode_zip({"a.png": encode()})[:-30])
    content = bytearray(encode_zip({"a.png": encode()}))
    content[60:70] = b"\xff" * 10
    (scan,) = load(bytes(content))
    assert "damaged" in str(scan.content)


def test_a_series_over_several_folders_is_one_volume(tmp_path: Path) -> None:
    """As exports lay it out: a folder for each image, the same file name in each."""
    files = write_series(tmp_path / "s", 4)
    content = encode_zip({f"S{number}/IM0001": path.read_bytes() for number, path in enumerate(files)})
    (scan,) = load_scans(content)
    assert isinstance(scan.content, Volume)
    assert scan.content.count == 4
    assert scan.content.paths == tuple(f"S{number}/IM0001" for number in range(4))


def test_what_zipfile_stumbles_over_is_a_sentence() -> None:
    """Found by ``make fuzz``: offsets before the file's beginning, an empty name, and broken LZMA data."""
    good = encode_zip({"slice.png": encode()})
    directory = good.rfind(b"PK\x01\x02")
    end = good.rfind(b"PK\x05\x06")
    before = good[: end + 16] + (directory + 5).to_bytes(4, "little") + good[end + 20 :]  # entries begin at -5
    unnamed = bytearray(good)
    unnamed[directory + 28 : directory + 30] = b"\0\0"
    packed = encode_zip({"slice.png": encode()}, zipfile.ZIP_LZMA)
    broken = packed[:48] + bytes(60) + packed[108:]
    for content in (before, bytes(unnamed), broken):
        try:
            answers = [str(scan.content) for scan in load_scans(content)]
        except InputError as error:
            answers = [str(error)]
        assert answers
        assert all(answer.endswith(".") for answer in answers)
