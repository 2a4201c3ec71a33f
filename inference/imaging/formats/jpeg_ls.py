"""JPEG-LS pictures, ``.jls``; Pillow does not read them. What DICOM files hold is in `inference.imaging.dicom`."""

from __future__ import annotations

import numpy as np

from inference.errors import InputError
from inference.imaging.arrays import decode_array
from inference.imaging.dicom.codestream import read_codestream_size
from inference.imaging.types import DecodedImage
from inference.limits import check_picture_size

_DAMAGED = "The picture is damaged or cut off: its data end or break before the last row."

_SOF55 = 0xF7
"""The frame header of JPEG-LS (ISO/IEC 14495-1, C.2.2)."""


def is_jpeg_ls(content: bytes) -> bool:
    """Whether the frame header of a JPEG is that of JPEG-LS."""
    at = _find_segment(content, _SOF55)
    return content.startswith(b"\xff\xd8\xff") and content[at : at + 2] == b"\xff\xf7"


def decode_jpeg_ls(content: bytes) -> DecodedImage:
    """Decode a picture.

    Raises
    ------
    InputError
        It is damaged; `TooLargeError` by the size that its header declares.
    """
    import jpeg_ls

    check_picture_size(*(read_codestream_size(content) or (0, 0)))
    frame, scan = _find_segment(content, _SOF55), _find_segment(content, 0xDA)
    end = content.rfind(b"\xff\xd9")
    if content[scan : scan + 2] != b"\xff\xda" or end < scan or content[frame + 4] not in range(2, 17):
        raise InputError(_DAMAGED)  # CharLS looks for ever for what is not there
    try:
        values = jpeg_ls.decode(np.frombuffer(content[: end + 2], np.uint8))
    except Exception as error:  # CharLS raises nearly anything on damaged data
        raise InputError(_DAMAGED) from error
    return DecodedImage(decode_array(values))


def _find_segment(content: bytes, marker: int) -> int:
    """The offset of the first segment of a kind before the scan, or of the scan; the length if there is neither."""
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        if content[at + 1] in (marker, 0xDA):
            return at
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return len(content)
