"""A frame's values: checked by the header, decoded, rescaled, windowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inference.errors import InputError
from inference.imaging.arrays import build_slice
from inference.imaging.dicom.codestream import JPEG, JPEG_2000, JPEG_LOSSLESS, JPEG_LS, RLE, trim_codestream
from inference.imaging.dicom.dataset import count_frames, find_item, find_rescale, has_zero_slope
from inference.imaging.dicom.faults import BAD_VALUES, CUT_OFF, mapping_errors, name_syntax
from inference.limits import check_picture_size, check_volume_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom import Dataset

    from inference.imaging.dicom.frame import Frame
    from inference.imaging.types import ReadOptions, Slice


_DECODERS = {
    RLE: "pydicom",
    **dict.fromkeys(JPEG, "pillow"),  # of 8 bits
    **dict.fromkeys(JPEG_LOSSLESS, "gdcm"),
    **dict.fromkeys(JPEG_LS, "pyjpegls"),
    **dict.fromkeys(JPEG_2000, "pillow"),
}
"""What decodes each compressed transfer syntax. GDCM ends the whole process on some damaged files, so it sees only what
nothing else here decodes, and of that only what `_check_lossless` lets through."""


_MOST_FILL_BYTES = 4
"""Zeros before the end of a JPEG-LS codestream of which it is tried whether they are fill: an even length needs one."""


@mapping_errors(BAD_VALUES)
def check_pixels(dataset: Dataset) -> None:
    """Check by the header that there are pixels, that they fit, and that they can be decoded.

    Raises
    ------
    InputError
        They are missing or of a kind that is not read; `TooLargeError` if they do not fit.
    """
    if "PixelData" not in dataset:
        raise InputError("A DICOM file with an image is accepted; received one without pixels.")
    rows, columns, frames = int(dataset.Rows), int(dataset.Columns), count_frames(dataset)
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
        raise InputError(name_syntax(syntax))


@mapping_errors("its pixels end, break, or are of another size")
def load_frame(dataset: Dataset, frame: Frame, options: ReadOptions) -> Slice:
    """Decode, rescale and window one frame, or one tile of a mosaic.

    Parameters
    ----------
    dataset : pydicom.Dataset
        With its pixels; `check_pixels` has let it through.
    frame : Frame
    options : ReadOptions

    Raises
    ------
    InputError
        Its pixels end, break, or are of another size than the header says.
    """
    values = _decode_frame(dataset, frame.index)
    if frame.tile is not None:
        values = frame.tile.cut(values)
    if values.ndim == 2:
        padding = _find_padding(dataset, values)
        values = _rescale(dataset, frame.index, values)
        if options.window == "file":
            values = _apply_window(dataset, frame.index, values)
        if dataset.get("PhotometricInterpretation") == "MONOCHROME1":  # low is white
            values = 255 - values if values.dtype == np.uint8 else values.max() + values.min() - values
        if padding is not None:
            values[padding] = values[~padding].min()
    modality = str(dataset.get("Modality") or "").strip().upper() or None
    return build_slice(values, modality)


def _decode_frame(dataset: Dataset, frame: int) -> np.ndarray:
    """The stored values, shape (H, W) or (H, W, 3)."""
    from pydicom.pixels.utils import pixel_array

    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        if syntax.is_encapsulated:
            values = _decompress(dataset, trim_codestream(dataset, frame))
        else:
            values = np.asarray(pixel_array(dataset, index=frame))
        if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
            values = _apply_palette(dataset, values)
    except InputError:
        raise
    except NotImplementedError as error:
        raise InputError(name_syntax(syntax)) from error
    except Exception as error:  # pydicom and its decoders raise nearly anything on damaged data
        if "does not support" in str(error):
            raise InputError(name_syntax(syntax)) from error
        raise InputError(CUT_OFF.format("its pixels end, break, or are of another size")) from error
    if values.ndim == 3 and values.dtype != np.uint8:
        values = (values >> 8 * (values.dtype.itemsize - 1)).astype(np.uint8)
    return values


def _decompress(dataset: Dataset, data: bytes) -> np.ndarray:
    """Decode one codestream: a decoder sees what `trim_codestream` has checked, and nothing around it.

    CharLS refuses zeros that fill the scan before its end; whether they belong to it, only decoding tells.
    """
    from pydicom.encaps import encapsulate
    from pydicom.pixels.utils import pixel_array

    syntax = dataset.file_meta.TransferSyntaxUID
    own = dataset.group_dataset(0x0028)
    own.file_meta, own.NumberOfFrames = dataset.file_meta, 1
    fill = b"\0\xff\xd9" if syntax in JPEG_LS else None
    for left in reversed(range(_MOST_FILL_BYTES + 1)):
        own.add_new("PixelData", "OB", encapsulate([data]))
        try:
            return np.asarray(pixel_array(own, index=0, decoding_plugin=_DECODERS[syntax]))
        except Exception:  # pydicom and its decoders raise nearly anything on damaged data
            if not (left and fill and data.endswith(fill)):
                raise
        data = data[: -len(fill)] + fill[1:]
    raise AssertionError  # the last round returns or raises


def _apply_palette(dataset: Dataset, values: np.ndarray) -> np.ndarray:
    """The colours of a palette, shape (H, W, 3), uint8.

    pydicom reads tables of big-endian files as if they were little-endian, counts on in 8 bits where their entries have
    8, and follows segments that refer to themselves.

    References
    ----------
    PS3.3, C.7.6.3.1.5 and C.7.6.3.1.6 (tables), C.7.9.2 (segments).
    """
    tables = [_read_table(dataset, colour) for colour in ("Red", "Green", "Blue")]
    first = int(dataset.RedPaletteColorLookupTableDescriptor[1])
    shift = 8 if max(table.max() for table in tables) > 255 else 0
    indices = values.astype(np.int32) - first
    shown = [table[np.clip(indices, 0, len(table) - 1)] >> shift for table in tables]
    return np.stack(shown, axis=-1).astype(np.uint8)


def _read_table(dataset: Dataset, colour: str) -> np.ndarray:
    """The entries for one colour, of 8 or 16 bits."""
    name = f"{colour}PaletteColorLookupTable"
    count, _, depth = dataset[f"{name}Descriptor"].value
    count = count or 2**16
    is_segmented = f"{name}Data" not in dataset
    content = dataset[f"Segmented{name}Data" if is_segmented else f"{name}Data"].value
    words = np.frombuffer(content, "<u2" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">u2")
    is_wide = depth > 8 if is_segmented else len(content) >= 2 * count
    entries = words if is_wide else words.astype("<u2").view(np.uint8)
    return _expand_segments(entries.tolist(), count, is_wide=is_wide) if is_segmented else entries[:count]


def _expand_segments(words: list[int], count: int, *, is_wide: bool) -> np.ndarray:
    """The entries of a segmented table: series of values, straight lines, and copies of segments before."""
    bits = 16 if is_wide else 8

    def walk(at: int, most: int) -> Iterator[tuple[int, int, list[int]]]:
        for _ in range(most):
            if at + 2 >= len(words):
                return
            kind, length = words[at : at + 2]
            if kind > 2 or length == 0:
                raise ValueError("no segment")
            end = at + 2 + (length, 1, 32 // bits)[kind]
            yield kind, length, words[at + 2 : end]
            at = end

    entries: list[int] = []
    for one in walk(0, count):
        offset_bytes = sum(word << (bits * index) for index, word in enumerate(one[2]))
        for kind, length, data in walk(8 * offset_bytes // bits, one[1]) if one[0] == 2 else (one,):
            if kind == 2 or len(entries) + length > count:
                raise ValueError("a segment that copies itself, or too many entries")
            entries += data if kind == 0 else np.rint(np.linspace(entries[-1], data[0], length + 1)[1:]).tolist()
    return np.array(entries, np.int32)


def _find_padding(dataset: Dataset, values: np.ndarray) -> np.ndarray | None:
    """Where stored values stand for no image, shape (H, W), bool; None if nowhere, or everywhere.

    References
    ----------
    PS3.3, C.7.5.1.1.2 (Pixel Padding Value and Range Limit).
    """
    first = dataset.get("PixelPaddingValue")
    last = dataset.get("PixelPaddingRangeLimit")
    if not isinstance(first, int):
        return None
    bounds = sorted(_read_as_stored(dataset, end) for end in (first, last if isinstance(last, int) else first))
    padding = (values >= bounds[0]) & (values <= bounds[1])
    return padding if padding.any() and not padding.all() else None


def _read_as_stored(dataset: Dataset, value: int) -> int:
    """A value as it is in the pixels: of the stored bits, signed as they are, whatever the writer made of its sign."""
    bits = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    value &= 2**bits - 1
    return value - 2**bits if dataset.get("PixelRepresentation") == 1 and value >= 2 ** (bits - 1) else value


def _rescale(dataset: Dataset, frame: int, values: np.ndarray) -> np.ndarray:
    """PS3.3, C.11.1."""
    from pydicom.pixels.processing import apply_modality_lut

    source = find_rescale(dataset, frame)
    has_scale = source.get("RescaleSlope") is not None or "ModalityLUTSequence" in source
    if not has_scale or has_zero_slope(dataset, frame):
        return values.astype(np.float32)
    try:
        rescaled = np.asarray(apply_modality_lut(values, source), dtype=np.float32)
    except Exception as error:
        raise InputError(CUT_OFF.format("its rescale slope or intercept is no number")) from error
    if not np.isfinite(rescaled).all():
        raise InputError(CUT_OFF.format("its rescale slope or intercept is no finite number"))
    return rescaled


def _apply_window(dataset: Dataset, frame: int, values: np.ndarray) -> np.ndarray:
    """PS3.3, C.11.2: uint8, black and white where the window ends; the values as they are if the file has no window."""
    from pydicom.pixels.processing import apply_voi_lut

    source = find_item(dataset, frame, "FrameVOILUTSequence")
    has_table = "VOILUTSequence" in source
    if source.get("WindowWidth") is None and not has_table:
        return values
    try:
        with_ends = np.append(values.ravel(), (-1e6, 1e6))
        shown = np.asarray(apply_voi_lut(with_ends.astype(np.int64) if has_table else with_ends, source), np.float64)
    except Exception as error:
        raise InputError(CUT_OFF.format("its window cannot be applied")) from error
    low, high = shown[-2:]
    scaled = (shown[:-2] - low) / (high - low or 1.0)
    return np.asarray(np.rint(np.clip(scaled, 0.0, 1.0) * 255.0), np.uint8).reshape(values.shape)
