"""DICOM, as scanners and PACS exports give it: which file is which slice, and the slice's values.

Only the elements of `_TAGS` are read. Of those, the instance's and series' identifiers serve to sort and are never
shown; a series is told from another by words of a fixed list (`_SEQUENCES`), never by text of the header. Whose a file
is stands in `_IDENTIFIERS` and is read by `read_identifiers` alone, on request.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from inference.errors import InputError
from inference.images import DEFAULT_OPTIONS, DecodedImage, Identifiers, ReadOptions
from inference.limits import check_picture_size, check_volume_size

if TYPE_CHECKING:
    from pydicom import Dataset

    from inference.volume import Slice, Volume

_TAGS = [
    *("SOPClassUID", "Modality", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "AcquisitionNumber"),
    *("InstanceNumber", "EchoNumbers", "TemporalPositionIdentifier", "ImagePositionPatient", "ImageOrientationPatient"),
    *(
        "PixelSpacing",
        "Rows",
        "Columns",
        "NumberOfFrames",
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "PlanarConfiguration",
    ),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope", "RescaleIntercept"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence", "ModalityLUTSequence"),
    *("RedPaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData"),
    *("GreenPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableData"),
    *("BluePaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableData"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelData"),
]

_IDENTIFIERS = {
    "patient_id": "PatientID",
    "study_date": "StudyDate",
    "accession_number": "AccessionNumber",
    "series_uid": "SeriesInstanceUID",
}

_MODALITIES = {
    "CR": "computed radiography",
    "CT": "computed tomography",
    "DX": "digital radiography",
    "ES": "endoscopy",
    "KO": "a selection of images",
    "MG": "mammography",
    "MR": "magnetic resonance",
    "NM": "nuclear medicine",
    "OT": "of another kind",
    "PR": "a presentation state",
    "PT": "positron emission tomography",
    "RF": "fluoroscopy",
    "RTDOSE": "a radiotherapy dose",
    "RTPLAN": "a radiotherapy plan",
    "RTSTRUCT": "radiotherapy structures",
    "SC": "secondary capture",
    "SEG": "a segmentation",
    "SR": "a structured report",
    "US": "ultrasound",
    "XA": "angiography",
}
"""Codes of PS3.3, C.7.3.1.1.1, that are met beside MR."""

_SEQUENCES = {
    "FLAIR": r"flair|tirm|dark.?fluid",
    "diffusion": r"dwi|diff|adc|trace|dti",
    "susceptibility": r"swi|swan|venbold",
    "localizer": r"locali[sz]er|scout|survey|3.?pl",
    "T2*": r"t2.?\*|t2.?star|hemo",
    "T2": r"t2",
    "T1": r"t1|mp.?rage|bravo|spgr",
    "proton density": r"\bpd\b|proton",
    "perfusion": r"perf|dsc|asl",
}
"""What a series may be called, and what its description then holds; the description itself may name a person."""

_CONTRAST = r"contrast|post|gad|\bgd\b|\+c|\bce\b|\bkm\b"

_SAME_PLACE_MM = 0.01
"""Slices that lie closer are of one place; the thinnest that are scanned are ten times as thick."""

_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
_RLE = "1.2.840.10008.1.2.5"
_RLE_GROWTH = 64
"""Two bytes of RLE become 128 at most (PS3.5, G.3.1); how many they become is only known when they are there."""

_JPEG_LOSSLESS = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70")
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_DECODERS = {
    _RLE: "pydicom",
    **dict.fromkeys(("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"), "pillow"),  # JPEG, of 8 bits
    **dict.fromkeys(_JPEG_LOSSLESS, "gdcm"),
    **dict.fromkeys(_JPEG_LS, "pyjpegls"),
    **dict.fromkeys(("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"), "pillow"),  # JPEG 2000
}
"""What decodes each compressed transfer syntax. GDCM ends the whole process on some damaged files, so it sees only what
nothing else here decodes, and of that only what `_check_lossless` lets through."""

_DEFLATED = "1.2.840.10008.1.2.1.99"
_IMPLICIT = "1.2.840.10008.1.2"
_EXPLICIT = "1.2.840.10008.1.2.1"
_EXPLICIT_BIG = "1.2.840.10008.1.2.2"

_CUT_OFF = "The DICOM file is damaged or cut off: {}."
_BAD_VALUES = "its header holds values that cannot be"


@dataclass(frozen=True, kw_only=True)
class Header:
    """What sorting needs of one file.

    Attributes
    ----------
    series : Hashable
        The same for slices of one stack: series, orientation and size. Not to be shown.
    number : int
        The series' number, for the order of several.
    words : str
        ``"T1"``, ``"T2 after contrast"``; empty when nothing is known.
    modality : str or None
    frames : int
    place_mm : float or None
        Along the slices' normal.
    plane : numpy.ndarray or None
        See `_find_plane`.
    order : tuple of int
        Breaks ties: echo, time point, acquisition, instance.
    """

    series: Hashable
    number: int
    words: str
    modality: str | None
    frames: int
    place_mm: float | None
    order: tuple[int, ...]
    plane: np.ndarray | None = field(default=None, compare=False)


@contextmanager
def _mapping(what: str) -> Iterator[None]:
    """Turn what pydicom, or a value that cannot be, raises inside into an `InputError`; decorates too."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # pydicom reads a value when it is asked for, and raises nearly anything
        raise InputError(_CUT_OFF.format(what)) from error


