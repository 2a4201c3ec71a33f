"""What is to be answered in a list of files and folders: pictures, volumes and DICOM series, in a stable order.

A case is small and can be sent to another process; nothing of its pixels is read here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from inference.content import Kind, recognise
from inference.errors import InputError
from inference.images import ReadOptions, unreadable
from inference.limits import MAX_ARCHIVE_BYTES
from inference.scans import Scan, load_scans, load_stack

if TYPE_CHECKING:
    from inference.dicom import Header

_SNIFF_BYTES = 4096
"""Enough to know a DICOM file, a zip archive and most volumes."""

_HASH_BYTES = 2**20


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
        See `inference.volume.Volume.series`; empty for a file of its own.
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
        """Read it; see `inference.scans.load_scans`."""
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


def find_cases(paths: Iterable[str | Path], *, leave_out: Iterable[Path] = ()) -> Iterator[Case]:
    """Walk folders in a stable order; hidden files are left out, anything that is named is kept.

    In memory is one folder's list of names at a time, and of those above it.

    Parameters
    ----------
    paths : iterable of str or pathlib.Path
        Files and folders. A DICOM file that is named stands for itself, those of a folder for their series.
    leave_out : iterable of pathlib.Path
        Files that are not to be read, such as the run's own output.

    Yields
    ------
    Case
        Of each folder the files by name, then its DICOM series, then what is in the folders below it.
    """
    own = {path.name: path.resolve() for path in leave_out}
    for path in map(Path, paths):
        if path.is_dir():
            yield from _walk(path, own)
        else:
            yield _build_file(path)


def count_files(paths: Iterable[str | Path]) -> int:
    """How many files a run over ``paths`` has, for its progress."""
    return sum(
        sum(1 for _, _, names in os.walk(path) for name in names if not name.startswith(".")) if path.is_dir() else 1
        for path in map(Path, paths)
    )


def _build_file(path: Path, kind: Kind | None = None) -> Case:
    kind = _sniff(path) if kind is None else kind
    if path.exists() and not path.is_file():  # a pipe would be waited for
        return Case(path=str(path), files=(), error=f"{path.name} is no file; a device or a pipe is not read.")
    return Case(path=str(path), files=(str(path),), is_large=kind in (Kind.NIFTI, Kind.GZIPPED_NIFTI, Kind.ZIP))


def _walk(folder: Path, own: dict[str, Path]) -> Iterator[Case]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda one: one.name)
    except OSError as error:
        yield Case(path=str(folder), error=f"The folder {folder.name} cannot be opened: {error.strerror or error}.")
        return
    folders = [entry.name for entry in listed if entry.is_dir(follow_symlinks=False)]
    files = [folder / entry.name for entry in listed if not entry.is_dir()]
    slices: list[str] = []
    for path in files:
        if path.name in own and path.resolve() == own[path.name]:
            continue
        kind = _sniff(path)
        if kind is Kind.DICOM:
            slices.append(str(path))
        else:
            yield _build_file(path, kind)
    if slices:
        yield from _group(folder, slices)
    for name in folders:
        yield from _walk(folder / name, own)


def _open(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")  # the reader closes it
    except OSError as error:
        raise unreadable(Path(path), error) from error


def _sniff(path: Path) -> Kind:
    try:
        if not path.is_file():
            return Kind.OTHER
        with path.open("rb") as stream:
            return recognise(stream.read(_SNIFF_BYTES))
    except (OSError, ValueError):
        return Kind.OTHER


def _group(folder: Path, slices: list[str]) -> Iterator[Case]:
    from inference import dicom

    headers = []
    for path in slices:
        try:
            with Path(path).open("rb") as stream:
                headers.append((dicom.read_header(stream), path))
        except InputError:
            yield Case(path=path, files=(path,))  # says why when it is read
        except OSError as error:
            yield Case(path=path, error=str(unreadable(Path(path), error)))
    for series, files in dicom.group_series(headers):
        yield Case(
            path=str(folder) if len(files) > 1 else files[0][1],
            files=tuple(path for _, path in files),
            series=series,
            headers=tuple(header for header, _ in files),
            is_large=len(files) > 1 or files[0][0].frames > 1,
        )
