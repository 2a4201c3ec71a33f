"""From a chosen file to what is shown of it, a picture or one slice of a volume, and to its answer; no toolkit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from inference.answer.prediction import Prediction
from inference.answer.rows import Row, build_row, build_volume_rows
from inference.answer.volume import SliceClassifier, predict_volume
from inference.errors import InputError
from inference.imaging.scans import load_scans
from inference.imaging.types import DecodedImage, Slice, Volume
from ui.words.answer import HeatPresentation, Presentation, present_heatmap, present_prediction
from ui.words.volume import present_volume


class ClassifierLike(SliceClassifier, Protocol):
    """What the program needs of `inference.Classifier`; tests hand in a fake."""

    def predict(self, source: DecodedImage, /, *, explain: bool = False) -> Prediction:
        """See `inference.Classifier.predict`."""


class Withdrawn(Exception):  # noqa: N818 - nothing is wrong: nobody waits for the answer any more
    """A volume's run was given up between two slices."""


@dataclass(frozen=True)
class View:
    """What is shown of a file.

    Attributes
    ----------
    image : DecodedImage
    number : int
        Of the slice that it is, counted from 1.
    count : int
        How many slices the file has; 1 for a picture.
    """

    image: DecodedImage
    number: int = 1
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one run gave.

    Attributes
    ----------
    view : View
        The picture; of a volume, the slice that shows the answer best.
    prediction : Prediction
        The picture's, or the whole volume's with that slice's heat map.
    presentation : Presentation
    heat : HeatPresentation or None
        None where there is no map.
    rows : tuple of Row
        What ``python -m inference`` prints: of a volume a row a slice, the answer's row last.
    """

    view: View
    prediction: Prediction
    presentation: Presentation
    heat: HeatPresentation | None
    rows: tuple[Row, ...]


def read_view(path: Path) -> View:
    """Read the picture that a file is, or the middle slice of a volume.

    Raises
    ------
    InputError
        It cannot be read.
    """
    with _open_content(path) as content:
        return _view_slice(content, content.count // 2) if isinstance(content, Volume) else View(content)


def answer_file(
    classifier: ClassifierLike, path: Path, known: View | None = None, wanted: Callable[[], bool] = lambda: True
) -> Answer:
    """Classify a file.

    Parameters
    ----------
    classifier : ClassifierLike
    path : pathlib.Path
    known : View or None
        What `read_view` gave, if it did: a picture is not read again.
    wanted : callable
        Asked before each slice of a volume.

    Raises
    ------
    InputError
        It cannot be read, or the model is not about it.
    EngineError
        The network failed.
    Withdrawn
        ``wanted`` said no.
    """
    if known is not None and known.count == 1:
        return _answer_picture(classifier, path, known.image)
    with _open_content(path) as content:
        if isinstance(content, Volume):
            return _answer_volume(classifier, path, content, wanted)
        return _answer_picture(classifier, path, content)


@contextmanager
def _open_content(path: Path) -> Iterator[DecodedImage | Volume]:
    """The first picture or volume of a file: an archive may hold several, and files that are neither."""
    errors: list[InputError] = []
    for scan in load_scans(path):
        if isinstance(scan.content, InputError):
            errors.append(scan.content)
            continue
        note = ("Only the first picture or volume of the archive was read.",) if scan.path else ()
        yield replace(scan.content, notes=(*scan.content.notes, *note))
        return
    raise errors[0]


def _answer_picture(classifier: ClassifierLike, path: Path, image: DecodedImage) -> Answer:
    prediction = classifier.predict(image, explain=True)
    return Answer(
        view=View(image),
        prediction=prediction,
        presentation=present_prediction(prediction, classifier.bundle),
        heat=_present_heat(prediction),
        rows=(build_row(str(path), prediction),),
    )


def _answer_volume(classifier: ClassifierLike, path: Path, volume: Volume, wanted: Callable[[], bool]) -> Answer:
    def load(number: int) -> Slice:
        if not wanted():
            raise Withdrawn
        return volume.load(number)

    found = predict_volume(classifier, replace(volume, load=load))
    if found.best_slice is None:
        readable = [number for number, one in enumerate(found.slices) if not isinstance(one, InputError)]
        view, prediction = _view_slice(volume, readable[len(readable) // 2]), found.answer
    else:
        view = _view_slice(volume, found.best_slice)
        prediction = replace(found.answer, heatmap=classifier.predict(view.image, explain=True).heatmap)
    return Answer(
        view=view,
        prediction=prediction,
        presentation=present_volume(found, classifier.bundle),
        heat=_present_heat(prediction),
        rows=tuple(build_volume_rows(str(path), volume, found)),
    )


def _view_slice(volume: Volume, number: int) -> View:
    return View(volume.load(number).image, number + 1, volume.count)


def _present_heat(prediction: Prediction) -> HeatPresentation | None:
    return present_heatmap(prediction.heatmap) if prediction.heatmap else None
