"""NRRD, "nearly raw raster data": ``.nrrd`` in one file, ``.nhdr`` with the voxels in another. pynrrd reads the header.

References
----------
https://teem.sourceforge.net/nrrd/format.html
"""

from __future__ import annotations

import io
import math
from typing import Any, BinaryIO

import numpy as np

from inference.errors import InputError
from inference.imaging.formats.axes import place_grid
from inference.imaging.formats.beside import Beside, find_other_half, open_other_half
from inference.imaging.formats.packed import open_unpacked
from inference.imaging.nifti import Grid, check_grid, no_grey_values, read_voxels
from inference.imaging.sniff import Kind

_NAMES = {
    "i1": "signed char|int8|int8_t",
    "u1": "uchar|unsigned char|uint8|uint8_t",
    "i2": "short|short int|signed short|signed short int|int16|int16_t",
    "u2": "ushort|unsigned short|unsigned short int|uint16|uint16_t",
    "i4": "int|signed int|int32|int32_t",
    "u4": "uint|unsigned int|uint32|uint32_t",
    "i8": "longlong|long long|long long int|signed long long|signed long long int|int64|int64_t",
    "u8": "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t",
    "f4": "float",
    "f8": "double",
}
_TYPES = {name: data_type for data_type, names in _NAMES.items() for name in names.split("|")}

_METHODS = {"raw": "", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}

_SPACES = {"right": (0, 1), "left": (0, -1), "anterior": (1, 1), "posterior": (1, -1), "superior": (2, 1)}
_SHORT = {"ras": "right-anterior-superior", "las": "left-anterior-superior", "lps": "left-posterior-superior"}

_COLOURS = (
    "rgb-color",
    "rgba-color",
    "hsv-color",
    "xyz-color",
    "complex",
    "vector",
    "3-vector",
    "3-gradient",
    "4-vector",
)
"""Kinds of an axis along which lie the parts of one value, and not several values."""

_DAMAGED = "The NRRD volume is damaged or cut off: {}."
_MAX_LINES = 1000
_MAX_LINE_BYTES = 2**16
_MAX_SKIP_BYTES = 2**24


def read_nrrd(stream: BinaryIO, name: str, beside: Beside) -> Grid:
    """Read the first volume of a file, or of the other half of a pair.

    Raises
    ------
    InputError
        It cannot be read; `TooLargeError` by what the header declares.
    """
    import nrrd

    head = _read_head(stream)
    try:
        header = nrrd.read_header(io.BytesIO(head))
        sizes = [int(size) for size in header["sizes"]]
        kinds = [str(kind).lower() for kind in header.get("kinds", [""] * len(sizes))]
        element, encoding = str(header["type"]).lower(), str(header["encoding"]).lower()
        skips = [int(header.get(key, header.get(key.replace(" ", ""), 0))) for key in ("line skip", "byte skip")]
        directions = _read_directions(header, len(sizes))
    except Exception as error:  # pynrrd raises nearly anything on damaged headers
        raise InputError(_DAMAGED.format("its header cannot be read")) from error
    if element not in _TYPES:
        raise no_grey_values("another type")
    if encoding not in _METHODS:
        raise InputError(
            "An NRRD volume of raw, gzip or bzip2 encoding is accepted; that of the one received is another."
        )
    if not 2 <= len(sizes) <= 5 or len(kinds) != len(sizes) or min(sizes) < 1:
        raise InputError(f"An NRRD volume of two to five dimensions is accepted; received {len(sizes)}.")
    axes = _choose_axes(sizes, kinds, directions)
    order = ">" if str(header.get("endian", "little")).lower() == "big" else "<"
    data_type = np.dtype(order + _TYPES[element])
    shape = tuple(sizes[axis] for axis in axes)
    check_grid(shape, data_type, math.prod(sizes[: max(axes) + 1]))
    names = find_other_half(head, Kind.NRRD, name)
    count = math.prod(sizes[: max(axes) + 1])  # an axis behind those of space is not read
    read = (count * data_type.itemsize, math.prod(sizes) * data_type.itemsize, _METHODS[encoding], skips)
    if names:
        with open_other_half(names, beside) as voxels:
            content = _read_data(voxels, *read)
    else:
        content = _read_data(stream, *read)
    values = np.frombuffer(content, data_type).reshape(sizes[: max(axes) + 1], order="F")
    first = tuple(slice(None) if axis in axes else 0 for axis in range(values.ndim))
    values = values[first]
    affine, spacing_mm, has_directions, notes = _locate(header, directions, axes)
    return Grid(
        values=values if values.ndim == 3 else values[:, :, None],
        affine=affine,
        spacing_mm=spacing_mm,
        extra=math.prod(size for axis, size in enumerate(sizes) if axis not in axes) - 1,
        has_directions=has_directions,
        notes=notes,
    )


