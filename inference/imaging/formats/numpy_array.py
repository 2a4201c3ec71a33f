"""NumPy's ``.npy``: an array as a picture or a stack of slices; ``.npz`` is a zip of them. No pickle is read."""

from __future__ import annotations

import math
from typing import BinaryIO

import numpy as np

from inference.errors import InputError
from inference.imaging.arrays import decode_array
from inference.imaging.nifti import NO_SIDE, Grid, check_grid, no_grey_values, read_voxels
from inference.imaging.types import DecodedImage
from inference.limits import MAX_FILE_BYTES, check_file_size, check_picture_size

_MAX_HEADER_BYTES = 10_000


def read_numpy_array(stream: BinaryIO) -> DecodedImage | Grid:
    """Read an array (H, W), (H, W, 3) or (H, W, 4) as a picture, and one of another three dimensions as slices.

    The slices lie along the axis whose size differs from the two others, or else along the first of the shortest:
    libraries write (slice, row, column) as well as (row, column, slice).

    Raises
    ------
    InputError
        It cannot be read; `TooLargeError` by what the header declares.
    """
    data_type, sizes, is_fortran = _read_header(stream)
    if data_type.kind == "O":
        raise no_grey_values("Python objects, which are never read")
    shape = tuple(size for size in sizes if size != 1) if len(sizes) > 3 else sizes
    if len(shape) not in (2, 3):
        raise InputError(f"An array of two or three dimensions is accepted; received {len(sizes)}.")
    is_picture = len(shape) == 2 or (shape[2] in (3, 4) and data_type.itemsize == 1) or shape[2] == 1
    if is_picture and min(shape) > 0:
        check_picture_size(shape[1], shape[0])
        check_file_size(math.prod(shape) * data_type.itemsize, MAX_FILE_BYTES * 8)
        if data_type.kind not in "biuf":
            raise no_grey_values("something else")
    else:
        check_grid(shape, data_type, math.prod(shape))
    content = read_voxels(stream, math.prod(shape) * data_type.itemsize, "NumPy")
    values = np.frombuffer(content, data_type).reshape(shape, order="F" if is_fortran else "C")
    if is_picture:
        return DecodedImage(decode_array(values))
    axis = _find_slice_axis(shape)
    rows_axis, columns_axis = (other for other in range(3) if other != axis)
    return Grid(
        values=values.transpose(columns_axis, rows_axis, axis),
        affine=np.diag([1.0, -1.0, 1.0, 1.0]),
        spacing_mm=np.ones(3),
        has_directions=False,
        notes=(
            NO_SIDE,
            f"An array says nothing about its axes: the {('first', 'second', 'third')[axis]} was taken as that of the "
            "slices, and voxels as cubes.",
        ),
    )


def _find_slice_axis(shape: tuple[int, ...]) -> int:
    for axis in range(3):
        one, other = (shape[place] for place in range(3) if place != axis)
        if one == other and shape[axis] != one:
            return axis
    return int(np.argmin(shape))


def _read_header(stream: BinaryIO) -> tuple[np.dtype, tuple[int, ...], bool]:
    from numpy.lib import format as npy

    try:
        version = npy.read_magic(stream)
        if version == (1, 0):
            shape, is_fortran, data_type = npy.read_array_header_1_0(stream, max_header_size=_MAX_HEADER_BYTES)
        else:
            shape, is_fortran, data_type = npy.read_array_header_2_0(stream, max_header_size=_MAX_HEADER_BYTES)
    except Exception as error:  # NumPy raises nearly anything on damaged headers
        raise InputError("The NumPy array is damaged or cut off: its header cannot be read.") from error
    return data_type, tuple(int(size) for size in shape), bool(is_fortran)
