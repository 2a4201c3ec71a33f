"""Which picture or volume of an upload is meant: an archive may hold several. A scan's number counts from 1."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from inference.errors import InputError
from inference.imaging.archive import Archive
from inference.imaging.scans import Scan, load_scans
from inference.imaging.sniff import HEAD_BYTES, Kind, recognise
from inference.imaging.storage import unreadable
from inference.imaging.types import DecodedImage, Volume

MAX_LISTED = 20
"""So many scans of an archive may be chosen from."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenScan:
    """A scan that was found.

    Attributes
    ----------
    content : pathlib.Path, DecodedImage or Volume
        The path of an upload that is a picture, not decoded yet.
    path : str
        Where it is inside the archive; empty if the upload is the scan.
    is_dicom : bool
        Reports may be DICOM too.
    """

    content: Path | DecodedImage | Volume
    path: str = ""
    is_dicom: bool = False


def list_scans(path: Path) -> list[str]:
    """Name the scans of an archive that can be read, at most `MAX_LISTED`; empty if the upload is no archive.

    Raises
    ------
    InputError
        The archive cannot be read.
    """
    if _recognise(path) is not Kind.ZIP:
        return []
    return [_name(scan) for scan in islice(_read(path, []), MAX_LISTED)]


@contextmanager
def open_scan(path: Path, number: int = 1) -> Iterator[OpenScan]:
    """Open a scan of an upload; a volume can be read inside the ``with`` block.

    Raises
    ------
    InputError
        It cannot be read, or there is none of this number.
    """
    kind = _recognise(path)
    if kind is Kind.OTHER:
        yield OpenScan(content=path)
        return
    errors: list[InputError] = []
    scans = _read(path, errors)  # it closes the archive when it ends, so that it is kept until the block has ended
    scan = next(islice(scans, max(number, 1) - 1, None), None)
    if scan is None:
        raise errors[0] if errors and number <= 1 else InputError(f"There is no scan {number} in this archive.")
    if isinstance(scan.content, InputError):  # never: `_read` leaves them out
        raise scan.content
    if kind is Kind.ZIP:
        kind = _recognise_entry(path, scan)
        yield OpenScan(content=scan.content, path=_name(scan), is_dicom=kind is Kind.DICOM)
    else:
        yield OpenScan(content=scan.content, is_dicom=kind is Kind.DICOM)
    scans.close()


def _read(path: Path, errors: list[InputError]) -> Generator[Scan, None, None]:
    for scan in load_scans(path):
        if isinstance(scan.content, InputError):
            errors.append(scan.content)
        else:
            yield scan


def _name(scan: Scan) -> str:
    return (isinstance(scan.content, Volume) and scan.content.series) or scan.path


def _recognise_entry(path: Path, scan: Scan) -> Kind:
    names = scan.content.paths if isinstance(scan.content, Volume) else ()
    with path.open("rb") as stream:
        return recognise(Archive(stream).read_head(names[0] if names else scan.path, HEAD_BYTES))


def _recognise(path: Path) -> Kind:
    try:
        with path.open("rb") as stream:
            return recognise(stream.read(HEAD_BYTES))
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
