"""What a file, an upload or an archive holds: scans in a stable order, listed by their heads and opened one by one.

Folders are walked in `inference.imaging.find`; how each format is decoded is in the module of the format.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from inference.errors import InputError, LeftOutError
from inference.imaging.archive import Archive, TarArchive, ZipArchive
from inference.imaging.dicom.header import Header, read_header, read_identifiers
from inference.imaging.dicom.read import open_stack
from inference.imaging.dicom.series import group_series
from inference.imaging.formats.beside import Beside, find_other_half, nothing_beside
from inference.imaging.formats.packed import open_unpacked, unpack
from inference.imaging.formats.read import read_content, recognise_unpacked
from inference.imaging.sniff import HEAD_BYTES, Kind, is_companion, recognise
from inference.imaging.storage import base_name, folder_of, join_path, open_file, refuse_device
from inference.imaging.types import DEFAULT_OPTIONS, DecodedImage, Identifiers, ReadOptions, Volume
from inference.limits import MAX_FILE_BYTES, MAX_VOLUME_BYTES, check_file_size

if TYPE_CHECKING:
    from inference.imaging.dicom.stack import Stack

Opener = Callable[[str], AbstractContextManager[BinaryIO]]
"""Opens one of a scan's files by its name, from the disk or out of the archive."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """One thing to be answered: a picture or a volume. Listing one decodes nothing; ``content`` opens it, once.

    Attributes
    ----------
    source : str
        What it came from, as a row names it: a path, an address, or what an upload is called.
    path : str
        Where it is inside the source: empty, or the name of an entry of the archive.
    number : int
        Which of the source's scans it is, counted from 1; 0 for an entry that is no scan.
    kind : Kind
        What its files are.
    series : str
        What tells a DICOM series from the others: ``"series 1 of 3, T1, 24 slices"``; else empty.
    files : tuple of str
        What ``open_file`` takes: the file, or each file of a series, in no certain order.
    is_archived : bool
        The files are entries of the archive that the source is.
    open_file : callable
        Opens one of ``files``.
    read_content : callable
        Reads the picture or volume; raises `InputError`. Called by ``content``, once.

    Examples
    --------
    >>> from inference.imaging.load import load_scans
    >>> for scan in load_scans("models/brain_tumor/examples/chelsea.jpg"):
    ...     print(scan.number, scan.title, scan.content.pixels.shape)
    1 chelsea.jpg (300, 451, 3)
    """

    source: str
    path: str = ""
    number: int = 1
    kind: Kind = Kind.OTHER
    series: str = ""
    files: tuple[str, ...] = ()
    is_archived: bool = False
    open_file: Opener = field(default=open_file, repr=False)
    read_content: Callable[[], DecodedImage | Volume] = field(repr=False)

    @cached_property
    def content(self) -> DecodedImage | Volume | InputError:
        """A picture, a volume, or why it is neither; read when it is first asked for."""
        try:
            return self.read_content()
        except InputError as error:
            return error

    def open(self) -> DecodedImage | Volume:
        """The content, where an error is to be raised.

        Raises
        ------
        InputError
            It cannot be read.
        """
        if isinstance(self.content, InputError):
            raise self.content
        return self.content

    @property
    def opened(self) -> DecodedImage | Volume | InputError | None:
        """The content as far as it was read already; None if it was not."""
        opened: DecodedImage | Volume | InputError | None = vars(self).get("content")
        return opened

    @property
    def title(self) -> str:
        """What people choose it by: its series, or a name."""
        return self.series or self.path or base_name(self.source)

    @property
    def location(self) -> str:
        """The path of its row: the source, and behind it the name inside an archive."""
        return "/".join(filter(None, (self.source, self.path)))

    def locate(self, file: str) -> str:
        """The path of the row of one of a volume's own files."""
        return "/".join(filter(None, (self.source, file))) if self.is_archived else file

    @property
    def is_dicom(self) -> bool:
        """Whether its files are DICOM; a report can refer to their images then."""
        return self.kind is Kind.DICOM

    def read_identifiers(self) -> Identifiers | None:
        """Read whose it is from the header of its first file; None if it is not DICOM.

        Raises
        ------
        InputError
            The file cannot be read.
        """
        if not self.is_dicom:
            return None
        with self.open_file(self.files[0]) as stream:
            return read_identifiers(stream)