def spell_modality(code: str) -> str:
    """A modality inside a sentence: ``"CT (computed tomography)"``; a code that is none is not repeated."""
    if not re.fullmatch(r"[A-Z]{2,16}", code):
        return "an unknown modality"
    return f"{code} ({_MODALITIES[code]})" if code in _MODALITIES else code


def read_header(stream: BinaryIO) -> Header:
    """Read what sorting needs, and no pixels.

    Raises
    ------
    InputError
        It is no image, or cannot be read.
    """
    return _build_header(_read(stream, pixels=False))


def read_identifiers(stream: BinaryIO) -> Identifiers:
    """Read whose a file is; for a run that was asked to say so.

    Raises
    ------
    InputError
        It cannot be read.
    """
    dataset = _read(stream, pixels=False, tags=list(_IDENTIFIERS.values()))
    return Identifiers(**{name: str(dataset.get(tag) or "").strip() for name, tag in _IDENTIFIERS.items()})


def decode_single(content: bytes, options: ReadOptions = DEFAULT_OPTIONS) -> DecodedImage:
    """Decode a file that holds one slice.

    Raises
    ------
    InputError
        It cannot be read, or it holds several frames.
    """
    volume = open_file(io.BytesIO(content), options)
    if volume.count > 1:
        raise InputError(f"A single picture is accepted here; received a DICOM file with {volume.count} frames.")
    return volume.load(0).image


def open_file(stream: BinaryIO, options: ReadOptions = DEFAULT_OPTIONS) -> Volume:
    """Open one file as a volume of its frames, which stay in memory as they are stored.

    Raises
    ------
    InputError
        It is no image, or cannot be read.
    """
    from inference.volume import Volume

    dataset = _read(stream, pixels=True)
    header = _build_header(dataset)
    _check_pixels(dataset)
    order, notes = _order_frames(dataset, header.frames)
    if options.identifiers:
        stream.seek(0)
    return Volume(
        count=len(order),
        load=lambda number: _load_frame(dataset, order[number], options),
        frames=tuple(order),
        modality=header.modality,
        notes=notes,
        identifiers=read_identifiers(stream) if options.identifiers else None,
        affine=_stack_planes(_find_plane(dataset, order[0]), _find_plane(dataset, order[-1]), len(order)),
    )


def open_series(
    headers: Iterable[tuple[Header, str]], read: Callable[[str], BinaryIO], options: ReadOptions, series: str
) -> Volume:
    """Open single-frame files as the volume that they are together; one of them at a time is in memory.

    Parameters
    ----------
    headers : iterable of (Header, str)
        In the order of `sort_series`; the text is what ``read`` takes, and what a row names.
    read : Callable
        Opens a file.
    options : ReadOptions
    series : str
        What the volume is called.
    """
    from inference.volume import Volume

    files, notes = _first_at_each_place(list(headers))

    def load(number: int) -> Slice:
        with read(files[number][1]) as stream:
            dataset = _read(stream, pixels=True)
        _check_pixels(dataset)
        return _load_frame(dataset, 0, options)

    check_volume_size(len(files), 0)
    identifiers = None
    if options.identifiers:
        with read(files[0][1]) as stream:
            identifiers = read_identifiers(stream)
    return Volume(
        count=len(files),
        load=load,
        paths=tuple(path for _, path in files),
        series=series,
        modality=files[0][0].modality,
        notes=notes,
        identifiers=identifiers,
        affine=_stack_planes(files[0][0].plane, files[-1][0].plane, len(files)),
    )


