"""What `make fuzz` found: each was a crash, a hang or a trace once, and is a sentence or a picture now."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import UID

from inference.errors import InputError
from inference.imaging.load import load_image, load_scans
from tests.clinical import box_volume, build_dicom, encode_dicom, encode_nifti, encode_zip
from tests.stress import seeds


@pytest.fixture(scope="module")
def good() -> dict[str, bytes]:
    return seeds.build_seeds()


def change(content: bytes, **values: object) -> bytes:
    """Set elements of a file; what is compressed stays as it is."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    for name, value in values.items():
        setattr(dataset, name, value)
    return seeds.encode_dicom(dataset)


def change_frame(content: bytes, old: bytes, new: bytes) -> bytes:
    """Replace bytes inside the one compressed frame of a file."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    assert old in frame
    dataset.PixelData = encapsulate([frame.replace(old, new, 1)])
    return seeds.encode_dicom(dataset)


class TestLosslessJpeg:
    """GDCM ends the process on these."""

    def test_the_good_one_is_read(self, good: dict[str, bytes]) -> None:
        assert (load_image(good["dicom-jpeg-lossless"]).pixels == load_image(good["dicom-explicit"]).pixels).all()

    @pytest.mark.parametrize(("name", "value"), [("BitsAllocated", 32), ("BitsAllocated", 8), ("BitsStored", 1)])
    def test_a_depth_that_is_not_the_codestream_s(self, good: dict[str, bytes], name: str, value: int) -> None:
        with pytest.raises(InputError, match="damaged"):
            load_image(change(good["dicom-jpeg-lossless"], **{name: value}))

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"\xff\xc3\0\x0b\x10", b"\xff\xc3\0\x0b\x04"),  # of 4 bits
            (b"\xff\xc3\0\x0b\x10", b"\xff\xc9\0\x0b\x10"),  # another process
            (b"\x01\x01\x11\0\xff\xc4", b"\x02\x01\x11\0\xff\xc4"),  # two samples
        ],
    )
    def test_a_codestream_of_another_kind(self, good: dict[str, bytes], old: bytes, new: bytes) -> None:
        with pytest.raises(InputError, match="its header and its pixels are not of one kind"):
            load_image(change_frame(good["dicom-jpeg-lossless"], old, new))

    def test_something_between_its_segments(self, good: dict[str, bytes]) -> None:
        with pytest.raises(InputError, match="damaged"):
            load_image(change_frame(good["dicom-jpeg-lossless"], b"\xff\xc4\0\x1e", b"\xff\xc4\0\x1a"))

    def test_a_lossy_one_of_one_bit(self, good: dict[str, bytes]) -> None:
        assert load_image(change(good["dicom-jpeg"], BitsStored=1)).pixels.shape == (48, 56, 3)


class TestJpegLs:
    """CharLS looks for ever for what is not there."""

    def test_the_good_one_is_read(self, good: dict[str, bytes]) -> None:
        assert (load_image(good["dicom-jpegls"]).pixels == load_image(good["dicom-explicit"]).pixels).all()

    def test_no_scan(self, good: dict[str, bytes]) -> None:
        with pytest.raises(InputError, match="damaged"):
            load_image(change_frame(good["dicom-jpegls"], b"\xff\xda\0\x08", b"\xff\xe1\x38\0"))

    def test_no_end(self, good: dict[str, bytes]) -> None:
        with pytest.raises(InputError, match="damaged"):
            load_image(change_frame(good["dicom-jpegls"], b"\xff\xd9", b"\0\x01"))


class TestHeaders:
    @pytest.mark.parametrize("syntax", ["1.2.3", "1.2.840.10008.5.1.4.1.1.4"])
    def test_a_transfer_syntax_that_is_none(self, syntax: str) -> None:
        dataset = build_dicom()
        dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1")
        content = encode_dicom(dataset)
        old = b"UI\x14\x001.2.840.10008.1.2.1\0"
        assert old in content
        padded = syntax.encode() + b"\0" * (len(syntax) % 2)
        new = b"UI" + len(padded).to_bytes(2, "little") + padded
        with pytest.raises(InputError, match=r"a transfer syntax that is not part of the standard|no decoder here"):
            load_image(content.replace(old, new))

    @pytest.mark.parametrize("element", [b"\x02\x00\x02\x00UI", b"\x08\x00\x60\x00CS"])
    def test_a_value_representation_that_is_none(self, element: bytes) -> None:
        content = encode_dicom()
        assert element in content
        with pytest.raises(InputError, match="damaged"):
            load_image(content.replace(element, element[:4] + b"UH"))


def test_a_header_of_millions_of_elements_is_not_read_to_its_end() -> None:
    """A small compressed file may hold them."""
    start = encode_dicom(build_dicom(PixelData=None, Rows=None, Columns=None))
    content = gzip.compress(start + bytes(8 * 2**20))
    with pytest.raises(InputError, match="more elements than a header can have"):
        list(load_scans(content))


def test_pixels_of_an_endless_aspect() -> None:
    content = bytearray(encode_nifti(box_volume()))
    content[80:84] = np.float32(1e-30).tobytes()  # pixdim[1]
    content[84:88] = np.float32(1e30).tobytes()
    with pytest.raises(InputError, match="million"):
        list(load_scans(bytes(content)))


def test_rows_that_are_several_numbers_are_a_sentence() -> None:
    """Series are told apart by their size, among other things."""
    dataset = build_dicom()
    content = encode_dicom(dataset)
    rows = b"\x28\x00\x10\x00US\x02\x00" + int(dataset.Rows).to_bytes(2, "little")
    assert rows in content
    twice = content.replace(rows, rows[:6] + b"\x04\x00" + 2 * rows[8:])
    (scan,) = load_scans(encode_zip({"slice.dcm": twice}))
    assert isinstance(scan.content, InputError)
