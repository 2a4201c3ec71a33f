"""What is to be answered in a list of files and folders: pictures, volumes and DICOM series, in a stable order.

A case is small and can be sent to another process; nothing of its pixels is read here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from inference.errors import InputError
from inference.imaging.dicom.header import Header, read_header
from inference.imaging.dicom.series import group_series
from inference.imaging.scans import Scan, load_scans, load_stack
from inference.imaging.sniff import Kind, recognise
from inference.imaging.storage import (
    is_remote,
    is_remote_folder,
    list_remote,
    open_head,
    open_remote,
    read_head,
    unreadable,
)
from inference.imaging.types import ReadOptions
from inference.limits import MAX_ARCHIVE_BYTES

_SNIFF_BYTES = 4096
"""Enough to know a DICOM file, a zip archive and most volumes."""

_HASH_BYTES = 2**20

_REQUESTS = 16
"""Files elsewhere that are looked at together; each is a wait for the network."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One picture, volume, series or archive of a run.

    Attributes
    ----------
    path : str
        As given or found; of a series its folder.
    files : tuple of str
        What is read.
    series : str
        See `inference.imaging.types.Volume.series`; empty for a file of its own.
    headers : tuple of Header
        Of a DICOM series, one for each file; else empty.
    error : str
        Why it cannot be read, if that is known already.
    is_large : bool
        It holds many slices, as far as the first bytes tell.
    """

    path: str
    files: tuple[str, ...] = ()
    series: str = ""
    headers: tuple[Header, ...] = ()
    error: str = ""
    is_large: bool = False

    @property
    def key(self) -> str:
        """What tells it from every other case of the same run."""
        return f"{self.path}\0{self.series}"

    def load(self, options: ReadOptions) -> Iterator[Scan]:
        """Read it; see `inference.imaging.scans.load_scans`."""
        if self.error:
            yield Scan(path="", content=InputError(self.error))
        elif self.headers:
            files = list(zip(self.headers, self.files, strict=True))
            scan = load_stack(self.series, files, _open, options)
            yield Scan(path="", content=scan.content)
        else:
            yield from load_scans(self.files[0], options)

    def digest(self) -> bytes | None:
        """SHA-256 of the content, the same for copies; None if it cannot be read or is too large to be accepted."""
        digest = hashlib.sha256()
        try:
            for path in self.files:
                with Path(path).open("rb") as stream:
                    size_bytes = os.fstat(stream.fileno()).st_size
                    if size_bytes > MAX_ARCHIVE_BYTES:
                        return None
                    digest.update(size_bytes.to_bytes(8, "big"))
                    while piece := stream.read(_HASH_BYTES):
                        digest.update(piece)
        except OSError:
            return None
        return digest.digest() if self.files and not self.error else None


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder and the files in it, or a file that was named.

    Attributes
    ----------
    path : str
    files : tuple of str
        Names, sorted; empty for a file.
    is_file : bool
    error : str
        Why it cannot be opened.
    """

    path: str
    files: tuple[str, ...] = ()
    is_file: bool = False
    error: str = ""


def find_cases(paths: Iterable[str | Path], *, leave_out: Iterable[str | Path] = ()) -> Iterator[Case]:
    """Walk folders in a stable order; hidden files are left out, anything that is named is kept.

    In memory is one folder's list of names at a time, and of those above it.

    Parameters
    ----------
    paths : iterable of str or pathlib.Path
        Files and folders. A DICOM file that is named stands for itself, those of a folder for their series.
    leave_out : iterable of str or pathlib.Path
        Files and folders that are not to be read, such as the run's own output.

    Yields
    ------
    Case
        Of each folder the files by name, then its DICOM series, then what is in the folders below it.
    """
    for folder in find_folders(paths, leave_out=leave_out):
        yield from find_in_folder(folder)


def find_folders(paths: Iterable[str | Path], *, leave_out: Iterable[str | Path] = ()) -> Iterator[Folder]:
    """The folders of `find_cases`, in its order; no file is opened."""
    own = {_name(path): _resolve(path) for path in map(str, leave_out)}
    for path in (str(path) if is_remote(path) else str(Path(path)) for path in paths):
        if is_remote_folder(path) if is_remote(path) else Path(path).is_dir():
            yield from _walk(path, own)
        else:
            yield Folder(path=path, is_file=True)


