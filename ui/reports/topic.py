"""From an answer to what the reports show: the slice that shows it, its heat map, and the DICOM files it stands in."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from inference.errors import InputError
from inference.imaging.find import find_items
from inference.imaging.orientation import restore_point
from inference.imaging.types import ReadOptions, Volume
from ui.pictures import FacedPicture, face_picture
from ui.reports.sources import SourceSlice, read_sources
from ui.words.answer import HeatPresentation, Presentation, present_heatmap, present_prediction

if TYPE_CHECKING:
    from inference.answer.answer import Answer
    from inference.answer.prediction import Heatmap, Prediction
    from inference.answer.volume import VolumePrediction
    from inference.imaging.scans import Scan
    from inference.imaging.types import Convention, DecodedImage
    from inference.model.bundle import ModelBundle


@dataclass(frozen=True, kw_only=True, eq=False)
class Topic:
    """What a report is about: one answer, the slice that shows it, and the DICOM files that it was read from.

    The reports are made of this alone, after the scan was closed.

    Attributes
    ----------
    bundle : ModelBundle
        Of the model that answered.
    answer : Prediction
        The picture's, or the volume's.
    volume : VolumePrediction or None
        The volume's answer slice by slice; None for a picture.
    shown : int
        Index of the slice that is shown, counted from 0: the best one, or the middle one of a volume that was rejected.
    shown_answer : Prediction
        That slice's; of a picture ``answer``.
    image : DecodedImage
        That slice.
    sources : tuple of SourceSlice
        Of each slice the DICOM file; empty if the source is no DICOM, or they were not asked for.
    convention : str
        In which pictures are shown.
    """

    bundle: ModelBundle
    answer: Prediction
    volume: VolumePrediction | None
    shown: int
    shown_answer: Prediction
    image: DecodedImage
    sources: tuple[SourceSlice, ...]
    convention: Convention = "radiological"

    @cached_property
    def picture(self) -> FacedPicture:
        """The shown slice in the convention; without a heat map if the volume was rejected: its slices say nothing."""
        rejected = self.volume is not None and self.volume.best_slice is None
        return face_picture(self.image, self.convention, None if rejected else self.shown_answer.heatmap)

    @property
    def heatmap(self) -> Heatmap | None:
        """The picture's."""
        return self.picture.heatmap

    @cached_property
    def presentation(self) -> Presentation:
        """The answer in words."""
        return present_prediction(self.answer, self.bundle, is_volume=self.volume is not None)

    @property
    def heat(self) -> HeatPresentation | None:
        """What is said of the picture's heat map, and whether it is drawn at all; None if there is none."""
        heatmap = self.heatmap
        return None if heatmap is None else present_heatmap(heatmap, self.answer.finding, is_kept=True)

    @property
    def stored_peak(self) -> tuple[float, float] | None:
        """Where the strongest evidence is in the slice as it is stored: fractions of width and height, in [0, 1]."""
        heatmap = self.shown_answer.heatmap
        return None if heatmap is None else restore_point(heatmap.peak, self.image.turn)


def build_topic(
    answer: Answer,
    bundle: ModelBundle,
    *,
    needs_sources: bool = False,
    keep_identity: bool = False,
    convention: Convention = "radiological",
) -> Topic:
    """Keep what a report shows of an answer.

    Parameters
    ----------
    answer : Answer
        With its heat map; its scan can still be read.
    bundle : ModelBundle
        Of the model that answered.
    needs_sources : bool
        The report refers to the DICOM images.
    keep_identity : bool
        Read from the DICOM headers who was examined; otherwise that is not even read.
    convention : str
        In which pictures are shown.

    Raises
    ------
    InputError
        The slice cannot be read any more, or DICOM is needed.
    """
    return Topic(
        bundle=bundle,
        answer=answer.prediction,
        volume=answer.volume,
        shown=answer.shown,
        shown_answer=answer.shown_prediction,
        image=answer.image,
        convention=convention,
        sources=_read_sources(answer.scan, keep_identity=keep_identity) if needs_sources or keep_identity else (),
    )


def check_source(scan: Scan) -> None:
    """Raise `InputError` for what is no DICOM."""
    if not scan.is_dicom:
        raise InputError(
            "--sr, --capture and --keep-identity take DICOM images; received a source of another kind. --pdf takes any."
        )


def _read_sources(scan: Scan, *, keep_identity: bool) -> tuple[SourceSlice, ...]:
    """Of each slice the file that it stands in, and its frame."""
    check_source(scan)
    content = scan.open()
    names = (content.paths if isinstance(content, Volume) else ()) or scan.files[:1]
    sources = tuple(read_sources(names, scan.open_file, keep_identity=keep_identity))
    if isinstance(content, Volume) and content.frames:
        return tuple(SourceSlice(header=sources[0].header, frame=frame) for frame in content.frames)
    if isinstance(content, Volume) and not content.paths:  # a mosaic, whose tiles have no number of their own
        return sources * content.count
    return sources


@contextmanager
def choose_scan(source: Path, options: ReadOptions, number: int | None) -> Iterator[Scan]:
    """Choose one scan of a file, an archive or a folder; it can be read inside the ``with`` block.

    Parameters
    ----------
    source : pathlib.Path
    options : ReadOptions
    number : int or None
        Which of several, counted from 1.

    Raises
    ------
    InputError
        Nothing here can be read, or there are several scans and none is named.
    """
    if not source.exists():
        raise InputError(f"{source.name} is not there.")
    chosen = _choose([scan.title for scan in _list_scans(source, options)], number)
    scans = _list_scans(source, options)
    for index, scan in enumerate(scans):
        if index == chosen:
            yield scan
            scans.close()
            return
    raise InputError(f"{source.name} changed while it was read.")


def _choose(titles: list[str], number: int | None) -> int:
    listed = "; ".join(f"{index} is {title}" for index, title in enumerate(titles, start=1))
    if number is not None and number > len(titles):
        raise InputError(f"--scan takes a number from 1 to {len(titles)}; received {number}. {listed}.")
    if number is None and len(titles) > 1:
        raise InputError(f"A report is about one scan; received {len(titles)}. Choose one with --scan: {listed}.")
    return 0 if number is None else number - 1


def _list_scans(source: Path, options: ReadOptions) -> Generator[Scan, None, None]:
    """Every scan that looks as if it could be read; if there is none, the first error."""
    first_error: InputError | None = None
    count = 0
    for item in find_items([source]):
        if item.is_other:
            continue
        try:
            with item.open(options) as scans:
                for scan in scans:
                    if scan.number:
                        count += 1
                        yield scan
                    elif first_error is None and isinstance(scan.content, InputError):
                        first_error = scan.content
        except InputError as error:
            first_error = first_error or error
    if not count:
        raise first_error or InputError(f"{source.name} holds no file.")
