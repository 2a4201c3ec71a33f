"""From a DICOM file or the files of a series to a `Volume`.

Of the header only `inference.imaging.dicom.dataset.READ_TAGS` are read; the instance's and series' identifiers serve to
sort and are never shown.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import BinaryIO

from inference.errors import InputError
from inference.imaging.arrays import orient_slice
from inference.imaging.dicom.dataset import read_dataset
from inference.imaging.dicom.geometry import find_plane, stack_planes
from inference.imaging.dicom.header import Header, build_header, read_identifiers
from inference.imaging.dicom.pixels import check_pixels, load_frame
from inference.imaging.dicom.series import keep_first_at_each_position, order_frames
from inference.imaging.dicom.turn import find_frame_turn
from inference.imaging.orientation import turn_plane
from inference.imaging.types import DEFAULT_OPTIONS, DecodedImage, ReadOptions, Slice, Volume
from inference.limits import check_volume_size


def decode_single(content: bytes, options: ReadOptions = DEFAULT_OPTIONS) -> DecodedImage:
    """Decode a file that holds one slice.

    Raises
    ------
    InputError
        It cannot be read, or it holds several frames.
    """
    volume = open_file(io.BytesIO(content), options)
    if volume.count > 1:
        raise InputError(f"A single picture is accepted here; received a DICOM file with {volume.count} frames.")
    return volume.load(0).image


def open_file(stream: BinaryIO, options: ReadOptions = DEFAULT_OPTIONS) -> Volume:
    """Open one file as a volume of its frames, which stay in memory as they are stored.

    Raises
    ------
    InputError
        It is no image, or cannot be read.
    """
    dataset = read_dataset(stream, pixels=True)
    header = build_header(dataset)
    check_pixels(dataset)
    order, notes = order_frames(dataset, header.frames)
    turn = find_frame_turn(dataset, order[0])
    planes = [turn_plane(find_plane(dataset, frame), turn, header.shape_px) for frame in (order[0], order[-1])]
    if options.identifiers:
        stream.seek(0)
    return Volume(
        count=len(order),
        load=lambda index: orient_slice(
            load_frame(dataset, order[index], options), find_frame_turn(dataset, order[index])
        ),
        frames=tuple(order),
        modality=header.modality,
        notes=notes,
        identifiers=read_identifiers(stream) if options.identifiers else None,
        affine=stack_planes(planes[0], planes[1], len(order)),
        orientation=turn.orientation,
        memory_bytes=len(dataset.PixelData),
    )


def open_series(
    headers: Iterable[tuple[Header, str]], read: Callable[[str], BinaryIO], options: ReadOptions, series: str
) -> Volume:
    """Open single-frame files as the volume that they are together; one of them at a time is in memory.

    Parameters
    ----------
    headers : iterable of (Header, str)
        In the order of `sort_series`; the text is what ``read`` takes, and what a row names.
    read : Callable
        Opens a file.
    options : ReadOptions
    series : str
        What the volume is called.

    Raises
    ------
    InputError
        The identifiers, if they are asked for, cannot be read; `TooLargeError` if there are too many slices.
    """
    files, notes = keep_first_at_each_position(list(headers))

    def load(index: int) -> Slice:
        with read(files[index][1]) as stream:
            dataset = read_dataset(stream, pixels=True)
        check_pixels(dataset)
        return orient_slice(load_frame(dataset, 0, options), find_frame_turn(dataset, 0))

    check_volume_size(len(files), 0)
    first = files[0][0]
    planes = [turn_plane(header.plane, first.turn, first.shape_px) for header in (first, files[-1][0])]
    identifiers = None
    if options.identifiers:
        with read(files[0][1]) as stream:
            identifiers = read_identifiers(stream)
    return Volume(
        count=len(files),
        load=load,
        paths=tuple(path for _, path in files),
        series=series,
        modality=files[0][0].modality,
        notes=notes,
        identifiers=identifiers,
        affine=stack_planes(planes[0], planes[1], len(files)),
        orientation=first.turn.orientation,
    )
