"""From a source to what the reports show: the answer, the slice that shows it, its heat map, and the DICOM files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from inference.answer.prediction import Heatmap, Prediction
from inference.answer.volume import SliceClassifier, VolumePrediction, predict_volume
from inference.batch.find import find_cases
from inference.errors import InputError
from inference.imaging.archive import Archive
from inference.imaging.sniff import HEAD_BYTES, Kind, recognise
from inference.imaging.storage import unreadable
from inference.imaging.types import DecodedImage, ReadOptions, Volume
from inference.model.bundle import ModelBundle
from ui.reports.sources import SourceSlice, read_sources


class ExplainingClassifier(SliceClassifier, Protocol):
    """What is needed of `inference.Classifier`."""

    def predict(self, source: DecodedImage, /, *, explain: bool = False) -> Prediction:
        """Classify one picture."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Finding:
    """What a report is about.

    Attributes
    ----------
    bundle : ModelBundle
    answer : Prediction
        The picture's, or the volume's.
    volume : VolumePrediction or None
    shown : int
        The slice that is shown, counted from 0: the best one, or the middle one of a volume that was rejected.
    shown_answer : Prediction
        That slice's; of a picture ``answer``.
    pixels : numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
        That slice.
    sources : tuple of SourceSlice
        Of each slice the DICOM file; empty if the source is no DICOM.
    """

    bundle: ModelBundle
    answer: Prediction
    volume: VolumePrediction | None
    shown: int
    shown_answer: Prediction
    pixels: np.ndarray
    sources: tuple[SourceSlice, ...]

    @property
    def heatmap(self) -> Heatmap | None:
        """The shown slice's; None of a rejected volume, whose slices speak for nothing."""
        rejected = self.volume is not None and self.volume.best_slice is None
        return None if rejected else self.shown_answer.heatmap


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """A scan and how its DICOM files are opened, by name; no names if it is no DICOM."""

    title: str
    content: DecodedImage | Volume
    names: tuple[str, ...]
    open: Callable[[str], BinaryIO]


def build_finding(
    classifier: ExplainingClassifier,
    source: Path,
    options: ReadOptions,
    *,
    number: int | None = None,
    keep_identity: bool = False,
    needs_dicom: bool = False,
) -> Finding:
    """Answer a picture or a volume, and keep what a report shows of it.

    Parameters
    ----------
    classifier : ExplainingClassifier
    source : pathlib.Path
        A file, an archive or a folder.
    options : ReadOptions
    number : int or None
        Which of several scans, counted from 1.
    keep_identity : bool
        Read from the DICOM headers who was examined; otherwise that is not even read.
    needs_dicom : bool
        Refuse what is no DICOM.

    Raises
    ------
    InputError
        Nothing here can be read, there are several scans and none is named, or DICOM is needed.
    EngineError
        The network failed.
    """
    if not source.exists():
        raise InputError(f"{source.name} is not there.")
    chosen = _choose([found.title for found in _read(source, options)], number)
    for index, found in enumerate(_read(source, options)):
        if index == chosen:
            if needs_dicom and not found.names:
                raise InputError(
                    "--sr, --capture and --keep-identity take DICOM images; received a source of another kind. "
                    "--pdf takes any."
                )
            return _answer(classifier, found, keep_identity=keep_identity)
    raise InputError(f"{source.name} changed while it was read.")


def _choose(titles: list[str], number: int | None) -> int:
    listed = "; ".join(f"{index} is {title}" for index, title in enumerate(titles, start=1))
    if number is not None and number > len(titles):
        raise InputError(f"--scan takes a number from 1 to {len(titles)}; received {number}. {listed}.")
    if number is None and len(titles) > 1:
        raise InputError(f"A report is about one scan; received {len(titles)}. Choose one with --scan: {listed}.")
    return 0 if number is None else number - 1


def _answer(classifier: ExplainingClassifier, found: _Found, *, keep_identity: bool) -> Finding:
    content = found.content
    sources = tuple(read_sources(found.names, found.open, keep_identity=keep_identity))
    if isinstance(content, DecodedImage):
        answer = classifier.predict(content, explain=True)
        return _build(classifier.bundle, answer, None, 0, answer, content, sources[:1])
    volume = predict_volume(classifier, content)
    shown = content.count // 2 if volume.best_slice is None else volume.best_slice
    image = content.load(shown).image
    if content.frames and sources:
        sources = tuple(SourceSlice(header=sources[0].header, frame=frame) for frame in content.frames)
    slice_answer = classifier.predict(image, explain=True)
    return _build(classifier.bundle, volume.answer, volume, shown, slice_answer, image, sources)


def _build(
    bundle: ModelBundle,
    answer: Prediction,
    volume: VolumePrediction | None,
    shown: int,
    shown_answer: Prediction,
    image: DecodedImage,
    sources: tuple[SourceSlice, ...],
) -> Finding:
    return Finding(
        bundle=bundle,
        answer=answer,
        volume=volume,
        shown=shown,
        shown_answer=shown_answer,
        pixels=image.pixels,
        sources=sources,
    )


def _read(source: Path, options: ReadOptions) -> Iterator[_Found]:
    """Every scan that can be read; if there is none, the first error."""
    first_error: InputError | None = None
    count = 0
    for case in find_cases([source]):
        with ExitStack() as opened:
            try:
                open_name = _opener(case.files, opened)
                for scan in case.load(options):
                    if isinstance(scan.content, InputError):
                        first_error = first_error or scan.content
                        continue
                    volume = scan.content if isinstance(scan.content, Volume) else None
                    names = (volume and volume.paths) or ((scan.path,) if scan.path else case.files)
                    title = (volume and volume.series) or scan.path or Path(case.path).name
                    count += 1
                    yield _Found(
                        title=title,
                        content=scan.content,
                        names=names if _is_dicom(open_name, names[0]) else (),
                        open=open_name,
                    )
            except InputError as error:
                first_error = first_error or error
    if not count:
        raise first_error or InputError(f"{source.name} holds no file.")


def _opener(files: tuple[str, ...], opened: ExitStack) -> Callable[[str], BinaryIO]:
    """How the files of a case are opened: from the disk, or from the archive that the case is."""
    if len(files) == 1:
        stream = opened.enter_context(_open(files[0]))
        if recognise(stream.read(HEAD_BYTES)) is Kind.ZIP:
            return Archive(stream).open
    return _open


def _open(name: str) -> BinaryIO:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise unreadable(Path(name), error) from error


def _is_dicom(open_name: Callable[[str], BinaryIO], name: str) -> bool:
    with open_name(name) as stream:
        return recognise(stream.read(HEAD_BYTES)) is Kind.DICOM
