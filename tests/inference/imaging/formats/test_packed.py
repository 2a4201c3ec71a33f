"""One file inside gzip, bzip2 or xz is read as it would be without, and never grows beyond the limits."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.errors import InputError, TooLargeError
from inference.imaging.formats.packed import open_unpacked, unpack
from inference.imaging.load import load_scans
from inference.imaging.types import DecodedImage
from tests.clinical import build_dicom, encode_dicom, encode_zip, little_memory
from tests.pictures import encode
from tests.volumes import PACKERS, encode_tar

Pack = Callable[[bytes], bytes]
each_way = pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)


@each_way
def test_pictures_and_dicom_files(pack: Pack, tmp_path: Path) -> None:
    for name, content in {"slice.png": encode(), "IM1": encode_dicom(build_dicom())}.items():
        (plain,), (packed,) = load_scans(content), load_scans(pack(content))
        assert isinstance(packed.content, DecodedImage)
        assert (packed.content.pixels == plain.open().pixels).all()  # type: ignore[union-attr]
        assert packed.is_dicom == (name == "IM1")
        assert packed.read_identifiers() == plain.read_identifiers()
        (inside,) = load_scans(encode_zip({f"{name}.packed": pack(content)}))
        assert inside.number == 1


@each_way
def test_two_streams_are_one_and_what_follows_is_none(pack: Pack) -> None:
    content = pack(b"one ") + pack(b"two")
    assert unpack(io.BytesIO(content), 100) == b"one two"
    assert unpack(io.BytesIO(content + b"\0" * 9 + b"rest"), 100) == b"one two"


@each_way
def test_cut_off_damaged_and_empty(pack: Pack) -> None:
    good = pack(encode(size=(400, 300)))
    for bad in (good[: len(good) // 2], good[:-9], good[:20] + b"\xff" * 20 + good[40:]):
        with pytest.raises(InputError, match="cannot be decompressed to its end"):
            unpack(io.BytesIO(bad), 2**20)
    with pytest.raises(InputError, match="The file is empty"):
        list(load_scans(pack(b"")))


@each_way
def test_archives_and_packed_files_inside_are_not_opened(pack: Pack) -> None:
    for inner in (pack(encode()), encode_zip({"a.png": encode()})):
        with pytest.raises(InputError, match="inside another is not opened"):
            list(load_scans(pack(inner)))
    (scan,) = load_scans(encode_zip({"a.tar.gz": pack(encode_tar({"a.png": encode()}))}))
    assert "inside another is not opened" in str(scan.content)


@each_way
def test_bombs(pack: Pack) -> None:
    bomb = pack(b"\x89PNG\r\n\x1a\n" + bytes(80 * 2**20))
    with little_memory(12 * 2**20), pytest.raises(TooLargeError, match="at most 64 MB is accepted; received 64 MB"):
        list(load_scans(bomb))
    with little_memory(12 * 2**20):
        assert open_unpacked(io.BytesIO(bomb)).read(8) == b"\x89PNG\r\n\x1a\n"


def test_xz_may_not_ask_for_much_memory() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**29}]
    content = bytearray(lzma.compress(b"x" * 100, lzma.FORMAT_XZ, filters=[{**filters[0], "dict_size": 2**26}]))
    assert unpack(io.BytesIO(content), 100) == b"x" * 100
    greedy = lzma.compress(b"x" * 100, lzma.FORMAT_XZ, filters=filters)
    with pytest.raises(InputError, match="cannot be decompressed"):
        unpack(io.BytesIO(greedy), 100)


def test_what_is_inside_is_named() -> None:
    for pack, start in ((gzip.compress, b"%PDF-1.7\n"), (bz2.compress, b"hello ")):
        with pytest.raises(InputError, match=r"received a (PDF document\. Save|text file)"):
            list(load_scans(pack(start * 100)))
