"""Drawings as inline SVG: their shapes, and the figure that carries them. Nothing is measured here.

A figure is shown in a page by ``templates/figures.html`` and stands alone by ``templates/figure.svg``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.report.templating import render_template

WIDTH = 340
"""Units of every drawing: so wide that words stay readable on a phone."""

_LEGEND_ROW = 18


@dataclass(frozen=True)
class Shape:
    """One element of a drawing.

    Attributes
    ----------
    tag : str
        Of SVG: ``path``, ``rect``, ``circle``, ``image`` or ``text``.
    attributes : dict of str to object
        None leaves one out.
    words : str
        Of a ``text``.
    """

    tag: str
    attributes: dict[str, object]
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A drawing with its caption and legend.

    Attributes
    ----------
    title, label : str
        The caption, and what a screen reader says.
    height, width : int
        Of the drawing.
    shapes : sequence of Shape
    legend : sequence of (Shape, str)
        Marks of 26×10 units, and what each stands for.
    note : str
        A sentence below the legend.
    """

    title: str
    label: str
    height: int
    shapes: Sequence[Shape]
    legend: Sequence[tuple[Shape, str]] = ()
    note: str = ""
    width: int = WIDTH


def text(words: str, x: object, y: object, kind: str | None = None, turn: str | None = None) -> Shape:
    """Words at a point; ``kind`` is a class of ``report.css``, ``turn`` a transform."""
    return Shape("text", {"class": kind, "x": x, "y": y, "transform": turn}, words)


def path(kind: str, line: str) -> Shape:
    """A line in the words of SVG's ``d``; ``kind`` is a class of ``report.css``."""
    return Shape("path", {"class": kind, "d": line})


def write_figure(figure: Figure, target: Path) -> None:
    """Write a figure as an SVG file that stands alone: caption above, legend below."""
    height = 30 + figure.height + _LEGEND_ROW * len(figure.legend) + 8
    drawn = render_template("figure.svg", figure=figure, height=height, row=_LEGEND_ROW)
    target.write_text(drawn, encoding="utf-8")
