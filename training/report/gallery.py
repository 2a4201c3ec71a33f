"""The worst mistakes of an evaluation, with small copies of their pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.imaging.load import load_image
from training.data.layout import relative_path
from training.report.previews import encode_preview

if TYPE_CHECKING:
    from training.report.evaluated import EvaluatedBundle

SHOWN_OF_GROUP = 3
"""Of these, at most so many of one group: neighbouring slices of one patient would fill the page."""

_PICTURE_PX = 200

Figures = dict[str, Any]


class _Pictures:
    """Small copies of what was measured: files are read again, the volumes' slices were kept."""

    def __init__(self, measured: EvaluatedBundle) -> None:
        self._data_dir = measured.data_dir
        self._slices = {relative_path(path, measured.data_dir): grey for path, grey in measured.slices.items()}

    def load(self, path: str) -> tuple[str, int, int]:
        """Data URI, width and height in pixels of the picture at a path as the details name it."""
        pixels = load_image(self._slices.get(path, self._data_dir / path)).pixels
        return encode_preview(pixels, _PICTURE_PX), pixels.shape[1], pixels.shape[0]


def load_mistakes(details: Figures, measured: EvaluatedBundle) -> Figures:
    """The lists of `training.measure.curves.measure_details` with their pictures, in pixels of the picture.

    Parameters
    ----------
    details : dict
    measured : EvaluatedBundle
        For the pictures: files are read again.

    Returns
    -------
    dict
        The lists by name, those that are empty left out.
    """
    pictures = _Pictures(measured)
    lists = {name: details[name] for name in ("mistakes", "mistakes_volumes", "refused", "refused_volumes")}
    return {
        name: {**found, "shown": [_place_marks(entry, pictures) for entry in found["shown"]]}
        for name, found in lists.items()
        if found["count"]
    }


def _place_marks(entry: Figures, pictures: _Pictures) -> Figures:
    """An entry with its picture; its box and its heat map's peak in pixels."""
    uri, width_px, height_px = pictures.load(entry["path"])
    box = peak = None
    if entry["box"]:
        x, y, width, height = entry["box"]
        box = {
            "left": (x - width / 2) * width_px,
            "top": (y - height / 2) * height_px,
            "width": width * width_px,
            "height": height * height_px,
        }
    if entry["peak"]:
        x, y = entry["peak"]
        peak = {"x": x * width_px, "y": y * height_px, "radius": max(width_px, height_px) / 40}
    return {**entry, "uri": uri, "width_px": width_px, "height_px": height_px, "box": box, "peak": peak}
