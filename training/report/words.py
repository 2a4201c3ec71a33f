"""Numbers as words, for pages, cards and the terminal. No markup here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Finding(NamedTuple):
    """A headline figure and the words that go on from it.

    Attributes
    ----------
    value, words : str
    worry : bool
        The figure is a reason to worry, or no better than its baseline.
    baseline : str
        What one would get without any skill, in words.
    """

    value: str
    words: str
    worry: bool = False
    baseline: str = ""


def percent(share: float, digits: int = 0) -> str:
    """0.934 → ``93 %``, with one digit ``93.4 %``; a little is not called nothing, and nearly all is not called all.

    Examples
    --------
    >>> percent(0.934), percent(0.934, 1), percent(0.0001, 1), percent(0.9999, 1)
    ('93 %', '93.4 %', '<0.1 %', '>99.9 %')
    """
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


def decimals(value: float, digits: int = 3) -> str:
    """0.05 → ``0.050``."""
    return f"{value:.{digits}f}"


def short(value: float) -> str:
    """0.50 → ``0.5``, 12.0 → ``12``."""
    return f"{value:g}"


def key_values(settings: Mapping[str, object]) -> str:
    """``epochs 8, seed 1``; settings that are off are left out."""
    return ", ".join(f"{key} {value}" for key, value in settings.items() if value != "" and value is not False)


def one_line(text: object) -> str:
    """Text with each run of white space as one space."""
    return " ".join(str(text).split())


def plain_markdown(text: object) -> str:
    r"""Text as Markdown that says just this, on one line: safe in a heading, a list and a table's cell.

    Examples
    --------
    >>> print(plain_markdown("a|b <i>"))
    a\|b \<i>
    """
    return re.sub(r"[\\`*\[\]<|]|&(?=#?\w+;)", r"\\\g<0>", one_line(text))


def code_markdown(text: object) -> str:
    r"""Text for between two backticks in a table's cell: a backtick becomes an apostrophe, a bar keeps its cell."""
    return one_line(text).replace("`", "'").replace("|", "\\|")
