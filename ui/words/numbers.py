"""Numbers as people read them: percents, durations, sizes, lists.

What the numbers are about is worded elsewhere in this room. This is the only place that writes a percent sign.
"""

from __future__ import annotations

from collections.abc import Sequence


def format_percent(probability: float) -> str:
    """Word a probability in [0, 1]; certainty is never claimed by rounding.

    Examples
    --------
    >>> format_percent(0.9367), format_percent(0.9999), format_percent(0.0001)
    ('94 %', '>99 %', '<1 %')
    """
    rounded = round(probability * 100)
    if rounded >= 100 and probability < 1:
        return ">99 %"
    if rounded <= 0 and probability > 0:
        return "<1 %"
    return f"{rounded} %"


def list_numbers(numbers: Sequence[int]) -> str:
    """Word rising numbers: ``"3, 7–9"``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def join_or(words: Sequence[str]) -> str:
    """Join words as a sentence does: ``"a, b or c"``."""
    *head, last = words
    return f"{', '.join(head)} or {last}" if head else last


def capitalise(text: str) -> str:
    """The text with its first letter as a capital; the others stay."""
    return text[:1].upper() + text[1:]


def format_size(width_px: int, height_px: int) -> str:
    """Word the size of a picture: ``"640 × 480 pixels"``."""
    return f"{width_px} × {height_px} pixels"


def format_duration(duration_s: float) -> str:
    """Word a duration: ``"12 ms"``, ``"3.4 s"``."""
    return f"{duration_s * 1000:.0f} ms" if duration_s < 1 else f"{duration_s:.1f} s"
