"""From a path, bytes or an array to what it holds, decoded: where a program begins that uses Gyrus as a library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from inference.errors import InputError
from inference.imaging.arrays import decode_array
from inference.imaging.dicom.read import decode_single
from inference.imaging.find import find_items
from inference.imaging.formats.read import read_picture
from inference.imaging.scans import Scan, open_scans
from inference.imaging.sniff import HEAD_BYTES, Kind, recognise
from inference.imaging.storage import is_folder, refuse_device, unreadable
from inference.imaging.types import DEFAULT_OPTIONS, DecodedImage, ReadOptions
from inference.limits import check_file_size

ImageSource = np.ndarray | bytes | bytearray | memoryview | str | Path
"""What `load_image` takes: pixels, an encoded file's bytes, or a path."""


def load_image(source: ImageSource) -> DecodedImage:
    """Decode one picture.

    Parameters
    ----------
    source : numpy.ndarray, bytes, str or pathlib.Path
        An array is (H, W) grey, (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; see
        `inference.imaging.arrays.decode_array` for its values. Bytes are an encoded file. A path is read. A DICOM file
        must hold one slice; volumes are read by `load_scans`.

    Raises
    ------
    InputError
        The rule that was broken, what is accepted and what was received. `TooLargeError` when it is a limit.

    Examples
    --------
    >>> image = load_image("models/brain_tumor/examples/chelsea.jpg")
    >>> image.pixels.shape, image.pixels.dtype
    ((300, 451, 3), dtype('uint8'))
    """
    if isinstance(source, np.ndarray):
        return DecodedImage(decode_array(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode_bytes(bytes(source))
    if isinstance(source, str | Path):
        return _decode_bytes(_read_file(Path(source)), Path(source).name)
    raise InputError(
        f"An image is given as bytes, a path or a NumPy array; received {type(source).__name__}."
        if source is not None
        else "No image was given."
    )


def _read_file(path: Path) -> bytes:
    refuse_device(str(path))
    try:
        size_bytes = path.stat().st_size
        if path.is_dir():
            raise InputError(f"{path.name} is a folder; a single picture is accepted here.")
        check_file_size(size_bytes)
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _decode_bytes(content: bytes, name: str = "") -> DecodedImage:
    check_file_size(len(content))
    kind = recognise(content[:HEAD_BYTES])
    if kind is Kind.DICOM:
        return decode_single(content)
    if kind not in (Kind.PICTURE, Kind.OTHER):
        raise InputError(f"A single picture is accepted here; received {kind.value}.")
    return read_picture(content, name)


def load_scans(source: bytes | str | Path, options: ReadOptions = DEFAULT_OPTIONS) -> Iterator[Scan]:
    """Read what a file, an archive or a folder holds.

    Parameters
    ----------
    source : bytes, str or pathlib.Path
        A file's bytes, or the path of a file or a folder; a text with ``://`` is an address that
        `inference.imaging.storage` reads.
    options : ReadOptions

    Yields
    ------
    Scan
        One, or of an archive or a folder several, in the order of the command line. What a folder holds beside images
        (`inference.imaging.sniff.is_companion`) is passed over. Those of an archive on a path, and
        the slices of their volumes, can be read until the next scan is asked for; those of bytes at any time.

    Raises
    ------
    InputError
        The source itself cannot be read. What fails inside an archive or a folder is a scan with its error.

    Examples
    --------
    >>> for scan in load_scans("models/brain_tumor/examples"):
    ...     print(scan.title, type(scan.content).__name__)
    chelsea.jpg DecodedImage
    mni152_axial_14mm.png DecodedImage
    mni152_axial_2mm.png DecodedImage
    """
    if not isinstance(source, bytes) and is_folder(str(source)):
        for item in find_items([source]):
            if item.is_other:
                continue
            try:
                with item.open(options) as scans:
                    for scan in scans:
                        _ = scan.content  # read as long as it can be: the file is closed when the next one is asked for
                        yield scan
            except InputError as error:
                yield item.refuse(error)
        return
    with open_scans(source, options) as scans:
        for index, scan in enumerate(scans):
            if not (index or scan.path or scan.is_archived) and isinstance(scan.content, InputError):
                raise scan.content  # it is the only one, or what a DICOM file holds is all left out
            yield scan
