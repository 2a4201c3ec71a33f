"""From bytes, a file or an array to decoded pictures; a volume's slices become pictures here too.

A file is recognised by its content, never by its name (`inference.content`). Sizes are checked on the header, before
pixels are decoded (`inference.limits`). What is particular to DICOM stands in `inference.dicom`.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from inference.content import HEAD_BYTES, Kind, describe, recognise
from inference.errors import InputError
from inference.limits import MAX_PIXELS, check_file_size, check_picture_size, too_many_pixels

FORMATS = {"PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"}
"""Pillow's names of the picture formats that are opened; no other decoder ever sees the bytes."""

ACCEPTED = "PNG, JPEG, TIFF, BMP, GIF and WebP pictures, DICOM files, NIfTI volumes and zip archives of them"
"""What is read, inside a sentence."""

_TAIL_PERCENTILE = 99.9
"""High end of the window for data deeper than 8 bits: a few hot pixels must not darken the whole slice."""

_FULL_16_BIT = 2**15
"""A 16-bit picture that uses its top bit is taken as full-range and divided by 257; 12-bit data never reaches it."""

_DARK = 32
"""Value up to which nothing is made out on black; of what a transparent picture shows, all must be that dark for it to
be laid on white. What has anything brighter stays on black, as a scan's background is."""

ImageSource = np.ndarray | bytes | bytearray | memoryview | str | Path
"""What `load_image` takes: pixels, an encoded file's bytes, or a path."""


@dataclass(frozen=True, kw_only=True)
class Identifiers:
    """Whose a DICOM file is, as its header says; empty where it does not. Read on request only.

    Attributes
    ----------
    patient_id, study_date, accession_number, series_uid : str
    """

    patient_id: str
    study_date: str
    accession_number: str
    series_uid: str


@dataclass(frozen=True)
class DecodedImage:
    """A picture that can be shown and classified.

    Attributes
    ----------
    pixels : numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
        Not to be written to: of a grey picture it is a view of one plane, see `spread_grey`.
    notes : tuple of str
        Sentences about what was left out or changed while decoding.
    modality : str or None
        What a DICOM header says made it, such as ``"MR"``; None for a format that does not say.
    identifiers : Identifiers or None
        None unless they were asked for (`ReadOptions.identifiers`).
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()
    modality: str | None = None
    identifiers: Identifiers | None = None


PLANES = ("axial", "coronal", "sagittal")
"""Directions in which a NIfTI volume may be cut."""

WINDOWS = ("percentile", "file")
"""How raw values become grey: from the slice's minimum to its 99.9th percentile, or as a DICOM file says (VOI)."""


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What may be chosen about reading clinical files.

    Attributes
    ----------
    plane : str
        One of `PLANES`; slices of a DICOM series stay in the plane in which they were taken.
    window : str
        One of `WINDOWS`. The models have learnt from the first, which is why it is the default.
    identifiers : bool
        Read, of DICOM files, whose they are; see `Identifiers`.
    """

    plane: str = "axial"
    window: str = "percentile"
    identifiers: bool = False


DEFAULT_OPTIONS = ReadOptions()


def load_image(source: ImageSource) -> DecodedImage:
    """Decode one picture.

    Parameters
    ----------
    source : numpy.ndarray, bytes, str or pathlib.Path
        An array is (H, W) grey, (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; see `decode_array` for its values. Bytes
        are an encoded file. A path is read. A DICOM file must hold one slice; volumes are read by
        `inference.scans.load_scans`.

    Raises
    ------
    InputError
        The rule that was broken, what is accepted and what was received. `TooLargeError` when it is a limit.
    """
    if isinstance(source, np.ndarray):
        return DecodedImage(decode_array(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return decode_bytes(bytes(source))
    if isinstance(source, str | Path):
        return decode_bytes(read_file(Path(source)))
    raise InputError(
        f"An image is given as bytes, a path or a NumPy array; received {type(source).__name__}."
        if source is not None
        else "No image was given."
    )


def read_file(path: Path) -> bytes:
    """Read a file no larger than `MAX_FILE_BYTES`."""
    try:
        size_bytes = path.stat().st_size
        if path.is_dir():
            raise InputError(f"{path.name} is a folder; a single picture is accepted here.")
        check_file_size(size_bytes)
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError | ValueError) -> InputError:
    """The error of a path that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return InputError(f"There is no file {path.name}.")
    return InputError(f"The file {path.name} cannot be read: {getattr(error, 'strerror', None) or error}.")


def decode_bytes(content: bytes) -> DecodedImage:
    """Decode an encoded picture; see `load_image`."""
    if not content:
        raise InputError(f"The file is empty. {ACCEPTED} are accepted.")
    check_file_size(len(content))
    kind = recognise(content[:HEAD_BYTES])
    if kind is Kind.DICOM:
        from inference.dicom import decode_single

        return decode_single(content)
    if kind is not Kind.OTHER:
        raise InputError(f"A single picture is accepted here; received {kind.value}.")
    try:
        with Image.open(io.BytesIO(content), formats=sorted(FORMATS)) as picture:
            check_picture_size(*picture.size)
            return _decode_picture(picture)
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{ACCEPTED} are accepted; received {describe(content)}.") from error
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\((\d+) pixels\)", str(error))  # Pillow's own limit is higher; it names the size
        raise too_many_pixels(int(pixels[1]) if pixels else 2 * MAX_PIXELS) from error
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
        raise InputError("The picture is damaged or cut off: its data end or break before the last row.") from error


def _decode_picture(picture: Image.Image) -> DecodedImage:
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
    if np.asarray(on_black).max() > _DARK:
        return on_black
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)


