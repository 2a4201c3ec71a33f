"""The values that imaging gives: a decoded picture, a slice, a volume; and the options with which a file is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import numpy as np

Convention = Literal["radiological", "neurological"]
"""From where axial and coronal slices are seen: from the feet and from the front, so that the patient's right is on the
left; or from the head and from behind. The first is how every picture here is turned; a front may mirror it."""

CONVENTIONS: tuple[Convention, ...] = get_args(Convention)


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """What of the patient lies at the edges of a picture.

    The letters are R and L (right, left), A and P (front, back), S and I (head, feet; DICOM writes H and F).

    Attributes
    ----------
    left, right, top, bottom : str
        Of an oblique picture the letter of the axis that is nearest.

    Examples
    --------
    >>> Orientation(left="R", right="L", top="A", bottom="P").mirror().left
    'L'
    """

    left: str
    right: str
    top: str
    bottom: str

    @property
    def has_sides(self) -> bool:
        """Whether the patient's right and left are at the picture's sides: the convention is about such pictures."""
        return self.left in "RL"

    def mirror(self) -> Orientation:
        """The letters of the picture whose columns run the other way."""
        return replace(self, left=self.right, right=self.left)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """How a slice was turned for the screen, in this order; see `inference.imaging.orientation`.

    Attributes
    ----------
    pixel_ratio : float
        Height of a stored pixel over its width; 1 if square, or not known. Pixels are made square first.
    is_transposed : bool
        Rows became columns.
    is_mirrored, is_upside_down : bool
        The order of the columns, and of the rows, was turned round.
    orientation : Orientation or None
        Of the picture after all that; None if the source does not say where its sides are.

    Examples
    --------
    >>> Turn().orientation is None
    True
    """

    pixel_ratio: float = 1.0
    is_transposed: bool = False
    is_mirrored: bool = False
    is_upside_down: bool = False
    orientation: Orientation | None = None


@dataclass(frozen=True, kw_only=True)
class Identifiers:
    """Whose a DICOM file is, as its header says; empty where it does not. Read on request only.

    Attributes
    ----------
    patient_id, study_date, accession_number, series_uid : str

    Examples
    --------
    >>> Identifiers(patient_id="4711", study_date="20200229", accession_number="", series_uid="1.2.3").study_date
    '20200229'
    """

    patient_id: str
    study_date: str
    accession_number: str
    series_uid: str


@dataclass(frozen=True)
class DecodedImage:
    """A picture that can be shown and classified.

    Attributes
    ----------
    pixels : numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
        Not to be written to: of a grey picture it is a view of one plane, see `spread_grey`.
    notes : tuple of str
        Sentences about what was left out or changed while decoding.
    modality : str or None
        What a DICOM header says made it, such as ``"MR"``; None for a format that does not say.
    identifiers : Identifiers or None
        None unless they were asked for (`ReadOptions.identifiers`).
    turn : Turn
        How the pixels were turned from what the source stores.
    is_fed_mirrored : bool
        The network is fed the mirrored picture: it has learnt from NIfTI volumes seen from the head.

    Examples
    --------
    >>> import numpy as np
    >>> image = DecodedImage(np.zeros((90, 120, 3), np.uint8), notes=("Only the first of 12 frames was read.",))
    >>> image.pixels.shape, image.modality
    ((90, 120, 3), None)
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()
    modality: str | None = None
    identifiers: Identifiers | None = None
    turn: Turn = Turn()
    is_fed_mirrored: bool = False

    @property
    def orientation(self) -> Orientation | None:
        """What lies at the picture's edges; None if that is not known."""
        return self.turn.orientation

    @property
    def fed_pixels(self) -> np.ndarray:
        """The pixels as the network sees them: a view of ``pixels``, mirrored if `is_fed_mirrored`."""
        return self.pixels[:, ::-1] if self.is_fed_mirrored else self.pixels


PLANES = ("axial", "coronal", "sagittal")
"""Directions in which a volume that is not DICOM may be cut."""

