"""The DICOM images that a report refers to, and who a report says that was examined.

By default nobody: identifiers of patient and study are new ones, made at random for one run, and what is in the header
about the patient is not even read. The references keep the identifiers of the images, of their series and of their
study (UIDs): without them a reference refers to nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.errors import InputError

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

    from inference.imaging.scans import Opener


_REFERENCE = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
"""What a reference to an image consists of (PS3.3, C.17.2.1)."""

_PICTURE = (
    *("Modality", "NumberOfFrames", "Rows", "Columns"),
    *("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"),
)

_IDENTITY = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"),
)
"""What says whose examination an image belongs to (PS3.3, C.7.1.1 and C.7.2.1)."""

_NO_DATE = ("19000101", "000000")
"""Date and time of a report that carries none; DICOM does not let them be left out (PS3.15, table E.1-1, action D)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceSlice:
    """The DICOM file that a slice stands in.

    Attributes
    ----------
    header : pydicom.Dataset
        A few elements of its header.
    frame : int
        Counted from 0.
    """

    header: Dataset
    frame: int = 0

    @property
    def frames(self) -> list[int] | None:
        """The frame as a reference names it, counted from 1; None if the file is of one."""
        return [self.frame + 1] if int(self.header.get("NumberOfFrames") or 1) > 1 else None


def read_sources(names: Sequence[str], open_name: Opener, *, keep_identity: bool) -> Iterator[SourceSlice]:
    """Read what a reference needs of each file, and with ``keep_identity`` what says who was examined.

    Raises
    ------
    InputError
        A file has no identifiers that could be referred to.
    """
    import pydicom

    tags: list[str] = [*_REFERENCE, *_PICTURE, *(_IDENTITY if keep_identity else ())]
    for name in names:
        with open_name(name) as stream:
            yield SourceSlice(header=pydicom.dcmread(stream, force=True, stop_before_pixels=True, specific_tags=tags))


def check_references(sources: Sequence[SourceSlice]) -> None:
    """Raise `InputError` if one of the files cannot be referred to."""
    from pydicom.uid import UID

    for source in sources:
        for keyword in _REFERENCE:
            if not UID(str(source.header.get(keyword) or "")).is_valid:
                raise InputError(
                    f"A DICOM report refers to images by their identifiers; received a file without a valid {keyword}."
                )


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """Whom the DICOM objects of one run belong to.

    Attributes
    ----------
    elements : pydicom.Dataset
        Of the patient and the study.
    is_kept : bool
        They are the source's.
    """

    elements: Dataset
    is_kept: bool

    def apply(self, made: Dataset) -> None:
        """Make an object belong to the patient and the study; without identity, take the dates out too."""
        for element in self.elements:
            made[element.tag] = element
        if self.is_kept:
            return
        made.walk(_drop_date)
        made.ContentDate, made.ContentTime = _NO_DATE


def _drop_date(dataset: Dataset, element: DataElement) -> None:
    """What says when something was made goes; what is there and empty may stay."""
    if element.VR in ("DA", "TM", "DT") and element.value:
        del dataset[element.tag]


def build_subject(source: SourceSlice, *, keep_identity: bool) -> Subject:
    """The source's patient and study, or new ones that nothing leads back from."""
    from pydicom import Dataset
    from pydicom.uid import generate_uid

    elements = Dataset()
    for keyword in _IDENTITY:
        if keyword != "IssuerOfPatientID":
            setattr(elements, keyword, "")  # has to be there, may be empty
    if keep_identity:
        for keyword in _IDENTITY:
            if keyword in source.header:
                elements[keyword] = source.header[keyword]
        return Subject(elements=elements, is_kept=True)
    pseudonym = secrets.token_hex(4).upper()
    elements.PatientID, elements.PatientName = f"GYRUS-{pseudonym}", f"Gyrus^{pseudonym}"
    elements.StudyInstanceUID = generate_uid()
    elements.PatientIdentityRemoved = "YES"
    elements.DeidentificationMethod = [
        "New patient and study, made at random",
        "No dates",
        "References keep their UIDs",
    ]
    return Subject(elements=elements, is_kept=False)
