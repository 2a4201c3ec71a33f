"""Codestreams before a decoder sees them: what is around one is cut, and one that contradicts the header is refused."""

from __future__ import annotations

import re
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


JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")

JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")

_ENDS = "its pixels end or break before the last row"

_MARKER = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
"""What ends a scan's coded bytes. There FF is followed by 00, by a bit 0 (JPEG-LS), by FF to fill, or by a restart."""

_LONGEST_LEAD_BYTES = 64
"""How far into a frame the start of its codestream is looked for."""


def trim_codestream(dataset: Dataset, frame: int) -> bytes:
    """One compressed frame without what stands before its start and behind its end, checked against the header.

    Fragments have an even length (PS3.5, A.4); writers fill them with 00 or FF, behind the end or before it, and some
    keep bytes before the start. A decoder would believe the size that stands inside the frame, so the header's is
    compared with it.

    Parameters
    ----------
    dataset : pydicom.Dataset
        With its pixels.
    frame : int
        Counted from 0.

    Returns
    -------
    bytes
        From the start of the codestream to its end; as it is stored if it is none of those with markers (RLE).

    Raises
    ------
    InputError
        The sizes differ, or the frame has no scan or no end; `TooLargeError` if RLE might decode to too much.

    References
    ----------
    DICOM PS3.5, A.4; ISO/IEC 10918-1, B.1.1; 14495-1, C.1; 15444-1, A.4.
    """
    from pydicom.encaps import get_frame

    data = get_frame(dataset.PixelData, frame, number_of_frames=count_frames(dataset))
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == RLE:
        check_volume_size(1, len(data) * _RLE_GROWTH)
        return data
    if syntax in (*JPEG, *JPEG_LOSSLESS, *JPEG_LS):
        data = _trim_jpeg(data, must_end=syntax not in JPEG)
    elif syntax in JPEG_2000:
        bare = data.lstrip(b"\0")
        data = bare if bare.startswith(b"\xff\x4f\xff\x51") else data  # JP2 boxes begin with zeros of their own
        if not _is_whole_jpeg_2000(data):
            raise InputError(CUT_OFF.format(_ENDS))
    size = read_codestream_size(data)
    if size is not None and size != (int(dataset.Columns), int(dataset.Rows)):
        raise InputError(CUT_OFF.format("its header and its pixels are not of one size"))
    if syntax in JPEG_LOSSLESS:
        _check_lossless(dataset, data)
    return data


def _trim_jpeg(data: bytes, *, must_end: bool) -> bytes:
    """From SOI to EOI of a JPEG or JPEG-LS codestream.

    Raises
    ------
    InputError
        `must_end`, and its segments do not lead to a scan with an end behind it. Without them CharLS never returns,
        and GDCM ends the process over bytes between segments; lossy JPEG's decoder says so itself.
    """
    start = max(data.find(b"\xff\xd8\xff", 0, _LONGEST_LEAD_BYTES), 0)
    end = _find_end(data, start)
    if end is None and must_end:
        raise InputError(CUT_OFF.format(_ENDS))
    return data[start:end]


def _find_end(data: bytes, start: int) -> int | None:
    """The offset behind the EOI to which the segments and scans from an SOI lead; None if they lead to none."""
    at, has_scan = start + 2, False
    while at + 2 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == 0xD9:
            return at + 2 if has_scan else None
        is_scan = data[at + 1] == 0xDA
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if is_scan:
            has_scan = True
            marker = _MARKER.search(data, at)
            if marker is None:
                return None
            at = marker.start()
    return None


def _is_whole_jpeg_2000(data: bytes) -> bool:
    """Whether the tile parts of a JPEG 2000 codestream are whole (ISO/IEC 15444-1, A.4.2).

    OpenJPEG fills what is missing with grey and says nothing.
    """
    at = data.find(b"\xff\x90\0\x0a")
    if at < 0:
        return False
    while data[at : at + 4] == b"\xff\x90\0\x0a" and at + 12 <= len(data):
        length = int.from_bytes(data[at + 6 : at + 10], "big")
        if length == 0:  # to the end of the codestream
            return data.find(b"\xff\xd9", at + 12) >= 0
        at += max(length, 12)
    return at <= len(data)


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