def _first_at_each_place(files: list[tuple[Header, str]]) -> tuple[list[tuple[Header, str]], tuple[str, ...]]:
    """Sorted files, without the later echoes and time points of a place."""
    kept: list[tuple[Header, str]] = []
    for header, path in files:
        if not kept or header.place_mm is None or header.place_mm - (kept[-1][0].place_mm or 0.0) > _SAME_PLACE_MM:
            kept.append((header, path))
    return kept, (_first_of_each(len(files) - len(kept)),) if len(kept) < len(files) else ()


def group_series(files: Iterable[tuple[Header, str]]) -> list[tuple[str, list[tuple[Header, str]]]]:
    """Tell the stacks of a folder or an archive apart, and sort each by position.

    A file of several frames is a stack of its own.

    Returns
    -------
    list of (str, list of (Header, str))
        ``"series 1 of 3, T1, 24 slices"`` and its files, by the series' numbers.
    """
    stacks: dict[Hashable, list[tuple[Header, str]]] = {}
    for header, path in files:
        key = (header.series, path if header.frames > 1 else "")
        stacks.setdefault(key, []).append((header, path))
    ordered = sorted(stacks.values(), key=lambda stack: (stack[0][0].number, min(path for _, path in stack)))
    return [(_name_series(index, len(ordered), stack), sort_series(stack)) for index, stack in enumerate(ordered)]


def sort_series(stack: Iterable[tuple[Header, str]]) -> list[tuple[Header, str]]:
    """Sort slices along their normal; by instance number when a file does not say where it lies."""
    files = list(stack)
    if all(header.place_mm is not None for header, _ in files):
        return sorted(files, key=lambda file: (round(file[0].place_mm or 0.0, 2), file[0].order, file[1]))
    return sorted(files, key=lambda file: (file[0].order, file[1]))


def _name_series(index: int, count: int, stack: list[tuple[Header, str]]) -> str:
    slices = sum(header.frames for header, _ in stack)
    parts = [f"series {index + 1} of {count}", stack[0][0].words, f"{slices} slice{'s' if slices != 1 else ''}"]
    return ", ".join(part for part in parts if part)


def _read(stream: BinaryIO, *, pixels: bool, tags: list[str] = _TAGS) -> Dataset:  # noqa: B006 - not changed
    import pydicom

    _silence()
    try:
        _refuse_deflated(stream)
        dataset = pydicom.dcmread(stream, force=True, stop_before_pixels=not pixels, specific_tags=list(tags))
        media = dataset.file_meta.get("MediaStorageSOPClassUID")
        syntax = dataset.file_meta.get("TransferSyntaxUID")
    except InputError:
        raise
    except Exception as error:  # pydicom raises nearly anything on damaged data
        raise InputError(_CUT_OFF.format("its header cannot be read")) from error
    if media == _MEDIA_DIRECTORY:
        raise InputError(
            "A DICOMDIR is a table of contents and holds no image; give the folder with the images that it lists."
        )
    if not syntax:
        implicit, little = dataset.original_encoding
        syntax = _IMPLICIT if implicit else _EXPLICIT if little else _EXPLICIT_BIG
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    elif not isinstance(syntax, pydicom.uid.UID) or not syntax.is_transfer_syntax:
        raise InputError(_name_syntax(str(syntax)))
    return dataset


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
        raise InputError(_name_syntax(syntax))


def _name_syntax(uid: Any) -> str:
    from pydicom.uid import UID

    name = UID(uid).name
    known = name if name != uid else "a transfer syntax that is not part of the standard"
    return f"The DICOM file is encoded as {known}, for which there is no decoder here. Export it uncompressed."


