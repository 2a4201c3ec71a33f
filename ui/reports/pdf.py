"""The page to read: one sheet of A4 with picture, heat map, answer, model and disclaimer, as text that can be selected.

The fonts are those that every PDF reader brings along; a letter that they lack (outside Windows-1252) becomes a
question mark. The plot is reportlab's.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import cv2
import numpy as np

from inference import __version__
from inference.answer.prediction import Prediction, Verdict
from ui.pictures import color_stops, draw_letters, encode_png, render_overlay
from ui.words.labels import HEAT_ENDS
from ui.words.model import describe_model, word_disclaimer
from ui.words.numbers import capitalise
from ui.words.sides import word_sides
from ui.words.tone import TONE_COLORS
from ui.words.volume import describe_volume, word_slice

if TYPE_CHECKING:
    from inference.answer.volume import VolumePrediction
    from inference.imaging.types import Orientation
    from ui.reports.topic import Topic
    from ui.words.answer import NumberRow, Presentation


_MARGIN = 50.0

_WIDTH = 595.28 - 2 * _MARGIN
"""What lies between the margins of A4, in points; every length here is in points."""

_PICTURE_SIDE = 220.0

_LETTERED_SIDE_PX = 512
"""Longer side from which letters in a picture are sharp at that size."""

_LINES = (("#0b6e69", None, "–––"), ("#8a5300", (4, 2), "- - -"), ("#6a3fa0", (1, 2), "· · ·"))
"""Colour and dashes of the plot's lines, and how the legend spells them: they are told apart without colours too."""

_INK, _FAINT, _GROUND = "#1c2430", "#5b6672", "#eef1f4"

_IDENTITY: Mapping[str, str] = {
    "PatientName": "Patient",
    "PatientID": "ID",
    "PatientBirthDate": "Born",
    "StudyDate": "Study of",
    "AccessionNumber": "Accession number",
}


def encode_pdf(topic: Topic, *, keep_identity: bool = False) -> bytes:
    """The page as a PDF file.

    Parameters
    ----------
    topic : Topic
    keep_identity : bool
        Name the patient and the study of a DICOM source, and the day on which the page was made.

    Returns
    -------
    bytes
        A PDF file of one page; the same topic gives the same bytes, unless ``keep_identity``.
    """
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import Frame, KeepInFrame

    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=A4, invariant=not keep_identity, lang="en")
    canvas.setTitle(_replace_letters(topic.bundle.title))
    canvas.setCreator(f"Gyrus {__version__}")
    height = A4[1] - 2 * _MARGIN
    story = KeepInFrame(_WIDTH, height, list(_build_story(topic, keep_identity=keep_identity)), mode="shrink")
    frame = Frame(_MARGIN, _MARGIN, _WIDTH, height, 0, 0, 0, 0)
    frame.addFromList([story], canvas)
    canvas.showPage()
    canvas.save()
    return stream.getvalue()


def _build_story(topic: Topic, *, keep_identity: bool) -> Iterable[Any]:
    """What stands on the page, from above."""
    from reportlab.platypus import Spacer

    shown = topic.presentation
    yield _build_paragraph(topic.bundle.title, size=16, bold=True)
    yield _build_paragraph(describe_model(topic.bundle), color=_FAINT)
    if keep_identity and topic.sources:
        yield _build_paragraph(_name_patient(topic))
    if disclaimer := word_disclaimer(topic.bundle):
        yield _build_paragraph(disclaimer, size=11, bold=True, ground=_GROUND)
    yield Spacer(0, 10)
    yield _build_paragraph(shown.sentence, size=15, bold=True, color=TONE_COLORS[shown.tone].light)
    yield _build_paragraph(shown.detail)
    yield Spacer(0, 6)
    yield _build_pictures(topic)
    yield Spacer(0, 8)
    yield _build_rows(shown)
    if topic.volume is not None:
        yield Spacer(0, 8)
        yield from _build_volume(topic, topic.volume)
    for note in shown.notes:
        yield _build_paragraph(note)
    yield Spacer(0, 8)
    yield _build_paragraph(
        f"Gyrus {__version__}. SHA-256 of the model: {topic.bundle.compute_sha256()}", size=7, color=_FAINT
    )


