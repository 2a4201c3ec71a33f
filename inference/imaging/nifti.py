"""NIfTI: a volume in one file, ``.nii`` or ``.nii.gz``, turned to canonical axes and cut into slices."""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import replace
from typing import Any, BinaryIO, cast

import cv2
import numpy as np

from inference.errors import InputError
from inference.imaging.arrays import build_slice, orient_slice
from inference.imaging.orientation import RADIOLOGICAL, pixel_ratio, square_size
from inference.imaging.sniff import Kind
from inference.imaging.types import DEFAULT_OPTIONS, ReadOptions, Slice, Turn, Volume
from inference.limits import check_picture_size, check_volume_size

_CUT_OFF = "The NIfTI volume is damaged or cut off: {}."

_AXES = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}
"""Of canonical axes (x to the right, y to the front, z up): which is the slice, which the row, which the column."""


def open_nifti(stream: BinaryIO, kind: Kind, options: ReadOptions = DEFAULT_OPTIONS) -> Volume:
    """Open a volume. What is kept in memory is its first three dimensions as they are stored.

    Slices are turned as `inference.imaging.orientation` says, and fed to the network mirrored: it has learnt from
    volumes with the patient's left on the left. Where neither ``qform_code`` nor ``sform_code`` is set, nobody knows
    which side is which; then nothing is mirrored.

    Parameters
    ----------
    stream : binary file
    kind : Kind
        `Kind.NIFTI` or `Kind.GZIPPED_NIFTI`.
    options : ReadOptions

    Raises
    ------
    InputError
        It cannot be read; `TooLargeError` by what the header declares, before that is read.
    """
    import nibabel

    try:
        if kind is Kind.GZIPPED_NIFTI:
            with gzip.open(stream, "rb") as inflated:
                header, stored = _read(cast("BinaryIO", inflated))
        else:
            header, stored = _read(stream)
        affine, spacing_mm = header.get_best_affine(), np.abs(header.get_zooms()[:3]).astype(float)
        orientation = nibabel.orientations.io_orientation(affine)
        if np.isnan(orientation).any():
            raise InputError(_CUT_OFF.format("its orientation cannot be"))
        canonical = nibabel.orientations.apply_orientation(stored, orientation)
        spacing_mm = spacing_mm[np.argsort(orientation[:, 0])]
        affine = affine @ nibabel.orientations.inv_ornt_aff(orientation, stored.shape)
        slope, intercept = header.get_slope_inter()
    except InputError:
        raise
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(_CUT_OFF.format("it cannot be decompressed to its end")) from error
    except Exception as error:  # nibabel raises nearly anything on damaged headers
        raise InputError(_CUT_OFF.format("its header cannot be read")) from error
    scale = (1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept))
    has_directions = bool(header["qform_code"] or header["sform_code"])
    return _build_volume(canonical, affine, spacing_mm, scale, _extra_volumes(header), options, has_directions)


def _build_volume(
    values: np.ndarray,
    affine: np.ndarray,
    spacing_mm: np.ndarray,
    scale: tuple[float, float],
    extra: int,
    options: ReadOptions,
    has_directions: bool,
) -> Volume:
    slice_axis, row_axis, column_axis = _AXES[options.plane]
    slices = values.transpose(slice_axis, row_axis, column_axis)[:, ::-1]  # rows run from the top: front, or head
    ratio = pixel_ratio(spacing_mm[column_axis], spacing_mm[row_axis])
    size_px = square_size(slices.shape[2], slices.shape[1], ratio)
    turn = Turn(is_mirrored=True, orientation=RADIOLOGICAL[options.plane]) if has_directions else Turn()
    check_picture_size(*size_px)
    bad = sum(int(np.count_nonzero(~np.isfinite(one))) for one in slices) if values.dtype.kind == "f" else 0
    if bad == values.size:
        raise InputError("A NIfTI volume of numbers is accepted; every voxel of the one received is NaN or infinite.")
    background = float(min(one[np.isfinite(one)].min() for one in slices if np.isfinite(one).any())) if bad else 0.0

    def load(index: int) -> Slice:
        raw = slices[index].astype(np.float32)
        if bad:
            raw = np.where(np.isfinite(raw), raw, np.float32(background))
        rescaled = raw * np.float32(scale[0]) + np.float32(scale[1])
        if rescaled.shape[::-1] != size_px:
            rescaled = cv2.resize(rescaled, size_px, interpolation=cv2.INTER_LINEAR)
        one = orient_slice(build_slice(rescaled), turn)
        return replace(one, image=replace(one.image, is_fed_mirrored=turn.is_mirrored))

    notes = []
    if extra:
        notes.append(f"Only the first of {extra + 1} volumes was read.")
    if bad:
        notes.append(f"{bad:,} voxels without a number (NaN or infinite) were read as background.")
    axes = (column_axis, row_axis, slice_axis)
    return Volume(
        count=len(slices),
        load=load,
        notes=tuple(notes),
        affine=_follow_slices(affine, axes, slices.shape[2:0:-1], size_px, is_mirrored=turn.is_mirrored),
        orientation=turn.orientation,
        memory_bytes=slices.nbytes,
    )


