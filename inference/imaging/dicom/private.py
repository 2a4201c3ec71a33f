"""The makers' private elements that Gyrus knows: diffusion b-values, parts of complex images, the tiles of mosaics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset

_BLOCKS = range(0x10, 0x14)
"""Where private elements lie as a rule; the creator of each block says whose they are (PS3.5, 7.8.1)."""

_B_VALUES = {
    "SIEMENS MR HEADER": (0x0019, 0x0C),
    "GEMS_PARM_01": (0x0043, 0x39),
    "PHILIPS IMAGING DD 001": (0x2001, 0x03),
    "IMAGE PRIVATE HEADER": (0x0065, 0x09),
}
"""By creator, the element in which each maker keeps the diffusion b-value: Siemens, GE, Philips and United Imaging."""

_GE_COMPONENT = (0x0043, 0x2F)

_GE_COMPONENTS = {1: "PHASE", 2: "REAL", 3: "IMAGINARY"}
"""GE's image type; 0 is magnitude."""

_GE_B_VALUE_LIMIT = 1_000_000
"""GE adds a multiple of this, 10 million or more, to the b-values of some sequences."""

UIH_TILES = (0x0065, 0x1051)
"""United Imaging's tiles of a mosaic: a sequence with an item for each."""

_SIEMENS_HEADER = (0x0029, 0x10)
"""Siemens' image header ("CSA"), which nibabel reads: how many tiles a mosaic has, and where they lie."""

_ELEMENTS = [*_B_VALUES.values(), _GE_COMPONENT, _SIEMENS_HEADER, (UIH_TILES[0], UIH_TILES[1] & 0xFF)]

TAGS = sorted(
    {group << 16 | block for group, _ in _ELEMENTS for block in _BLOCKS}
    | {group << 16 | block << 8 | element for group, element in _ELEMENTS for block in _BLOCKS}
)
"""The elements that are read, and the creators of their blocks."""


def find_private_b_value(dataset: Dataset) -> Any:
    """The b-value, in s/mm², in a maker's own element, as it is stored; None if there is none."""
    for creator, (group, element) in _B_VALUES.items():
        value = _find(dataset, creator, group, element)
        if value not in (None, ""):
            return value if creator != "GEMS_PARM_01" else _first_whole(value, 0) % _GE_B_VALUE_LIMIT
    return None


def find_private_component(dataset: Dataset) -> str:
    """Which part of a complex image GE says that it is, in the standard's word; empty if it says none."""
    value = _find(dataset, "GEMS_PARM_01", *_GE_COMPONENT)
    return "" if value in (None, "") else _GE_COMPONENTS.get(_first_whole(value, 0), "")


def _find(dataset: Dataset, creator: str, group: int, element: int) -> Any:
    for block in _BLOCKS:
        owner = dataset.get((group, block))
        if owner is not None and str(owner.value).strip().upper() == creator:
            found = dataset.get((group, block << 8 | element))
            return None if found is None else found.value
    return None


def _first_whole(value: Any, otherwise: int) -> int:
    try:
        return int(value if isinstance(value, str | int | float) else value[0])
    except (TypeError, ValueError, IndexError):
        return otherwise
