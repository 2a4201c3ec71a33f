"""What stored values stand for: padding, bits that are not stored, a slope of 0, palettes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from inference.errors import InputError
from inference.imaging.dicom.read import decode_single
from inference.imaging.load import load_scans
from inference.imaging.types import ReadOptions, Volume
from tests.clinical import build_dicom, build_enhanced, encode_dicom, ramp

NOTE = "Rescale Slope is 0"


def encode_as(dataset: Dataset, syntax: UID) -> bytes:
    """A file's bytes in another transfer syntax; values of 16 bits are swapped for a big-endian one."""
    dataset.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def show(dataset: Dataset, window: str = "percentile") -> np.ndarray:
    return decode_single(encode_dicom(dataset), ReadOptions(window=window)).pixels[:, :, 0]


def pad(value: int, dtype: Any = np.int16) -> tuple[np.ndarray, np.ndarray]:
    """A ramp from 10 to 1000 of which two corners are padding, and where they are."""
    values, where = ramp(low=10).astype(dtype), np.zeros((48, 40), bool)
    where[:16, :20] = where[-8:, 25:] = True
    values[where] = value
    return values, where


class TestPadding:
    @pytest.mark.parametrize("value", [-32768, -2000, -1, 0, 500, 4095, 32767])
    def test_value_shows_as_background_and_sets_no_window(self, value: int) -> None:
        values, where = pad(value)
        values[(values == value) & ~where] += 1
        pixels = show(build_dicom(values, PixelPaddingValue=value))
        assert (pixels == show(build_dicom(pad(10)[0]))).mean() > 0.97
        assert (pixels[where] == 0).all()

    @pytest.mark.parametrize(("value", "limit"), [(-2000, -1500), (-1500, -2000), (30000, 32767)])
    def test_range(self, value: int, limit: int) -> None:
        values, where = pad(value)
        values[where] = np.linspace(value, limit, where.sum()).astype(np.int16)
        pixels = show(build_dicom(values, PixelPaddingValue=value, PixelPaddingRangeLimit=limit))
        assert (pixels == show(build_dicom(pad(10)[0]))).all()

    @pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
    @pytest.mark.parametrize(("value", "dtype"), [(-2000, np.int16), (65535, np.uint16), (63536, np.uint16)])
    def test_in_every_syntax(self, syntax: UID, value: int, dtype: Any) -> None:
        values, where = pad(value, dtype)
        dataset = build_dicom(values, PixelPaddingValue=value)
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = values.astype(values.dtype.newbyteorder(">")).tobytes()
        pixels = decode_single(encode_as(dataset, syntax)).pixels[:, :, 0]
        assert (pixels == show(build_dicom(pad(10)[0]))).all()
        assert (pixels[where] == 0).all()

    def test_sign_that_the_writer_got_wrong(self) -> None:
        dataset = build_dicom(pad(-2000)[0])
        dataset.add_new("PixelPaddingValue", "US", 2**16 - 2000)
        assert (show(dataset) == show(build_dicom(pad(10)[0]))).all()

    def test_12_stored_bits(self) -> None:
        values, _ = pad(-2000)
        dataset = build_dicom(values, BitsStored=12, HighBit=11, PixelPaddingValue=-2000)
        assert (show(dataset) == show(build_dicom(pad(10)[0]))).all()

    @pytest.mark.parametrize("slope", ["2.5", "-1"])
    def test_stored_values_are_meant_not_rescaled_ones(self, slope: str) -> None:
        values, where = pad(-2000)
        pixels = show(build_dicom(values, PixelPaddingValue=-2000, RescaleSlope=slope, RescaleIntercept="70"))
        assert (pixels[where] == 0).all()
        assert len(np.unique(pixels)) > 30

    @pytest.mark.parametrize("window", ["percentile", "file"])
    def test_is_black_in_monochrome1(self, window: str) -> None:
        values, where = pad(-2000)
        dataset = build_dicom(values, PixelPaddingValue=-2000, PhotometricInterpretation="MONOCHROME1")
        dataset.WindowCenter, dataset.WindowWidth = "500", "1000"
        pixels = show(dataset, window)
        assert (pixels[where] == 0).all()
        assert pixels[20, 0] > 250

    def test_frames_of_an_enhanced_file(self) -> None:
        dataset = build_enhanced(np.stack([pad(-32768)[0]] * 3), (0, 4, 8))
        dataset.PixelPaddingValue = -32768
        (scan,) = load_scans(encode_dicom(dataset))
        assert isinstance(scan.content, Volume)
        assert scan.content.load(1).window == pytest.approx((25, 2005))

    def test_nothing_but_padding(self) -> None:
        assert show(build_dicom(np.full((48, 40), -2000, np.int16), PixelPaddingValue=-2000)).max() == 0