def find_in_folder(folder: Folder) -> Iterator[Case]:
    """The cases of one folder: its files by name, then its DICOM series."""
    if folder.error:
        yield Case(path=folder.path, error=folder.error)
        return
    if folder.is_file:
        yield _build_file(folder.path, _sniff(folder.path))
        return
    files = [_join(folder.path, name) for name in folder.files]
    slices: list[str] = []
    for path, kind in zip(files, _sniff_all(files), strict=True):
        if kind is Kind.DICOM:
            slices.append(path)
        else:
            yield _build_file(path, kind)
    if slices:
        yield from _group(folder.path, slices)


def count_files(paths: Iterable[str | Path]) -> int:
    """How many files a run over ``paths`` has, for its progress."""
    return sum(
        sum(1 for _, _, names in os.walk(path) for name in names if not name.startswith(".")) if path.is_dir() else 1
        for path in map(Path, paths)
    )


def _build_file(path: str, kind: Kind) -> Case:
    if not is_remote(path) and Path(path).exists() and not Path(path).is_file():  # a pipe would be waited for
        return Case(path=path, files=(), error=f"{_name(path)} is no file; a device or a pipe is not read.")
    return Case(path=path, files=(path,), is_large=kind in (Kind.NIFTI, Kind.GZIPPED_NIFTI, Kind.ZIP))


def _walk(folder: str, own: dict[str, str]) -> Iterator[Folder]:
    try:
        files, folders = list_remote(folder) if is_remote(folder) else _list(folder)
    except OSError as error:
        yield Folder(path=folder, error=f"The folder {_name(folder)} cannot be opened: {error.strerror or error}.")
        return

    def keep(names: list[str]) -> list[str]:
        shown = sorted(name for name in names if not name.startswith("."))
        return [name for name in shown if name not in own or _resolve(_join(folder, name)) != own[name]]

    yield Folder(path=folder, files=tuple(keep(files)))
    for name in keep(folders):
        yield from _walk(_join(folder, name), own)


def _list(folder: str) -> tuple[list[str], list[str]]:
    """The names of the files and of the folders in a folder; a link to a folder is neither, or a walk might not end."""
    with os.scandir(folder) as entries:
        listed = list(entries)
    folders = [entry.name for entry in listed if entry.is_dir(follow_symlinks=False)]
    return [entry.name for entry in listed if not entry.is_dir()], folders


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else str(Path(folder, name))


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] if is_remote(path) else Path(path).name


def _resolve(path: str) -> str:
    return path.rstrip("/") if is_remote(path) else str(Path(path).resolve())


def _sniff_all(files: list[str]) -> Iterator[Kind]:
    if not files or not is_remote(files[0]):
        yield from map(_sniff, files)
        return
    with ThreadPoolExecutor(_REQUESTS) as threads:
        yield from threads.map(_sniff, files)


def _open(path: str) -> BinaryIO:
    if is_remote(path):
        return open_remote(path)
    try:
        return Path(path).open("rb")  # the reader closes it
    except OSError as error:
        raise unreadable(Path(path), error) from error


def _open_head(path: str) -> BinaryIO:
    return open_head(path) if is_remote(path) else Path(path).open("rb")


def _sniff(path: str) -> Kind:
    try:
        if is_remote(path):
            return recognise(read_head(path, _SNIFF_BYTES))
        if not Path(path).is_file():
            return Kind.OTHER
        with Path(path).open("rb") as stream:
            return recognise(stream.read(_SNIFF_BYTES))
    except (OSError, ValueError, InputError):
        return Kind.OTHER  # why is said when it is read


def _group(folder: str, slices: list[str]) -> Iterator[Case]:
    headers = []
    for path in slices:
        try:
            with _open_head(path) as stream:
                headers.append((read_header(stream), path))
        except InputError:
            yield Case(path=path, files=(path,))  # says why when it is read
        except OSError as error:
            yield Case(path=path, error=str(unreadable(Path(path), error)))
    for series, files in group_series(headers):
        yield Case(
            path=folder if len(files) > 1 else files[0][1],
            files=tuple(path for _, path in files),
            series=series,
            headers=tuple(header for header, _ in files),
            is_large=len(files) > 1 or files[0][0].frames > 1,
        )