def _follow_slices(
    affine: np.ndarray,
    axes: tuple[int, int, int],
    cut_px: tuple[int, ...],
    size_px: tuple[int, int],
    *,
    is_mirrored: bool,
) -> np.ndarray:
    """From the affine of the canonical voxels to that of the slices: turned, upside down, resized and mirrored.

    Parameters
    ----------
    affine : numpy.ndarray, shape (4, 4)
    axes : tuple of int
        Which canonical axis is the column, the row and the slice.
    cut_px, size_px : tuple of int
        Width and height before and after the pixels were made square.
    is_mirrored : bool
        The order of the columns was turned round in the end.
    """
    step = np.zeros((4, 4))
    step[3, 3] = 1.0
    width_share, height_share = (cut / size for cut, size in zip(cut_px, size_px, strict=True))
    step[axes[0], 0], step[axes[0], 3] = width_share, width_share / 2 - 0.5  # pixels lie round their middle
    step[axes[1], 1], step[axes[1], 3] = -height_share, cut_px[1] - 0.5 - height_share / 2
    step[axes[2], 2] = 1.0
    mirror = np.eye(4)
    if is_mirrored:
        mirror[0, 0], mirror[0, 3] = -1.0, size_px[0] - 1.0
    return np.asarray(affine @ step @ mirror)


def _read(stream: BinaryIO) -> tuple[Any, np.ndarray]:
    """The header and the first volume, shape (I, J, K), as stored; nothing behind it is read."""
    import nibabel

    start = stream.read(4)
    is_second = start in (b"\x1c\x02\0\0", b"\0\0\x02\x1c")
    kind = nibabel.Nifti2Header if is_second else nibabel.Nifti1Header
    header_bytes = 540 if is_second else 348
    head = start + stream.read(header_bytes - 4)
    if len(head) < header_bytes:
        raise InputError(_CUT_OFF.format("it ends inside its header"))
    header = kind.from_fileobj(io.BytesIO(head + b"\0\0\0\0"), check=False)
    if not header["magic"].item().startswith(b"n+"):
        raise InputError("A NIfTI volume in one file is accepted (.nii, .nii.gz); received one half of a pair.")
    shape = _check_shape(header)
    data_type = np.dtype(header.get_data_dtype())
    if data_type.kind not in "iuf":
        raise InputError(f"A NIfTI volume of real numbers is accepted; received voxels of the type {data_type}.")
    size_bytes = int(np.prod(shape, dtype=np.int64)) * data_type.itemsize
    check_volume_size(max(shape), size_bytes)
    _skip(stream, int(header.get_data_offset()) - header_bytes)
    content = stream.read(size_bytes)
    if len(content) < size_bytes:
        raise InputError(_CUT_OFF.format("its voxels end before the last slice"))
    return header, np.frombuffer(content, data_type).reshape(shape, order="F")


def _check_shape(header: Any) -> tuple[int, int, int]:
    dimensions = [int(size) for size in header["dim"]]
    if not 3 <= dimensions[0] <= 7:
        raise InputError(f"A NIfTI volume of three or four dimensions is accepted; received {dimensions[0]}.")
    if min(dimensions[1 : 1 + dimensions[0]]) < 1:
        raise InputError(
            "A NIfTI volume with voxels is accepted; received one of the size "
            f"{'×'.join(map(str, dimensions[1 : 1 + dimensions[0]]))}."
        )
    return dimensions[1], dimensions[2], dimensions[3]


def _extra_volumes(header: Any) -> int:
    dimensions = [int(size) for size in header["dim"]]
    return int(np.prod(dimensions[4 : 1 + dimensions[0]], dtype=np.int64)) - 1 if dimensions[0] > 3 else 0


def _skip(stream: BinaryIO, count: int) -> None:
    """Read on to the voxels; between header and voxels lie extensions, which may name a person and are not kept."""
    if not 0 <= count <= 2**24:
        raise InputError(_CUT_OFF.format("its voxels begin at a place that cannot be"))
    while count > 0:
        piece = stream.read(min(count, 2**16))
        if not piece:
            raise InputError(_CUT_OFF.format("it ends before its voxels"))
        count -= len(piece)
