"""What one image of a file says of itself: a file's only one, a frame of several, or a tile of a mosaic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.imaging.dicom.dataset import count_frames, find_item, has_zero_slope
from inference.imaging.dicom.geometry import build_plane, find_geometry, find_spacing
from inference.imaging.dicom.kinds import find_derived
from inference.imaging.dicom.mosaic import Tile, find_tiles
from inference.imaging.dicom.private import find_private_b_value, find_private_component
from inference.imaging.orientation import find_turn, pixel_ratio, turn_plane
from inference.imaging.types import Turn
from inference.limits import check_volume_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom import Dataset


class Traits(NamedTuple):
    """What tells images of one place apart, beside the time; None where the file does not say.

    Attributes
    ----------
    words : tuple of str
        Image Type from its third value on.
    echo_ms, echo : float or None, int or None
        Echo time and number.
    b_value : float or None
        Of diffusion, in s/mm².
    inversion_ms : float or None
    flip_deg : float or None
        Flip angle.

    Examples
    --------
    >>> Traits(echo_ms=90.0).echo_ms
    90.0
    """

    words: tuple[str, ...] = ()
    echo_ms: float | None = None
    echo: int | None = None
    b_value: float | None = None
    inversion_ms: float | None = None
    flip_deg: float | None = None


class Times(NamedTuple):
    """What may say to which time point an image belongs; None where the file does not.

    Examples
    --------
    >>> Times(temporal=2).acquisition is None
    True
    """

    temporal: int | None = None
    acquisition: int | None = None
    trigger_ms: float | None = None


_ZERO_SLOPE = "The file's Rescale Slope is 0, which cannot be meant: the values were read as they are stored."

NO_TRAITS, NO_TIMES, UNTURNED = Traits(), Times(), Turn()


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One image of a file, as far as sorting goes.

    Attributes
    ----------
    index : int
        Of the frame, counted from 0.
    tile : Tile or None
        Its part of the frame, if that is a mosaic.
    orientation : numpy.ndarray, shape (6,), or None
        Direction cosines of its rows and columns.
    position : numpy.ndarray, shape (3,), or None
        Of its first pixel, in millimetres to the patient's left, back and head.
    spacing_mm : tuple of (float, float) or None
        Between rows, and between columns.
    shape_px : tuple of (int, int)
        Rows and columns.
    turn : Turn
        How it is turned for the screen.
    traits : Traits
    times : Times
    instance : int or None
        The file's instance number.
    location_mm : float or None
        Slice Location, whose zero and direction are the maker's own.
    derived : str
        What it is if it shows no anatomy as it was taken; see `inference.imaging.dicom.kinds.find_derived`.
    note : str
        What is to be said of its values; empty if there is nothing.

    Examples
    --------
    >>> from pydicom import Dataset
    >>> dataset = Dataset()
    >>> dataset.EchoTime, dataset.InstanceNumber = 90, 7
    >>> frame, = build_frames(dataset)
    >>> frame.instance, frame.traits.echo_ms, frame.normal
    (7, 90.0, None)
    """

    index: int = 0
    tile: Tile | None = None
    orientation: np.ndarray | None = None
    position: np.ndarray | None = None
    spacing_mm: tuple[float, float] | None = None
    shape_px: tuple[int, int] = (0, 0)
    turn: Turn = UNTURNED
    traits: Traits = NO_TRAITS
    times: Times = NO_TIMES
    instance: int | None = None
    location_mm: float | None = None
    derived: str = ""
    note: str = ""

    def find_shown_plane(self, turn: Turn) -> np.ndarray | None:
        """Where its pixels lie once it is turned; see `inference.imaging.dicom.geometry.build_plane`."""
        return turn_plane(build_plane(self.orientation, self.position, self.spacing_mm), turn, self.shape_px)

    @property
    def normal(self) -> np.ndarray | None:
        """The direction, shape (3,), in which slices follow one another."""
        return None if self.orientation is None else np.cross(self.orientation[:3], self.orientation[3:])


def build_frames(dataset: Dataset) -> tuple[Frame, ...]:
    """The images of a file.

    Raises
    ------
    InputError
        There are more than are accepted, or a mosaic's header does not say what its tiles are.
    """
    count = count_frames(dataset)
    check_volume_size(count, 0)
    tiles = find_tiles(dataset) if count == 1 else []
    if tiles:
        whole = replace(_build_frame(dataset, 0), location_mm=None)  # the mosaic's own, not that of a tile
        return tuple(
            replace(
                whole,
                tile=tile,
                orientation=tile.orientation,
                position=tile.position,
                shape_px=(tile.height_px, tile.width_px),
            )
            for tile in tiles
        )
    has_groups = bool(dataset.get("PerFrameFunctionalGroupsSequence"))
    if count > 1 and not has_groups:  # the header holds one position for all of them
        first = _build_frame(dataset, 0)
        unplaced = replace(first, orientation=None, position=None, times=NO_TIMES, instance=None, location_mm=None)
        return tuple(replace(unplaced, index=index) for index in range(count))
    return tuple(_build_frame(dataset, index) for index in range(count))


