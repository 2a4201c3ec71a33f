"""How a long task tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Told the task in words, how much is done, and how much there is."""
