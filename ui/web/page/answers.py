"""From an opened scan to what the page shows of its answer; a volume's in words, slice by slice, and as a picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from inference import Classifier
from inference.answer.prediction import Prediction
from inference.answer.volume import predict_volume
from inference.errors import InputError
from inference.imaging.scans import load_image
from inference.imaging.types import Volume
from ui.web.page.scans import OpenScan
from ui.web.page.viewer import slices_value
from ui.web.page.widgets import picture_value
from ui.words.answer import Presentation, present_prediction
from ui.words.volume import present_volume, word_slice


def answer_scan(
    classifier: Classifier, scan: OpenScan, image: str
) -> tuple[Presentation, Prediction, dict[str, Any] | None]:
    """Classify a scan.

    Returns
    -------
    tuple of (Presentation, Prediction, dict or None)
        The prediction has a heat map: of a volume, that of the slice which shows the answer best. The dict is a
        volume's `ui.web.page.viewer.slices_value`, with ``picture`` (`ui.web.page.widgets.picture_value`, or None):
        that slice.

    Raises
    ------
    InputError
        It cannot be read, or the model is not about it.
    EngineError
        The network failed.
    """
    if not isinstance(scan.content, Volume):
        prediction = classifier.predict(scan.content, explain=True)
        return present_prediction(prediction, classifier.bundle), prediction, None
    found = predict_volume(classifier, scan.content, explain=True)
    value = slices_value(found, scan.content, classifier.bundle)
    value["picture"] = None
    prediction = found.answer
    if found.best_slice is not None:
        best = found.slices[found.best_slice]
        prediction = replace(prediction, heatmap=None if isinstance(best, InputError) else best.heatmap)
        value["picture"] = show_slice(scan.content, found.best_slice, image)
    return present_volume(found, classifier.bundle), prediction, value


def show_scan(scan: OpenScan, image: str) -> dict[str, Any]:
    """Make the picture that is looked at before there is an answer: of a volume the middle slice.

    Raises
    ------
    InputError
        It cannot be read.
    """
    content = scan.content
    if isinstance(content, Volume):
        return {**show_slice(content, content.count // 2, image), "slices": content.count}
    picture = load_image(content) if isinstance(content, Path) else content
    return picture_value(image, picture.pixels)


def show_slice(volume: Volume, number: int, image: str) -> dict[str, Any]:
    """Make the picture of a slice, counted from 0."""
    return picture_value(image, volume.load(number).image.pixels, words=word_slice(number, volume.count))
