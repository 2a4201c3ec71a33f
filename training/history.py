"""Learning curves that travel with a network: through the runs that it started from, and into its report."""

from __future__ import annotations

import csv
import json
from pathlib import Path

History = dict[str, list[dict[str, float]]]
"""Name of a run → its epochs in order: losses and accuracies by the names that Keras gives them."""


def read_history(work_dir: Path) -> History:
    """The learning curves of a run and of those it came from; empty when nothing was logged."""
    kept = work_dir / "history.json"
    if kept.is_file():
        history: History = json.loads(kept.read_text(encoding="utf-8"))
        return history
    log = work_dir / "log.csv"
    if not log.is_file():
        return {}
    with log.open(newline="", encoding="utf-8") as file:
        rows = [{name: round(float(value), 4) for name, value in row.items()} for row in csv.DictReader(file)]
    return {work_dir.name: rows}


def write_history(work_dir: Path, *parents: Path) -> None:
    """Write ``history.json``: the run's own log, after those of the runs it started from or averages."""
    (work_dir / "history.json").unlink(missing_ok=True)
    own = read_history(work_dir)
    merged = {name: rows for parent in parents for name, rows in read_history(parent).items()} | own
    (work_dir / "history.json").write_text(json.dumps(merged) + "\n", encoding="utf-8")
