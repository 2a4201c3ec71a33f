"""The ``log.csv`` that Keras writes while it learns."""

from __future__ import annotations

import csv
from pathlib import Path


def read_log(path: Path) -> list[dict[str, float]]:
    """The epochs of a log in order, each with its losses and accuracies by name; none if the file is not there yet."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