class TestBits:
    @pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
    @pytest.mark.parametrize("overlay", [0x8000, 0x1000, 0xF000])
    def test_overlay_in_high_bits_is_no_value(self, syntax: UID, overlay: int) -> None:
        values = ramp(high=4095).astype(np.uint16)
        marked = values.copy()
        marked[10:20, 5:35] |= overlay
        dataset = build_dicom(marked, BitsStored=12, HighBit=11)
        if syntax == RLELossless:
            dataset.compress(RLELossless)
        pixels = decode_single(encode_dicom(dataset)).pixels[:, :, 0]
        assert (pixels == show(build_dicom(values, BitsStored=12, HighBit=11))).all()

    def test_sign_of_12_stored_bits(self) -> None:
        values = ramp(low=-2000, high=2000)
        stored = (values & 0x0FFF).astype(np.int16)  # the bits above do not repeat the sign
        assert (show(build_dicom(stored, BitsStored=12, HighBit=11)) == show(build_dicom(values))).all()

    @pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
    def test_padding_of_compressed_files(self, syntax: UID) -> None:
        dataset = build_dicom(pad(4095, np.uint16)[0], BitsStored=12, HighBit=11, PixelPaddingValue=4095)
        dataset.compress(syntax)
        pixels = decode_single(encode_dicom(dataset)).pixels[:, :, 0]
        assert (pixels == show(build_dicom(pad(10)[0]))).all()


class TestSlopeOfZero:
    @pytest.mark.parametrize("slope", ["0", "0.0", "-0", "0e5"])
    def test_stored_values_are_read_and_it_is_said(self, slope: str) -> None:
        decoded = decode_single(encode_dicom(build_dicom(RescaleSlope=slope, RescaleIntercept="-1024")))
        assert (decoded.pixels[:, :, 0] == show(build_dicom())).all()
        assert any(NOTE in note for note in decoded.notes)

    def test_other_slopes_are_not_mentioned(self) -> None:
        assert not decode_single(encode_dicom(build_dicom(RescaleSlope="1e-3", RescaleIntercept="0"))).notes

    def test_functional_groups(self) -> None:
        dataset = build_enhanced(np.stack([ramp()] * 3), (0, 4, 8))
        for groups in dataset.PerFrameFunctionalGroupsSequence:
            groups.PixelValueTransformationSequence[0].RescaleSlope = 0
        (scan,) = load_scans(encode_dicom(dataset))
        assert isinstance(scan.content, Volume)
        assert scan.content.load(2).window == pytest.approx((0, 1000))
        assert sum(NOTE in note for note in scan.content.notes) == 1

    def test_frames_without_groups(self) -> None:
        dataset = build_dicom(np.stack([ramp()] * 3), RescaleSlope="0", RescaleIntercept="0")
        (scan,) = load_scans(encode_dicom(dataset))
        assert isinstance(scan.content, Volume)
        assert len(np.unique(scan.content.load(2).image.pixels)) > 30
        assert any(NOTE in note for note in scan.content.notes)


def build_palette(values: np.ndarray, tables: dict[str, bytes], count: int, bits: int, first: int = 0) -> Dataset:
    dataset = build_dicom(values, PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [count, first, bits])
    for name, content in tables.items():
        dataset.add_new(name, "OW", content)
    return dataset


def name_tables(contents: tuple[bytes, bytes, bytes], prefix: str = "") -> dict[str, bytes]:
    names = (f"{prefix}{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue"))
    return dict(zip(names, contents, strict=True))


