"""What the reports share: the page, its tables, numbers as words, small pictures. One file, no script, no other host.

Nothing is measured here. Texts are escaped, except where a parameter is called HTML.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

_PREVIEW_PX = 150


def percent(share: float, digits: int = 0) -> str:
    """0.934 → ``93 %``, with one digit ``93.4 %``; a little is not called nothing, and nearly all is not called all."""
    least = 10**-digits / 100
    if 0 < share < least / 2:
        return f"<{100 * least:.{digits}f} %"
    if 1 - least / 2 <= share < 1:
        return f">{100 * (1 - least):.{digits}f} %"
    return f"{100 * share:.{digits}f} %"


def number(count: int) -> str:
    """7098 → ``7,098``."""
    return f"{count:,}"


def count_of(count: int, one: str, many: str = "") -> str:
    """``1 picture``, ``2 pictures``."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def build_page(
    *, title: str, kicker: str, heading: str, sections: Sequence[tuple[str, str, str]], lead: str, footer: str
) -> str:
    """A whole page.

    Parameters
    ----------
    title, kicker, heading : str
        Of the window, the line above the heading, and the heading.
    sections : sequence of (str, str, str)
        For each its anchor, its title and its content (HTML).
    lead, footer : str
        HTML before the first section and after the last.
    """
    css = Path(__file__).with_name("templates").joinpath("report.css").read_text(encoding="utf-8")
    links = "".join(f'<li><a href="#{key}">{escape(words)}</a></li>' for key, words, _ in sections)
    body = "\n".join(
        f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{escape(words)}</h2>\n'
        f"{content}</section>"
        for key, words, content in sections
    )
    return f"""<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>
{css}</style>
</head>
<body>
<header><p class="kicker">{escape(kicker)}</p><h1>{escape(heading)}</h1>
<nav aria-label="Sections"><ul>{links}</ul></nav></header>
<main>
{lead}
{body}
</main>
<footer><p>{footer}</p></footer>
</body>
</html>
"""


def paragraphs(*texts: str) -> str:
    """One paragraph for each text (HTML) that is not empty."""
    return "".join(f"<p>{text}</p>\n" for text in texts if text)


def bullets(texts: Iterable[str]) -> str:
    """A list of sentences (HTML)."""
    return f'<ul class="meanings">{"".join(f"<li>{text}</li>" for text in texts)}</ul>\n'


def share_cell(share: float | None, digits: int = 1) -> tuple[str, str, float]:
    """A cell for `table`: a share as percent with its bar; a dash where there is none."""
    return ("share", "–", 0.0) if share is None else ("share", escape(percent(share, digits)), share)


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[Any]],
    heads: int = 1,
    sums: int = 0,
    marked: Iterable[int] = (),
) -> str:
    """A table that scrolls by itself.

    Parameters
    ----------
    caption : str
    head : sequence of str
    rows : iterable of sequences
        A float is a share and gets a bar, an int is a count, ``(class, HTML)`` is taken as it is, and
        ``(class, HTML, share)`` gets a bar too; anything else is a text.
    heads, sums : int
        The first ``heads`` columns name the row, the last ``sums`` rows are sums.
    marked : iterable of int
        Rows (index base 0) that stand out.
    """
    rows, marked = list(rows), set(marked)
    wrapped = {heads + place for row in rows for place, cell in enumerate(row[heads:]) if _is_wrapped(cell)}
    top = "".join(
        f'<th scope="col"{" class=text" if place < heads or place in wrapped else ""}>{escape(title)}</th>'
        for place, title in enumerate(head)
    )
    lines = []
    for place, row in enumerate(rows):
        names = "".join(f'<th scope="row" class="text">{escape(str(name))}</th>' for name in row[:heads])
        kind = ' class="sum"' if place >= len(rows) - sums else ' class="marked"' if place in marked else ""
        lines.append(f"<tr{kind}>{names}{''.join(map(_cell, row[heads:]))}</tr>")
    label = escape(caption, quote=True)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{label}"><table>'
        f"<caption><span>{label}</span></caption><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>\n"
    )


def _is_wrapped(cell: Any) -> bool:
    return isinstance(cell, tuple) and cell[0] == "wrap"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        value = share_cell(value, digits=0)
    if isinstance(value, tuple):
        bar = f' style="--share:{100 * value[2]:.1f}%"' if len(value) > 2 else ""
        return f'<td class="{value[0]}"{bar}>{value[1]}</td>'
    return f"<td>{number(value) if isinstance(value, int) else escape(str(value))}</td>"


def encode_preview(pixels: np.ndarray, side_px: int = _PREVIEW_PX) -> str:
    """A small JPEG of a decoded picture (H, W, 3), uint8, RGB, as a data URI; its longer side at most ``side_px``."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((side_px, side_px))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=72)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
