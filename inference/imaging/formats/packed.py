"""Files inside gzip, bzip2 or xz: decompressed as they are read, and never further than is asked for."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from typing import TYPE_CHECKING, BinaryIO, Protocol

from inference.errors import InputError
from inference.limits import check_file_size

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE_BYTES = 2**16

_XZ_MEMORY_BYTES = 128 * 2**20
"""What decompressing xz may take; its highest level needs 65 MB, a header may ask for 4 GB."""

_DAMAGED = "The {} file is damaged or cut off: it cannot be decompressed to its end."


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Inflater:
    """zlib's decompressor with the interface of the other two; takes gzip and zlib streams."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=47)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _build_decompressor(method: str) -> _Decompressor:
    if method == "gzip":
        return _Inflater()
    if method == "bzip2":
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)


class _Unpacked(io.RawIOBase):
    def __init__(self, stream: BinaryIO, method: str) -> None:
        self._stream, self._method = stream, method
        self._decompressor = _build_decompressor(method)
        self._ahead = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        try:
            content = self._read(len(view))
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
            raise InputError(_DAMAGED.format(self._method)) from error
        view[: len(content)] = content
        return len(content)

    def _read(self, size_bytes: int) -> bytes:
        while size_bytes:
            if self._decompressor.eof and not self._begin_next():
                return b""
            piece = b""
            if self._decompressor.needs_input:
                piece, self._ahead = self._ahead or self._stream.read(_PIECE_BYTES), b""
            is_end = self._decompressor.needs_input and not piece
            content = self._decompressor.decompress(piece, size_bytes)
            if content:
                return content
            if is_end and not self._decompressor.eof:
                raise EOFError
        return b""

    def _begin_next(self) -> bool:
        """Whether another stream follows, as after ``cat a.gz b.gz``; anything else behind the end is no part of it."""
        rest = self._decompressor.unused_data or self._stream.read(_PIECE_BYTES)
        starts = {"gzip": b"\x1f\x8b", "bzip2": b"BZh"}
        if not rest.startswith(starts.get(self._method, b"\xfd7zXZ\0")):
            return False
        self._decompressor, self._ahead = _build_decompressor(self._method), rest
        return True


def open_unpacked(stream: BinaryIO, method: str = "") -> io.BufferedReader:
    """Read what a compressed file holds, forwards.

    Parameters
    ----------
    stream : binary file
        At the beginning of the compressed bytes.
    method : str
        ``"gzip"`` (zlib too), ``"bzip2"`` or ``"xz"``; by default what its first bytes say, and it must be one that can
        be sought.

    Returns
    -------
    io.BufferedReader
        Its reading raises `InputError` where the compressed bytes are damaged or cut off.
    """
    if not method:
        start = stream.read(3)
        stream.seek(-len(start), io.SEEK_CUR)
        method = "gzip" if start.startswith(b"\x1f\x8b") else "bzip2" if start == b"BZh" else "xz"
    return io.BufferedReader(_Unpacked(stream, method), _PIECE_BYTES)


def measure_unpacked(stream: BinaryIO, limit_bytes: int) -> int:
    """How many bytes a compressed file holds; nothing of them is kept.

    Raises
    ------
    InputError
        It is damaged; `TooLargeError` if it holds more than the limit.
    """
    size_bytes = 0
    unpacked = open_unpacked(stream)
    while piece := unpacked.read(_PIECE_BYTES):
        size_bytes += len(piece)
        check_file_size(size_bytes, limit_bytes)
    return size_bytes


def unpack(stream: BinaryIO, limit_bytes: int) -> bytes:
    """All that a compressed file holds, which must be one that can be sought; raises as `measure_unpacked`."""
    start = stream.tell()
    size_bytes = measure_unpacked(stream, limit_bytes)
    stream.seek(start)
    return open_unpacked(stream).read(size_bytes)
