"""From the bytes of a picture file to a decoded picture, by Pillow.

Sizes are checked on the header, before pixels are decoded (`inference.limits`). DICOM and NIfTI have modules of their
own; which of them reads a file is told by its content (`inference.imaging.sniff`).
"""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from inference.errors import InputError
from inference.imaging.arrays import DARK, decode_array, spread_grey, window_array
from inference.imaging.framing.crop import cut_slice
from inference.imaging.sniff import HEAD_BYTES, Kind, advise, describe, recognise
from inference.imaging.types import DecodedImage
from inference.limits import MAX_PIXELS, check_file_size, check_picture_size, too_many_pixels

FORMATS = {"PNG", "JPEG", "JPEG2000", "GIF", "WEBP", "BMP", "TIFF", "AVIF"}
"""Pillow's names of the picture formats that are opened; no other decoder ever sees the bytes, but HEIC's."""

ACCEPTED = (
    "PNG, JPEG, JPEG 2000, JPEG-LS, TIFF, BMP, GIF, WebP, AVIF and HEIC pictures, DICOM files, NIfTI, Analyze, MGH, "
    "NRRD, MetaImage and NumPy volumes, and zip or tar archives of them"
)
"""What is read, inside a sentence."""

_DAMAGED = "The {} is damaged or cut off: its data end or break before the last row."


def decode_picture(content: bytes, name: str = "") -> DecodedImage:
    """Decode a file in one of `FORMATS`, or in HEIC.

    Parameters
    ----------
    content : bytes
    name : str
        What the file is called; it helps to name what is not read.

    Raises
    ------
    InputError
        It is none of them, empty or damaged, or shows several slices; `TooLargeError` by its size or the one
        that its header declares.
    """
    if not content:
        raise InputError(f"The file is empty. {ACCEPTED} are accepted.")
    check_file_size(len(content))
    try:
        with Image.open(io.BytesIO(content), formats=_choose_formats(content)) as picture:
            check_picture_size(*picture.size)
            return cut_slice(decode_opened(picture))
    except InputError:
        raise
    except UnidentifiedImageError as error:
        if recognise(content) is Kind.PICTURE:
            raise InputError(_DAMAGED.format(_name_format(content))) from error
        raise InputError(
            f"{ACCEPTED} are accepted; received {describe(content, name)}.{advise(content, name)}"
        ) from error
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\((\d+) pixels\)", str(error))  # Pillow's own limit is higher; it names the size
        raise too_many_pixels(int(pixels[1]) if pixels else 2 * MAX_PIXELS) from error
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
        raise InputError(_DAMAGED.format(_name_format(content))) from error


def _choose_formats(content: bytes) -> list[str]:
    """The decoders that may see the bytes: Pillow's own, or HEIC's."""
    brands = content[8 : min(int.from_bytes(content[:4], "big"), 256)]
    if content[4:8] != b"ftyp" or recognise(content[:HEAD_BYTES]) is not Kind.PICTURE or b"avi" in brands:
        return sorted(FORMATS)
    try:
        import pi_heif
    except ImportError as error:
        raise InputError(
            'A HEIC picture is read where the extra "heic" is installed (pip install "gyrus[heic]"); save it as PNG.'
        ) from error
    pi_heif.register_heif_opener()
    return ["HEIF"]


def _name_format(content: bytes) -> str:
    """What a picture is called that Pillow cannot read to its end."""
    if content[4:8] == b"ftyp":
        return "AVIF picture" if content[8:11] == b"avi" else "HEIC picture"
    return "JPEG 2000 picture" if content.startswith((b"\0\0\0\x0cjP", b"\xff\x4f")) else "picture"


def decode_opened(picture: Image.Image) -> DecodedImage:
    """Decode a picture of which the header was read and its size checked; Pillow's own exceptions pass through."""
    notes = []
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":  # a phone's MPO holds the same photograph again, as a preview
        notes.append(f"Only the first of {frames} frames was read.")
    picture.load()
    if picture.getexif().get(0x0112, 1) != 1:  # EXIF 2.3, tag 0x0112 Orientation
        picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.asarray(picture)
        if picture.mode == "F" and np.isfinite(values).all():  # raw values, as those of a volume
            values = window_array(values)
        return DecodedImage(decode_array(values), tuple(notes))
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = _flatten(picture)
    if picture.mode == "L":
        return DecodedImage(spread_grey(np.asarray(picture)), tuple(notes))
    return DecodedImage(np.asarray(picture.convert("RGB")), tuple(notes))


def _flatten(picture: Image.Image) -> Image.Image:
    """Lay a transparent picture on black, or on white if nothing of it were seen there (black ink)."""
    rgba = picture.convert("RGBA")
    on_black = Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba).convert("RGB")
    if np.asarray(on_black).max() > DARK:
        return on_black
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