COLOURS = np.stack([np.arange(256), np.arange(256)[::-1], np.arange(256) // 2]).astype(np.uint8)
"""Of each index 0–255 the red, green and blue."""

INDICES = np.tile(np.arange(0, 250, 5, dtype=np.uint8), (48, 1))


class TestPalettes:
    @pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
    @pytest.mark.parametrize("kind", ["8 bits", "16 bits", "16 bits of which 8 are used"])
    def test_tables(self, syntax: UID, kind: str) -> None:
        entries = COLOURS if kind == "8 bits" else COLOURS.astype(np.uint16) * (257 if kind == "16 bits" else 1)
        contents = [row.tobytes() for row in entries]
        if syntax == ExplicitVRBigEndian:  # both depths are words of 16 bits
            contents = [np.frombuffer(content, np.uint16).byteswap().tobytes() for content in contents]
        tables = name_tables((contents[0], contents[1], contents[2]))
        dataset = build_palette(INDICES, tables, 256, 8 * entries.dtype.itemsize)
        if syntax == ExplicitVRBigEndian:
            dataset["PixelData"].VR = "OB"
        pixels = decode_single(encode_as(dataset, syntax)).pixels
        assert (pixels == COLOURS.T[INDICES]).all()

    def test_more_entries_than_8_bits_count(self) -> None:
        table = (np.arange(1000) // 4).astype(np.uint8)
        dataset = build_palette(ramp(high=999).astype(np.uint16), name_tables((table.tobytes(),) * 3), 1000, 8)
        assert (decode_single(encode_dicom(dataset)).pixels[:, :, 0] == table[ramp(high=999)]).all()

    def test_first_value_and_those_outside(self) -> None:
        table = np.array([10, 20, 30, 40], np.uint8)
        values = np.tile(np.arange(40, dtype=np.uint8), (48, 1))
        dataset = build_palette(values, name_tables((table.tobytes(),) * 3), 4, 8, first=5)
        pixels = decode_single(encode_dicom(dataset)).pixels[0, :, 0]
        assert pixels[:11].tolist() == [10, 10, 10, 10, 10, 10, 20, 30, 40, 40, 40]

    def test_segments_are_what_pydicom_makes_of_them(self) -> None:
        words = np.array([0, 2, 0, 300, 1, 154, 65535, 0, 1, 5, 1, 99, 40000], np.uint16)  # values, lines
        dataset = build_palette(INDICES, name_tables((words.tobytes(),) * 3, "Segmented"), 256, 16)
        expected = np.asarray(apply_color_lut(INDICES, dataset)) >> 8
        assert (decode_single(encode_dicom(dataset)).pixels == expected).all()

    @pytest.mark.parametrize("wide", [True, False])
    def test_segments_that_copy_others(self, wide: bool) -> None:
        start = [0, 2, 7, 9, 1, 4, 101]  # 7, 9, and a line to 101
        offset = [0, 0] if wide else [0, 0, 0, 0]
        words = np.array([*start, 2, 2, *offset, *([] if wide else [0])], np.uint16 if wide else np.uint8)
        dataset = build_palette(
            np.tile(np.arange(40, dtype=np.uint8), (48, 1)),
            name_tables((words.tobytes(),) * 3, "Segmented"),
            12,
            16 if wide else 8,
        )
        row = decode_single(encode_dicom(dataset)).pixels[0, :12, 0].tolist()
        assert row == [7, 9, 32, 55, 78, 101] * 2

    @pytest.mark.parametrize(
        "words",
        [
            [0, 1, 5, 2, 1, 6, 0],  # copies itself
            [0, 1, 5, 2, 60000, 0, 0, 2, 60000, 0, 0],
            [1, 3, 4, 0],  # a line from nowhere
            [0, 1, 5, 1, 60000, 7],  # more than it declares
            [0, 1, 4, 3, 3, 3],
            [0, 0, 0, 0],
        ],
    )
    def test_segments_that_cannot_be(self, words: list[int]) -> None:
        contents = (np.array(words, np.uint16).tobytes(),) * 3
        with pytest.raises(InputError, match="damaged or cut off"):
            decode_single(encode_dicom(build_palette(INDICES, name_tables(contents, "Segmented"), 256, 16)))
