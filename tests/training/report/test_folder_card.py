"""The card of a recipe's bundle: titles and classes stay in their line and their cell."""

from __future__ import annotations

from typing import Any

from training.report.folder_card import build_folder_about, build_folder_card

NASTY = "a|b\n# <script>`"


def make_document() -> dict[str, Any]:
    return {
        "title": NASTY,
        "name": "x",
        "version": "1.0.0",
        "labels": [NASTY, "other"],
        "provenance": {
            "recipe": {"name": "tiny"},
            "data": "folder",
            "command": "python -m training fit --data a\n```\n<script>",
            "machine": "Linux",
        },
    }


def make_figures() -> dict[str, Any]:
    return {
        "classes": {"images": 4, "accuracy": 0.75, "majority_class_accuracy": 0.5},
        "verdicts": {"confident": 0.0, "accuracy_when_confident": None, "refused": 0.25},
        "counts": {part: {NASTY: 5, "other": 6} for part in ("train", "validation", "test")},
        "pictures": {"readable": 33, "different": 30},
        "duration_s": 12.4,
    }


def test_nothing_leaves_its_line_or_its_cell() -> None:
    document = make_document()
    document["about"] = build_folder_about(document, make_figures())
    lines = build_folder_card(document, make_figures()).splitlines()
    safe = r"a\|b # \<script>\`"
    assert lines[0] == f"# {safe} (x 1.0.0)"
    assert f"| {safe} | 5 | 5 | 5 |" in lines
    assert "python -m training fit --data a ``` <script>" in lines
    assert lines.count("```") == 2
    assert "| Right when it gives one answer | none | it gives one answer for 0.0 % of these pictures |" in lines
    assert "12 s on Linux. `bundle.json` has the settings and versions." in lines
