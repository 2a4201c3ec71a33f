"""Evaluate a bundle: all figures, ``evaluation.json`` and ``evaluation.html``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inference.errors import SettingsError
from training.measure.bundle_answers import collect_answers
from training.measure.curves import measure_details
from training.measure.figures import measure_answers
from training.report.evaluation_page import build_evaluation_page


def measure_bundle(bundle_path: Path, data_dir: Path, *, groups: Path | None = None) -> dict[str, Any]:
    """All figures of a bundle; see `collect_answers` and `measure_answers`."""
    return measure_answers(collect_answers(bundle_path, data_dir, groups=groups))


def read_carried(bundle_path: Path) -> dict[str, Any]:
    """What a bundle brings along because its test split cannot show it: cross-validation and learning curves."""
    stored = bundle_path / "evaluation.json"
    figures = json.loads(stored.read_text(encoding="utf-8")) if stored.is_file() else {}
    return {name: figures[name] for name in ("cross", "learning") if figures.get(name)}


def evaluate(bundle_path: Path, data_dir: Path, out_dir: Path, *, groups: Path | None = None) -> None:
    """Print all figures as JSON, and write ``evaluation.json`` and ``evaluation.html``.

    Raises
    ------
    SettingsError
        ``out_dir`` is inside the data or cannot be written.
    """
    if out_dir.resolve().is_relative_to(data_dir.resolve()):
        raise SettingsError(f"The data stay as they are: --out must be outside {data_dir}; received {out_dir}.")
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        measured = collect_answers(bundle_path, data_dir, groups=groups)
        figures = {**measure_answers(measured), **read_carried(bundle_path)}
        print(json.dumps(figures, indent=2))
        details = measure_details(measured)
        document = json.dumps({**figures, "details": details}, indent=1, ensure_ascii=False)
        (out_dir / "evaluation.json").write_text(document + "\n", encoding="utf-8")
        page = build_evaluation_page(figures, details, measured)
        (out_dir / "evaluation.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"The folder {out_dir} cannot be written: {error.strerror}.") from error
