"""MetaImage, ITK's own format: ``.mha`` in one file, ``.mhd`` with the voxels in another.

References
----------
https://itk.org/Wiki/ITK/MetaIO/Documentation
"""

from __future__ import annotations

import math
from typing import BinaryIO

import numpy as np

from inference.errors import InputError
from inference.imaging.formats.axes import LPS_TO_RAS, place_grid
from inference.imaging.formats.beside import Beside, find_other_half, open_other_half
from inference.imaging.formats.packed import open_unpacked
from inference.imaging.nifti import Grid, check_grid, no_grey_values, read_voxels
from inference.imaging.sniff import Kind

_TYPES = {
    "CHAR": "i1",
    "UCHAR": "u1",
    "SHORT": "i2",
    "USHORT": "u2",
    "INT": "i4",
    "UINT": "u4",
    "LONG": "i4",
    "ULONG": "u4",
    "LONG_LONG": "i8",
    "ULONG_LONG": "u8",
    "FLOAT": "f4",
    "DOUBLE": "f8",
}
"""NumPy's name of each element type; a long has 32 bits in MetaIO."""

_DAMAGED = "The MetaImage volume is damaged or cut off: {}."
_MAX_LINES = 200
_MAX_LINE_BYTES = 4096


def read_metaimage(stream: BinaryIO, name: str, beside: Beside) -> Grid:
    """Read the first volume of a file, or of the other half of a pair.

    Raises
    ------
    InputError
        It cannot be read; `TooLargeError` by what the header declares.
    """
    fields, header = _read_fields(stream)
    try:
        sizes = [int(size) for size in fields["DimSize"].split()]
        element = fields["ElementType"].removeprefix("MET_")
        channels = int(fields.get("ElementNumberOfChannels", "1"))
        skip_bytes = int(fields.get("HeaderSize", "0"))
        located = _locate(fields, len(sizes))
    except (KeyError, ValueError) as error:
        raise InputError(_DAMAGED.format("its header cannot be read")) from error
    if not 2 <= len(sizes) <= 5 or min(sizes) < 1:
        raise InputError(f"A MetaImage of two to five dimensions is accepted; received {len(sizes)}.")
    if channels != 1 or element.endswith("_ARRAY"):
        raise no_grey_values("colours or vectors")
    if element not in _TYPES:
        raise no_grey_values("another type")
    is_big = any(_is_true(fields.get(key, "")) for key in ("BinaryDataByteOrderMSB", "ElementByteOrderMSB"))
    data_type = np.dtype((">" if is_big else "<") + _TYPES[element])
    shape = (sizes[0], sizes[1], sizes[2] if len(sizes) > 2 else 1)
    check_grid(shape, data_type, math.prod(shape))
    if not _is_true(fields.get("BinaryData", "True")):
        raise InputError("A MetaImage of binary voxels is accepted; those of the one received are written as text.")
    size_bytes, total_bytes = math.prod(shape) * data_type.itemsize, math.prod(sizes) * data_type.itemsize
    is_packed = _is_true(fields.get("CompressedData", "False"))
    names = find_other_half(header, Kind.METAIMAGE, name)
    if names:
        with open_other_half(names, beside) as voxels:
            content = _read_data(voxels, size_bytes, total_bytes, skip_bytes, is_packed=is_packed)
    else:
        content = _read_data(stream, size_bytes, total_bytes, 0, is_packed=is_packed)
    affine, spacing_mm, has_directions, notes = located
    return Grid(
        values=np.frombuffer(content, data_type).reshape(shape, order="F"),
        affine=affine,
        spacing_mm=spacing_mm,
        extra=math.prod(sizes[3:]) - 1,
        has_directions=has_directions,
        notes=notes,
    )


def _read_data(stream: BinaryIO, size_bytes: int, total_bytes: int, skip_bytes: int, *, is_packed: bool) -> bytes:
    """The bytes of the first volume; a skip of -1 says that the voxels are the file's last bytes."""
    if skip_bytes == -1 and not is_packed:
        stream.seek(max(stream.seek(0, 2) - total_bytes, 0))
    elif skip_bytes > 0:
        stream.seek(skip_bytes)
    return read_voxels(open_unpacked(stream, "gzip") if is_packed else stream, size_bytes, "MetaImage")


def _read_fields(stream: BinaryIO) -> tuple[dict[str, str], bytes]:
    """The lines up to the one of the data file, which is the last, and their bytes."""
    fields: dict[str, str] = {}
    header = b""
    for _ in range(_MAX_LINES):
        line = stream.readline(_MAX_LINE_BYTES)
        header += line
        key, mark, value = line.decode("latin-1").partition("=")
        if not line or (not mark and line.strip()):
            break
        fields[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":
            return fields, header
    raise InputError(_DAMAGED.format("its header cannot be read"))


def _is_true(text: str) -> bool:
    return text[:1] in ("T", "t", "1", "Y", "y")


def _numbers(fields: dict[str, str], keys: tuple[str, ...], count: int) -> np.ndarray | None:
    text = next((fields[key] for key in keys if key in fields), None)
    if text is None:
        return None
    numbers = np.array([float(number) for number in text.split()])
    if len(numbers) != count:
        raise ValueError
    return numbers


def _locate(fields: dict[str, str], dimensions: int) -> tuple[np.ndarray, np.ndarray, bool, tuple[str, ...]]:
    """Each row of the matrix is the direction of an axis, in LPS."""
    spacing = _numbers(fields, ("ElementSpacing", "ElementSize"), dimensions)
    origin = _numbers(fields, ("Offset", "Position", "Origin"), dimensions)
    matrix = _numbers(fields, ("TransformMatrix", "Rotation", "Orientation"), dimensions**2)
    if dimensions < 3:
        spacing_mm = None if spacing is None else np.append(spacing, 1.0)
        return place_grid(None, spacing_mm, None)
    turn = LPS_TO_RAS[:3, :3]
    return place_grid(
        None if matrix is None else turn @ matrix.reshape(dimensions, dimensions)[:3, :3].T,
        None if spacing is None else spacing[:3],
        None if origin is None else turn @ origin[:3],
    )
