"""Slices of whole volumes, for training and for measuring on cohorts that no picture collection holds.

Two folders are known, as they come: ``gbm_nifti`` (T1 after contrast, with a mask of the tumour) and ``dicom_t1`` (one
healthy person's series). A slice gets a name of its own, ``VOLUME#number``, since it is no file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from inference.imaging.load import load_image
from training.data.grey import to_grey
from training.data.manifest import NO_TUMOUR, Box, Sample

MIN_LESION_PX = 60
"""Mask pixels (of 256×256) from which a slice counts as showing the tumour; thinner cuts are left out altogether."""

_MIN_SPREAD = 1.0
"""Standard deviation of the raw values below which a slice is padding."""


def read_volumes(data_dir: Path) -> list[tuple[Sample, np.ndarray]]:
    """Read the slices of every volume below ``data_dir`` that is there.

    Returns
    -------
    list of (Sample, numpy.ndarray, shape (STORED_SIZE_PX, STORED_SIZE_PX), uint8)
        Sources ``gbm_nifti`` and ``dicom_t1``; groups are persons.
    """
    return [*_read_gbm(data_dir / "gbm_nifti"), *_read_dicom(data_dir / "dicom_t1")]


def _read_gbm(folder: Path) -> Iterator[tuple[Sample, np.ndarray]]:
    for scan in sorted(folder.glob("*/*Scan_T1.nii.gz")):
        mask = scan.with_name(scan.name.replace("Scan_T1", "Mask"))
        values, inside = load_axial(scan), load_axial(mask) > 0
        for number in range(values.shape[0]):
            lesion_px = int(inside[number].sum())
            if values[number].std() < _MIN_SPREAD or 0 < lesion_px < MIN_LESION_PX:
                continue
            person = f"gbm-{scan.parent.name}"
            sample = Sample(
                path=Path(f"{scan}#{number}"),
                label="glioma" if lesion_px else NO_TUMOUR,
                source="gbm_nifti",
                group=person,
                patient=person,
                box=_mask_box(inside[number]) if lesion_px else None,
            )
            yield sample, to_grey(load_image(values[number]).pixels)


def _read_dicom(folder: Path) -> Iterator[tuple[Sample, np.ndarray]]:
    import pydicom

    for path in sorted(folder.glob("*.dcm")):
        if pydicom.dcmread(path).pixel_array.std() < _MIN_SPREAD:
            continue
        sample = Sample(path=Path(f"{path}#0"), label=NO_TUMOUR, source="dicom_t1", group="dicom_t1")
        yield sample, to_grey(load_image(path).pixels)  # windowed as it is when served


def load_axial(path: Path) -> np.ndarray:
    """A NIfTI volume as axial slices (slice, row, column), the nose up."""
    import nibabel

    canonical = nibabel.as_closest_canonical(nibabel.load(path))
    return np.ascontiguousarray(np.asarray(canonical.dataobj, dtype=np.float32).transpose(2, 1, 0)[:, ::-1])


def _mask_box(inside: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    height, width = inside.shape
    return (
        float(columns[0] + columns[-1] + 1) / 2 / width,
        float(rows[0] + rows[-1] + 1) / 2 / height,
        float(columns[-1] + 1 - columns[0]) / width,
        float(rows[-1] + 1 - rows[0]) / height,
    )