@contextmanager
def open_scans(
    source: bytes | str | Path, options: ReadOptions = DEFAULT_OPTIONS, *, name: str | None = None
) -> Iterator[Iterator[Scan]]:
    """List what a file, an upload or an archive holds; what is listed can be opened inside the ``with`` block.

    What comes from bytes can be opened later too.

    Parameters
    ----------
    source : bytes, str or pathlib.Path
        A file's bytes, or its path; a text with ``://`` is an address that `inference.imaging.storage` reads.
    options : ReadOptions
    name : str or None
        What rows call it; by default its path.

    Yields
    ------
    iterator of Scan
        One, or of an archive several: its pictures and volumes by name, then its DICOM series. A DICOM file of
        several kinds of images is several too. To list a series the header of each of its files is read; nothing is
        decoded.

    Raises
    ------
    InputError
        The source cannot be opened, or is an archive that is not read.
    """
    if isinstance(source, bytes):
        reopen: Callable[[], BinaryIO] = partial(io.BytesIO, source)
        given_name = ""
    else:
        reopen, given_name = partial(open_file, str(source)), str(source)
        refuse_device(given_name)
    with nullcontext(reopen()) if isinstance(source, bytes) else reopen() as stream:
        beside = partial(_open_beside, given_name) if given_name else nothing_beside
        yield _list_scans(_Source(stream, given_name if name is None else name, lambda _: reopen(), beside), options)


def _open_beside(header: str, name: str) -> BinaryIO:
    """Open another file of a header's folder."""
    path = join_path(folder_of(header), name)
    refuse_device(path)
    return open_file(path)


@dataclass(frozen=True, eq=False)
class _Source:
    """An open file or upload: its bytes, what it is called, and how it and its other half are opened anew."""

    stream: BinaryIO
    name: str
    reopen: Opener
    beside: Beside


def _list_scans(source: _Source, options: ReadOptions) -> Iterator[Scan]:
    stream = source.stream
    kind = recognise(stream.read(HEAD_BYTES))
    size_bytes = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if kind is Kind.PACKED:
        inner = recognise_unpacked(stream)
        if inner is Kind.DICOM:
            content = unpack(stream, MAX_VOLUME_BYTES)
            source = replace(source, stream=io.BytesIO(content), reopen=lambda _: io.BytesIO(content))
            kind, size_bytes = inner, len(content)
        elif inner is Kind.TAR:
            yield from _list_archive(TarArchive(stream, partial(_rewind, stream)), source.name, options)
            return
    if kind.is_archive:
        archive = ZipArchive(stream) if kind is Kind.ZIP else TarArchive(stream)
        yield from _list_archive(archive, source.name, options)
        return
    if kind is Kind.DICOM:
        check_file_size(size_bytes, MAX_VOLUME_BYTES)
        yield from _list_file(source, options)
        return

    def read() -> DecodedImage | Volume:
        if stream.closed:
            raise InputError("The file was closed before it was read.")
        stream.seek(0)
        name = base_name(source.name)
        header = _open_header(source) if kind is Kind.OTHER and name.lower().endswith(".img") else None
        if header is None:
            return _unwrap(read_content(stream, kind, name, source.beside, options))
        with header:
            return _unwrap(read_content(header, Kind.ANALYZE, f"{name[:-4]}.hdr", source.beside, options))

    yield Scan(source=source.name, kind=kind, files=(source.name,), open_file=source.reopen, read_content=read)


def _open_header(source: _Source) -> BinaryIO | None:
    """The header beside voxels that were given by themselves, if it is one."""
    try:
        header = source.beside(f"{base_name(source.name)[:-4]}.hdr")
    except InputError:
        return None
    if recognise(header.read(HEAD_BYTES)).is_volume:
        return header
    header.close()
    return None


def _rewind(stream: BinaryIO) -> BinaryIO:
    stream.seek(0)
    return open_unpacked(stream)


def _list_file(source: _Source, options: ReadOptions) -> Iterator[Scan]:
    """The stacks of one DICOM file, most often one."""
    stream = source.stream

    @contextmanager
    def borrow(_: str) -> Iterator[BinaryIO]:
        if stream.closed:
            raise InputError("The file was closed before it was read.")
        stream.seek(0)
        yield stream

    stacks = group_series([(read_header(stream), source.name)])
    for number, stack in enumerate(stacks, start=1):
        scan = build_scan(stack, borrow, source.name, options)
        yield replace(scan, number=number if scan.number else 0, open_file=source.reopen)


def _unwrap(volume: DecodedImage | Volume) -> DecodedImage | Volume:
    if isinstance(volume, DecodedImage) or volume.count > 1:
        return volume
    image = volume.load(0).image
    return replace(image, notes=(*image.notes, *volume.notes), identifiers=volume.identifiers)


