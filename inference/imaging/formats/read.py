"""From an open file of a known kind to its picture or volume, whatever the format; DICOM is read elsewhere.

Which of a format's modules is asked stands here, and nothing about a format itself.
"""

from __future__ import annotations

import io
from typing import BinaryIO, cast

from inference.errors import InputError
from inference.imaging.formats.beside import Beside, find_other_half, nothing_beside, open_other_half
from inference.imaging.formats.jpeg_ls import decode_jpeg_ls, is_jpeg_ls
from inference.imaging.formats.metaimage import read_metaimage
from inference.imaging.formats.mgh import read_mgh
from inference.imaging.formats.nrrd import read_nrrd
from inference.imaging.formats.numpy_array import read_numpy_array
from inference.imaging.formats.packed import open_unpacked, unpack
from inference.imaging.formats.pages import open_pages
from inference.imaging.nifti import open_grid, open_nifti
from inference.imaging.pictures import decode_picture
from inference.imaging.sniff import HEAD_BYTES, Kind, recognise
from inference.imaging.types import DEFAULT_OPTIONS, DecodedImage, ReadOptions, Volume
from inference.limits import MAX_FILE_BYTES, MAX_VOLUME_BYTES, check_file_size

_READERS = {Kind.MGH: read_mgh, Kind.NRRD: read_nrrd, Kind.METAIMAGE: read_metaimage}


def read_picture(content: bytes, name: str = "") -> DecodedImage:
    """Decode a picture of any format.

    Raises
    ------
    InputError
        It is none, or damaged; `TooLargeError` by its size or the one that its header declares.
    """
    check_file_size(len(content))
    return decode_jpeg_ls(content) if is_jpeg_ls(content) else decode_picture(content, name)


def recognise_unpacked(stream: BinaryIO) -> Kind:
    """Of which kind a compressed file's content is; the stream is put back to its beginning."""
    unpacked, head = open_unpacked(stream), b""
    try:
        while len(head) < HEAD_BYTES and (piece := unpacked.read1(HEAD_BYTES)):
            head += piece
    except InputError:
        pass  # one that breaks off is known by as much of it as there is
    stream.seek(0)
    return recognise(head)


def read_content(
    stream: BinaryIO,
    kind: Kind,
    name: str = "",
    beside: Beside = nothing_beside,
    options: ReadOptions = DEFAULT_OPTIONS,
) -> DecodedImage | Volume:
    """Read a file that is no DICOM file and no archive.

    Parameters
    ----------
    stream : binary file
        At its beginning; can be sought.
    kind : Kind
    name : str
        What it is called, without a folder.
    beside : callable
        Opens its other half, if it is the header of a volume in two files.
    options : ReadOptions

    Raises
    ------
    InputError
        It cannot be read; `TooLargeError` before memory is spent on it.
    """
    if kind is Kind.PACKED:
        return _read_packed(stream, name, beside, options)
    size_bytes = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if kind.is_volume:
        check_file_size(size_bytes, MAX_VOLUME_BYTES)
        return _read_volume(stream, kind, name, beside, options)
    check_file_size(size_bytes)
    return _read_pixels(stream.read(size_bytes), name)


def _read_packed(stream: BinaryIO, name: str, beside: Beside, options: ReadOptions) -> DecodedImage | Volume:
    kind = recognise_unpacked(stream)
    if kind is Kind.PACKED or kind.is_archive:
        raise InputError("A compressed file or an archive inside another is not opened; unpack it first.")
    if kind.is_volume:
        return _read_volume(open_unpacked(stream), kind, name, beside, options)
    return _read_pixels(unpack(stream, MAX_FILE_BYTES), name)


def _read_pixels(content: bytes, name: str) -> DecodedImage | Volume:
    pages = open_pages(content)
    return read_picture(content, name) if pages is None else pages


def _read_volume(
    stream: BinaryIO, kind: Kind, name: str, beside: Beside, options: ReadOptions
) -> DecodedImage | Volume:
    try:
        if kind in (Kind.NIFTI, Kind.ANALYZE):
            return _read_nifti(stream, kind, name, beside, options)
        if kind is Kind.NUMPY:
            found = read_numpy_array(stream)
            return found if isinstance(found, DecodedImage) else open_grid(found, options)
        return open_grid(_READERS[kind](stream, name, beside), options)
    except InputError:
        raise
    except Exception as error:  # a header that lies can make NumPy raise nearly anything
        raise InputError(f"This is {kind.value} that is damaged or cut off: its header cannot be read.") from error


def _read_nifti(stream: BinaryIO, kind: Kind, name: str, beside: Beside, options: ReadOptions) -> Volume:
    head = stream.read(540)
    names = find_other_half(head, kind, name)

    def open_data() -> BinaryIO:
        voxels = open_other_half(names, beside)
        is_packed = recognise(voxels.read(4)) is Kind.PACKED
        voxels.seek(0)
        return open_unpacked(voxels) if is_packed else voxels

    return open_nifti(cast("BinaryIO", _Ahead(head, stream)), options, open_data)


class _Ahead(io.RawIOBase):
    """A stream of which the beginning was read already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int = -1, /) -> bytes:
        start, self._head = self._head[:size], self._head[size:]
        return start + self._stream.read(size - len(start)) if len(start) < size else start
