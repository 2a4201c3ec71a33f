"""The pages of a TIFF as a volume, as ImageJ writes a stack."""

from __future__ import annotations

import io
from threading import Lock

import numpy as np
from PIL import Image

from inference.errors import InputError
from inference.imaging.arrays import build_slice, reduce_grey
from inference.imaging.pictures import decode_opened
from inference.imaging.types import Slice, Volume
from inference.limits import MAX_SLICES, check_picture_size, check_volume_size

_REDUCED_OR_MASK = 0b101
"""Bits of NewSubfileType (TIFF 6.0, tag 254): a page that is another one made smaller, or that masks another."""

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def open_pages(content: bytes) -> Volume | None:
    """Open a TIFF with several pages of one size; None for anything else, and for one that is damaged.

    Raises
    ------
    TooLargeError
        It has more pages than a volume may have slices.
    """
    if not content.startswith(_TIFF):
        return None
    try:
        picture = Image.open(io.BytesIO(content), formats=["TIFF"])
        count = _count_pages(picture)
    except InputError:
        raise
    except Exception:  # noqa: BLE001 - Pillow raises nearly anything; why is said where it is read as a picture
        return None
    if count < 2:
        return None
    lock = Lock()

    def load(index: int) -> Slice:
        with lock:
            return _load_page(picture, index)

    return Volume(
        count=count,
        load=load,
        notes=("The pages of the TIFF were read as slices, in their order.",),
        memory_bytes=len(content),
    )


def _count_pages(picture: Image.Image) -> int:
    """How many pages there are; 0 if they are not of one size and kind, or some are no pictures of their own."""
    size, mode = picture.size, picture.mode
    check_picture_size(*size)
    count = 0
    while count <= MAX_SLICES:
        try:
            picture.seek(count)
        except EOFError:
            return count
        is_other = int(picture.tag_v2.get(254, 0)) & _REDUCED_OR_MASK  # type: ignore[attr-defined]
        if picture.size != size or picture.mode != mode or is_other:
            return 0
        count += 1
    check_volume_size(count, 0)
    return count


def _load_page(picture: Image.Image, index: int) -> Slice:
    try:
        picture.seek(index)
        if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
            values = np.asarray(picture)
        else:
            values = reduce_grey(decode_opened(picture).pixels)
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
        raise InputError(f"Page {index + 1} of the TIFF is damaged or cut off.") from error
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        values = np.where(np.isfinite(values), values, values[np.isfinite(values)].min(initial=0.0))
    return build_slice(values)
