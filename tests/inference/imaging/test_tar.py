"""Tar archives, compressed or not, give their scans like zip archives, and cannot be used to harm."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.errors import InputError, TooLargeError
from inference.imaging.load import load_scans
from inference.imaging.types import DecodedImage, Volume
from tests.clinical import box_volume, build_dicom, encode_dicom, encode_nifti, little_memory, write_series
from tests.pictures import encode
from tests.volumes import PACKERS, encode_tar

WAYS: dict[str, Callable[[bytes], bytes]] = {"plain": bytes, **PACKERS}
each_way = pytest.mark.parametrize("pack", WAYS.values(), ids=WAYS)


def add(archive: tarfile.TarFile, name: str, content: bytes = b"", **fields: object) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    for field, value in fields.items():
        setattr(entry, field, value)
    archive.addfile(entry, io.BytesIO(content))


def build(*entries: dict[str, object], kind: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as archive:
        for entry in entries:
            add(archive, **entry)  # type: ignore[arg-type]
    return stream.getvalue()


@each_way
def test_pictures_then_volumes_then_series(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    slices = {f"d/{path.name}": path.read_bytes() for path in write_series(tmp_path, 4)}
    files = {"b.nii": encode_nifti(box_volume()), "a.png": encode(), "x.txt": b"hello", ".DS": b"", "d/._a": b""}
    single = encode_dicom(build_dicom(SeriesInstanceUID="1.2.9"))
    (tmp_path / "all.bin").write_bytes(pack(encode_tar({**slices, **files, "s.dcm": single})))
    found = []
    for scan in load_scans(tmp_path / "all.bin"):
        content = scan.content
        if isinstance(content, Volume):
            content.load(content.count - 1)
        found.append((scan.path, content.count if isinstance(content, Volume) else isinstance(content, DecodedImage)))
    assert found == [("a.png", True), ("b.nii", 6), ("x.txt", False), ("", 4), ("s.dcm", True)]


@each_way
def test_names_outside(pack: Callable[[bytes], bytes]) -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "a/../../b", "..\\b", "C:\\b"):
        with pytest.raises(InputError, match="The tar archive names a file outside itself"):
            list(load_scans(pack(encode_tar({"good.png": encode(), name: b"x"}))))


def test_links_devices_and_sparse_files_are_left_out(tmp_path: Path) -> None:
    content = build(
        {"name": "a.png", "content": encode()},
        {"name": "link.png", "type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"name": "hard.png", "type": tarfile.LNKTYPE, "linkname": "a.png"},
        {"name": "device", "type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5},
        {"name": "pipe", "type": tarfile.FIFOTYPE},
        {"name": "folder", "type": tarfile.DIRTYPE},
    )
    assert [scan.path for scan in load_scans(content)] == ["a.png"]


def test_long_names_are_read() -> None:
    name = "folder/" * 30 + "slice.png"
    for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        (scan,) = load_scans(build({"name": name, "content": encode()}, kind=kind))
        assert (scan.path, isinstance(scan.content, DecodedImage)) == (name, True)


@each_way
def test_too_many_entries(pack: Callable[[bytes], bytes]) -> None:
    header = bytearray(build({"name": "x" * 9})[:512])
    content = pack(bytes(header) * 12_000 + bytes(1024))
    with little_memory(12 * 2**20), pytest.raises(TooLargeError, match="at most 10,000 files"):
        list(load_scans(content))


def with_size(size_bytes: int, name: str = "big.png", kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header that promises a size, with nothing behind it."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size_bytes, kind
    return entry.tobuf(tarfile.GNU_FORMAT)


def test_promised_sizes() -> None:
    first = build({"name": "a.png", "content": encode()}).rstrip(b"\0")
    first += bytes(-len(first) % 512)
    with little_memory(8 * 2**20), pytest.raises(TooLargeError, match=r"at most 2,048 MB.*received 3,000 MB"):
        list(load_scans(first + with_size(3000 * 2**20) + bytes(1024)))
    with little_memory(8 * 2**20), pytest.raises(TooLargeError, match=r"at most 512 MB.*received 600 MB"):
        list(load_scans(PACKERS["gz"](first + with_size(600 * 2**20) + bytes(1024))))
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):  # a header that is read to memory
        with little_memory(8 * 2**20), pytest.raises(InputError, match="damaged or cut off"):
            list(load_scans(PACKERS["gz"](with_size(300 * 2**20, kind=kind) + bytes(2**20))))


@each_way
def test_cut_off_damaged_and_empty(pack: Callable[[bytes], bytes]) -> None:
    good = encode_tar({"a.png": encode(size=(400, 300)), "b.png": encode(size=(400, 300))})
    with pytest.raises(InputError, match="damaged or cut off"):
        list(load_scans(pack(good[:3000])))
    second = good.index(b"b.png")
    with pytest.raises(InputError, match="damaged or cut off"):
        list(load_scans(pack(good[: second + 148] + b"\xff" * 8 + good[second + 156 :])))
    with pytest.raises(InputError, match="holds no file"):
        list(load_scans(pack(build({"name": "folder", "type": tarfile.DIRTYPE}))))


def test_read_before_it_is_closed(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(encode_tar({"a.png": encode()}))
    (scan,) = load_scans(tmp_path / "a.tar")
    assert "The tar archive was closed" in str(scan.content)


def test_a_number_below_zero_is_no_size() -> None:
    header = bytearray(with_size(5))
    header[124:136] = b"\xff" * 12  # GNU's binary number, -1
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(InputError, match="damaged or cut off"):
        list(load_scans(bytes(header) + bytes(1024)))
