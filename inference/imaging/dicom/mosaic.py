"""Mosaics: one picture that holds a volume's slices as tiles, as Siemens and United Imaging write them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.errors import LeftOutError
from inference.imaging.dicom.private import UIH_TILES
from inference.limits import check_volume_size

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass(frozen=True, kw_only=True, eq=False)
class Tile:
    """One slice of a mosaic.

    Attributes
    ----------
    top_px, left_px, height_px, width_px : int
        Where it lies in the picture.
    orientation : numpy.ndarray, shape (6,)
        Direction cosines of its rows and columns.
    position : numpy.ndarray, shape (3,)
        The middle of its first pixel, in millimetres to the patient's left, back and head.

    Examples
    --------
    >>> tile = Tile(
    ...     top_px=0, left_px=64, height_px=64, width_px=64, orientation=np.eye(3)[:2].ravel(), position=np.zeros(3)
    ... )
    >>> tile.cut(np.zeros((128, 128))).shape
    (64, 64)
    """

    top_px: int
    left_px: int
    height_px: int
    width_px: int
    orientation: np.ndarray
    position: np.ndarray

    def cut(self, values: np.ndarray) -> np.ndarray:
        """Its part of the picture, shape (height_px, width_px)."""
        return values[self.top_px : self.top_px + self.height_px, self.left_px : self.left_px + self.width_px]


def find_tiles(dataset: Dataset) -> list[Tile]:
    """The slices of a mosaic, in the order in which they are stored; empty if the file is none.

    Raises
    ------
    LeftOutError
        It is a mosaic, and its header does not say what its tiles are.
    """
    image_type = [str(word).upper() for word in dataset.get("ImageType") or ()]
    if UIH_TILES in dataset:
        return _find_uih_tiles(dataset)
    return _find_siemens_tiles(dataset) if "MOSAIC" in image_type else []


def _find_siemens_tiles(dataset: Dataset) -> list[Tile]:
    """See nibabel's ``doc/source/dicom/dicom_mosaic.rst``: the position that the file gives is not the first tile's."""
    with warnings.catch_warnings():  # nibabel warns that its DICOM readers are experimental
        warnings.simplefilter("ignore")
        from nibabel.nicom.dicomwrappers import MosaicWrapper
    try:
        wrapper = MosaicWrapper(dataset)
        height_px, width_px, count = wrapper.image_shape
        check_volume_size(count, 0)
        affine = np.asarray(wrapper.affine, dtype=float)  # from (row, column, tile), in DICOM's directions
        if not np.isfinite(affine).all():
            raise _refuse_mosaic()
    except LeftOutError:
        raise
    except Exception as error:  # nibabel raises nearly anything on headers that lack what it looks for
        raise _refuse_mosaic() from error
    columns_of_grid = int(dataset.Columns) // width_px
    return [
        Tile(
            top_px=index // columns_of_grid * height_px,
            left_px=index % columns_of_grid * width_px,
            height_px=height_px,
            width_px=width_px,
            orientation=np.array(dataset.ImageOrientationPatient, float),
            position=affine[:3, 3] + index * affine[:3, 2],
        )
        for index in range(count)
    ]


def _find_uih_tiles(dataset: Dataset) -> list[Tile]:
    try:
        items = list(dataset[UIH_TILES].value)
        check_volume_size(len(items), 0)
        columns_of_grid = int(np.ceil(np.sqrt(len(items))))
        height_px, width_px = int(dataset.Rows) // columns_of_grid, int(dataset.Columns) // columns_of_grid
        return [
            Tile(
                top_px=index // columns_of_grid * height_px,
                left_px=index % columns_of_grid * width_px,
                height_px=height_px,
                width_px=width_px,
                orientation=_read_numbers(item.get("ImageOrientationPatient", dataset.ImageOrientationPatient), 6),
                position=_read_numbers(item.ImagePositionPatient, 3),
            )
            for index, item in enumerate(items)
        ]
    except (AttributeError, TypeError, ValueError, ZeroDivisionError) as error:
        raise _refuse_mosaic() from error


def _read_numbers(value: Any, count: int) -> np.ndarray:
    numbers = np.array(value, float)
    if numbers.shape != (count,):
        raise ValueError(f"{count} numbers are needed")
    return numbers


def _refuse_mosaic() -> LeftOutError:
    return LeftOutError(
        "Left out: this is a mosaic (many slices in one picture), and its header does not say how many there are or "
        "where they lie. Export the series with its private elements, or convert it to NIfTI with dcm2niix."
    )
