"""Reading a data set with pydicom: only the elements of `READ_TAGS`, quietly, and never a deflated one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

from inference.errors import InputError, LeftOutError
from inference.imaging.dicom.faults import CUT_OFF, name_syntax
from inference.imaging.dicom.private import TAGS as PRIVATE_TAGS

if TYPE_CHECKING:
    from pydicom import Dataset


READ_TAGS: list[str | int] = [
    *PRIVATE_TAGS,
    *("SOPClassUID", "Modality", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "AcquisitionNumber"),
    *("InstanceNumber", "EchoNumbers", "TemporalPositionIdentifier", "ImagePositionPatient", "ImageOrientationPatient"),
    *("PatientID", "PatientName", "StudyInstanceUID", "ImageType", "SliceLocation", "EchoTime", "InversionTime"),
    *("DiffusionBValue", "TriggerTime", "FlipAngle", "SliceThickness", "SpacingBetweenSlices"),
    *("ComplexImageComponent", "VolumeBasedCalculationTechnique"),
    *(
        "PixelSpacing",
        "PixelAspectRatio",
        "Rows",
        "Columns",
        "NumberOfFrames",
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "PlanarConfiguration",
    ),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope", "RescaleIntercept"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence", "ModalityLUTSequence"),
    *("RedPaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData"),
    *("GreenPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableData"),
    *("BluePaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableData"),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelData"),
]

_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"

_DEFLATED = "1.2.840.10008.1.2.1.99"

_IMPLICIT = "1.2.840.10008.1.2"

_EXPLICIT = "1.2.840.10008.1.2.1"

_EXPLICIT_BIG = "1.2.840.10008.1.2.2"

_MAX_ELEMENTS = 100_000
"""Most elements of a data set, a sequence counted as one: a real header has some hundred, a file of zeros millions."""

_PIXEL_TAGS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
"""Float, double and integer pixel data (PS3.3, C.7.6.24, C.7.6.25 and C.7.6.3)."""


def read_dataset(stream: BinaryIO, *, pixels: bool, tags: Sequence[str | int] = READ_TAGS) -> Dataset:
    """Read the elements that Gyrus knows, with or without the pixels.

    Parameters
    ----------
    stream : binary file
        From its beginning.
    pixels : bool
        Keep the pixel data, as they are stored.
    tags : sequence of str or int
        Keywords or numbers of the elements; all others are passed over.

    Raises
    ------
    InputError
        It cannot be read, is a DICOMDIR, or its transfer syntax is deflated or unknown.
    """
    import pydicom
    from pydicom.filereader import read_partial

    _silence()
    try:
        _refuse_deflated(stream)
        dataset = read_partial(
            stream, _count_elements(pixels=pixels), force=True, specific_tags=_number_tags(tuple(tags))
        )
        media = dataset.file_meta.get("MediaStorageSOPClassUID")
        syntax = dataset.file_meta.get("TransferSyntaxUID")
    except InputError:
        raise
    except Exception as error:  # pydicom raises nearly anything on damaged data
        raise InputError(CUT_OFF.format("its header cannot be read")) from error
    if media == _MEDIA_DIRECTORY:
        raise LeftOutError(
            "A DICOMDIR is a table of contents and holds no image; give the folder with the images that it lists."
        )
    if not len(dataset):  # pydicom gives back nothing of a file that ends inside an element
        raise InputError(CUT_OFF.format("it ends before its last element"))
    if not syntax:
        implicit, little = dataset.original_encoding
        syntax = _IMPLICIT if implicit else _EXPLICIT if little else _EXPLICIT_BIG
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    elif not isinstance(syntax, pydicom.uid.UID) or not syntax.is_transfer_syntax:
        raise InputError(name_syntax(str(syntax)))
    return dataset


def _count_elements(*, pixels: bool) -> Callable[[int, str | None, int], bool]:
    """What pydicom asks at each element: whether to stop there."""
    left = _MAX_ELEMENTS

    def stop(tag: int, _vr: str | None, _length: int) -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            raise InputError(CUT_OFF.format("it has more elements than a header can have"))
        return not pixels and tag in _PIXEL_TAGS

    return stop


@cache
def _number_tags(tags: tuple[str | int, ...]) -> list[int]:
    from pydicom.tag import Tag

    return [Tag(tag) for tag in tags]


@cache
def _silence() -> None:
    """Keep pydicom from warning about values: a warning would quote the header, which may name a person."""
    import pydicom

    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    warnings.filterwarnings("ignore", module=r"pydicom\b")


def _refuse_deflated(stream: BinaryIO) -> None:
    """The whole data set would be inflated at once, without a limit, before anything of it is known."""
    from pydicom.filereader import _read_file_meta_info, read_preamble

    start = stream.tell()
    read_preamble(stream, force=True)
    syntax = _read_file_meta_info(stream).get("TransferSyntaxUID")
    stream.seek(start)
    if syntax == _DEFLATED:
        raise InputError(name_syntax(syntax))


def count_frames(dataset: Dataset) -> int:
    """How many frames a file holds; 1 where it does not say."""
    return max(int(dataset.get("NumberOfFrames") or 1), 1)


def find_item(dataset: Dataset, frame: int, group: str) -> Dataset:
    """The item that holds a frame's values: its own functional group, the shared one, or the file (PS3.3, C.7.6.16)."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for items in (per_frame[frame : frame + 1], shared[:1]):
        if items and items[0].get(group):
            found: Dataset = items[0].get(group)[0]
            return found
    return dataset


def find_rescale(dataset: Dataset, frame: int) -> Dataset:
    """The item that holds a frame's rescale slope and intercept, or the table instead of them."""
    return find_item(dataset, frame, "PixelValueTransformationSequence")


def has_zero_slope(dataset: Dataset, frame: int) -> bool:
    """Whether the values of a frame, rescaled as the file says, would all be one: no writer can mean that."""
    source = find_rescale(dataset, frame)
    try:
        slope = source.get("RescaleSlope")
        return slope is not None and float(slope) == 0 and "ModalityLUTSequence" not in source
    except (TypeError, ValueError):  # no number; it is refused when the pixels are read
        return False