def _build_paragraph(
    text: str,
    *,
    size: float = 9.5,
    bold: bool = False,
    color: str = _INK,
    ground: str | None = None,
    centred: bool = False,
) -> Any:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    style = ParagraphStyle(
        "text",
        fontName="Helvetica-Bold" if bold else "Helvetica",
        fontSize=size,
        leading=size * 1.3,
        textColor=color,
        backColor=ground,
        borderPadding=6 if ground else 0,
        leftIndent=6 if ground else 0,
        rightIndent=6 if ground else 0,
        spaceBefore=10 if ground else 2,
        spaceAfter=8 if ground else 2,
        alignment=int(centred),
    )
    return Paragraph(escape(_replace_letters(text)), style)


def _replace_letters(text: str) -> str:
    """The text with a question mark for each letter that the fonts lack."""
    return text.encode("cp1252", errors="replace").decode("cp1252")


def _name_patient(topic: Topic) -> str:
    """Who was examined; of a name in several scripts the first (PS3.5, 6.2.1)."""
    header = topic.sources[0].header
    values = {name: str(header.get(keyword) or "").split("=")[0] for keyword, name in _IDENTITY.items()}
    return ", ".join(f"{name} {value.replace('^', ' ').strip()}" for name, value in values.items() if value)


def _build_pictures(topic: Topic) -> Any:
    """The slice, and beside it the same with its heat map, if there is one."""
    from reportlab.platypus import Table

    volume, heatmap, words = topic.volume, topic.heatmap, topic.heat
    caption = "The image" if volume is None else capitalise(word_slice(topic.shown, len(volume.slices)))
    shown, sides = topic.picture, word_sides(topic.picture.orientation)
    pictures = [_draw_picture(shown.pixels, shown.orientation)]
    captions = [[_build_paragraph(text, color=_FAINT, centred=True) for text in (caption, sides) if text]]
    if heatmap is not None and words is not None:
        if words.drawn:
            pictures.append(_draw_picture(render_overlay(shown.pixels, heatmap), shown.orientation))
            captions.append([_build_paragraph(words.sentence, color=_FAINT, centred=True), _draw_colors()])
        else:
            captions[0].append(_build_paragraph(words.sentence, color=_FAINT, centred=True))
    return Table(
        [pictures, captions],
        colWidths=[_WIDTH / len(pictures)] * len(pictures),
        style=[("ALIGN", (0, 0), (-1, -1), "CENTER"), ("VALIGN", (0, 0), (-1, -1), "TOP")],
    )


