"""The values of a DICOM header by which files are sorted, and, only on request, whose a file is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

from inference.errors import LeftOutError
from inference.imaging.dicom.dataset import read_dataset
from inference.imaging.dicom.faults import BAD_VALUES, mapping_errors
from inference.imaging.dicom.frame import Frame, build_frames
from inference.imaging.dicom.kinds import SCREEN_SAVE, find_words, is_screen_save, spell_modality
from inference.imaging.types import Identifiers

if TYPE_CHECKING:
    from pydicom import Dataset


_IDENTIFIERS = {
    "patient_id": "PatientID",
    "study_date": "StudyDate",
    "accession_number": "AccessionNumber",
    "series_uid": "SeriesInstanceUID",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Header:
    """The values of one file's header by which files are sorted.

    Attributes
    ----------
    owner : bytes
        The same for files of one examination of one patient: a digest of their identifiers, which are not kept.
    series : bytes
        The same for files of one series: a digest of its identifier; empty if the file has none.
    label : bytes
        A digest of the series' number and description; empty if the file has neither.
    number : int
        The series' number, by which several series are ordered.
    words : str
        The sequence: ``"T1"``, ``"T2 after contrast"``; empty if it is not known.
    modality : str or None
        DICOM's code, such as ``"MR"``.
    size_px : tuple of (int, int)
        Rows and columns of a slice.
    frames : tuple of Frame
        The file's images, one at least.

    Examples
    --------
    >>> from pydicom import Dataset
    >>> dataset = Dataset()
    >>> dataset.Rows, dataset.Columns, dataset.Modality, dataset.InstanceNumber = 256, 192, "MR", 7
    >>> header = build_header(dataset)
    >>> header.modality, header.size_px, len(header.frames), header.frames[0].instance
    ('MR', (256, 192), 1, 7)
    """

    owner: bytes
    series: bytes
    label: bytes
    number: int
    words: str
    modality: str | None
    size_px: tuple[int, int]
    frames: tuple[Frame, ...]


def read_header(stream: BinaryIO) -> Header:
    """Read the header of a file, and no pixels.

    Raises
    ------
    InputError
        It is no image, or cannot be read.
    """
    return build_header(read_dataset(stream, pixels=False))


def read_identifiers(stream: BinaryIO) -> Identifiers:
    """Read whose a file is; only for a run that was asked to say so.

    Raises
    ------
    InputError
        It cannot be read.
    """
    dataset = read_dataset(stream, pixels=False, tags=list(_IDENTIFIERS.values()))
    return Identifiers(**{name: str(dataset.get(tag) or "").strip() for name, tag in _IDENTIFIERS.items()})


@mapping_errors(BAD_VALUES)
def build_header(dataset: Dataset) -> Header:
    """Take from a data set the values by which files are sorted.

    Raises
    ------
    InputError
        It is no image, or holds values that cannot be.
    """
    check_image(dataset)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    frames = build_frames(dataset)
    sop_class, samples = str(dataset.get("SOPClassUID", "")), int(dataset.get("SamplesPerPixel") or 1)
    if is_screen_save(sop_class, samples, has_geometry=frames[0].orientation is not None):
        frames = tuple(replace(frame, derived=SCREEN_SAVE) for frame in frames)
    description = str(dataset.get("SeriesDescription") or "")
    tile = frames[0].tile
    return Header(
        owner=_digest(*(dataset.get(tag) for tag in ("PatientID", "PatientName", "StudyInstanceUID"))),
        series=_digest(dataset.get("SeriesInstanceUID")),
        label=_digest(dataset.get("SeriesNumber"), description),
        number=int(dataset.get("SeriesNumber") or 0),
        words=find_words(description),
        modality=find_modality(dataset),
        size_px=(rows, columns) if tile is None else (tile.height_px, tile.width_px),
        frames=frames,
    )


def find_modality(dataset: Dataset) -> str | None:
    """DICOM's code, such as ``"MR"``; None if the file does not say."""
    return str(dataset.get("Modality") or "").strip().upper() or None


def check_image(dataset: Dataset) -> None:
    """Raise `LeftOutError` for a file that is no image: a report, a plan."""
    if "Rows" not in dataset or "Columns" not in dataset:
        modality = find_modality(dataset)
        what = spell_modality(modality) if modality else "one without"
        raise LeftOutError(f"A DICOM file with an image is accepted; received {what}.")


def _digest(*values: Any) -> bytes:
    """SHA-256 of the values as text; empty if there are none."""
    texts = [str(value or "").strip() for value in values]
    return hashlib.sha256("\0".join(texts).encode()).digest() if any(texts) else b""
