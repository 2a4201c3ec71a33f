"""From a stack of DICOM slices to a `Volume`.

Of the header only `inference.imaging.dicom.dataset.READ_TAGS` are read; the patient's, study's and series' identifiers
serve to tell series apart and are never shown.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from inference.errors import InputError, LeftOutError
from inference.imaging.arrays import orient_slice
from inference.imaging.dicom.dataset import read_dataset
from inference.imaging.dicom.geometry import stack_planes
from inference.imaging.dicom.header import build_header, check_image, read_identifiers
from inference.imaging.dicom.pixels import check_pixels, load_frame
from inference.imaging.dicom.series import group_series
from inference.imaging.types import DEFAULT_OPTIONS, DecodedImage, ReadOptions, Slice, Turn, Volume
from inference.limits import check_volume_size

if TYPE_CHECKING:
    import numpy as np

    from inference.imaging.dicom.stack import Member, Stack


def decode_single(content: bytes, options: ReadOptions = DEFAULT_OPTIONS) -> DecodedImage:
    """Decode a file that holds one slice.

    Raises
    ------
    InputError
        It cannot be read, or it holds several slices; `LeftOutError` if it shows no anatomy as it was taken.
    """
    dataset = read_dataset(io.BytesIO(content), pixels=True)
    check_image(dataset)
    check_pixels(dataset)
    header = build_header(dataset)
    if len(header.frames) > 1:
        raise InputError(
            f"A single picture is accepted here; received a DICOM file with {len(header.frames)} "
            f"{'frames' if header.frames[0].tile is None else 'slices in a mosaic'}."
        )
    (stack,) = group_series([(header, "")])
    if stack.left_out:
        raise LeftOutError(stack.left_out)
    frame = stack.members[0].frame
    return replace(orient_slice(load_frame(dataset, frame, options), frame.turn).image, notes=stack.notes)


def open_stack(stack: Stack, read: Callable[[str], AbstractContextManager[BinaryIO]], options: ReadOptions) -> Volume:
    """Open the slices of a stack.

    One file that holds them all stays in memory, as it is stored; of several files one at a time is in memory.

    Parameters
    ----------
    stack : Stack
    read : callable
        Opens a file by its path.
    options : ReadOptions

    Raises
    ------
    InputError
        It cannot be read; `TooLargeError` if there are too many slices.
    """
    members, paths = stack.members, stack.paths
    check_volume_size(len(members), 0)
    turn = next((one.frame.turn for one in members if one.frame.orientation is not None), members[0].frame.turn)
    memory_bytes = 0
    if len(paths) == 1:
        with read(paths[0]) as stream:
            dataset = read_dataset(stream, pixels=True)
        check_pixels(dataset)
        memory_bytes = len(dataset.PixelData)

    def load(index: int) -> Slice:
        if len(paths) == 1:
            return orient_slice(load_frame(dataset, members[index].frame, options), turn)
        with read(members[index].path) as stream:
            own = read_dataset(stream, pixels=True)
        check_pixels(own)
        return orient_slice(load_frame(own, members[index].frame, options), turn)

    identifiers = None
    if options.identifiers:
        with read(paths[0]) as stream:
            identifiers = read_identifiers(stream)
    has_frames = len(paths) == 1 and members[0].frame.tile is None
    return Volume(
        count=len(members),
        load=load,
        paths=tuple(member.path for member in members) if len(paths) > 1 else (),
        frames=tuple(member.frame.index for member in members) if has_frames else (),
        series=stack.name,
        modality=stack.modality,
        notes=stack.notes,
        identifiers=identifiers,
        affine=_find_affine(members, turn) if stack.is_even else None,
        orientation=turn.orientation,
        breaks=stack.breaks,
        memory_bytes=memory_bytes,
    )


def _find_affine(members: Sequence[Member], turn: Turn) -> np.ndarray | None:
    """The affine of slices that lie evenly, by the first and the last of which it is known how they lie."""
    planes = [(index, member.frame.find_shown_plane(turn)) for index, member in enumerate(members)]
    known = [(index, plane) for index, plane in planes if plane is not None]
    if len(known) < 2:
        return None
    (first_index, first), (last_index, last) = known[0], known[-1]
    affine = stack_planes(first, last, last_index - first_index + 1)
    if affine is not None:
        affine[:3, 3] -= first_index * affine[:3, 2]
    return affine
