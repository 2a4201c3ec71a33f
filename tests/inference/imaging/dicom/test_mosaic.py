"""Mosaics are taken apart: which tile is which slice, and where it lies."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from inference.errors import LeftOutError
from inference.imaging.load import load_scans
from inference.imaging.types import Volume
from tests.clinical import AXIAL, build_dicom, encode_dicom, ramp

SIDE_PX = 40
COUNT = 7
GRID = 3


def build_mosaic(image_type: str, **changes: Any) -> Dataset:
    """Seven slices in a grid of nine, each brighter than the one before."""
    values = np.zeros((GRID * SIDE_PX, GRID * SIDE_PX), np.int16)
    for index in range(COUNT):
        row, column = divmod(index, GRID)
        tile = ramp(SIDE_PX, SIDE_PX, high=100 * (index + 1))
        values[row * SIDE_PX : (row + 1) * SIDE_PX, column * SIDE_PX : (column + 1) * SIDE_PX] = tile
    elements = {
        "ImageOrientationPatient": list(AXIAL),
        "ImagePositionPatient": [-180.0, -180.0, 10.0],
        "PixelSpacing": [3.0, 3.0],
        "SpacingBetweenSlices": 5.0,
        "SliceThickness": 4.0,
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", image_type],
    }
    return build_dicom(values, **{**elements, **changes})


def encode_csa(**elements: tuple[str, list[str]]) -> bytes:
    """Siemens' image header, version 2: elements by name, each with its type and values."""
    content = b"SV10\4\3\2\1" + struct.pack("<II", len(elements), 77)
    for name, (kind, values) in elements.items():
        items = [*values, *[""] * (6 - len(values))]
        content += struct.pack("<64si4siii", name.encode(), len(values), kind.encode(), 0, len(items), 77)
        for value in items:
            text = value.encode() + b"\0" if value else b""
            content += struct.pack("<iiii", len(text), len(text), 77, len(text)) + text + b"\0" * (-len(text) % 4)
    return content


def build_siemens(normal: tuple[float, float, float] = (0, 0, 1), **changes: Any) -> Dataset:
    dataset = build_mosaic("MOSAIC", **changes)
    content = encode_csa(
        NumberOfImagesInMosaic=("US", [str(COUNT)]), SliceNormalVector=("FD", [str(value) for value in normal])
    )
    dataset.private_block(0x29, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", content)
    return dataset


def build_uih() -> Dataset:
    dataset = build_mosaic("VFRAME")
    tiles = []
    for index in range(COUNT):
        tile = Dataset()
        tile.ImagePositionPatient = [-60.0, -60.0, 10.0 + 5.0 * index]
        tiles.append(tile)
    block = dataset.private_block(0x65, "Image Private Header", create=True)
    block.add_new(0x50, "DS", str(COUNT))
    block.add_new(0x51, "SQ", Sequence(tiles))
    return dataset


def open_mosaic(dataset: Dataset) -> Volume:
    (scan,) = load_scans(encode_dicom(dataset))
    assert isinstance(scan.content, Volume)
    return scan.content


@pytest.mark.parametrize("build", [build_siemens, build_uih])
def test_every_tile_is_a_slice_in_its_place(build: Any) -> None:
    volume = open_mosaic(build())
    assert volume.count == COUNT
    strengths = [volume.load(index).strength for index in range(COUNT)]
    assert strengths == pytest.approx([100 * (index + 1) for index in range(COUNT)], rel=0.03)
    assert volume.load(0).image.pixels.shape == (SIDE_PX, SIDE_PX, 3)
    assert volume.affine is not None
    middle_mm = -180.0 + 3.0 * SIDE_PX  # what the file gives is the corner of the whole grid round the same middle
    assert np.allclose(volume.affine @ [0, 0, 0, 1], [-middle_mm, -middle_mm, 10, 1])
    assert np.allclose(volume.affine @ [1, 2, 3, 1], [-middle_mm - 3, -middle_mm - 6, 25, 1])


def test_tiles_against_the_normal_of_the_orientation() -> None:
    volume = open_mosaic(build_siemens((0, 0, -1)))
    strengths = [volume.load(index).strength for index in range(COUNT)]
    assert strengths == sorted(strengths, reverse=True), "the first tile lies highest"


def test_without_its_header_it_is_named() -> None:
    with pytest.raises(LeftOutError, match=r"this is a mosaic .* convert it to NIfTI with dcm2niix"):
        list(load_scans(encode_dicom(build_mosaic("MOSAIC"))))


@pytest.mark.parametrize("content", [b"", b"SV10", b"SV10\4\3\2\1" + b"\xff" * 200])
def test_a_damaged_header_is_a_sentence(content: bytes) -> None:
    dataset = build_mosaic("MOSAIC")
    dataset.private_block(0x29, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", content)
    with pytest.raises(LeftOutError, match="this is a mosaic"):
        list(load_scans(encode_dicom(dataset)))


def test_several_files_are_time_points(tmp_path: Path) -> None:
    for number in range(3):
        dataset = build_siemens(InstanceNumber=number + 1, AcquisitionNumber=number + 1)
        (tmp_path / f"{number}.dcm").write_bytes(encode_dicom(dataset))
    (scan,) = load_scans(tmp_path)
    assert isinstance(scan.content, Volume)
    assert (scan.content.count, [Path(file).name for file in scan.files]) == (COUNT, ["0.dcm"])
    assert "the first of each was read, 14 were not" in scan.content.notes[0]


@pytest.mark.skipif(not os.environ.get("GYRUS_DATA"), reason="GYRUS_DATA names no folder of real images")
def test_real_mosaics() -> None:
    folders = sorted((Path(os.environ["GYRUS_DATA"]) / "dicom_series").glob("siemens_mosaic_*"))
    counts = {}
    for folder in folders:
        (scan,) = load_scans(folder)
        assert isinstance(scan.content, Volume)
        assert scan.content.affine is not None
        counts[folder.name.removeprefix("siemens_mosaic_")] = scan.content.count
    assert counts == {"axasc36": 36, "axdesc36": 36, "axint35": 35, "corasc36": 36, "corint35": 35, "nih": 5}