def decode_array(array: np.ndarray) -> np.ndarray:
    """Bring an array of any depth to uint8 RGB.

    Parameters
    ----------
    array : numpy.ndarray, shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)
        uint8 is taken as it is, bool as black and white. A floating array within [0, 1] is multiplied by 255, one
        within [0, 255] is rounded. uint16 that uses its top bit is divided by 257. Everything else is windowed
        linearly from its minimum to its 99.9th percentile. What is transparent becomes black, or white if all that is
        to be seen is nearly black.

    Returns
    -------
    numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
        Not to be written to; see `DecodedImage`.

    Raises
    ------
    InputError
        The shape is another, the size is outside the limits, or a value is not a finite number.
    """
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InputError(
            "An array of shape (height, width), (height, width, 3) or (height, width, 4) is accepted; "
            f"received {tuple(array.shape)}."
        )
    check_picture_size(array.shape[1], array.shape[0])
    if array.dtype.kind not in "buif":
        raise InputError(f"An array of numbers is accepted; received the type {array.dtype}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError("Every value must be a finite number; the image holds NaN or infinity.")
    if array.ndim == 3 and array.shape[2] == 4:
        values = _to_uint8(array[:, :, :3])
        alpha = _to_uint8(array[:, :, 3:])
        on_black = np.asarray(values.astype(np.uint16) * alpha // 255, dtype=np.uint8)
        return on_black if on_black.max() > _DARK else on_black + (255 - alpha)
    values = _to_uint8(array)
    return spread_grey(values) if values.ndim == 2 else np.ascontiguousarray(values)


def spread_grey(plane: np.ndarray) -> np.ndarray:
    """A grey plane (H, W) as RGB (H, W, 3): a view that shows it three times and takes no memory of its own."""
    return np.broadcast_to(plane[:, :, None], (*plane.shape, 3))


def _to_uint8(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * 255
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind == "f" and low >= 0 and high <= 255:
        return np.rint(array * (255.0 if high <= 1.0 else 1.0)).astype(np.uint8)
    if array.dtype == np.uint16 and high >= _FULL_16_BIT:
        return np.rint(array / 257.0).astype(np.uint8)
    return window_array(array)


def window_array(array: np.ndarray) -> np.ndarray:
    """Bring values of any range linearly to uint8: their minimum becomes 0, their 99.9th percentile 255."""
    low, high = find_window(array)
    scaled = np.clip((array.astype(np.float64) - low) / (high - low), 0.0, 1.0)
    return np.asarray(np.rint(scaled * 255.0).astype(np.uint8))


def find_window(array: np.ndarray) -> tuple[float, float]:
    """The values that `window_array` makes black and white."""
    low = float(array.min())
    return low, max(float(np.percentile(array, _TAIL_PERCENTILE)), low + 1e-12)
