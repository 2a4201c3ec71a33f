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
from inference.imaging.arrays import DARK, decode_array, spread_grey
from inference.imaging.sniff import Kind, describe, recognise
from inference.imaging.types import DecodedImage
from inference.limits import MAX_PIXELS, check_file_size, check_picture_size, too_many_pixels

FORMATS = {"PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"}
"""Pillow's names of the picture formats that are opened; no other decoder ever sees the bytes."""

ACCEPTED = "PNG, JPEG, TIFF, BMP, GIF and WebP pictures, DICOM files, NIfTI volumes and zip archives of them"
"""What is read, inside a sentence."""

_DAMAGED = "The picture is damaged or cut off: its data end or break before the last row."


def decode_picture(content: bytes) -> DecodedImage:
    """Decode a file in one of `FORMATS`.

    Raises
    ------
    InputError
        It is none of them, empty or damaged; `TooLargeError` by its size or the one that its header declares.
    """
    if not content:
        raise InputError(f"The file is empty. {ACCEPTED} are accepted.")
    check_file_size(len(content))
    try:
        with Image.open(io.BytesIO(content), formats=sorted(FORMATS)) as picture:
            check_picture_size(*picture.size)
            return _decode(picture)
    except InputError:
        raise
    except UnidentifiedImageError as error:
        if recognise(content) is Kind.PICTURE:
            raise InputError(_DAMAGED) from error
        raise InputError(f"{ACCEPTED} are accepted; received {describe(content)}.") from error
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\((\d+) pixels\)", str(error))  # Pillow's own limit is higher; it names the size
        raise too_many_pixels(int(pixels[1]) if pixels else 2 * MAX_PIXELS) from error
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
        raise InputError(_DAMAGED) from error


def _decode(picture: Image.Image) -> DecodedImage:
    notes = []
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":  # a phone's MPO holds the same photograph again, as a preview
        notes.append(f"Only the first of {frames} frames was read.")
    picture.load()
    if picture.getexif().get(0x0112, 1) != 1:  # EXIF 2.3, tag 0x0112 Orientation
        picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return DecodedImage(decode_array(np.asarray(picture)), tuple(notes))
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