@_mapping(_BAD_VALUES)
def _build_header(dataset: Dataset) -> Header:
    modality = str(dataset.get("Modality") or "").strip().upper() or None
    if "Rows" not in dataset or "Columns" not in dataset:
        what = spell_modality(modality) if modality else "one without"
        raise InputError(f"A DICOM file with an image is accepted; received {what}.")
    orientation, position = _geometry(dataset)
    normal = np.cross(orientation[:3], orientation[3:]) if orientation is not None else None
    series = str(dataset.get("SeriesInstanceUID", ""))
    rounded = None if orientation is None else tuple(np.round(orientation, 2) + 0.0)
    return Header(
        series=(hashlib.sha256(series.encode()).digest(), rounded, int(dataset.Rows), int(dataset.Columns)),
        number=int(dataset.get("SeriesNumber") or 0),
        words=_find_words(str(dataset.get("SeriesDescription") or "")),
        modality=modality,
        frames=_count_frames(dataset),
        place_mm=None if normal is None or position is None else float(normal @ position),
        order=tuple(
            _first_number(dataset.get(tag))
            for tag in ("EchoNumbers", "TemporalPositionIdentifier", "AcquisitionNumber", "InstanceNumber")
        ),
        plane=_find_plane(dataset, 0),
    )


def _first_number(value: Any) -> int:
    if value is None or value == "":
        return 0
    return int(value if isinstance(value, int | str) else value[0] if len(value) else 0)


def _count_frames(dataset: Dataset) -> int:
    return max(int(dataset.get("NumberOfFrames") or 1), 1)


def _geometry(dataset: Dataset, frame: int = 0) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Orientation (6,) and position (3,) of a frame, each None if the file does not say."""
    orientation = _find(dataset, frame, "PlaneOrientationSequence").get("ImageOrientationPatient")
    position = _find(dataset, frame, "PlanePositionSequence").get("ImagePositionPatient")
    return (
        np.array(orientation, float) if orientation is not None and len(orientation) == 6 else None,
        np.array(position, float) if position is not None and len(position) == 3 else None,
    )


def _find_plane(dataset: Dataset, frame: int) -> np.ndarray | None:
    """From (column, row, 1) of a frame to millimetres to the left, back and head; None if the file does not say.

    Returns
    -------
    numpy.ndarray, shape (3, 3), or None

    References
    ----------
    PS3.3, C.7.6.2.1.1.
    """
    try:
        orientation, position = _geometry(dataset, frame)
        spacing = _find(dataset, frame, "PixelMeasuresSequence").get("PixelSpacing")
        row_mm, column_mm = map(float, spacing or ())  # between rows, and between columns
    except (TypeError, ValueError, ArithmeticError):  # no two numbers: the slices are read all the same
        return None
    if orientation is None or position is None:
        return None
    return np.column_stack([orientation[:3] * column_mm, orientation[3:] * row_mm, position])


def _stack_planes(first: np.ndarray | None, last: np.ndarray | None, count: int) -> np.ndarray | None:
    """The affine of slices that lie evenly between two; see `inference.volume.Volume.affine`."""
    if first is None or last is None or count < 2:
        return None
    step = (last[:, 2] - first[:, 2]) / (count - 1)
    affine = np.eye(4)
    affine[:3] = np.diag([-1.0, -1.0, 1.0]) @ np.column_stack([first[:, :2], step, first[:, 2]])
    return affine if np.isfinite(affine).all() and abs(np.linalg.det(affine)) > 1e-9 else None


def _find(dataset: Dataset, frame: int, group: str) -> Dataset:
    """The item that holds a frame's values: its own functional group, the shared one, or the file (PS3.3, C.7.6.16)."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for items in (per_frame[frame : frame + 1], shared[:1]):
        if items and items[0].get(group):
            found: Dataset = items[0].get(group)[0]
            return found
    return dataset


def _find_words(description: str) -> str:
    lowered = description.lower()
    word = next((name for name, pattern in _SEQUENCES.items() if re.search(pattern, lowered)), "")
    return f"{word} after contrast" if word and re.search(_CONTRAST, lowered) else word


