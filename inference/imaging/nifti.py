"""Voxels on a grid, turned to canonical axes and cut into slices; and NIfTI, in one file or in two.

Volumes of other formats (`inference.imaging.formats`) become a `Grid` too, so that all are cut in the same way.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import cv2
import numpy as np

from inference.errors import InputError
from inference.imaging.arrays import build_slice, orient_slice
from inference.imaging.orientation import RADIOLOGICAL, pixel_ratio, square_size
from inference.imaging.types import DEFAULT_OPTIONS, ReadOptions, Slice, Turn, Volume
from inference.limits import check_picture_size, check_volume_size

_CUT_OFF = "The {} volume is damaged or cut off: {}."

NO_SIDE = "The file does not say which side is left."
NO_SPACING = "The file does not say how far apart its voxels are: 1 mm was taken."

_AXES = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}
"""Of canonical axes (x to the right, y to the front, z up): which is the slice, which the row, which the column."""

_NO_GREY = {1: "single bits", 32: "complex numbers", 1792: "complex numbers", 2048: "complex numbers"} | dict.fromkeys(
    (128, 2304), "colours"
)
"""NIfTI's codes of voxels that are no grey values; https://nifti.nimh.nih.gov/nifti-1/documentation/nifti1fields."""

_LARGEST_SPACING_MM = 1e4
"""A voxel is smaller than that, whatever a header says."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """A volume as its file stores it.

    Attributes
    ----------
    values : numpy.ndarray, shape (I, J, K), integers or floats
    affine : numpy.ndarray, shape (4, 4)
        From (i, j, k), counted from 0, to millimetres to the patient's right, front and head.
    spacing_mm : numpy.ndarray, shape (3,)
        Between the voxels along i, j and k.
    scale : tuple of (float, float)
        Slope and intercept of the values.
    extra : int
        How many more volumes the file holds.
    has_directions : bool
        The file says where the patient's right, front and head are; else that of ``affine`` is a convention.
    notes : tuple of str
        Sentences about what was left out or changed while reading.

    Examples
    --------
    >>> values = np.arange(40 * 48 * 6).reshape(40, 48, 6)
    >>> open_grid(Grid(values=values, affine=np.eye(4), spacing_mm=np.ones(3))).count
    6
    """

    values: np.ndarray
    affine: np.ndarray
    spacing_mm: np.ndarray
    scale: tuple[float, float] = (1.0, 0.0)
    extra: int = 0
    has_directions: bool = True
    notes: tuple[str, ...] = ()


def open_grid(grid: Grid, options: ReadOptions = DEFAULT_OPTIONS) -> Volume:
    """Turn a grid to canonical axes and cut it into slices.

    Slices are turned as `inference.imaging.orientation` says, and fed to the network mirrored: it has learnt from
    volumes with the patient's left on the left. Where the file does not say which side is which, nothing is mirrored.

    Raises
    ------
    InputError
        It has no orientation, no number in it, or slices of a size that is not accepted.
    """
    import nibabel

    try:
        orientation = nibabel.orientations.io_orientation(grid.affine)
    except (np.linalg.LinAlgError, ValueError):
        orientation = np.full((3, 2), np.nan)
    if np.isnan(orientation).any():
        raise InputError("The volume is damaged or cut off: its orientation cannot be.")
    canonical = nibabel.orientations.apply_orientation(grid.values, orientation)
    spacing_mm = np.asarray(grid.spacing_mm, dtype=float)[np.argsort(orientation[:, 0])]
    affine = grid.affine @ nibabel.orientations.inv_ornt_aff(orientation, grid.values.shape)
    return _build_volume(grid, canonical, affine, spacing_mm, options)


def _build_volume(
    grid: Grid, values: np.ndarray, affine: np.ndarray, spacing_mm: np.ndarray, options: ReadOptions
) -> Volume:
    scale = grid.scale
    slice_axis, row_axis, column_axis = _AXES[options.plane]
    slices = values.transpose(slice_axis, row_axis, column_axis)[:, ::-1]  # rows run from the top: front, or head
    ratio = pixel_ratio(spacing_mm[column_axis], spacing_mm[row_axis])
    size_px = square_size(slices.shape[2], slices.shape[1], ratio)
    turn = Turn(is_mirrored=True, orientation=RADIOLOGICAL[options.plane]) if grid.has_directions else Turn()
    check_picture_size(*size_px)
    bad = sum(int(np.count_nonzero(~np.isfinite(one))) for one in slices) if values.dtype.kind == "f" else 0
    if bad == values.size:
        raise InputError("A volume of numbers is accepted; every voxel of the one received is NaN or infinite.")
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

    notes = list(grid.notes)
    if grid.extra:
        notes.append(f"Only the first of {grid.extra + 1} volumes was read.")
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


def check_grid(shape: tuple[int, ...], data_type: np.dtype[Any], count: int) -> None:
    """Refuse a volume by what its header declares, before memory is spent on it.

    Parameters
    ----------
    shape : tuple of int
        Of the one volume that is read.
    data_type : numpy.dtype
    count : int
        How many values are kept in memory.

    Raises
    ------
    InputError
        It has no voxel, or its values are no grey values; `TooLargeError` if it is too large.
    """
    if min(shape) < 1:
        raise InputError(f"A volume with voxels is accepted; received one of the size {'×'.join(map(str, shape))}.")
    if data_type.kind not in "iuf":
        names = {"c": "complex numbers", "b": "yes and no", "O": "Python objects", "V": "records, such as colours"}
        raise no_grey_values(names.get(data_type.kind, "texts or times"))
    check_volume_size(max(shape), count * data_type.itemsize)


def no_grey_values(received: str) -> InputError:
    """The error of a volume whose voxels are something else."""
    return InputError(f"A volume of grey values, whole or real numbers, is accepted; received one of {received}.")


def read_voxels(stream: BinaryIO, size_bytes: int, name: str) -> bytes:
    """The next bytes of a file, all of them.

    Raises
    ------
    InputError
        It has fewer.
    """
    content = stream.read(size_bytes)
    if len(content) < size_bytes:
        raise InputError(_CUT_OFF.format(name, "its voxels end before the last slice"))
    return content


def open_nifti(
    stream: BinaryIO, options: ReadOptions = DEFAULT_OPTIONS, open_data: Callable[[], BinaryIO] | None = None
) -> Volume:
    """Open a volume. What is kept in memory is its first three dimensions as they are stored.

    Parameters
    ----------
    stream : binary file
        A NIfTI file, or the header of a pair of NIfTI or Analyze files.
    options : ReadOptions
    open_data : callable or None
        Opens the other half of a pair.

    Raises
    ------
    InputError
        It cannot be read; `TooLargeError` by what the header declares, before that is read.
    """
    try:
        return open_grid(_read_grid(stream, open_data), options)
    except InputError:
        raise
    except Exception as error:  # nibabel raises nearly anything on damaged headers
        raise InputError(_CUT_OFF.format("NIfTI", "its header cannot be read")) from error


def _read_grid(stream: BinaryIO, open_data: Callable[[], BinaryIO] | None) -> Grid:
    header, header_bytes = _read_header(stream)
    shape, extra, notes = _check_shape(header)
    code = int(header["datatype"])
    if code in _NO_GREY:
        raise no_grey_values(_NO_GREY[code])
    data_type = np.dtype(header.get_data_dtype())
    count = math.prod(shape)
    check_grid(shape, data_type, count)
    offset = int(header.get_data_offset())
    if _is_half(header):
        if open_data is None:
            raise InputError("A NIfTI volume with its voxels is accepted; received one half of a pair.")
        with open_data() as voxels:
            _skip(voxels, offset)
            content = read_voxels(voxels, count * data_type.itemsize, "NIfTI")
    else:
        _skip(stream, offset - header_bytes)
        content = read_voxels(stream, count * data_type.itemsize, "NIfTI")
    affine, spacing_mm, has_directions, more = _locate(header, shape)
    slope, intercept = header.get_slope_inter()
    return Grid(
        values=np.frombuffer(content, data_type).reshape(shape, order="F"),
        affine=affine,
        spacing_mm=spacing_mm,
        scale=(1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept)),
        extra=extra,
        has_directions=has_directions,
        notes=(*notes, *more),
    )


def _is_half(header: Any) -> bool:
    return "magic" not in header or not header["magic"].item().startswith(b"n+")


def _read_header(stream: BinaryIO) -> tuple[Any, int]:
    """The header of NIfTI-1, NIfTI-2 or Analyze, and its length in bytes."""
    import nibabel

    start = stream.read(4)
    is_second = start in (b"\x1c\x02\0\0", b"\0\0\x02\x1c")
    header_bytes = 540 if is_second else 348
    head = start + stream.read(header_bytes - 4)
    if len(head) < header_bytes:
        raise InputError(_CUT_OFF.format("NIfTI", "it ends inside its header"))
    if not is_second and head[344:348] not in (b"n+1\0", b"ni1\0"):
        return nibabel.AnalyzeHeader.from_fileobj(io.BytesIO(head), check=False), header_bytes
    kind = nibabel.Nifti2Header if is_second else nibabel.Nifti1Header
    return kind.from_fileobj(io.BytesIO(head + b"\0\0\0\0"), check=False), header_bytes


def _check_shape(header: Any) -> tuple[tuple[int, int, int], int, list[str]]:
    """The size of the first volume, how many more there are, and what is to be said of it."""
    dimensions = [int(size) for size in header["dim"]]
    if not 3 <= dimensions[0] <= 7:
        raise InputError(f"A NIfTI volume of three or four dimensions is accepted; received {dimensions[0]}.")
    sizes = dimensions[1 : 1 + dimensions[0]]
    if min(sizes) < 1:
        raise InputError(
            f"A NIfTI volume with voxels is accepted; received one of the size {'×'.join(map(str, sizes))}."
        )
    longer = [size for size in sizes[3:] if size > 1]
    if sizes[2] == 1 and len(longer) == 1:
        note = "Its slices stand in the file's fourth dimension; they are read as one volume."
        return (sizes[0], sizes[1], longer[0]), 0, [note]
    return (sizes[0], sizes[1], sizes[2]), math.prod(sizes[3:]) - 1, []


def _locate(header: Any, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, bool, list[str]]:
    """Affine, spacing, whether the directions are known, and what is to be said.

    The sform, where its code is set and it can be; else the qform; else nibabel's convention for a file without either.
    """
    codes = [int(header[name]) if name in header else 0 for name in ("sform_code", "qform_code")]
    stored = [header.get_sform if codes[0] > 0 else None, header.get_qform if codes[1] > 0 else None]
    found = [_check_affine(get) for get in stored]
    affine = found[0] if found[0] is not None else found[1]
    spacing_mm = np.abs(np.asarray(header["pixdim"][1:4], dtype=float))
    known = np.isfinite(spacing_mm) & (spacing_mm > 0)
    notes = []
    if affine is not None:
        spacing_mm = np.where(known, spacing_mm, np.sqrt((affine[:3, :3] ** 2).sum(axis=0)))
        if codes[0] > 0 and found[0] is None:
            notes.append("The file's sform is empty or cannot be: its qform was taken.")
        return affine, spacing_mm, True, notes
    spacing_mm = np.where(known, spacing_mm, 1.0)
    copy = header.copy()
    copy["dim"][:4] = (3, *shape)
    copy["pixdim"][1:4] = np.clip(spacing_mm, 1 / _LARGEST_SPACING_MM, _LARGEST_SPACING_MM)
    return copy.get_base_affine(), spacing_mm, False, [NO_SIDE] + ([] if known.all() else [NO_SPACING])


def _check_affine(get: Callable[[], np.ndarray] | None) -> np.ndarray | None:
    """An affine that a header gives, if it can be: finite, and with a length along each axis."""
    if get is None:
        return None
    try:
        affine = np.asarray(get(), dtype=float)
    except Exception:  # noqa: BLE001 - nibabel raises nearly anything on quaternions that cannot be
        return None
    lengths = np.sqrt((affine[:3, :3] ** 2).sum(axis=0)) if np.isfinite(affine).all() else np.zeros(3)
    is_sound = lengths.min() > 0 and abs(np.linalg.det(affine[:3, :3] / lengths)) > _SMALLEST_VOLUME
    return affine if is_sound else None


_SMALLEST_VOLUME = 1e-4
"""Of the cell that the three directions span, as unit vectors; below it two of them are one."""


def _skip(stream: BinaryIO, count: int) -> None:
    """Read on to the voxels; between header and voxels lie extensions, which may name a person and are not kept."""
    if not 0 <= count <= 2**24:
        raise InputError(_CUT_OFF.format("NIfTI", "its voxels begin at a place that cannot be"))
    while count > 0:
        piece = stream.read(min(count, 2**16))
        if not piece:
            raise InputError(_CUT_OFF.format("NIfTI", "it ends before its voxels"))
        count -= len(piece)