def _draw_picture(pixels: np.ndarray, orientation: Orientation | None) -> Any:
    """The picture with letters at its edges, if they are known; a small one is enlarged for them."""
    from reportlab.platypus import Image

    height_px, width_px = pixels.shape[:2]
    scale = _PICTURE_SIDE / max(height_px, width_px)
    times = -(-_LETTERED_SIDE_PX // max(height_px, width_px))
    if orientation is not None and times > 1:
        pixels = cv2.resize(np.ascontiguousarray(pixels), None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    content = encode_png(draw_letters(pixels, orientation))
    return Image(io.BytesIO(content), width=width_px * scale, height=height_px * scale)


def _draw_colors() -> Any:
    """The heat map's colour bar, on grey as the picture is."""
    from reportlab.graphics.shapes import Drawing, Rect, String
    from reportlab.lib.colors import Color

    width, height, bar = 200.0, 20.0, 8.0
    drawing = Drawing(width, height, hAlign="CENTER")
    stops = color_stops(64)
    step = width / len(stops)
    drawing.add(Rect(0, height - bar, width, bar, fillColor=Color(0.2, 0.2, 0.2), strokeColor=None))
    for index, (red, green, blue, alpha) in enumerate(stops):
        color = Color(red / 255, green / 255, blue / 255, alpha / 255)
        drawing.add(Rect(index * step, height - bar, step, bar, fillColor=color, strokeColor=None))
    for text, x, anchor in ((HEAT_ENDS[0], 0.0, "start"), (HEAT_ENDS[1], width, "end")):
        drawing.add(String(x, 2, text, fontName="Helvetica", fontSize=7, textAnchor=anchor))
    return drawing


def _build_rows(shown: Presentation) -> Any:
    """Each class with its percentage and a bar; bold what the answer names."""
    from reportlab.platypus import Table

    rows = [
        [_build_paragraph(row.label, bold=row.named), _build_paragraph(row.percent, bold=row.named), _draw_bar(row)]
        for row in shown.rows
    ]
    return Table(rows, colWidths=[180, 50, _WIDTH - 230], style=[("VALIGN", (0, 0), (-1, -1), "MIDDLE")])


def _draw_bar(row: NumberRow) -> Any:
    from reportlab.graphics.shapes import Drawing, Rect
    from reportlab.lib.colors import HexColor

    width, height = _WIDTH - 250, 7.0
    drawing = Drawing(width, height)
    drawing.add(Rect(0, 0, width, height, fillColor=HexColor(_GROUND), strokeColor=None))
    color = HexColor(_LINES[0][0] if row.named else _FAINT)
    drawing.add(Rect(0, 0, width * row.probability, height, fillColor=color, strokeColor=None))
    return drawing


def _build_volume(topic: Topic, volume: VolumePrediction) -> Iterable[Any]:
    yield _build_paragraph(" ".join(describe_volume(volume, topic.bundle)))
    labels = _choose_labels(topic)
    if volume.best_slice is not None and len(volume.slices) > 1:
        yield _draw_plot(volume, labels)
        yield _build_legend(labels, has_suspicious=bool(volume.suspicious))


def _choose_labels(topic: Topic) -> list[str]:
    """The classes to draw: the most probable ones, without the one that means that nothing was found."""
    rows = topic.presentation.rows
    return [row.label for row in rows if row.label != topic.bundle.background][: len(_LINES)]


def _draw_plot(volume: VolumePrediction, labels: list[str]) -> Any:
    """Probability along the volume; a line breaks where a slice is empty, was rejected or could not be read."""
    from reportlab.graphics.charts.lineplots import LinePlot
    from reportlab.graphics.shapes import Drawing, Line, Rect
    from reportlab.graphics.widgets.markers import makeMarker
    from reportlab.lib.colors import HexColor

    drawing, plot = Drawing(_WIDTH, 110), LinePlot()
    plot.x, plot.y, plot.width, plot.height = 34, 20, _WIDTH - 44, 82
    count = len(volume.slices)
    plot.xValueAxis.valueMin, plot.xValueAxis.valueMax = 0.5, count + 0.5
    step = max(5 * round(count / 50), 1)
    plot.xValueAxis.valueSteps = [1, *range(step if step > 1 else 2, count - step // 2, step), count]
    plot.yValueAxis.valueMin, plot.yValueAxis.valueMax, plot.yValueAxis.valueStep = 0, 100, 50
    plot.yValueAxis.labelTextFormat = "%d %%"
    for axis in (plot.xValueAxis, plot.yValueAxis):
        axis.labels.fontName, axis.labels.fontSize = "Helvetica", 7
    lines = [(index, piece) for index, label in enumerate(labels) for piece in _list_pieces(volume, label)]
    plot.data = [piece for _, piece in lines] or [[(1, 0)]]
    for line_index, (label_index, _) in enumerate(lines):
        color, dashes, _ = _LINES[label_index]
        plot.lines[line_index].strokeColor = HexColor(color)
        plot.lines[line_index].strokeDashArray = dashes
        plot.lines[line_index].symbol = makeMarker(
            "FilledCircle", size=1.5, fillColor=HexColor(color), strokeColor=None
        )
    width = plot.width / count
    for index in volume.suspicious:
        ground = HexColor("#f6dfbd")
        drawing.add(Rect(plot.x + index * width, plot.y, width, plot.height, fillColor=ground, strokeColor=None))
    best = plot.x + ((volume.best_slice or 0) + 0.5) * width
    drawing.add(Line(best, plot.y, best, plot.y + plot.height, strokeColor=HexColor(_INK), strokeWidth=0.7))
    drawing.add(plot)
    return drawing


def _list_pieces(volume: VolumePrediction, label: str) -> list[list[tuple[int, float]]]:
    """A class's percentages as the unbroken pieces of a line: (slice counted from 1, percent)."""
    pieces: list[list[tuple[int, float]]] = [[]]
    for index, prediction in enumerate(volume.slices):
        counts = isinstance(prediction, Prediction) and prediction.verdict is not Verdict.REJECTED
        if counts and index not in volume.empty and isinstance(prediction, Prediction):
            pieces[-1].append((index + 1, 100 * prediction.probabilities[label]))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _build_legend(labels: list[str], *, has_suspicious: bool) -> Any:
    """Which line is which, each with a piece of itself."""
    from reportlab.platypus import Table

    named = [
        _build_paragraph(f"{_LINES[index][2]} {label}", size=8, color=_LINES[index][0])
        for index, label in enumerate(labels)
    ]
    ground = " Shaded: suspicious slices." if has_suspicious else ""
    words = _build_paragraph(
        f"Probability, slice by slice. Upright line: the slice that is shown.{ground}", size=8, color=_FAINT
    )
    return Table([named or [""], [words]], style=[("SPAN", (0, 1), (-1, 1)), ("TOPPADDING", (0, 0), (-1, -1), 0)])
