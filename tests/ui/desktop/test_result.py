"""What is taken along: the text, the picture and the row."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.answer.rows import build_row
from inference.imaging.types import DecodedImage
from tests.fakes import make_bundle, make_heatmap, make_prediction
from ui.desktop.answering import ShownAnswer, View
from ui.desktop.result import SaveError, save_result
from ui.words.answer import list_lines, present_heatmap, present_prediction

BUNDLE = make_bundle()
PIXELS = np.full((90, 120, 3), 60, np.uint8)
HEATMAP = make_heatmap(0.9, (90, 120))
PREDICTION = make_prediction(heatmap=HEATMAP)
PRESENTATION = present_prediction(PREDICTION, BUNDLE)
ANSWER = ShownAnswer(
    view=View(DecodedImage(PIXELS)),
    prediction=PREDICTION,
    presentation=PRESENTATION,
    heat=present_heatmap(HEATMAP),
    rows=(build_row("pear.png", PREDICTION),),
)


def save(target: Path, heat: bool = True) -> tuple[Path, Path]:
    return save_result(target, ANSWER, BUNDLE, heat=heat)


def test_text_has_the_answer_and_the_disclaimer() -> None:
    text = "\n".join(list_lines(PRESENTATION, BUNDLE, title="pear.png"))
    assert text.splitlines()[0] == "pear.png"
    for part in ("Pear, 94 %.", " 94 %  Pear Fruit", "  2 %  Apple", "fruit 1.2.3", "not a medical device"):
        assert part in text


def test_both_files_are_written_and_the_row_is_the_command_lines(tmp_path: Path) -> None:
    png_path, json_path = save(tmp_path / "my pear")
    assert (png_path.name, json_path.name) == ("my pear.png", "my pear.json")
    row = json.loads(json_path.read_text(encoding="utf-8"))
    assert (row["path"], row["label"], row["probabilities"]) == (
        "pear.png",
        "Pear Fruit",
        dict(PREDICTION.probabilities),
    )
    with Image.open(png_path) as picture:
        assert picture.width == 800
        assert picture.height > 600 + 300  # the picture, scaled to 800 × 600, and the words under it


def test_heat_map_is_drawn_only_when_it_is_shown(tmp_path: Path) -> None:
    def colourful(path: Path) -> int:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)[:600]
        return int(((pixels.max(axis=2) - pixels.min(axis=2)) > 40).sum())

    assert colourful(save(tmp_path / "with.png", heat=True)[0]) > 1000
    assert colourful(save(tmp_path / "without.png", heat=False)[0]) == 0


def test_a_foreign_json_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "pear.json").write_text("precious", encoding="utf-8")
    with pytest.raises(SaveError, match=r"pear.json is there already"):
        save(tmp_path / "pear.png")
    assert (tmp_path / "pear.json").read_text(encoding="utf-8") == "precious"
    assert not (tmp_path / "pear.png").exists()


def test_own_files_are_written_over(tmp_path: Path) -> None:
    png_path, json_path = save(tmp_path / "pear.png")
    for path in (png_path, json_path):
        path.write_bytes(b"what was there before")
    assert save(tmp_path / "pear.png") == (png_path, json_path)
    assert json.loads(json_path.read_text(encoding="utf-8"))["label"] == "Pear Fruit"
    with Image.open(png_path) as picture:
        assert picture.width == 800


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match=r"pear\.png cannot be written: No such file"):
        save(tmp_path / "gone" / "pear.png")
