"""What a training run leaves in its work folder: its settings and its learning curves, and those of its ancestors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.measure.learning_log import read_log

History = dict[str, list[dict[str, float]]]
"""Name of a run → its epochs in order: losses and accuracies by the names that Keras gives them."""


def read_history(work_dir: Path) -> History:
    """The learning curves of a run and of those it came from; empty when nothing was logged."""
    kept = work_dir / "history.json"
    if kept.is_file():
        history: History = json.loads(kept.read_text(encoding="utf-8"))
        return history
    rows = [{name: round(value, 4) for name, value in row.items()} for row in read_log(work_dir / "log.csv")]
    return {work_dir.name: rows} if rows else {}


def write_history(work_dir: Path, *parents: Path) -> None:
    """Write ``history.json``: the run's own log, after those of the runs it started from or averages."""
    (work_dir / "history.json").unlink(missing_ok=True)
    own = read_history(work_dir)
    merged = {name: rows for parent in parents for name, rows in read_history(parent).items()} | own
    (work_dir / "history.json").write_text(json.dumps(merged) + "\n", encoding="utf-8")


def read_settings(work_dir: Path) -> dict[str, Any]:
    """What a run was made with, but for the path that it started from, which is one of this machine."""
    settings: dict[str, Any] = json.loads((work_dir / "settings.json").read_text(encoding="utf-8"))
    return {key: value for key, value in settings.items() if key != "start"}


def gather_settings(*work_dirs: Path) -> dict[str, dict[str, Any]]:
    """The settings of runs by their names, each after those of the runs that it started from or averages.

    A folder without settings, such as one that holds somebody else's network, tells nothing.
    """
    gathered: dict[str, dict[str, Any]] = {}
    for work_dir in work_dirs:
        if not (work_dir / "settings.json").is_file():
            continue
        settings = read_settings(work_dir)
        gathered |= settings.pop("runs", {})
        gathered[work_dir.name] = settings
    return gathered
