"""What tests of several rooms share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured here needs no more, and a hundred take most of the time."""
    monkeypatch.setattr("training.measure.shortcut._TREES", 8)
