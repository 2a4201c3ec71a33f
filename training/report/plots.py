"""Plots as inline SVG, 340 units wide so that their words stay readable on a phone; colours are in ``report.css``.

A plot shows the shape; the figures themselves stand in a table beside it. Here a plot's shapes are measured; the markup
is that of `training.report.drawing`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from training.report.drawing import WIDTH, Figure, Shape, path, text

_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 14, 10, 40

_SIDE = WIDTH - _LEFT - _RIGHT

_HEIGHT = _TOP + _SIDE + _BOTTOM

_STRIP = 46

_BAR_ROW = 22

Points = Sequence[Sequence[float]]

Say = Callable[[float], str]
"""Words of a number at an axis."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a plot.

    Attributes
    ----------
    name : str
        Beside its mark in the legend.
    points : sequence of (x, y)
    kind : str
        ``line`` or ``dots``.
    sizes : sequence of float
        Of the dots: shares in [0, 1].
    quiet : bool
        A baseline: grey and dashed, without a colour of its own.
    """

    name: str
    points: Points
    kind: str = "line"
    sizes: Sequence[float] = ()
    quiet: bool = False


def say_share(share: float) -> str:
    """0.125 → ``12.5%``."""
    percent = 100 * share
    return f"{percent:.0f}%" if abs(percent - round(percent)) < 1e-9 else f"{percent:.1f}%"


def say_number(value: float) -> str:
    """1.25 → ``1.25``, 12.0 → ``12``."""
    return f"{value:.3g}"


def draw_plot(
    title: str,
    series: Sequence[Series],
    *,
    axes: tuple[str, str],
    highest: tuple[float, float] = (1.0, 1.0),
    ticks: tuple[Say, Say] = (say_share, say_share),
    note: str = "",
) -> Figure:
    """A square plot with its legend.

    Parameters
    ----------
    title, note : str
        The caption, and a sentence below the legend.
    series : sequence of Series
    axes : tuple of str
        What x and y are.
    highest : tuple of float
        Ends of the axes; both begin at 0.
    ticks : tuple of callable
        How numbers are said at the axes: `say_share` or `say_number`.
    """
    coloured = list(zip(series, _number_colours(series), strict=True))
    drawn = [shape for one, colour in coloured for shape in _draw_series(one, colour, highest)]
    return Figure(
        title=title,
        label=f"{title}. {axes[1]} against {axes[0]}: {', '.join(one.name for one in series)}.",
        height=_HEIGHT,
        shapes=[*_draw_axes(axes, highest, ticks), *drawn],
        legend=[(_draw_key(one, colour), one.name) for one, colour in coloured],
        note=note,
    )


def _draw_key(one: Series, colour: str) -> Shape:
    if one.kind == "dots":
        return Shape("circle", {"class": f"dot {colour}", "cx": 13, "cy": 5, "r": 4})
    return path(f"line {colour}", "M1 5H25")


def _number_colours(series: Sequence[Series]) -> list[str]:
    numbers = iter(range(len(series)))
    return ["quiet" if one.quiet else f"s{next(numbers) % 6}" for one in series]


def _scale(point: Sequence[float], highest: tuple[float, float]) -> tuple[float, float]:
    return _LEFT + _SIDE * point[0] / highest[0], _TOP + _SIDE * (1 - min(point[1] / highest[1], 1.0))


def _draw_axes(axes: tuple[str, str], highest: tuple[float, float], ticks: tuple[Say, Say]) -> list[Shape]:
    shapes = []
    for step in range(5):
        values = (highest[0] * step / 4, highest[1] * step / 4)
        x, y = _scale(values, highest)
        shapes.append(path("grid", f"M{x:.1f} {_TOP}V{_TOP + _SIDE}M{_LEFT} {y:.1f}H{_LEFT + _SIDE}"))
        shapes.append(text(ticks[0](values[0]), f"{x:.1f}", _TOP + _SIDE + 16, "x"))
        shapes.append(text(ticks[1](values[1]), _LEFT - 6, f"{y + 4:.1f}", "y"))
    middle = f"{_TOP + _SIDE / 2:.0f}"
    shapes.append(text(axes[0], _LEFT + _SIDE / 2, _HEIGHT - 7, "x"))
    shapes.append(text(axes[1], 10, middle, "x", f"rotate(-90 10 {middle})"))
    return shapes


def _draw_series(one: Series, colour: str, highest: tuple[float, float]) -> list[Shape]:
    points = [_scale(point, highest) for point in one.points]
    if one.kind == "dots":
        return [
            Shape(
                "circle",
                {"class": f"dot {colour}", "cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": f"{2.5 + 8 * size**0.5:.1f}"},
            )
            for (x, y), size in zip(points, one.sizes, strict=True)
        ]
    return [path(f"line {colour}", "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points))]


def draw_strips(
    title: str, rows: Mapping[str, Sequence[float]], ticks: Mapping[float, str], limit: float, *, first: str
) -> Figure:
    """Histograms one below the other, on one axis.

    Parameters
    ----------
    title : str
    rows : Mapping of str to sequence of float
        A name and the shares of its bins, which are equally wide on the plot; all rows have as many.
    ticks : Mapping of float to str
        A point of the axis as a fraction of it, and the words there.
    limit : float
        A point, as a fraction of the axis, that is marked through all rows.
    first : str
        The row that the others are compared with.
    """
    width, bottom = WIDTH - 2 * _RIGHT, _STRIP * len(rows)
    shapes = []
    for row, (name, shares) in enumerate(rows.items()):
        floor = _STRIP * (row + 1)
        step = width / len(shares)
        bars = "".join(
            f"M{_RIGHT + step * index:.1f} {floor}v{-26 * share**0.5:.1f}h{step - 0.6:.1f}V{floor}"
            for index, share in enumerate(shares)
            if share > 0
        )
        shapes.append(text(name, _RIGHT, floor - 30))
        shapes.append(path("grid", f"M{_RIGHT} {floor}h{width}"))
        shapes.append(path(f"fill {'s0' if name == first else 's1'}", bars))
    shapes.append(path("limit", f"M{_RIGHT + width * limit:.1f} 4V{bottom}"))
    shapes += [text(words, f"{_RIGHT + width * share:.1f}", bottom + 18, "x") for share, words in ticks.items()]
    return Figure(title=title, label=title, height=bottom + 34, shapes=shapes)


def draw_bars(title: str, rows: Mapping[str, int]) -> Figure:
    """One horizontal bar a name, with its number."""
    most = max([*rows.values(), 1])
    shapes = []
    for row, (name, count) in enumerate(rows.items()):
        y, width = _BAR_ROW * row, 160 * count / most
        shapes.append(text(shorten(name, 18), 118, y + 16, "y"))
        shapes.append(Shape("rect", {"class": "fill s0", "x": 126, "y": y + 4, "width": f"{width:.1f}", "height": 15}))
        shapes.append(text(f"{count:,}", f"{131 + width:.1f}", y + 16))
    return Figure(title=title, label=title, height=_BAR_ROW * len(rows) + 4, shapes=shapes)


def round_up(value: float) -> float:
    """The next number whose quarters are short, for the end of an axis; ``value`` is above 0.

    Examples
    --------
    >>> round_up(2.42), round_up(0.013), round_up(1)
    (3.0, 0.016, 1.0)
    """
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10) if step * unit >= value)


def draw_matrix(title: str, names: Sequence[str], counts: Sequence[Sequence[int]]) -> Figure:
    """A confusion matrix: a row for each true class, a column for each answer; darker is a larger share of the row."""
    longest = max(map(len, names))
    left, top = min(92, 16 + 7 * longest), min(74, 18 + 6 * longest)
    right = 4.4 * min(12, len(names[-1]))  # the last column's name leans out of the matrix
    cell = (WIDTH - left - right) / len(names)
    shapes = []
    for row, (name, line) in enumerate(zip(names, counts, strict=True)):
        y, x = top + cell * row, f"{left + cell * (row + 0.5) + 4:.1f}"
        shapes.append(text(shorten(name, 14), left - 6, f"{y + cell / 2 + 4:.1f}", "y"))
        turn = f"rotate(-50 {x} {top - 6})" if longest > 2 else None
        shapes.append(text(shorten(name, 12), x, top - 6, turn=turn))
        for column, count in enumerate(line):
            kind = "fill s0" if row == column else "fill s1"
            shapes.append(_draw_square(kind, count / max(1, sum(line)), (left + cell * column, y), cell - 1))
            if count and cell >= 13:
                middle = f"{left + cell * (column + 0.5):.1f}"
                shapes.append(text(str(count), middle, f"{y + cell / 2 + 4:.1f}", "x cell"))
    return Figure(title=title, label=title, height=round(top + cell * len(names) + 4), shapes=shapes)


def _draw_square(kind: str, share: float, corner: tuple[float, float], side: float) -> Shape:
    x, y, size = (f"{value:.1f}" for value in (*corner, side))
    opacity = f"{0.06 + 0.7 * share:.2f}"
    return Shape("rect", {"class": kind, "fill-opacity": opacity, "x": x, "y": y, "width": size, "height": size})


def draw_sheet(title: str, tiles: Sequence[tuple[str, str, str]], columns: int = 5) -> Figure:
    """Small pictures in rows: for each its data URI and two lines of words."""
    side = WIDTH / columns
    size = f"{side - 4:.0f}"
    shapes = []
    for index, (uri, first, second) in enumerate(tiles):
        x, y = side * (index % columns) + 2, (side + 26) * (index // columns)
        square = {"x": f"{x:.0f}", "y": f"{y + 2:.0f}", "width": size, "height": size}
        shapes.append(Shape("image", {"href": uri, **square}))
        for line, words in enumerate((first, second)):
            shapes.append(text(shorten(words, 14), f"{x:.0f}", f"{y + side + 9 + 11 * line:.0f}", "small"))
    rows = -(-len(tiles) // columns)
    return Figure(title=title, label=title, height=round((side + 26) * rows + 4), shapes=shapes)


def shorten(words: str, most: int) -> str:
    """Words of at most ``most`` characters, with an ellipsis where they are cut."""
    return words if len(words) <= most else f"{words[: most - 1]}…"
