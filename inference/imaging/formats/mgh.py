"""FreeSurfer's volumes, ``.mgh`` and, compressed, ``.mgz``.

References
----------
https://surfer.nmr.mgh.harvard.edu/fswiki/FsTutorial/MghFormat
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from inference.errors import InputError
from inference.imaging.nifti import NO_SIDE, Grid, check_grid, read_voxels

if TYPE_CHECKING:
    from inference.imaging.formats.beside import Beside

_HEADER_BYTES = 284


def read_mgh(stream: BinaryIO, _: str, __: Beside) -> Grid:
    """Read the first volume of a file; nothing behind it is read.

    Raises
    ------
    InputError
        It cannot be read; `TooLargeError` by what the header declares.
    """
    import nibabel

    head = stream.read(_HEADER_BYTES)
    try:
        header = nibabel.freesurfer.mghformat.MGHHeader.from_fileobj(io.BytesIO(head), check=False)
        data_type = np.dtype(header.get_data_dtype()).newbyteorder(">")
        sizes = [int(size) for size in header["dims"]]
        affine, spacing_mm = header.get_affine(), np.asarray(header.get_zooms()[:3], dtype=float)
        has_directions = head[28:30] == b"\0\1"  # goodRASFlag, which nibabel sets itself
    except Exception as error:  # nibabel raises nearly anything on damaged headers
        raise InputError("The MGH volume is damaged or cut off: its header cannot be read.") from error
    i, j, k, frames = sizes
    count = math.prod((i, j, k))
    check_grid((i, j, k), data_type, count)
    content = read_voxels(stream, count * data_type.itemsize, "MGH")
    return Grid(
        values=np.frombuffer(content, data_type).reshape((i, j, k), order="F"),
        affine=affine,
        spacing_mm=spacing_mm,
        extra=max(frames, 1) - 1,
        has_directions=has_directions,
        notes=() if has_directions else (NO_SIDE,),
    )
