"""Plots as inline SVG, 340 units wide so that their words stay readable on a phone; colours are in ``report.css``.

A plot shows the shape; the figures themselves stand in a table beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH = 340

_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 14, 10, 40

_SIDE = WIDTH - _LEFT - _RIGHT

_HEIGHT = _TOP + _SIDE + _BOTTOM

_STRIP = 46

Points = Sequence[Sequence[float]]

Say = Callable[[float], str]
"""Words of a number at an axis."""


def say_share(share: float) -> str:
    """0.125 → ``12.5%``."""
    percent = 100 * share
    return f"{percent:.0f}%" if abs(percent - round(percent)) < 1e-9 else f"{percent:.1f}%"


def say_number(value: float) -> str:
    """1.25 → ``1.25``, 12.0 → ``12``."""
    return f"{value:.3g}"


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


def draw_plot(
    title: str,
    series: Sequence[Series],
    *,
    axes: tuple[str, str],
    highest: tuple[float, float] = (1.0, 1.0),
    ticks: tuple[Say, Say] = (say_share, say_share),
    note: str = "",
) -> str:
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
    colours = _number_colours(series)
    lines = "".join(_draw_series(one, colour, highest) for one, colour in zip(series, colours, strict=True))
    legend = "".join(
        f'<li><svg aria-hidden="true" width="26" height="10" viewBox="0 0 26 10">{_draw_key(one, colour)}</svg>'
        f"{escape(one.name)}</li>"
        for one, colour in zip(series, colours, strict=True)
    )
    words = escape(f"{title}. {axes[1]} against {axes[0]}: {', '.join(one.name for one in series)}.", quote=True)
    return (
        f'<figure class="plot"><figcaption>{escape(title)}</figcaption>'
        f'<svg role="img" aria-label="{words}" viewBox="0 0 {WIDTH} {_HEIGHT}">'
        f"{_draw_axes(axes, highest, ticks)}{lines}</svg>"
        f'<ul class="legend">{legend}</ul>{f"<p>{escape(note)}</p>" if note else ""}</figure>\n'
    )


def _draw_key(one: Series, colour: str) -> str:
    if one.kind == "dots":
        return f'<circle class="dot {colour}" cx="13" cy="5" r="4"/>'
    return f'<path class="line {colour}" d="M1 5H25"/>'


def _number_colours(series: Sequence[Series]) -> list[str]:
    places = iter(range(len(series)))
    return ["quiet" if one.quiet else f"s{next(places) % 6}" for one in series]


def _place(point: Sequence[float], highest: tuple[float, float]) -> tuple[float, float]:
    return _LEFT + _SIDE * point[0] / highest[0], _TOP + _SIDE * (1 - min(point[1] / highest[1], 1.0))


def _draw_axes(axes: tuple[str, str], highest: tuple[float, float], ticks: tuple[Say, Say]) -> str:
    parts = []
    for step in range(5):
        x, y = _place((highest[0] * step / 4, highest[1] * step / 4), highest)
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{_TOP + _SIDE}M{_LEFT} {y:.1f}H{_LEFT + _SIDE}"/>')
        parts.append(f'<text class="x" x="{x:.1f}" y="{_TOP + _SIDE + 16}">{ticks[0](highest[0] * step / 4)}</text>')
        parts.append(f'<text class="y" x="{_LEFT - 6}" y="{y + 4:.1f}">{ticks[1](highest[1] * step / 4)}</text>')
    middle = _TOP + _SIDE / 2
    parts.append(f'<text class="x" x="{_LEFT + _SIDE / 2}" y="{_HEIGHT - 7}">{escape(axes[0])}</text>')
    parts.append(
        f'<text class="x" x="10" y="{middle:.0f}" transform="rotate(-90 10 {middle:.0f})">{escape(axes[1])}</text>'
    )
    return "".join(parts)


def _draw_series(one: Series, colour: str, highest: tuple[float, float]) -> str:
    places = [_place(point, highest) for point in one.points]
    if one.kind == "dots":
        return "".join(
            f'<circle class="dot {colour}" cx="{x:.1f}" cy="{y:.1f}" r="{2.5 + 8 * size**0.5:.1f}"/>'
            for (x, y), size in zip(places, one.sizes, strict=True)
        )
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    return f'<path class="line {colour}" d="{path}"/>'


def draw_strips(
    title: str, rows: Mapping[str, Sequence[float]], ticks: Mapping[float, str], limit: float, *, first: str
) -> str:
    """Histograms one below the other, on one axis.

    Parameters
    ----------
    title : str
    rows : Mapping of str to sequence of float
        A name and the shares of its bins, which are equally wide on the plot; all rows have as many.
    ticks : Mapping of float to str
        A place on the axis as a fraction of it, and the words there.
    limit : float
        A place, as a fraction of the axis, that is marked through all rows.
    first : str
        The row that the others are compared with.
    """
    width = WIDTH - 2 * _RIGHT
    height = _STRIP * len(rows) + 34
    parts = []
    for place, (name, shares) in enumerate(rows.items()):
        floor = _STRIP * (place + 1)
        step = width / len(shares)
        bars = "".join(
            f"M{_RIGHT + step * bin_:.1f} {floor}v{-26 * share**0.5:.1f}h{step - 0.6:.1f}V{floor}"
            for bin_, share in enumerate(shares)
            if share > 0
        )
        parts.append(f'<text x="{_RIGHT}" y="{floor - 30}">{escape(name)}</text>')
        parts.append(f'<path class="grid" d="M{_RIGHT} {floor}h{width}"/>')
        parts.append(f'<path class="fill {"s0" if name == first else "s1"}" d="{bars}"/>')
    bottom = _STRIP * len(rows)
    parts.append(f'<path class="limit" d="M{_RIGHT + width * limit:.1f} 4V{bottom}"/>')
    parts += [
        f'<text class="x" x="{_RIGHT + width * place:.1f}" y="{bottom + 18}">{escape(words)}</text>'
        for place, words in ticks.items()
    ]
    label = escape(title, quote=True)
    return (
        f'<figure class="plot strips"><figcaption>{label}</figcaption>'
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {height}">{"".join(parts)}</svg></figure>\n'
    )


def draw_bars(title: str, rows: Mapping[str, int]) -> str:
    """One horizontal bar a name, with its number."""
    most = max([*rows.values(), 1])
    parts = []
    for place, (name, count) in enumerate(rows.items()):
        y = 22 * place
        parts.append(f'<text class="y" x="118" y="{y + 16}">{escape(shorten(name, 18))}</text>')
        parts.append(f'<rect class="fill s0" x="126" y="{y + 4}" width="{160 * count / most:.1f}" height="15"/>')
        parts.append(f'<text x="{131 + 160 * count / most:.1f}" y="{y + 16}">{count:,}</text>')
    return _frame(title, "".join(parts), 22 * len(rows) + 4)


def round_up(value: float) -> float:
    """The next number whose quarters are short, for the end of an axis; ``value`` is above 0.

    Examples
    --------
    >>> round_up(2.42), round_up(0.013), round_up(1)
    (3.0, 0.016, 1.0)
    """
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10) if step * unit >= value)


def draw_matrix(title: str, names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """A confusion matrix: a row for each true class, a column for each answer; darker is a larger share of the row."""
    longest = max(map(len, names))
    left, top = min(92, 16 + 7 * longest), min(74, 18 + 6 * longest)
    right = 4.4 * min(12, len(names[-1]))  # the last column's name leans out of the matrix
    cell = (WIDTH - left - right) / len(names)
    parts = []
    for row, (name, line) in enumerate(zip(names, counts, strict=True)):
        y = top + cell * row
        parts.append(f'<text class="y" x="{left - 6}" y="{y + cell / 2 + 4:.1f}">{escape(shorten(name, 14))}</text>')
        x = left + cell * (row + 0.5) + 4
        turn = f'transform="rotate(-50 {x:.1f} {top - 6})"' if longest > 2 else ""
        parts.append(f'<text x="{x:.1f}" y="{top - 6}" {turn}>{escape(shorten(name, 12))}</text>')
        for column, count in enumerate(line):
            share = count / max(1, sum(line))
            place = f'x="{left + cell * column:.1f}" y="{y:.1f}" width="{cell - 1:.1f}" height="{cell - 1:.1f}"'
            parts.append(
                f'<rect class="fill s{0 if row == column else 1}" fill-opacity="{0.06 + 0.7 * share:.2f}" {place}/>'
            )
            if count and cell >= 13:
                middle = f'x="{left + cell * (column + 0.5):.1f}" y="{y + cell / 2 + 4:.1f}"'
                parts.append(f'<text class="x cell" {middle}>{count}</text>')
    return _frame(title, "".join(parts), round(top + cell * len(names) + 4))


def draw_sheet(title: str, tiles: Sequence[tuple[str, str, str]], columns: int = 5) -> str:
    """Small pictures in rows: for each its data URI and two lines of words."""
    side = WIDTH / columns
    parts = []
    for place, (uri, first, second) in enumerate(tiles):
        x, y = side * (place % columns), (side + 26) * (place // columns)
        size = f'width="{side - 4:.0f}" height="{side - 4:.0f}"'
        parts.append(f'<image href="{uri}" x="{x + 2:.0f}" y="{y + 2:.0f}" {size}/>')
        for line, words in enumerate((first, second)):
            at = f'x="{x + 2:.0f}" y="{y + side + 9 + 11 * line:.0f}"'
            parts.append(f'<text class="small" {at}>{escape(shorten(words, 14))}</text>')
    rows = -(-len(tiles) // columns)
    return _frame(title, "".join(parts), round((side + 26) * rows + 4))


def _frame(title: str, content: str, height: int) -> str:
    label = escape(title, quote=True)
    return (
        f'<figure class="plot"><figcaption>{escape(title)}</figcaption>'
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {height}">{content}</svg></figure>\n'
    )


def shorten(words: str, most: int) -> str:
    """Words of at most ``most`` characters, with an ellipsis where they are cut."""
    return words if len(words) <= most else f"{words[: most - 1]}…"


def write_figure(figure: str, path: Path) -> None:
    """Write a figure of this module as an SVG file that stands alone: caption above, legend below."""
    caption = re.search(r"<figcaption>(.*?)</figcaption>", figure)[1]
    body, height = re.search(r'<svg role="img"[^>]*viewBox="0 0 \d+ (\d+)">(.*?)</svg>', figure, re.S).group(2, 1)
    keys = re.findall(r"<li><svg[^>]*>(.*?)</svg>(.*?)</li>", figure)
    legend = "".join(
        f'<g transform="translate(4 {18 * place})">{key}<text x="34" y="9">{words}</text></g>'
        for place, (key, words) in enumerate(keys)
    )
    tall = 30 + int(height) + 18 * len(keys) + 8
    css = Path(__file__).with_name("templates").joinpath("report.css").read_text(encoding="utf-8")
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="-8 0 {WIDTH + 16} {tall}" '
        f'width="{2 * WIDTH}" style="padding: 0; border: 0; border-radius: 0; max-width: none">'
        f"<style>{escape(css)}</style>"
        f'<rect x="-8" width="100%" height="100%" style="fill: var(--card)"/><text x="4" y="18">{caption}</text>'
        f'<g transform="translate(0 30)">{body}</g><g transform="translate(0 {32 + int(height)})">{legend}</g></svg>\n',
        encoding="utf-8",
    )
