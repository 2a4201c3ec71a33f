"""What is to be answered in a list of files and folders: pictures, volumes and DICOM series, in a stable order.

An item is small and can be sent to another process. Only heads and headers are read here; what one file holds is listed
in `inference.imaging.scans`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from inference.errors import InputError
from inference.imaging.dicom.header import read_header
from inference.imaging.dicom.series import group_series
from inference.imaging.formats.beside import find_other_half
from inference.imaging.scans import Scan, build_scan, open_scans, refused_scan
from inference.imaging.sniff import Kind, is_companion, recognise
from inference.imaging.storage import (
    base_name,
    folder_of,
    is_device,
    is_folder,
    is_remote,
    join_path,
    list_folder,
    open_file,
    open_head,
    read_head,
    refuse_device,
    resolve_path,
)
from inference.imaging.types import DEFAULT_OPTIONS, ReadOptions
from inference.limits import MAX_ARCHIVE_BYTES

if TYPE_CHECKING:
    from inference.imaging.dicom.stack import Stack

_SNIFF_BYTES = 4096
"""Enough to know a DICOM file, an archive and most volumes."""

_HASH_BYTES = 2**20

_REQUESTS = 16
"""Files at an address whose heads are fetched at the same time; each is a wait for the network."""


@dataclass(frozen=True, kw_only=True)
class WorkItem:
    """One picture, volume, series or archive of a run.

    Attributes
    ----------
    path : str
        As given or found; of a series its folder.
    files : tuple of str
        What is read.
    series : str
        See `inference.imaging.types.Volume.series`; empty for a file of its own.
    stack : Stack or None
        The slices of a DICOM series; None for a file of its own.
    error : str
        Why it cannot be read, if that is known already.
    is_large : bool
        It holds many slices, as far as the first bytes tell.
    is_other : bool
        It was met in a folder and is neither an image nor called like one; a run counts it and no more.

    Examples
    --------
    >>> for item in find_items(["models/brain_tumor/examples"]):
    ...     print(item.path)
    models/brain_tumor/examples/LICENSES.md
    models/brain_tumor/examples/chelsea.jpg
    models/brain_tumor/examples/examples.json
    models/brain_tumor/examples/mni152_axial_14mm.png
    models/brain_tumor/examples/mni152_axial_2mm.png
    """

    path: str
    files: tuple[str, ...] = ()
    series: str = ""
    stack: Stack | None = None
    error: str = ""
    is_large: bool = False
    is_other: bool = False

    @property
    def key(self) -> str:
        """Its key in a run's journal; no other item of the run has the same."""
        return f"{self.path}\0{self.series}"

    @contextmanager
    def open(self, options: ReadOptions = DEFAULT_OPTIONS) -> Iterator[Iterator[Scan]]:
        """List its scans; they can be opened inside the ``with`` block.

        Raises
        ------
        InputError
            It cannot be read.
        """
        if self.error:
            raise InputError(self.error)
        if self.stack is not None:
            yield iter([build_scan(self.stack, open_file, self.path, options)])
            return
        with open_scans(self.files[0], options, name=self.path) as scans:
            yield scans

    def refuse(self, error: InputError) -> Scan:
        """The scan that stands for all of it when it cannot be read."""
        return refused_scan(error, self.path)

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

    Examples
    --------
    >>> (folder,) = find_folders(["models/brain_tumor/examples"])
    >>> folder.count, folder.files[1]
    (5, 'chelsea.jpg')
    """

    path: str
    files: tuple[str, ...] = ()
    is_file: bool = False
    error: str = ""

    @property
    def count(self) -> int:
        """How many files a run counts for it; one that cannot be opened counts as one."""
        return len(self.files) + (self.is_file or bool(self.error))


def find_items(paths: Iterable[str | Path], *, leave_out: Iterable[str | Path] = ()) -> Iterator[WorkItem]:
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
    WorkItem
        Of each folder the files by name, then its DICOM series, then what is in the folders below it.
    """
    seen: dict[bytes, tuple[str, int]] = {}
    for folder in find_folders(paths, leave_out=leave_out):
        for item in find_in_folder(folder):
            yield _note_spread(item, folder.path, seen)


def _note_spread(item: WorkItem, folder: str, seen: dict[bytes, tuple[str, int]]) -> WorkItem:
    """Say of a series that other slices of it were met in another folder, unless one is a copy of the other."""
    stack = item.stack
    if stack is None or stack.left_out or not stack.series:
        return item
    slices = hash(tuple(member.frame.instance for member in stack.members))
    first, first_slices = seen.setdefault(stack.series + stack.kind.encode(), (folder, slices))
    if first == folder or first_slices == slices:
        return item
    note = (
        f"Other slices of this series are in the folder {base_name(first)}: neither answer is about the whole series."
    )
    return replace(item, stack=replace(stack, notes=(*stack.notes, note)))


