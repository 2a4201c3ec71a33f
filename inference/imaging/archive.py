"""Zip and tar archives: the entries are checked before any of them is read, and read one at a time.

Nothing is ever written to the disk. What an entry holds is told in `inference.imaging.scans`.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol, cast

from inference.errors import InputError, TooLargeError
from inference.limits import (
    MAX_ARCHIVE_BYTES,
    MAX_ARCHIVE_ENTRIES,
    MAX_DIRECTORY_BYTES,
    MAX_VOLUME_BYTES,
    check_file_size,
)

_DAMAGED = "The zip archive is damaged or cut off."
_DAMAGED_TAR = "The tar archive is damaged or cut off."

_PIECE_BYTES = 2**20
"""The most of a tar archive that is read at a time; the name of an entry never needs more."""


class Archive(Protocol):
    """The entries of an open archive, by name.

    Attributes
    ----------
    names : list of str
        The files' names, sorted; folders and hidden files are left out.

    Examples
    --------
    >>> def read_all(archive: Archive) -> list[bytes]:
    ...     return [archive.read(name) for name in archive.names]
    """

    names: list[str]

    def read_head(self, name: str, size_bytes: int) -> bytes:
        """The first bytes of an entry; raises `InputError` if it is damaged or the archive was closed."""
        ...

    def read(self, name: str, limit_bytes: int = MAX_VOLUME_BYTES) -> bytes:
        """All of an entry; raises as `read_head`, and `TooLargeError` if it is larger than the limit."""
        ...

    def open(self, name: str) -> BinaryIO:
        """All of an entry, as a file; raises as `read`."""
        ...


class ZipArchive:
    """The entries of an open zip archive.

    Parameters
    ----------
    stream : binary file
        Can be sought; stays open as long as entries are read.

    Raises
    ------
    InputError
        It is damaged, too large, encrypted, or names files outside itself.

    Examples
    --------
    >>> stream = io.BytesIO()
    >>> with zipfile.ZipFile(stream, "w") as archive:
    ...     archive.writestr("a/slice.png", b"pixels")
    >>> ZipArchive(stream).names, ZipArchive(stream).read("a/slice.png")
    (['a/slice.png'], b'pixels')
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        _check_directory(stream)
        try:
            self._zip = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise InputError(_DAMAGED) from error
        for entry in self._zip.infolist():
            _check_name(entry.filename, "zip")
        entries = [entry for entry in self._zip.infolist() if not _is_folder(entry) and not _is_hidden(entry.filename)]
        for entry in entries:
            if entry.flag_bits & 0x1:
                raise InputError("The zip archive is encrypted; one without a password is accepted.")
        size_bytes = sum(entry.file_size for entry in entries)
        if size_bytes > MAX_ARCHIVE_BYTES:
            raise _too_many_bytes(size_bytes, "zip")
        self._sizes = {entry.filename: entry.file_size for entry in entries}
        self.names = sorted(self._sizes)
        """The files' names, sorted; folders and hidden files are left out."""

    def read_head(self, name: str, size_bytes: int) -> bytes:
        """The first bytes of an entry; raises `InputError` if it is damaged or the archive was closed."""
        with self._open(name) as entry:
            return entry.read(size_bytes)

    def read(self, name: str, limit_bytes: int = MAX_VOLUME_BYTES) -> bytes:
        """All of an entry; raises as `read_head`, and `TooLargeError` if it is larger than the limit."""
        check_file_size(self._sizes[name], limit_bytes)
        with self._open(name) as entry:
            return entry.read(self._sizes[name])  # zipfile gives no more than the table of contents promised

    def open(self, name: str) -> BinaryIO:
        """All of an entry, as a file; raises as `read`."""
        return io.BytesIO(self.read(name))

    @contextmanager
    def _open(self, name: str) -> Iterator[BinaryIO]:
        if self._stream.closed:
            raise InputError("The zip archive was closed before this was read; read each scan before the next one.")
        try:
            with self._zip.open(name) as entry:
                yield entry  # type: ignore[misc]
        except InputError:
            raise
        except Exception as error:  # zipfile and its four decompressors raise nearly anything on damaged data
            raise InputError(_DAMAGED) from error


class TarArchive:
    """The entries of an open tar archive, which has no table of contents: its headers are walked once.

    Links, devices and sparse files are left out. Of a compressed archive everything is walked before it is
    decompressed to memory, where it stays as long as it is open.

    Parameters
    ----------
    stream : binary file
        Can be sought; stays open as long as entries are read.
    unpacked : callable or None
        Opens what a compressed archive holds, from its beginning, to be read forwards.

    Raises
    ------
    InputError
        It is damaged, too large, or names files outside itself.

    Examples
    --------
    >>> stream = io.BytesIO()
    >>> with tarfile.open(fileobj=stream, mode="w") as archive:
    ...     entry = tarfile.TarInfo("a/slice.png")
    ...     entry.size = 6
    ...     archive.addfile(entry, io.BytesIO(b"pixels"))
    >>> TarArchive(stream).names, TarArchive(stream).read("a/slice.png")
    (['a/slice.png'], b'pixels')
    """

    def __init__(self, stream: BinaryIO, unpacked: Callable[[], BinaryIO] | None = None) -> None:
        self._stream = stream
        if unpacked is None:
            stream.seek(0)
        limit_bytes = MAX_ARCHIVE_BYTES if unpacked is None else MAX_VOLUME_BYTES
        self._entries, end = _walk_tar(unpacked() if unpacked else stream, limit_bytes)
        if unpacked is not None:
            self._stream = io.BytesIO(unpacked().read(end))
        self.names = sorted(self._entries)
        """The files' names, sorted; folders and hidden files are left out."""

    def read_head(self, name: str, size_bytes: int) -> bytes:
        """The first bytes of an entry; raises `InputError` if it is cut off or the archive was closed."""
        if self._stream.closed:
            raise InputError("The tar archive was closed before this was read; read each scan before the next one.")
        offset, entry_bytes = self._entries[name]
        self._stream.seek(offset)
        content = self._stream.read(min(size_bytes, entry_bytes))
        if len(content) < min(size_bytes, entry_bytes):
            raise InputError(_DAMAGED_TAR)
        return content

    def read(self, name: str, limit_bytes: int = MAX_VOLUME_BYTES) -> bytes:
        """All of an entry; raises as `read_head`, and `TooLargeError` if it is larger than the limit."""
        size_bytes = self._entries[name][1]
        check_file_size(size_bytes, limit_bytes)
        return self.read_head(name, size_bytes)

    def open(self, name: str) -> BinaryIO:
        """All of an entry, as a file; raises as `read`."""
        return io.BytesIO(self.read(name))


