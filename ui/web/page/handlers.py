"""What runs on the server when something on the page is used; each method ends in something to show, whatever goes
wrong.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from inference.imaging.types import Volume
from ui.request import note_answer
from ui.web.gradio_shell.components import find_upload_path
from ui.web.page.downloads import build_download, list_kinds
from ui.web.page.viewer import slices_value, voxels_value
from ui.web.page.volume_widgets import download_value, viewer_value
from ui.web.page.widgets import answer_for, answer_value, picture_value
from ui.words.answer import Presentation, present_prediction
from ui.words.errors import present_error
from ui.words.states import present_idle, present_missing
from ui.words.volume import present_volume, word_slice

if TYPE_CHECKING:
    from inference.answer.answer import Answer
    from inference.answer.catalogue import Catalogue
    from inference.imaging.scans import Scan
    from inference.imaging.types import Convention
    from inference.model.bundle import ModelBundle
    from ui.web.http.capacity import CapacityLimiter
    from ui.web.page.upload_cache import UploadCache

_NO_NUMBERS: dict[str, float] = {}
"""Empties `gradio.Label`."""

Shown = tuple[dict[str, float], dict[str, Any]]
"""What one run shows: the numbers for `gradio.Label`, and `ui.web.page.widgets.answer_value`."""


class UploadsLike(Protocol):
    """What is needed of `ui.web.http.uploads.Uploads`."""

    def release(self, path: object) -> None:
        """An upload was answered; it goes, unless a page shows it."""


class Handlers:
    """The functions behind the page's events.

    Parameters
    ----------
    models : Catalogue
    uploads : UploadsLike
    cache : UploadCache
    capacity : CapacityLimiter
        Shared with the API, if there is one.
    """

    def __init__(self, models: Catalogue, uploads: UploadsLike, cache: UploadCache, capacity: CapacityLimiter) -> None:
        self._models, self._uploads, self._cache, self._capacity = models, uploads, cache, capacity

    def classify(self, image: object, model: str | None, scan: object = 1) -> Shown:
        """Classify an image file. Returns the numbers of the classes that are shown, and the verdict in words."""
        path, number = find_upload_path(image), _read_number(scan)
        if path is None:
            return _NO_NUMBERS, answer_for(None, model, present_missing(), scan=number)
        try:
            with self._capacity.hold_slot(), self._cache.open(Path(path)) as upload:
                classifier = self._models.load(None if model is None else str(model))  # an API client may send anything
                answer = upload.answer(classifier, number)
                presentation, volume = _present(answer, classifier.bundle, path)
            note_answer(answer.prediction)
        except Exception as error:  # noqa: BLE001 - a front shows every error as a sentence; present_error logs what it does not know
            return _NO_NUMBERS, answer_for(path, model, present_error(error), scan=number)
        finally:
            self._uploads.release(path)
        numbers = {row.label: row.probability for row in presentation.rows}
        saves = list_kinds(is_dicom=answer.scan.is_dicom)
        return numbers, answer_for(
            path, model, presentation, answer.prediction, scan=number, volume=volume, saves=saves
        )

    def prepare(self, model: str) -> dict[str, Any]:
        """Load the network of a model that was chosen, if it is not loaded yet."""
        try:
            presentation = present_idle(self._models.load(model).bundle)
        except Exception as error:  # noqa: BLE001
            presentation = present_error(error)
        return {**answer_value(presentation), "prepared": model}

    def show_picture(self, image: object, scan: object) -> dict[str, Any]:
        """Decode an upload and make the picture to show; of an archive, also name its scans."""
        path, number = find_upload_path(image), _read_number(scan)
        if path is None:
            return picture_value()
        try:
            with self._cache.open(Path(path)) as upload:
                return {**_show_scan(upload.pick(number), path), "scan": number, "scans": upload.titles}
        except Exception as error:  # noqa: BLE001
            return picture_value(path, message=present_error(error).sentence)

    def show_planes(self, image: object, scan: object) -> dict[str, Any]:
        """Make the voxels of a volume for the viewer; the picture says what cannot be read."""
        path, number = find_upload_path(image), _read_number(scan)
        if path is None:
            return viewer_value()
        try:
            with self._cache.open(Path(path)) as upload:
                content = upload.pick(number).open()
                voxels = voxels_value(content) if isinstance(content, Volume) else {}
        except Exception as error:  # noqa: BLE001
            return viewer_value(path, number, message=present_error(error).sentence)
        return viewer_value(path, number, **voxels)

    def save(
        self, image: object, model: str | None, scan: object, wanted: object, convention: object = "radiological"
    ) -> dict[str, str]:
        """Make a file of the answer, with pictures in the page's convention; nothing of it stays here."""
        path, number = find_upload_path(image), _read_number(scan)
        kind = str(wanted.get("kind")) if isinstance(wanted, dict) else ""
        if path is None:
            return download_value(sentence=present_missing().sentence)
        try:
            classifier = self._models.load(None if model is None else str(model))
            with self._capacity.hold_slot(), self._cache.open(Path(path)) as upload:
                answer = upload.answer(classifier, number)
                content = build_download(answer, classifier.bundle, kind, _read_convention(convention))
        except Exception as error:  # noqa: BLE001
            return download_value(path, kind, sentence=present_error(error).sentence)
        return download_value(path, kind, base64.b64encode(content).decode("ascii"))


def _read_number(scan: object) -> int:
    """A scan's number; an API client may send anything."""
    return scan if isinstance(scan, int) and scan > 0 else 1


def _read_convention(value: object) -> Convention:
    """One of the conventions; the page sends nothing else."""
    return "neurological" if value == "neurological" else "radiological"


def _present(answer: Answer, bundle: ModelBundle, image: str) -> tuple[Presentation, dict[str, Any] | None]:
    """The answer in words; of a volume also `slices_value` with ``picture``, the slice that shows it best, or None."""
    content = answer.scan.open()
    if answer.volume is None or not isinstance(content, Volume):
        return present_prediction(answer.prediction, bundle), None
    is_rejected = answer.volume.best_slice is None
    picture = None if is_rejected else _show_slice(content, answer.shown, image)
    value = {**slices_value(answer.volume, content, bundle), "picture": picture}
    return present_volume(answer.volume, bundle), value


def _show_scan(scan: Scan, image: str) -> dict[str, Any]:
    """The picture that is shown before there is an answer: of a volume the middle slice."""
    content = scan.open()
    if isinstance(content, Volume):
        return {**_show_slice(content, content.count // 2, image), "slices": content.count}
    return picture_value(image, content)


def _show_slice(volume: Volume, index: int, image: str) -> dict[str, Any]:
    return picture_value(image, volume.load(index).image, words=word_slice(index, volume.count))
