"""Checks on compressed pixels before a decoder sees them: sizes and kinds that contradict the header are refused."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from inference.errors import InputError
from inference.imaging.dicom.dataset import count_frames
from inference.imaging.dicom.faults import CUT_OFF
from inference.limits import check_volume_size

if TYPE_CHECKING:
    from pydicom import Dataset


RLE = "1.2.840.10008.1.2.5"

_RLE_GROWTH = 64
"""Two bytes of RLE become 128 at most (PS3.5, G.3.1); how many, only decoding tells."""

JPEG_LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")

JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")


def check_codestream(dataset: Dataset, frame: int) -> None:
    """Compare the size inside a compressed frame, which its decoder would believe, with the header's.

    Parameters
    ----------
    dataset : pydicom.Dataset
        With its pixels.
    frame : int
        Counted from 0.

    Raises
    ------
    InputError
        They differ, or the frame has no scan or no end; `TooLargeError` if RLE might decode to too much.
    """
    from pydicom.encaps import get_frame

    data = get_frame(dataset.PixelData, frame, number_of_frames=count_frames(dataset))
    if dataset.file_meta.TransferSyntaxUID == RLE:
        check_volume_size(1, len(data) * _RLE_GROWTH)
        return
    size = read_codestream_size(data)
    if size is not None and size != (int(dataset.Columns), int(dataset.Rows)):
        raise InputError(CUT_OFF.format("its header and its pixels are not of one size"))
    if dataset.file_meta.TransferSyntaxUID in (*JPEG_LOSSLESS, *JPEG_LS) and not _has_scan(data):
        raise InputError(CUT_OFF.format("its pixels end or break before the last row"))
    if dataset.file_meta.TransferSyntaxUID in JPEG_LOSSLESS:
        _check_lossless(dataset, data)


def _has_scan(data: bytes) -> bool:
    """Whether a codestream's segments lead to a scan, and an end stands behind it.

    Without them CharLS never returns, and GDCM ends the process over bytes between segments.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[at : at + 2] == b"\xff\xda" and data.rstrip(b"\0").endswith(b"\xff\xd9")


def _check_lossless(dataset: Dataset, data: bytes) -> None:
    """Refuse a lossless JPEG whose depth, samples or process are not those of the header (ISO/IEC 10918-1, B.2.2)."""
    at = _find_frame_header(data)
    marker, precision, samples = (data[at + 1], data[at + 4], data[at + 9]) if at + 10 <= len(data) else (0, 0, 0)
    allocated, stored = int(dataset.BitsAllocated), int(dataset.get("BitsStored") or 0)
    depth_fits = 8 <= stored <= allocated and allocated == (8 if precision <= 8 else 16) and 8 <= precision <= 16
    if marker != 0xC3 or samples != int(dataset.SamplesPerPixel) or not depth_fits:
        raise InputError(CUT_OFF.format("its header and its pixels are not of one kind"))


def read_codestream_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG, JPEG-LS or JPEG 2000 codestream declares; None for anything else.

    References
    ----------
    ISO/IEC 10918-1, B.2.2 (SOF); 14495-1, C.2.2 (SOF55); 15444-1, A.5.1 (SIZ).
    """
    siz = data.find(b"\xff\x4f\xff\x51")
    if siz >= 0 and len(data) >= siz + 24:
        right, lower, left, upper = struct.unpack(">4I", data[siz + 8 : siz + 24])
        return right - left, lower - upper
    at = _find_frame_header(data)
    if at + 9 > len(data):
        return None
    height, width = struct.unpack(">HH", data[at + 5 : at + 9])
    return width, height


def _find_frame_header(data: bytes) -> int:
    """The offset of the first SOF of a JPEG or JPEG-LS codestream; the codestream's length if there is none."""
    at = 2 if data[:2] == b"\xff\xd8" else len(data)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return at
        at += 2 + length
    return len(data)