class _Forwards(io.RawIOBase):
    """What tarfile reads headers from: forwards only, and never much at a time, whatever a header says."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._at = stream, 0
        self.last = b""

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, _whence: int = io.SEEK_SET, /) -> int:
        if offset < self._at:
            raise InputError(_DAMAGED_TAR)
        if self._stream.seekable():
            self._at = self._stream.seek(offset)
        while self._at < offset and (piece := self._stream.read(min(offset - self._at, _PIECE_BYTES))):
            self._at += len(piece)
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= _PIECE_BYTES:
            raise InputError(_DAMAGED_TAR)
        self.last = self._stream.read(size)
        self._at += len(self.last)
        return self.last


def _walk_tar(stream: BinaryIO, limit_bytes: int) -> tuple[dict[str, tuple[int, int]], int]:
    """Offset and size of each file by its name, and where the last one ends; no file's content is kept."""
    entries: dict[str, tuple[int, int]] = {}
    count = names_bytes = end = 0
    headers = _Forwards(stream)
    try:
        with tarfile.open(fileobj=cast("BinaryIO", headers), mode="r:") as tar:
            while (entry := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # else it keeps each header
                count, names_bytes = count + 1, names_bytes + len(entry.name)
                if count > MAX_ARCHIVE_ENTRIES or names_bytes > MAX_DIRECTORY_BYTES:
                    raise TooLargeError(
                        f"A tar archive of at most {MAX_ARCHIVE_ENTRIES:,} files is accepted; received more."
                    )
                _check_name(entry.name, "tar")
                if entry.size < 0:
                    raise InputError(_DAMAGED_TAR)
                end = entry.offset_data + entry.size
                if end > limit_bytes:
                    raise _too_many_bytes(end, "tar", limit_bytes)
                if entry.isreg() and not entry.issparse() and not _is_hidden(entry.name):
                    entries[entry.name] = (entry.offset_data, entry.size)
    except InputError:
        raise
    except Exception as error:  # tarfile raises nearly anything on damaged headers
        raise InputError(_DAMAGED_TAR) from error
    if headers.last.strip(b"\0"):
        raise InputError(_DAMAGED_TAR)  # tarfile takes a header that cannot be as the end
    return entries, end


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    return not entry.filename or entry.is_dir()  # zipfile stumbles over an empty name


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") and part != ".." for part in parts) or "__MACOSX" in parts


def _too_many_bytes(size_bytes: int, kind: str, limit_bytes: int = MAX_ARCHIVE_BYTES) -> TooLargeError:
    return TooLargeError(
        f"A {kind} archive of at most {limit_bytes / 2**20:,.0f} MB, decompressed, is accepted; "
        f"received {size_bytes / 2**20:,.0f} MB."
    )


def _check_name(name: str, kind: str) -> None:
    windows = name.replace("\\", "/")
    if windows.startswith("/") or ".." in PurePosixPath(windows).parts or windows[1:2] == ":":
        raise InputError(f"The {kind} archive names a file outside itself (.. or /), so nothing of it is read.")


def _check_directory(stream: BinaryIO) -> None:
    """Refuse by the last record of the archive, before the table of contents is read (APPNOTE 4.3.14 to 4.3.16)."""
    size_bytes = stream.seek(0, io.SEEK_END)
    tail_at = max(size_bytes - 22 - 65535 - 20, 0)
    stream.seek(tail_at)
    tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise InputError(_DAMAGED)
    entries, directory_bytes = struct.unpack("<HI", tail[at + 10 : at + 16])
    locator = tail[max(at - 20, 0) : at]
    if len(locator) == 20 and locator.startswith(b"PK\x06\x07"):
        stream.seek(min(struct.unpack("<Q", locator[8:16])[0], size_bytes))
        record = stream.read(56)
        if len(record) < 56 or not record.startswith(b"PK\x06\x06"):
            raise InputError(_DAMAGED)
        entries, directory_bytes = struct.unpack("<QQ", record[32:48])
    stream.seek(0)
    if entries > MAX_ARCHIVE_ENTRIES or directory_bytes > MAX_DIRECTORY_BYTES:
        raise TooLargeError(
            f"A zip archive of at most {MAX_ARCHIVE_ENTRIES:,} files is accepted; received {entries:,} "
            f"with a table of contents of {directory_bytes / 2**20:.1f} MB."
        )
