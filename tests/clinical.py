"""DICOM, NIfTI and zip files that tests build, good and bad; nobody's head is in them."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

NAME = "Mustermann^Erika"
"""The patient's name in every DICOM file here; it must never come out."""

MR = "1.2.840.10008.5.1.4.1.1.4"
AXIAL = (1, 0, 0, 0, 1, 0)


def ramp(height: int = 48, width: int = 40, *, low: int = 0, high: int = 1000) -> np.ndarray:
    """Rising from left to right; int16 (H, W)."""
    return np.tile(np.linspace(low, high, width), (height, 1)).astype(np.int16)


def build_dicom(values: np.ndarray | None = None, **changes: Any) -> Dataset:
    """One MR slice of int16 values (H, W), or frames (N, H, W); ``changes`` set elements, None removes one."""
    values = ramp() if values is None else values
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = MR
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID = MR
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.Modality = "MR"
    dataset.PatientName, dataset.PatientID, dataset.StudyDate = NAME, "K-4711", "20200229"
    dataset.SeriesInstanceUID = "1.2.3.4"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.SeriesDescription = f"t1_mprage {NAME}"
    dataset.Rows, dataset.Columns = values.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * values.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    if values.ndim == 3:
        dataset.NumberOfFrames = len(values)
    dataset.PixelData = values.tobytes()
    for name, value in changes.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    return dataset


def encode_dicom(dataset: Dataset | None = None) -> bytes:
    """The file's bytes."""
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset or build_dicom(), enforce_file_format=True)
    return stream.getvalue()


def write_series(
    folder: Path, count: int = 5, *, names: Sequence[str] = (), values: Sequence[np.ndarray] = (), **changes: Any
) -> list[Path]:
    """Axial slices from below to above, 4 mm apart; the file names say nothing of that order unless given."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        dataset = build_dicom(
            values[number] if values else ramp(high=100 * (number + 1)),
            ImagePositionPatient=[-20.0, -20.0, 4.0 * number],
            ImageOrientationPatient=list(AXIAL),
            InstanceNumber=count - number,
            **changes,
        )
        path = folder / (names[number] if names else f"IM{(number * 7) % 10:04}")
        path.write_bytes(encode_dicom(dataset))
        paths.append(path)
    return paths


def build_enhanced(values: np.ndarray, places_mm: Sequence[float]) -> Dataset:
    """An enhanced multi-frame file: the frames' positions and rescaling in functional groups."""

    def group(**items: Mapping[str, Any]) -> Dataset:
        groups = Dataset()
        for name, elements in items.items():
            item = Dataset()
            for keyword, value in elements.items():
                setattr(item, keyword, value)
            setattr(groups, name, [item])
        return groups

    dataset = build_dicom(values, SOPClassUID="1.2.840.10008.5.1.4.1.1.4.1")
    dataset.SharedFunctionalGroupsSequence = [group(PlaneOrientationSequence={"ImageOrientationPatient": list(AXIAL)})]
    dataset.PerFrameFunctionalGroupsSequence = [
        group(
            PlanePositionSequence={"ImagePositionPatient": [0.0, 0.0, float(place)]},
            PixelValueTransformationSequence={"RescaleSlope": 2.0, "RescaleIntercept": 5.0, "RescaleType": "US"},
        )
        for place in places_mm
    ]
    return dataset


def encode_nifti(values: np.ndarray, affine: np.ndarray | None = None) -> bytes:
    """The bytes of a ``.nii`` file."""
    return bytes(nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine).to_bytes())


def box_volume(shape: tuple[int, int, int] = (40, 48, 6), dtype: Any = np.int16) -> np.ndarray:
    """RAS values: dark, brighter to the right (x), and a bright nose at the front (y) of every slice."""
    values = np.zeros(shape, dtype)
    values[:] = np.linspace(100, 300, shape[0])[:, None, None].astype(dtype)
    values[shape[0] // 2 - 4 : shape[0] // 2 + 4, -6:, :] = 1000
    return values


def encode_zip(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def gzip_bomb(shape: tuple[int, int, int], *, honest: bool) -> bytes:
    """A small ``.nii.gz`` that grows: its header says how far, or (not honest) that it is small."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape(shape if honest else (40, 40, 4))
    header["vox_offset"], header["magic"] = 352, b"n+1"
    return gzip.compress(header.binaryblock + b"\0" * 4 + bytes(200 * 2**20), compresslevel=1)


@contextmanager
def little_memory(limit_bytes: int = 2 * 2**20) -> Iterator[None]:
    """Fail if more is allocated at any time inside."""
    tracemalloc.start()
    try:
        yield
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < limit_bytes, f"{peak_bytes / 2**20:.1f} MB were allocated"
