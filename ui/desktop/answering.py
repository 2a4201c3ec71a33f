"""From a chosen file to what is shown of it, a picture or one slice of a volume, and to its answer; no toolkit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference.answer.answer import Answer, answer_scan
from inference.errors import InputError
from inference.imaging.scans import Scan, open_scans
from inference.imaging.types import DecodedImage, Volume
from ui.pictures import face_picture
from ui.words.answer import HeatPresentation, Presentation, present_heatmap, present_prediction
from ui.words.volume import present_volume

if TYPE_CHECKING:
    from inference.answer.prediction import Prediction
    from inference.answer.rows import Row
    from inference.answer.volume import SliceClassifier
    from inference.imaging.types import Convention

_OTHERS_LEFT = "Only the first picture or volume of the archive was read."


class WithdrawnError(Exception):
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
class ShownAnswer:
    """What one run gave, in words and pictures.

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

    def word_heat(self, convention: Convention, *, is_kept: bool = False) -> HeatPresentation:
        """Say where the evidence is in the picture as a convention shows it; nothing if there is no map.

        With ``is_kept``, in a picture that is saved.
        """
        heatmap = face_picture(self.view.image, convention, self.prediction.heatmap).heatmap
        if heatmap is None:
            return HeatPresentation(sentence="", drawn=False)
        return present_heatmap(heatmap, self.prediction.finding, is_kept=is_kept)


def read_view(path: Path) -> View:
    """Read the picture that a file is, or the middle slice of a volume.

    Raises
    ------
    InputError
        It cannot be read.
    """
    with _open_first(path) as scan:
        content = scan.open()
        return _view_slice(content, content.count // 2) if isinstance(content, Volume) else View(content)


def answer_file(
    classifier: SliceClassifier, path: Path, known: View | None = None, wanted: Callable[[], bool] = lambda: True
) -> ShownAnswer:
    """Classify a file.

    Parameters
    ----------
    classifier : SliceClassifier
    path : pathlib.Path
    known : View or None
        What `read_view` gave, if it did: a picture is not read again.
    wanted : callable
        Asked before each picture and each slice of a volume.

    Raises
    ------
    InputError
        It cannot be read, or the model is not about it.
    EngineError
        The network failed.
    WithdrawnError
        ``wanted`` said no.
    """

    def check() -> None:
        if not wanted():
            raise WithdrawnError

    if known is not None and known.count == 1:
        scan = Scan(source=str(path), files=(str(path),), read_content=lambda: known.image)
        return _show(answer_scan(classifier, scan, explain=True, check=check), classifier)
    with _open_first(path) as scan:
        return _show(answer_scan(classifier, scan, explain=True, check=check), classifier)


@contextmanager
def _open_first(path: Path) -> Iterator[Scan]:
    """The first picture or volume of a file that can be read: an archive may hold several, and files that are
    neither.
    """
    first_error: InputError | None = None
    with open_scans(path) as scans:
        for scan in scans:
            content = scan.content
            if isinstance(content, InputError):
                first_error = first_error or content
                continue
            if scan.is_archived or any(other.number for other in scans):
                content = replace(content, notes=(*content.notes, _OTHERS_LEFT))
            yield _as_whole(scan, path, content)
            return
    raise first_error or InputError(f"{path.name} holds nothing that can be read.")


def _as_whole(scan: Scan, path: Path, content: DecodedImage | Volume) -> Scan:
    """A scan as if the file held nothing else: its rows are called after the file."""
    return replace(scan, source=str(path), path="", is_archived=False, read_content=lambda: content)


def _show(answer: Answer, classifier: SliceClassifier) -> ShownAnswer:
    content, bundle = answer.scan.open(), classifier.bundle
    is_volume = isinstance(content, Volume)
    return ShownAnswer(
        view=View(answer.image, answer.shown + 1, content.count if isinstance(content, Volume) else 1),
        prediction=answer.prediction,
        presentation=(
            present_volume(answer.volume, bundle)
            if is_volume and answer.volume
            else present_prediction(answer.prediction, bundle)
        ),
        heat=present_heatmap(answer.heatmap, answer.prediction.finding) if answer.heatmap else None,
        rows=answer.rows,
    )


def _view_slice(volume: Volume, index: int) -> View:
    return View(volume.load(index).image, index + 1, volume.count)
