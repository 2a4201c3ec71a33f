"""What a file, an upload or an archive holds: pictures and volumes in a stable order, each read in its turn."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from inference.errors import InputError
from inference.imaging.archive import Archive
from inference.imaging.arrays import decode_array
from inference.imaging.dicom.header import Header, read_header
from inference.imaging.dicom.read import decode_single, open_file, open_series
from inference.imaging.dicom.series import group_series
from inference.imaging.nifti import open_nifti
from inference.imaging.pictures import ACCEPTED, decode_picture
from inference.imaging.sniff import HEAD_BYTES, Kind, recognise
from inference.imaging.storage import is_remote, open_remote, unreadable
from inference.imaging.types import DEFAULT_OPTIONS, DecodedImage, ReadOptions, Volume
from inference.limits import (
    MAX_FILE_BYTES,
    MAX_VOLUME_BYTES,
    check_file_size,
)

ImageSource = np.ndarray | bytes | bytearray | memoryview | str | Path
"""What `load_image` takes: pixels, an encoded file's bytes, or a path."""


def load_image(source: ImageSource) -> DecodedImage:
    """Decode one picture.

    Parameters
    ----------
    source : numpy.ndarray, bytes, str or pathlib.Path
        An array is (H, W) grey, (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; see `decode_array` for its values. Bytes
        are an encoded file. A path is read. A DICOM file must hold one slice; volumes are read by
        `inference.imaging.scans.load_scans`.

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


def decode_bytes(content: bytes) -> DecodedImage:
    """Decode an encoded picture; see `load_image`."""
    if not content:
        raise InputError(f"The file is empty. {ACCEPTED} are accepted.")
    check_file_size(len(content))
    kind = recognise(content[:HEAD_BYTES])
    if kind is Kind.DICOM:
        return decode_single(content)
    if kind is not Kind.OTHER:
        raise InputError(f"A single picture is accepted here; received {kind.value}.")
    return decode_picture(content)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """One thing to be answered.

    Attributes
    ----------
    path : str
        Where it is inside the source: empty, or the name of an entry of the archive.
    content : DecodedImage, Volume or InputError
        A picture, a volume, or why it is neither.
    """

    path: str
    content: DecodedImage | Volume | InputError


def load_scans(source: bytes | str | Path, options: ReadOptions = DEFAULT_OPTIONS) -> Iterator[Scan]:
    """Read what a file or an upload holds.

    Parameters
    ----------
    source : bytes, str or pathlib.Path
        A file's bytes, or its path; a text with ``://`` is an address that `inference.imaging.storage` reads.
    options : ReadOptions

    Yields
    ------
    Scan
        One, or of an archive several. A volume can be read until the next one is asked for.

    Raises
    ------
    InputError
        The source itself cannot be read. What fails inside an archive is a scan with its error.
    """
    with _open(source) as stream:
        kind = recognise(stream.read(HEAD_BYTES))
        size_bytes = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        if kind is Kind.ZIP:
            yield from _load_archive(stream, options)
        elif kind is Kind.OTHER:
            check_file_size(size_bytes)
            yield Scan(path="", content=decode_bytes(stream.read(size_bytes)))
        else:
            check_file_size(size_bytes, MAX_VOLUME_BYTES)
            yield Scan(path="", content=_open_volume(stream, kind, options))


@contextmanager
def _open(source: bytes | str | Path) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    if isinstance(source, str) and is_remote(source):
        with open_remote(source) as stream:
            yield stream
        return
    path = Path(source)
    try:
        stream = path.open("rb")
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    with stream:
        yield stream


def _open_volume(stream: BinaryIO, kind: Kind, options: ReadOptions) -> DecodedImage | Volume:
    """A volume, or the picture that a volume of one slice is."""
    if kind is Kind.DICOM:
        return _unwrap(open_file(stream, options))
    return _unwrap(open_nifti(stream, kind, options))


def _unwrap(volume: Volume) -> DecodedImage | Volume:
    if volume.count > 1:
        return volume
    image = volume.load(0).image
    return DecodedImage(image.pixels, (*image.notes, *volume.notes), image.modality, volume.identifiers)


def _load_archive(stream: BinaryIO, options: ReadOptions) -> Iterator[Scan]:
    """Pictures and NIfTI volumes by name, then DICOM series."""
    archive = Archive(stream)
    if not archive.names:
        raise InputError("The zip archive holds no file.")
    slices: list[str] = []
    for name in archive.names:
        try:
            kind = recognise(archive.read_head(name, HEAD_BYTES))
            if kind is Kind.DICOM:
                slices.append(name)
                continue
            yield Scan(path=name, content=_open_entry(archive, name, kind, options))
        except InputError as error:
            yield Scan(path=name, content=error)
    if slices:
        yield from load_series(slices, archive.open, options)


def _open_entry(archive: Archive, name: str, kind: Kind, options: ReadOptions) -> DecodedImage | Volume:
    if kind is Kind.ZIP:
        raise InputError("An archive inside an archive is not opened; unpack it first.")
    if kind is Kind.OTHER:
        return decode_bytes(archive.read(name, MAX_FILE_BYTES))
    return _open_volume(archive.open(name), kind, options)


def load_series(names: list[str], read: Callable[[str], BinaryIO], options: ReadOptions) -> Iterator[Scan]:
    """Read the DICOM files of one folder or archive as the series that they are.

    Parameters
    ----------
    names : list of str
        What ``read`` takes; also the scans' paths.
    read : Callable
        Opens a file.
    options : ReadOptions

    Yields
    ------
    Scan
        A file that is no image, with its error; then pictures and volumes. A volume's path is empty, and its ``paths``
        name its files.
    """
    headers: list[tuple[Header, str]] = []
    for name in names:
        try:
            with read(name) as stream:
                headers.append((read_header(stream), name))
        except InputError as error:
            yield Scan(path=name, content=error)
    for series, files in group_series(headers):
        yield load_stack(series, files, read, options)


def load_stack(
    series: str, files: list[tuple[Header, str]], read: Callable[[str], BinaryIO], options: ReadOptions
) -> Scan:
    """Open one of the stacks that `inference.imaging.dicom.series.group_series` tells apart."""
    if len(files) > 1:
        return Scan(path="", content=open_series(files, read, options, series))
    path = files[0][1]
    try:
        with read(path) as stream:
            volume = open_file(stream, options)
        return Scan(path=path, content=_unwrap(replace(volume, series=series)))
    except InputError as error:
        return Scan(path=path, content=error)