@_mapping(_BAD_VALUES)
def _order_frames(dataset: Dataset, frames: int) -> tuple[list[int], tuple[str, ...]]:
    """The frames along their normal; of several at one place only the first."""
    places: dict[float, int] = {}
    for frame in range(frames):
        orientation, position = _geometry(dataset, frame)
        if frames == 1 or orientation is None or position is None or "PerFrameFunctionalGroupsSequence" not in dataset:
            return list(range(frames)), ()
        place = round(float(np.cross(orientation[:3], orientation[3:]) @ position), 2)
        places.setdefault(place, frame)
    order = [places[place] for place in sorted(places)]
    dropped = frames - len(order)
    return order, (_first_of_each(dropped),) if dropped else ()


def _first_of_each(dropped: int) -> str:
    """The note of a scan that holds several images of one place."""
    return f"Several images show the same place (echoes, time points): the first of each was read, {dropped} were not."


@_mapping(_BAD_VALUES)
def _check_pixels(dataset: Dataset) -> None:
    """Refuse by the header what would not fit, is no picture, or cannot be decoded."""
    if "PixelData" not in dataset:
        raise InputError("A DICOM file with an image is accepted; received one without pixels.")
    rows, columns, frames = int(dataset.Rows), int(dataset.Columns), _count_frames(dataset)
    check_picture_size(columns, rows)
    bits, samples = int(dataset.get("BitsAllocated") or 0), int(dataset.get("SamplesPerPixel") or 0)
    if bits not in (8, 16, 32) or samples not in (1, 3):
        raise InputError(
            f"DICOM pixels of 8, 16 or 32 bits, grey or of three colours, are accepted; received {bits} bits and "
            f"{samples} samples."
        )
    check_volume_size(frames, frames * rows * columns * samples * bits // 8)
    _check_decoder(dataset.file_meta.TransferSyntaxUID)


def _check_decoder(syntax: Any) -> None:
    if syntax.is_encapsulated and syntax not in _DECODERS:
        raise InputError(_name_syntax(syntax))


@_mapping("its pixels end, break, or are of another size")
def _load_frame(dataset: Dataset, frame: int, options: ReadOptions) -> Slice:
    from inference.volume import build_slice

    values = _decode_frame(dataset, frame)
    if values.ndim == 2:
        values = _rescale(dataset, frame, values)
        if options.window == "file":
            values = _apply_window(dataset, frame, values)
        if dataset.get("PhotometricInterpretation") == "MONOCHROME1":  # low is white
            values = 255 - values if values.dtype == np.uint8 else values.max() + values.min() - values
    modality = str(dataset.get("Modality") or "").strip().upper() or None
    return build_slice(values, modality)


def _decode_frame(dataset: Dataset, frame: int) -> np.ndarray:
    """The stored values, shape (H, W) or (H, W, 3)."""
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        if syntax.is_encapsulated:
            _check_codestream(dataset, frame)
        values = np.asarray(pixel_array(dataset, index=frame, decoding_plugin=_DECODERS.get(syntax, "")))
        if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
            values = np.asarray(apply_color_lut(values, dataset))
    except InputError:
        raise
    except NotImplementedError as error:
        raise InputError(_name_syntax(syntax)) from error
    except Exception as error:  # pydicom and its decoders raise nearly anything on damaged data
        if "does not support" in str(error):
            raise InputError(_name_syntax(syntax)) from error
        raise InputError(_CUT_OFF.format("its pixels end, break, or are of another size")) from error
    if values.ndim == 3 and values.dtype != np.uint8:
        values = (values >> 8 * (values.dtype.itemsize - 1)).astype(np.uint8)
    return values


def _check_codestream(dataset: Dataset, frame: int) -> None:
    """Compare the size inside a compressed frame, which its decoder would believe, with the header's."""
    from pydicom.encaps import get_frame

    data = get_frame(dataset.PixelData, frame, number_of_frames=_count_frames(dataset))
    if dataset.file_meta.TransferSyntaxUID == _RLE:
        check_volume_size(1, len(data) * _RLE_GROWTH)
        return
    size = read_codestream_size(data)
    if size is not None and size != (int(dataset.Columns), int(dataset.Rows)):
        raise InputError(_CUT_OFF.format("its header and its pixels are not of one size"))
    if dataset.file_meta.TransferSyntaxUID in (*_JPEG_LOSSLESS, *_JPEG_LS) and not _has_scan(data):
        raise InputError(_CUT_OFF.format("its pixels end or break before the last row"))
    if dataset.file_meta.TransferSyntaxUID in _JPEG_LOSSLESS:
        _check_lossless(dataset, data)


def _has_scan(data: bytes) -> bool:
    """Whether a codestream's segments lead to a scan, and an end stands behind it.

    CharLS looks for both for ever, and GDCM ends the process over what lies between segments.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[at : at + 2] == b"\xff\xda" and data.rstrip(b"\0").endswith(b"\xff\xd9")


def _check_lossless(dataset: Dataset, data: bytes) -> None:
    """Refuse a lossless JPEG whose depth, samples or process are not those of the header (ISO/IEC 10918-1, B.2.2)."""
    at = _find_frame_header(data)
    marker, precision, samples = (data[at + 1], data[at + 4], data[at + 9]) if at + 10 <= len(data) else (0, 0, 0)
    allocated, stored = int(dataset.BitsAllocated), int(dataset.get("BitsStored") or 0)
    depth_fits = 8 <= stored <= allocated and allocated == (8 if precision <= 8 else 16) and 8 <= precision <= 16
    if marker != 0xC3 or samples != int(dataset.SamplesPerPixel) or not depth_fits:
        raise InputError(_CUT_OFF.format("its header and its pixels are not of one kind"))


def read_codestream_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG, JPEG-LS or JPEG 2000 codestream declares; None for anything else.

    References
    ----------
    ISO/IEC 10918-1, B.2.2 (SOF); 14495-1, C.2.2 (SOF55); 15444-1, A.5.1 (SIZ).
    """
    siz = data.find(b"\xff\x4f\xff\x51")
    if siz >= 0 and len(data) >= siz + 24:
        right, lower, left, upper = struct.unpack(">4I", data[siz + 8 : siz + 24])
        return right - left, lower - upper
    at = _find_frame_header(data)
    if at + 9 > len(data):
        return None
    height, width = struct.unpack(">HH", data[at + 5 : at + 9])
    return width, height


def _find_frame_header(data: bytes) -> int:
    """Where the first SOF of a JPEG or JPEG-LS codestream is; its length, if there is none."""
    at = 2 if data[:2] == b"\xff\xd8" else len(data)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return at
        at += 2 + length
    return len(data)


def _rescale(dataset: Dataset, frame: int, values: np.ndarray) -> np.ndarray:
    """PS3.3, C.11.1."""
    from pydicom.pixels.processing import apply_modality_lut

    source = _find(dataset, frame, "PixelValueTransformationSequence")
    if source.get("RescaleSlope") is None and "ModalityLUTSequence" not in source:
        return values.astype(np.float32)
    try:
        rescaled = np.asarray(apply_modality_lut(values, source), dtype=np.float32)
    except Exception as error:
        raise InputError(_CUT_OFF.format("its rescale slope or intercept is no number")) from error
    if not np.isfinite(rescaled).all():
        raise InputError(_CUT_OFF.format("its rescale slope or intercept is no finite number"))
    return rescaled


def _apply_window(dataset: Dataset, frame: int, values: np.ndarray) -> np.ndarray:
    """PS3.3, C.11.2: uint8, black and white where the window ends; the values as they are if the file has no window."""
    from pydicom.pixels.processing import apply_voi_lut

    source = _find(dataset, frame, "FrameVOILUTSequence")
    has_table = "VOILUTSequence" in source
    if source.get("WindowWidth") is None and not has_table:
        return values
    try:
        with_ends = np.append(values.ravel(), (-1e6, 1e6))
        shown = np.asarray(apply_voi_lut(with_ends.astype(np.int64) if has_table else with_ends, source), np.float64)
    except Exception as error:
        raise InputError(_CUT_OFF.format("its window cannot be applied")) from error
    low, high = shown[-2:]
    scaled = (shown[:-2] - low) / (high - low or 1.0)
    return np.asarray(np.rint(np.clip(scaled, 0.0, 1.0) * 255.0), np.uint8).reshape(values.shape)
