"""Zip archives: the entries are checked before any of them is decompressed, and read one at a time.

Nothing is ever written to the disk. What an entry holds is told in `inference.imaging.scans`.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO

from inference.errors import InputError, TooLargeError
from inference.limits import (
    MAX_ARCHIVE_BYTES,
    MAX_ARCHIVE_ENTRIES,
    MAX_DIRECTORY_BYTES,
    MAX_VOLUME_BYTES,
    check_file_size,
)

_DAMAGED = "The zip archive is damaged or cut off."


class Archive:
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
    >>> Archive(stream).names, Archive(stream).read("a/slice.png")
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
            _check_name(entry.filename)
        entries = [entry for entry in self._zip.infolist() if not _is_folder(entry) and not _is_hidden(entry.filename)]
        for entry in entries:
            if entry.flag_bits & 0x1:
                raise InputError("The zip archive is encrypted; one without a password is accepted.")
        size_bytes = sum(entry.file_size for entry in entries)
        if size_bytes > MAX_ARCHIVE_BYTES:
            raise TooLargeError(
                f"A zip archive of at most {MAX_ARCHIVE_BYTES / 2**20:,.0f} MB, decompressed, is accepted; "
                f"received {size_bytes / 2**20:,.0f} MB."
            )
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


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    return not entry.filename or entry.is_dir()  # zipfile stumbles over an empty name


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") and part != ".." for part in parts) or "__MACOSX" in parts


def _check_name(name: str) -> None:
    windows = name.replace("\\", "/")
    if windows.startswith("/") or ".." in PurePosixPath(windows).parts or windows[1:2] == ":":
        raise InputError("The zip archive names a file outside itself (.. or /), so nothing of it is read.")


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