def _build_frame(dataset: Dataset, index: int) -> Frame:
    orientation, position = find_geometry(dataset, index)
    orientation, spacing_mm = _check_orientation(orientation), find_spacing(dataset, index)
    content = find_item(dataset, index, "FrameContentSequence")
    frame_type = find_item(dataset, index, "MRImageFrameTypeSequence")
    image_type = _list_words(frame_type.get("FrameType") or dataset.get("ImageType"))
    component = str(frame_type.get("ComplexImageComponent") or find_private_component(dataset)).strip().upper()
    technique = str(frame_type.get("VolumeBasedCalculationTechnique") or "").strip().upper()
    return Frame(
        index=index,
        orientation=orientation,
        position=position if position is None or np.isfinite(position).all() else None,
        spacing_mm=spacing_mm,
        shape_px=(int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)),
        turn=_find_turn(dataset, orientation, spacing_mm),
        traits=_build_traits(dataset, index, image_type),
        times=Times(
            temporal=_whole(content.get("TemporalPositionIndex") or dataset.get("TemporalPositionIdentifier")),
            acquisition=_whole(content.get("FrameAcquisitionNumber") or dataset.get("AcquisitionNumber")),
            trigger_ms=_number(
                find_item(dataset, index, "CardiacSynchronizationSequence").get("NominalCardiacTriggerDelayTime")
                or dataset.get("TriggerTime")
            ),
        ),
        instance=_whole(dataset.get("InstanceNumber")),
        location_mm=_number(dataset.get("SliceLocation")),
        derived=find_derived(image_type, component, technique, str(dataset.get("SeriesDescription") or "")),
        note=_ZERO_SLOPE if has_zero_slope(dataset, index) else "",
    )


def _find_turn(dataset: Dataset, orientation: np.ndarray | None, spacing_mm: tuple[float, float] | None) -> Turn:
    """How to turn a frame; its pixels are made square even where nothing says how it lies.

    References
    ----------
    PS3.3, 10.7.1.3 (Pixel Spacing: between rows, then between columns) and C.7.6.3.1.7 (Pixel Aspect Ratio: of a
    pixel's height and width).
    """
    aspect = dataset.get("PixelAspectRatio")
    height, width = spacing_mm or (map(float, aspect) if aspect and len(aspect) == 2 else (1.0, 1.0))
    return find_turn(None if orientation is None else np.reshape(orientation, (2, 3)).T, pixel_ratio(width, height))


def _check_orientation(orientation: np.ndarray | None) -> np.ndarray | None:
    """Two unit vectors at right angles; anything else is no orientation."""
    if orientation is None or not np.isfinite(orientation).all():
        return None
    rows, columns = orientation[:3], orientation[3:]
    lengths = np.linalg.norm(rows), np.linalg.norm(columns)
    return orientation if min(lengths) > 0.9 and max(lengths) < 1.1 and abs(rows @ columns) < 0.1 else None


def _build_traits(dataset: Dataset, index: int, image_type: Sequence[str]) -> Traits:
    echo = find_item(dataset, index, "MREchoSequence")
    timing = find_item(dataset, index, "MRTimingAndRelatedParametersSequence")
    modifier = find_item(dataset, index, "MRModifierSequence")
    return Traits(
        words=tuple(image_type[2:]),
        echo_ms=_number(echo.get("EffectiveEchoTime") or dataset.get("EchoTime")),
        echo=_whole(dataset.get("EchoNumbers")),
        b_value=_find_b_value(dataset, index),
        inversion_ms=_number(modifier.get("InversionTimes") or dataset.get("InversionTime")),
        flip_deg=_number(timing.get("FlipAngle")),
    )


def _find_b_value(dataset: Dataset, index: int) -> float | None:
    standard = _number(find_item(dataset, index, "MRDiffusionSequence").get("DiffusionBValue"))
    return standard if standard is not None else _number(find_private_b_value(dataset))


def _list_words(value: Any) -> list[str]:
    words = [value] if isinstance(value, str) else list(value or ())
    return [str(word).strip().upper().replace("_", " ") for word in words]


def _number(value: Any) -> float | None:
    """The first number of a value; None if there is none."""
    if value is None or value == "" or value == []:
        return None
    try:
        number = float(value if isinstance(value, str | int | float) else value[0])
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)
