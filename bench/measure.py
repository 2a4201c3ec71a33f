"""How things are timed, and what a row of the table is."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ROUNDS = 15
"""Turns of every pair. Other programs come and go: the median of turns taken in alternation forgives that."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One line of the table.

    Attributes
    ----------
    row : int
        Which of the rows it belongs to.
    what, ours, other, ratio, goal : str
        As they are printed.
    is_met : bool or None
        None where there is no goal.
    """

    row: int
    what: str
    ours: str
    other: str
    ratio: str
    goal: str = "–"
    is_met: bool | None = None


def time_in_turn(calls: Mapping[str, Callable[[], object]], rounds: int = ROUNDS, warm: int = 2) -> dict[str, float]:
    """Time calls in alternation.

    Returns
    -------
    dict of str to float
        The median of each, in seconds.
    """
    for call in calls.values():
        for _ in range(warm):
            call()
    found: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for turn in range(rounds):
        for name in names if turn % 2 else reversed(names):  # nobody is always first
            gc.collect()
            started = time.perf_counter()
            calls[name]()
            found[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in found.items()}


def say_ms(seconds: float) -> str:
    """Milliseconds with three digits."""
    return f"{1000 * seconds:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def faster(row: int, what: str, ours_s: float, other_s: float, least: float) -> Result:
    """A row whose goal is to be so many times faster."""
    ratio = other_s / ours_s
    return Result(
        row=row,
        what=what,
        ours=say_ms(ours_s),
        other=say_ms(other_s),
        ratio=f"{ratio:.3g}× faster",
        goal=f"≥ {least:g}×",
        is_met=ratio >= least,
    )


def at_most(row: int, what: str, ours_s: float, other_s: float, most: float | None) -> Result:
    """A row whose goal is to take at most so many times as long; without a goal, a comparison."""
    ratio = ours_s / other_s
    return Result(
        row=row,
        what=what,
        ours=say_ms(ours_s),
        other=say_ms(other_s),
        ratio=f"{ratio:.3g}× the time",
        goal="–" if most is None else f"≤ {most:g}×",
        is_met=None if most is None else ratio <= most,
    )
