"""The worst mistakes as pictures, for ``evaluation.html``. Names of files are escaped."""

from __future__ import annotations

from html import escape
from typing import Any

from inference.imaging.load import load_image
from training.data.layout import relative_path
from training.report.evaluated import EvaluatedBundle
from training.report.html import bullets, count_of, encode_preview, paragraphs, percent

SHOWN_OF_GROUP = 3
"""Of these, at most so many of one group: neighbouring slices of one patient would fill the page."""

_PICTURE_PX = 200


class _Pictures:
    """Small copies of what was measured: files are read again, the volumes' slices were kept."""

    def __init__(self, measured: EvaluatedBundle) -> None:
        self._data_dir = measured.data_dir
        self._slices = {relative_path(path, measured.data_dir): grey for path, grey in measured.slices.items()}

    def load(self, path: str) -> tuple[str, int, int]:
        """Data URI, width and height in pixels of the picture at a path as the details name it."""
        pixels = load_image(self._slices.get(path, self._data_dir / path)).pixels
        return encode_preview(pixels, _PICTURE_PX), pixels.shape[1], pixels.shape[0]


def build_gallery(details: dict[str, Any], measured: EvaluatedBundle) -> str:
    """The lists of `training.measure.curves.measure_details` as pictures, each with its box, its peak and its words.

    Parameters
    ----------
    details : dict
    measured : EvaluatedBundle
        For the pictures: files are read again.
    """
    pictures = _Pictures(measured)
    parts = [
        _show("Wrong answers", "the surest first", details["mistakes"], pictures),
        _show("Wrong answers in the volumes", "the surest first", details["mistakes_volumes"], pictures),
        _show("Brain MRIs that were refused", "the strangest first", details["refused"], pictures),
        _show("Refused in the volumes", "the strangest first", details["refused_volumes"], pictures),
    ]
    shown = "".join(parts)
    if not shown:
        return paragraphs("No answer was wrong and no brain MRI was refused.")
    legend = bullets(
        (
            '<span class="key box" aria-hidden="true"></span> the box of the tumour, where it is known',
            '<span class="key peak" aria-hidden="true"></span> where the heat map peaks; hollow if it is faint',
        )
    )
    return legend + shown


def _show(title: str, order: str, found: dict[str, Any], pictures: _Pictures) -> str:
    count, shown = found["count"], found["shown"]
    if not count:
        return ""
    words = f"{count_of(count, 'slice')} of {count_of(found['groups'], 'group')}, {order}"
    if len(shown) < count:
        words += f"; {len(shown)} are shown, at most {SHOWN_OF_GROUP} of one group"
    items = "".join(_mistake(entry, pictures) for entry in shown)
    return f'<h3>{escape(title)}</h3>{paragraphs(f"{words}.")}<ul class="mistakes">{items}</ul>\n'


def _mistake(entry: dict[str, Any], pictures: _Pictures) -> str:
    uri, width_px, height_px = pictures.load(entry["path"])
    marks = ""
    if entry["box"]:
        x, y, width, height = entry["box"]
        left, top = (x - width / 2) * width_px, (y - height / 2) * height_px
        size = f'width="{width * width_px:.1f}" height="{height * height_px:.1f}"'
        marks += f'<rect class="box" x="{left:.1f}" y="{top:.1f}" {size}/>'
    if entry["peak"]:
        kind = "peak" if entry["stands_out"] else "peak faint"
        x, y = entry["peak"][0] * width_px, entry["peak"][1] * height_px
        marks += f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{max(width_px, height_px) / 40:.1f}"/>'
    if entry["verdict"] == "rejected":
        head = f"<b>Refused, novelty {entry['novelty']:.2f}</b>true: {escape(entry['truth'])}"
    else:
        head = (
            f"<b>{escape(entry['answer'])}, {percent(entry['probability'], 1)}</b>true: {escape(entry['truth'])}<br>"
            f"verdict: {escape(entry['verdict'])}"
        )
    label = escape(f"{entry['path']}; true: {entry['truth']}", quote=True)
    path = escape(entry["path"]).replace("/", "/<wbr>")
    return (
        f'<li><svg role="img" aria-label="{label}" viewBox="0 0 {width_px} {height_px}">'
        f'<image href="{uri}" width="{width_px}" height="{height_px}"/>{marks}</svg>'
        f"<p>{head}<br>source: {escape(entry['source'])}<small>{path}</small></p></li>"
    )
