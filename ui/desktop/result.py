"""An answer to take along: as a picture, and as the row that ``python -m inference`` prints; its text is `ui.words`'.

The picture carries no file name: people name files after patients, and pictures are passed on.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from inference.errors import GyrusError
from ui.desktop.picture import render_picture
from ui.pictures import face_picture
from ui.words.model import word_disclaimer
from ui.words.sides import word_sides
from ui.words.tone import TONE_COLORS

if TYPE_CHECKING:
    from inference.imaging.types import Convention
    from inference.model.bundle import ModelBundle
    from ui.desktop.answering import ShownAnswer
    from ui.words.answer import NumberRow

_WIDTH_PX = 800
_MARGIN_PX = 32
_INK, _QUIET, _GROUND, _TRACK = "#1c2228", "#5b6672", "#ffffff", "#e3e0d8"


class SaveError(GyrusError):
    """A result could not be written."""


def save_result(
    target: Path, answer: ShownAnswer, bundle: ModelBundle, *, heat: bool, convention: Convention = "radiological"
) -> tuple[Path, Path]:
    """Write the answer as a PNG file and, beside it, as JSON: the row, of a volume with ``slices``, as the API has it.

    Parameters
    ----------
    target : pathlib.Path
        The PNG file; whoever asked for its name has asked about writing over it.
    answer : ShownAnswer
    bundle : ModelBundle
    heat : bool
        Draw the heat map.
    convention : str
        In which the picture is drawn.

    Returns
    -------
    tuple of pathlib.Path
        Both files.

    Raises
    ------
    SaveError
        A file cannot be written, or the JSON file is there already and belongs to no PNG file.
    """
    png_path = target if target.suffix.lower() == ".png" else target.with_name(f"{target.name}.png")
    json_path = png_path.with_suffix(".json")
    if json_path.exists() and not png_path.exists():
        raise SaveError(f"{json_path.name} is there already and is not written over. Choose another name.")
    *slices, whole = (row.to_dict() for row in answer.rows)
    body = {**whole, "slices": slices} if slices else whole
    try:
        render_result(answer, bundle, heat=heat, convention=convention).save(png_path, "PNG")
        json_path.write_text(json.dumps(body, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise SaveError(f"{png_path.name} cannot be written: {error.strerror or error}.") from error
    return png_path, json_path


def render_result(answer: ShownAnswer, bundle: ModelBundle, *, heat: bool, convention: Convention) -> Image.Image:
    """Draw the picture, and under it the sentence, the percentages and the disclaimer."""
    presentation = answer.presentation
    kept = answer.word_heat(convention, is_kept=True)
    heatmap = answer.prediction.heatmap if heat and kept.drawn else None
    shown = face_picture(answer.view.image, convention, heatmap)
    picture = render_picture(shown, (_WIDTH_PX, _WIDTH_PX))
    sheet = Image.new("RGB", (_WIDTH_PX, picture.height + 1200), _GROUND)
    sheet.paste("#000000", (0, 0, _WIDTH_PX, picture.height))
    sheet.paste(picture, ((_WIDTH_PX - picture.width) // 2, 0))
    pen = _Pen(sheet, picture.height + _MARGIN_PX)
    pen.write(presentation.sentence, 30, TONE_COLORS[presentation.tone].light)
    pen.write(presentation.detail, 18, _QUIET)
    pen.skip(10)
    for row in presentation.rows:
        pen.bar(row, TONE_COLORS[presentation.tone].light)
    for text in (kept.sentence, word_sides(shown.orientation), *presentation.notes):
        pen.write(text, 18, _INK)
    pen.skip(6)
    pen.write(word_disclaimer(bundle), 18, _INK)
    pen.write(presentation.source, 15, _QUIET)
    return sheet.crop((0, 0, _WIDTH_PX, min(pen.top + _MARGIN_PX - 8, sheet.height)))


class _Pen:
    """Writes from top to bottom, with the font that Pillow brings along."""

    def __init__(self, sheet: Image.Image, top: int) -> None:
        self.top = top
        self._draw = ImageDraw.Draw(sheet)

    def skip(self, height_px: int) -> None:
        self.top += height_px

    def write(self, text: str, size_px: int, color: str) -> None:
        font = ImageFont.load_default(size_px)
        for line in self._wrap(text, font):
            self._draw.text((_MARGIN_PX, self.top), line, color, font)
            self.top += round(size_px * 1.35)
        self.top += round(size_px * 0.3) if text else 0

    def bar(self, row: NumberRow, color: str) -> None:
        font = ImageFont.load_default(19)
        right = _WIDTH_PX - _MARGIN_PX
        self._draw.text((_MARGIN_PX, self.top), row.label, _INK, font)
        self._draw.text((right, self.top), row.percent, _INK, font, anchor="ra")
        top, bottom = self.top + 27, self.top + 35
        self._draw.rounded_rectangle((_MARGIN_PX, top, right, bottom), 4, _TRACK)
        filled = round((right - _MARGIN_PX) * row.probability)
        if filled >= 1:
            end = _MARGIN_PX + max(filled, 8)
            self._draw.rounded_rectangle((_MARGIN_PX, top, end, bottom), 4, color if row.named else _QUIET)
        self.top += 50

    def _wrap(self, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Sequence[str]:
        """Break lines so that the widest fits; fewer characters a line until it does."""
        room = _WIDTH_PX - 2 * _MARGIN_PX
        for characters in range(120, 10, -2):
            lines = textwrap.wrap(text, characters)
            if all(font.getlength(line) <= room for line in lines):
                return lines
        return lines
