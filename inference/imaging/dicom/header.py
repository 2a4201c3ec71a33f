"""The values of a DICOM header by which files are sorted, and, only on request, whose a file is."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from inference.errors import InputError
from inference.imaging.dicom.dataset import count_frames, read_dataset
from inference.imaging.dicom.faults import BAD_VALUES, mapping_errors
from inference.imaging.dicom.geometry import find_geometry, find_plane
from inference.imaging.dicom.kinds import find_words, spell_modality
from inference.imaging.dicom.turn import find_frame_turn
from inference.imaging.types import Identifiers, Turn

if TYPE_CHECKING:
    from pydicom import Dataset


_IDENTIFIERS = {
    "patient_id": "PatientID",
    "study_date": "StudyDate",
    "accession_number": "AccessionNumber",
    "series_uid": "SeriesInstanceUID",
}


@dataclass(frozen=True, kw_only=True)
class Header:
    """The values of one file's header by which files are sorted.

    Attributes
    ----------
    series : Hashable
        The same for slices of one stack: series, orientation and size. Not to be shown.
    number : int
        The series' number, by which several series are ordered.
    words : str
        The sequence: ``"T1"``, ``"T2 after contrast"``; empty if it is not known.
    modality : str or None
        DICOM's code, such as ``"MR"``.
    frames : int
        How many frames the file holds.
    position_mm : float or None
        Position along the slices' normal; None if the file does not say.
    order : tuple of int
        Orders files of one position: echo, time point, acquisition, instance.
    plane : numpy.ndarray, shape (3, 3), or None
        See `inference.imaging.dicom.geometry.find_plane`.
    shape_px : tuple of int
        Rows and columns, as stored.
    turn : Turn
        How the first frame is turned for the screen.

    Examples
    --------
    >>> from pydicom import Dataset
    >>> dataset = Dataset()
    >>> dataset.Rows, dataset.Columns, dataset.Modality, dataset.InstanceNumber = 256, 256, "MR", 7
    >>> header = build_header(dataset)
    >>> header.modality, header.frames, header.order
    ('MR', 1, (0, 0, 0, 7))
    """

    series: Hashable
    number: int
    words: str
    modality: str | None
    frames: int
    position_mm: float | None
    order: tuple[int, ...]
    plane: np.ndarray | None = field(default=None, compare=False)
    shape_px: tuple[int, int] = (0, 0)
    turn: Turn = field(default_factory=Turn)


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
    modality = str(dataset.get("Modality") or "").strip().upper() or None
    if "Rows" not in dataset or "Columns" not in dataset:
        what = spell_modality(modality) if modality else "one without"
        raise InputError(f"A DICOM file with an image is accepted; received {what}.")
    orientation, position = find_geometry(dataset)
    normal = np.cross(orientation[:3], orientation[3:]) if orientation is not None else None
    series = str(dataset.get("SeriesInstanceUID", ""))
    rounded = None if orientation is None else tuple(np.round(orientation, 2) + 0.0)
    return Header(
        series=(hashlib.sha256(series.encode()).digest(), rounded, int(dataset.Rows), int(dataset.Columns)),
        number=int(dataset.get("SeriesNumber") or 0),
        words=find_words(str(dataset.get("SeriesDescription") or "")),
        modality=modality,
        frames=count_frames(dataset),
        position_mm=None if normal is None or position is None else float(normal @ position),
        order=tuple(
            _first_number(dataset.get(tag))
            for tag in ("EchoNumbers", "TemporalPositionIdentifier", "AcquisitionNumber", "InstanceNumber")
        ),
        plane=find_plane(dataset, 0),
        shape_px=(int(dataset.Rows), int(dataset.Columns)),
        turn=find_frame_turn(dataset, 0),
    )


def _first_number(value: Any) -> int:
    if value is None or value == "":
        return 0
    return int(value if isinstance(value, int | str) else value[0] if len(value) else 0)
