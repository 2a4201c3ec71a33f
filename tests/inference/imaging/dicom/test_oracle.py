"""Other programs as references: dcm2niix for whole series, highdicom for the geometry of slices.

Every series that these tests make, and each of the real ones, gives the volumes, the order and the millimetres that
dcm2niix gives. The differences that are on purpose:

- of several time points, one is read (dcm2niix: all, as a fourth dimension);
- a volume with a gap has no affine (dcm2niix: a stretched one, or a copy whose slices are made up);
- phase images and field maps are left out by name (dcm2niix: a volume of their own, ``_ph`` or ``_fieldmaphz``);
- files that each say that they are a series of their own are joined (dcm2niix: only when asked);
- slices whose instance numbers follow no order are sorted by position (dcm2niix: two volumes, or an error), which
  highdicom confirms;
- slices without any position are read in the order of their numbers, without an affine (dcm2niix: an affine by guess).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from highdicom.spatial import get_series_volume_positions
from pydicom.uid import generate_uid

from inference.imaging.load import load_scans
from inference.imaging.types import Volume
from tests.clinical import MR, build_dicom, encode_dicom

pytestmark = pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="dcm2niix is not installed")

AXIAL, CORONAL, SAGITTAL = (1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)
OBLIQUE = (0.9659258, 0.1, 0.2387289, -0.0669873, 0.9888, -0.1432)


def draw(number: int) -> np.ndarray:
    """A slice that no other of the series looks like, and that has no symmetry; int16 (48, 40)."""
    rng = np.random.default_rng(number)
    return (rng.uniform(100, 1000, (12, 10)).repeat(4, axis=0).repeat(4, axis=1)).astype(np.int16)


def write(
    folder: Path,
    orientation: tuple[float, ...],
    numbers: list[int],
    *,
    step_mm: float = 4.0,
    spacing_mm: tuple[float, float] = (2.0, 2.0),
    kind: int = 0,
    **changes: object,
) -> None:
    """Slices in the order of their instance numbers, under names that say nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.array(orientation[:3], float), np.array(orientation[3:], float)
    rows /= np.linalg.norm(rows)
    columns = columns - rows * (columns @ rows)
    columns /= np.linalg.norm(columns)
    normal = np.cross(rows, columns)
    for index, number in enumerate(numbers):
        position = np.array([-40.0, -30.0, 20.0]) + step_mm * number * normal
        dataset = build_dicom(
            draw(number + 100 * kind),
            SOPClassUID=MR,
            StudyInstanceUID="1.2.3",
            FrameOfReferenceUID="1.2.3.9",
            SeriesInstanceUID="1.2.3.4",
            Manufacturer="SIEMENS",
            ImageType=["ORIGINAL", "PRIMARY", "M", "ND"],
            ImageOrientationPatient=[round(float(value), 9) for value in (*rows, *columns)],
            ImagePositionPatient=[round(float(value), 6) for value in position],
            PixelSpacing=list(spacing_mm),
            SliceThickness=step_mm,
            InstanceNumber=index + 1 + 50 * kind,
            PatientPosition="HFS",
        )
        for name, value in changes.items():
            setattr(dataset, name, value)
        path = folder / f"{(7 * (index + 50 * kind)) % 101:03}.dcm"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        path.write_bytes(encode_dicom(dataset))


def shuffle(count: int) -> list[int]:
    return [int(index) for index in np.random.default_rng(count).permutation(count)]


SERIES: dict[str, Callable[[Path], None]] = {
    "axial": lambda folder: write(folder, AXIAL, list(range(9))),
    "axial from above": lambda folder: write(folder, AXIAL, list(range(8, -1, -1))),
    "axial upside down": lambda folder: write(folder, (-1, 0, 0, 0, -1, 0), list(range(9))),
    "axial, numbered at random": lambda folder: write(folder, AXIAL, shuffle(9)),
    "coronal": lambda folder: write(folder, CORONAL, list(range(9))),
    "coronal, numbered at random": lambda folder: write(folder, CORONAL, shuffle(11)),
    "sagittal": lambda folder: write(folder, SAGITTAL, list(range(9))),
    "sagittal from the right": lambda folder: write(folder, SAGITTAL, list(range(8, -1, -1))),
    "oblique": lambda folder: write(folder, OBLIQUE, list(range(9))),
    "oblique, numbered at random": lambda folder: write(folder, OBLIQUE, shuffle(9)),
    "thin": lambda folder: write(folder, SAGITTAL, list(range(20)), step_mm=0.4),
    "two echoes": lambda folder: (
        [
            write(folder, AXIAL, list(range(9)), kind=kind, EchoTime=echo, EchoNumbers=kind + 1)
            for kind, echo in enumerate((15.0, 90.0))
        ]
        and None
    ),
}


