"""A plot in one line of text; which numbers are plotted is decided in `ui.terminal.table`."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS, LETTERS = "▁▂▃▄▅▆▇█", ".:-=+*%@"
"""Eight heights of a bar, for a terminal that shows Unicode and for one that does not."""

NO_BAR = "·"
"""Stands for slices that do not count."""


def plot_bars(probabilities: Sequence[float | None], width: int, ramp: str = BLOCKS) -> str:
    """Draw probabilities as bars side by side; if there are too many, the highest of neighbours stands for them.

    Parameters
    ----------
    probabilities : sequence of float or None
        In [0, 1]; None has no bar.
    width : int
        Characters at most.
    ramp : str
        A character for each height, rising.

    Examples
    --------
    >>> plot_bars([0.0, 0.3, 0.99, 1.0, None, 0.5], 6)
    '▁▃██·▅'
    >>> plot_bars([0.0, 0.3, 0.99, 1.0, None, None], 3)
    '▃█·'
    """
    count = len(probabilities)
    shown = min(count, width)
    bars = []
    for index in range(shown):
        group = [p for p in probabilities[index * count // shown : (index + 1) * count // shown] if p is not None]
        bars.append(ramp[min(int(max(group) * len(ramp)), len(ramp) - 1)] if group else NO_BAR)
    return "".join(bars)