def _read_head(stream: BinaryIO) -> bytes:
    """The header's lines and the empty one behind it, or all of a header without voxels."""
    head = b""
    for _ in range(_MAX_LINES):
        line = stream.readline(_MAX_LINE_BYTES)
        head += line
        if not line.strip():
            return head
    raise InputError(_DAMAGED.format("its header cannot be read"))


def _read_data(stream: BinaryIO, size_bytes: int, total_bytes: int, method: str, skips: list[int]) -> bytes:
    """Skip lines, decompress, skip bytes, read; a byte skip of -1 says that the voxels are the file's last bytes."""
    line_skip, byte_skip = skips
    if not 0 <= line_skip <= _MAX_LINES or not -1 <= byte_skip <= _MAX_SKIP_BYTES:
        raise InputError(_DAMAGED.format("its voxels begin at a place that cannot be"))
    for _ in range(line_skip):
        stream.readline(_MAX_LINE_BYTES)
    voxels = open_unpacked(stream, method) if method else stream
    if byte_skip == -1 and not method:
        stream.seek(max(stream.seek(0, 2) - total_bytes, 0))
    elif byte_skip > 0:
        voxels.read(byte_skip)
    return read_voxels(voxels, size_bytes, "NRRD")


def _read_directions(header: Any, dimensions: int) -> list[np.ndarray | None]:
    """The vector of each axis; None of one that does not lie in space."""
    rows = header.get("space directions")
    if rows is None:
        return [None] * dimensions
    vectors = [None if row is None else np.asarray(row, dtype=float) for row in rows]
    return [None if row is None or np.isnan(row).any() or row.shape != (3,) else row for row in vectors]


def _choose_axes(sizes: list[int], kinds: list[str], directions: list[np.ndarray | None]) -> list[int]:
    """Which axes lie in space: those with a direction, or else those that are not said to be something else."""
    if any(kind in _COLOURS and size > 1 for kind, size in zip(kinds, sizes, strict=True)):
        raise no_grey_values("colours or vectors")
    placed = [axis for axis, direction in enumerate(directions) if direction is not None]
    if len(placed) == 3:
        return placed
    plain = [axis for axis, kind in enumerate(kinds) if kind not in ("list", "time", "point", "stub", "scalar")]
    return plain[:3] if len(plain) >= 2 else list(range(min(3, len(sizes))))


def _locate(
    header: Any, directions: list[np.ndarray | None], axes: list[int]
) -> tuple[np.ndarray, np.ndarray, bool, tuple[str, ...]]:
    vectors = [directions[axis] for axis in axes] if max(axes) < len(directions) else []
    turn = _read_space(str(header.get("space", "")))
    origin = header.get("space origin")
    if len(vectors) == 3 and not any(vector is None for vector in vectors):
        matrix = np.array(vectors, dtype=float).T
        lengths = np.sqrt((matrix**2).sum(axis=0))
        if np.isfinite(lengths).all() and lengths.min() > 0:
            unit = None if turn is None else turn @ (matrix / lengths)
            has_origin = turn is not None and origin is not None and len(origin) == 3
            return place_grid(unit, lengths, turn @ np.asarray(origin, dtype=float) if has_origin else None)
    spacings = header.get("spacings")
    if spacings is None or max(axes) >= len(spacings):
        return place_grid(None, None, None)
    chosen = [float(spacings[axis]) for axis in axes]
    return place_grid(None, np.array([*chosen, 1.0][:3]), None)


def _read_space(text: str) -> np.ndarray | None:
    """From the file's space to RAS+; None if it is not one of a patient."""
    name = _SHORT.get(text.lower().removesuffix("t"), text.lower()).removesuffix("-time")
    parts = name.split("-")
    if len(parts) != 3 or any(part not in _SPACES for part in parts):
        return None
    turn = np.zeros((3, 3))
    for column, part in enumerate(parts):
        row, sign = _SPACES[part]
        turn[row, column] = sign
    return turn