def convert(folder: Path, out: Path) -> list[nibabel.Nifti1Image]:
    """What dcm2niix makes of a folder; of several time points the first."""
    out.mkdir()
    options = ["-b", "n", "-z", "n", "-f", "%s_%e"]
    subprocess.run(["dcm2niix", *options, "-o", str(out), str(folder)], check=True, capture_output=True)
    return [nibabel.load(path) for path in sorted(out.glob("*.nii"))]


def list_volumes(folder: Path) -> Iterator[Volume]:
    for scan in load_scans(folder):
        if isinstance(scan.content, Volume):
            yield scan.content


def compare(volume: Volume, reference: nibabel.Nifti1Image) -> tuple[float, float]:
    """How far pixels are from the reference's voxels, in voxels; and the lowest correlation of a slice."""
    values = np.asarray(reference.dataobj, dtype=float)
    values = values[..., 0] if values.ndim == 4 else values
    assert volume.affine is not None
    to_voxels = np.linalg.inv(reference.affine) @ volume.affine
    lowest, farthest = 1.0, 0.0
    for index in range(volume.count):
        shown = volume.load(index).image.pixels[:, :, 0].astype(float)
        rows, columns = np.mgrid[: shown.shape[0], : shown.shape[1]]
        points = np.stack([columns.ravel(), rows.ravel(), np.full(shown.size, index), np.ones(shown.size)])
        voxels = (to_voxels @ points)[:3]
        nearest = np.rint(voxels).astype(int)
        farthest = max(farthest, float(np.abs(voxels - nearest).max()))
        assert (nearest >= 0).all()
        assert (nearest < np.array(values.shape)[:, None]).all()
        same = values[nearest[0], nearest[1], nearest[2]]
        lowest = min(lowest, float(np.corrcoef(shown.ravel(), same)[0, 1]))
    return farthest, lowest


@pytest.mark.parametrize("name", [name for name in SERIES if "random" not in name])
def test_made_series(name: str, tmp_path: Path) -> None:
    SERIES[name](tmp_path / "dicom")
    references = convert(tmp_path / "dicom", tmp_path / "nifti")
    volumes = list(list_volumes(tmp_path / "dicom"))
    assert len(volumes) == len(references)
    for volume, reference in zip(volumes, references, strict=True):
        assert volume.count == reference.shape[2]
        farthest, lowest = compare(volume, reference)
        assert farthest < 0.01, "voxels"
        assert lowest > 0.999, "each slice is that of the reference"


@pytest.mark.parametrize("name", [name for name in SERIES if name != "two echoes"])
def test_positions_are_those_of_highdicom(name: str, tmp_path: Path) -> None:
    SERIES[name](tmp_path)
    (volume,) = list_volumes(tmp_path)
    datasets = {str(path): pydicom.dcmread(path) for path in tmp_path.iterdir()}
    spacing_mm, positions = get_series_volume_positions(list(datasets.values()))
    assert positions is not None
    by_reference = [path for _, path in sorted(zip(positions, datasets, strict=True), key=lambda pair: pair[0])]
    assert volume.affine is not None
    assert np.linalg.norm(volume.affine[:3, 2]) == pytest.approx(spacing_mm, abs=1e-4)
    assert list(volume.paths) in (by_reference, by_reference[::-1]), "either side may be the first"


NOT_VOLUMES = {"philips_enhanced": 1}
"""How many volumes of dcm2niix's are left out on purpose: a field map."""


def list_real_series() -> list[Path]:
    data = os.environ.get("GYRUS_DATA")
    return sorted((Path(data) / "dicom_series").iterdir()) if data else []


@pytest.mark.skipif(not list_real_series(), reason="GYRUS_DATA names no folder with real series")
def test_real_series(tmp_path: Path) -> None:
    for folder in list_real_series():
        references = convert(folder, tmp_path / folder.name)
        volumes = list(list_volumes(folder))
        assert len(volumes) == len(references) - NOT_VOLUMES.get(folder.name, 0), folder.name
        for volume, reference in zip(volumes, references, strict=False):
            assert volume.count == reference.shape[2], folder.name
            farthest, lowest = compare(volume, reference)
            assert farthest < 0.01, folder.name
            assert lowest > 0.95, f"{folder.name}: the window clips what is brightest"