def find_folders(paths: Iterable[str | Path], *, leave_out: Iterable[str | Path] = ()) -> Iterator[Folder]:
    """The folders of `find_items`, in its order; no file is opened."""
    own: dict[str, set[str]] = {}
    for path in map(str, leave_out):
        own.setdefault(base_name(path), set()).add(resolve_path(path))
    for path in (str(path) if is_remote(path) else str(Path(path)) for path in paths):
        if is_folder(path):
            yield from _walk(path, own)
        else:
            yield Folder(path=path, is_file=True)


def find_in_folder(folder: Folder) -> Iterator[WorkItem]:
    """The work of one folder: its files by name, then its DICOM series."""
    if folder.error:
        yield WorkItem(path=folder.path, error=folder.error)
        return
    if folder.is_file:
        yield _build_file(folder.path, _sniff(folder.path))
        return
    files = [join_path(folder.path, name) for name in folder.files]
    sniffed = list(_sniff_all(files))
    halves = {path: half for path, found in zip(files, sniffed, strict=True) for half in _find_half(path, found, files)}
    slices: list[str] = []
    for path, found in zip(files, sniffed, strict=True):
        if path in halves.values():
            continue
        if is_companion(base_name(path), found.kind):
            yield WorkItem(path=path, files=(path,), is_other=True)
        elif found.kind is Kind.DICOM:
            slices.append(path)
        else:
            item = _build_file(path, found)
            yield replace(item, files=(path, halves[path])) if path in halves and item.files else item
    if slices:
        yield from _group(folder.path, slices)


def count_files(paths: Iterable[str | Path], *, leave_out: Iterable[str | Path] = ()) -> int:
    """How many files `find_items` will give with the same arguments, for the progress of a run."""
    return sum(folder.count for folder in find_folders(paths, leave_out=leave_out))


def _find_half(path: str, found: _Sniffed, files: list[str]) -> list[str]:
    """The file with the voxels of a header that is in a file of its own, if it is in the folder."""
    names = [name for name in found.halves if name != base_name(path)]
    paths = [join_path(folder_of(path), name) for name in names]
    return [half for half in paths if half in files][:1]


def _build_file(path: str, found: _Sniffed) -> WorkItem:
    try:
        refuse_device(path)
    except InputError as error:
        return WorkItem(path=path, error=str(error))
    return WorkItem(path=path, files=(path,), is_large=_is_large(found.kind))


def _walk(folder: str, own: Mapping[str, Collection[str]]) -> Iterator[Folder]:
    try:
        files, folders = list_folder(folder)
    except OSError as error:
        yield Folder(path=folder, error=f"The folder {base_name(folder)} cannot be opened: {error.strerror or error}.")
        return

    def keep(names: list[str]) -> list[str]:
        shown = sorted(name for name in names if not name.startswith("."))
        return [name for name in shown if name not in own or resolve_path(join_path(folder, name)) not in own[name]]

    yield Folder(path=folder, files=tuple(keep(files)))
    for name in keep(folders):
        yield from _walk(join_path(folder, name), own)


def _is_large(kind: Kind) -> bool:
    return kind.is_volume or kind.is_archive or kind is Kind.PACKED


class _Sniffed(NamedTuple):
    """What a file is, and what the file with its voxels may be called if it is a header in a file of its own."""

    kind: Kind
    halves: tuple[str, ...] = ()


def _sniff_all(files: list[str]) -> Iterator[_Sniffed]:
    if not files or not is_remote(files[0]):
        yield from map(_sniff, files)
        return
    with ThreadPoolExecutor(_REQUESTS) as threads:
        yield from threads.map(_sniff, files)


def _sniff(path: str) -> _Sniffed:
    try:
        if is_device(path):
            return _Sniffed(Kind.OTHER)
        head = read_head(path, _SNIFF_BYTES)
        kind = recognise(head)
    except InputError:
        return _Sniffed(Kind.OTHER)  # why is said when it is read
    try:
        return _Sniffed(kind, find_other_half(head, kind, base_name(path)))
    except InputError:
        return _Sniffed(kind)


def _group(folder: str, slices: list[str]) -> Iterator[WorkItem]:
    headers = []
    for path in slices:
        try:
            with open_head(path) as stream:
                headers.append((read_header(stream), path))
        except InputError:
            yield WorkItem(path=path, files=(path,))  # says why when it is read
    for number, stack in enumerate(group_series(headers)):
        paths = stack.paths
        yield WorkItem(
            path=folder if len(paths) > 1 else paths[0],
            files=paths,
            series=stack.name or f"left out {number}",
            stack=stack,
            is_large=len(stack.members) > 1,
        )
