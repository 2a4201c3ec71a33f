"""Bars side by side in one line of text."""

from __future__ import annotations

import numpy as np
import pytest

from ui.terminal.bars import LETTERS, plot_bars


def test_bars() -> None:
    assert plot_bars([0.0, 0.3, 0.99, 1.0, None, 0.5], 6) == "▁▃██·▅"
    assert plot_bars([0.0, 0.3, 0.99, 1.0, None, None], 3) == "▃█·"
    assert plot_bars([0.0, 1.0], 10, LETTERS) == ".@"


@pytest.mark.parametrize("count", [1, 7, 60, 61, 350])
def test_bars_keep_the_highest(count: int) -> None:
    highest = np.random.default_rng(count).integers(count)
    bars = plot_bars([1.0 if index == highest else 0.0 for index in range(count)], 60)
    assert len(bars) == min(count, 60)
    assert bars.count("█") == 1
    assert abs(bars.index("█") / len(bars) - highest / count) <= 1 / len(bars)