WINDOWS = ("percentile", "file")
"""How raw values become grey: from minimum to 99.9th percentile, outliers apart, or as a DICOM file says (VOI)."""


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How clinical files are read.

    Attributes
    ----------
    plane : str
        One of `PLANES`; slices of a DICOM series stay in the plane in which they were taken.
    window : str
        One of `WINDOWS`. The models have learnt from the first, which is why it is the default.
    identifiers : bool
        Read, of DICOM files, whose they are; see `Identifiers`.

    Examples
    --------
    >>> ReadOptions(plane="coronal")
    ReadOptions(plane='coronal', window='percentile', identifiers=False)
    """

    plane: str = "axial"
    window: str = "percentile"
    identifiers: bool = False


DEFAULT_OPTIONS = ReadOptions()


@dataclass(frozen=True, kw_only=True, eq=False)
class Slice:
    """One slice of a volume.

    Attributes
    ----------
    image : DecodedImage
    strength : float
        How bright its brightest pixels are, in the volume's own units
        (`inference.imaging.arrays.STRENGTH_PERCENTILE`). A slice that is much weaker than the others of its volume is
        empty: windowed by its own values, it is a picture of noise.
    window : tuple of (float, float)
        The values that became black and white, in the same units: with them slices can be shown on one scale.

    Examples
    --------
    >>> import numpy as np
    >>> from inference.imaging.arrays import build_slice
    >>> one = build_slice(np.linspace(0, 1000, 90 * 120).reshape(90, 120))
    >>> one.image.pixels.shape, round(one.strength), tuple(map(round, one.window))
    ((90, 120, 3), 990, (0, 999))
    """

    image: DecodedImage
    strength: float
    window: tuple[float, float] = (0.0, 255.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Volume:
    """A volume that can be classified slice by slice.

    Attributes
    ----------
    count : int
        How many slices there are, one at least.
    load : Callable
        From the index of a slice, counted from 0, to the `Slice`; raises `InputError`.
    paths : tuple of str
        The file of each slice, if each has its own; else empty.
    frames : tuple of int
        The frame of each slice, counted from 0, if one file holds them all as frames; else empty.
    series : str
        What tells it from the other volumes of the same folder or archive: ``"series 1 of 3, T1, 24 slices"``. Never a
        name, an id or a date of the header.
    modality : str or None
        DICOM's code, such as ``"MR"``; None when the format has none.
    notes : tuple of str
        Sentences about what was left out or changed while reading.
    identifiers : Identifiers or None
        None unless they were asked for (`inference.imaging.types.ReadOptions.identifiers`).
    affine : numpy.ndarray, shape (4, 4), float64, or None
        From (column, row, slice) of the slices as they are loaded, counted from 0 in the middle of a pixel, to
        millimetres to the patient's right, front and head (NIfTI's RAS+). None if the source does not say, or the
        slices do not lie evenly.
    orientation : Orientation or None
        Of its slices as they are loaded. None if the source does not say; the affine then speaks for distances only.
    breaks : tuple of int
        Slices, counted from 0, behind which others are missing: the next one is no neighbour of theirs.
    memory_bytes : int
        What it keeps in memory while it is open; 0 for files that are read slice by slice.

    Examples
    --------
    >>> import numpy as np
    >>> from inference.imaging.arrays import build_slice
    >>> values = np.arange(3 * 90 * 120).reshape(3, 90, 120)
    >>> volume = Volume(count=3, load=lambda index: build_slice(values[index]))
    >>> volume.load(2).image.pixels.shape
    (90, 120, 3)
    """

    count: int
    load: Callable[[int], Slice]
    paths: tuple[str, ...] = ()
    frames: tuple[int, ...] = ()
    series: str = ""
    modality: str | None = None
    notes: tuple[str, ...] = ()
    identifiers: Identifiers | None = None
    affine: np.ndarray | None = None
    orientation: Orientation | None = None
    breaks: tuple[int, ...] = ()
    memory_bytes: int = 0
