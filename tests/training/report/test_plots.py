"""Drawings: names of classes and runs stay words, in a page and in a file of its own."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from training.report.drawing import Figure, write_figure
from training.report.plots import Series, draw_bars, draw_matrix, draw_plot, draw_strips

NASTY = "<b>&\"'"


@pytest.mark.parametrize(
    "figure",
    [
        draw_bars(NASTY, {NASTY: 3}),
        draw_matrix(NASTY, [NASTY, "other"], [[2, 1], [0, 3]]),
        draw_plot(NASTY, [Series(name=NASTY, points=[(0, 0), (1, 1)])], axes=(NASTY, "y")),
        draw_strips(NASTY, {NASTY: [0.5, 0.5]}, {0.0: NASTY}, 0.5, first=NASTY),
    ],
    ids=["bars", "matrix", "plot", "strips"],
)
def test_names_stay_words(figure: Figure, tmp_path: Path) -> None:
    write_figure(figure, tmp_path / "figure.svg")
    root = ElementTree.parse(tmp_path / "figure.svg").getroot()
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert words.count(NASTY) >= 2, "in the caption and in the drawing"


def test_a_drawing_that_stands_alone_has_its_colours_and_its_legend(tmp_path: Path) -> None:
    write_figure(draw_plot("t", [Series(name="only", points=[(0, 0)])], axes=("x", "y")), tmp_path / "figure.svg")
    root = ElementTree.parse(tmp_path / "figure.svg").getroot()
    style = root.find("{http://www.w3.org/2000/svg}style")
    assert style is not None
    assert "tr.marked > :first-child" in str(style.text)
    assert [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")][-1] == "only"