def _list_archive(archive: Archive, source: str, options: ReadOptions) -> Iterator[Scan]:
    """Pictures and volumes by name, then DICOM series; the other half of a volume stands for no scan of its own."""
    if not archive.names:
        raise InputError("The archive holds no file.")
    slices: list[str] = []
    number = 0
    kinds, halves = _recognise_entries(archive)
    for name, kind in kinds.items():
        if isinstance(kind, InputError):
            yield refused_scan(kind, source, name)
            continue
        if kind is Kind.DICOM:
            slices.append(name)
            continue
        if name in halves:
            continue
        is_scan = kind is not Kind.OTHER and not kind.is_archive
        number += int(is_scan)
        yield Scan(
            source=source,
            path=name,
            number=number if is_scan else 0,
            kind=kind,
            files=(name,),
            is_archived=True,
            open_file=archive.open,
            read_content=partial(_read_entry, archive, name, kind, options),
        )
    for scan in list_series(slices, archive.open, source, options):
        number += int(scan.number > 0)
        yield replace(scan, number=number if scan.number else 0, is_archived=True)


def _recognise_entries(archive: Archive) -> tuple[dict[str, Kind | InputError], set[str]]:
    """What each entry is, or why it cannot be read; and which hold the voxels of another one's header."""
    kinds: dict[str, Kind | InputError] = {}
    halves: set[str] = set()
    for name in archive.names:
        try:
            head = archive.read_head(name, HEAD_BYTES)
            kinds[name] = kind = recognise(head)
            folder = name.rpartition("/")[:2]
            names = (f"{''.join(folder)}{other}" for other in find_other_half(head, kind, base_name(name)))
            halves.update([other for other in names if other in archive.names and other != name][:1])
        except InputError as error:
            kinds.setdefault(name, error)
    return kinds, halves


def _read_entry(archive: Archive, name: str, kind: Kind, options: ReadOptions) -> DecodedImage | Volume:
    if kind.is_archive:
        raise InputError("An archive inside an archive is not opened; unpack it first.")
    folder = "".join(name.rpartition("/")[:2])

    def beside(other: str) -> BinaryIO:
        path = folder + other
        if path not in archive.names:
            raise InputError(f"There is no file {other}.")
        return archive.open(path)

    is_large = kind.is_volume or kind is Kind.PACKED
    with io.BytesIO(archive.read(name, MAX_VOLUME_BYTES if is_large else MAX_FILE_BYTES)) as stream:
        try:
            return _unwrap(read_content(stream, kind, base_name(name), beside, options))
        except InputError as error:
            if is_companion(base_name(name), kind):
                raise LeftOutError(str(error)) from error
            raise


def refused_scan(error: InputError, source: str, path: str = "") -> Scan:
    """A scan of which it is known already why it cannot be read."""

    def refuse() -> DecodedImage | Volume:
        raise error

    return Scan(source=source, path=path, number=0, read_content=refuse)


def list_series(names: Sequence[str], read: Opener, source: str, options: ReadOptions) -> Iterator[Scan]:
    """List the DICOM files of one folder or archive as the series that they are.

    Parameters
    ----------
    names : sequence of str
        What ``read`` takes.
    read : callable
        Opens a file.
    source : str
        See `Scan`.
    options : ReadOptions

    Yields
    ------
    Scan
        A file that is no image, with its error; then the series.
    """
    headers: list[tuple[Header, str]] = []
    for name in names:
        try:
            with read(name) as stream:
                headers.append((read_header(stream), name))
        except InputError as error:
            is_beside = is_companion(base_name(name), Kind.DICOM)
            yield refused_scan(LeftOutError(str(error)) if is_beside else error, source, name)
    for number, stack in enumerate(group_series(headers), start=1):
        scan = build_scan(stack, read, source, options)
        yield replace(scan, number=number if scan.number else 0, path=stack.paths[0] if len(stack.paths) == 1 else "")


def build_scan(stack: Stack, read: Opener, source: str, options: ReadOptions) -> Scan:
    """The scan of one of the stacks that `inference.imaging.dicom.series.group_series` tells apart."""

    def read_content() -> DecodedImage | Volume:
        if stack.left_out:
            raise LeftOutError(stack.left_out)
        return _unwrap(open_stack(stack, read, options))

    return Scan(
        source=source,
        number=0 if stack.left_out else 1,
        kind=Kind.DICOM,
        series=stack.name,
        files=stack.paths,
        open_file=read,
        read_content=read_content,
    )
