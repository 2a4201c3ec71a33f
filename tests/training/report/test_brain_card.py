"""The words in the shipped bundle are those that its figures give."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inference.model.bundle import DEFAULT_MODEL
from tests.training.answered import make_cross
from training.report.brain_card import build_about, build_card


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return json.loads((DEFAULT_MODEL / "evaluation.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads((DEFAULT_MODEL / "bundle.json").read_text(encoding="utf-8"))


def test_the_card_is_made_of_the_figures(document: dict[str, Any], figures: dict[str, Any]) -> None:
    assert (DEFAULT_MODEL / "MODEL_CARD.md").read_text(encoding="utf-8") == build_card(document, figures)


def test_the_panel_is_made_of_the_figures(document: dict[str, Any], figures: dict[str, Any]) -> None:
    assert document["about"] == build_about(figures)


def test_the_card_says_what_must_be_said(document: dict[str, Any], figures: dict[str, Any]) -> None:
    card = build_card(document, figures)
    for words in ("Not a medical device", "commonest class", "CC BY 4.0", "Apache-2.0", "python -m training evaluate"):
        assert words in card
    assert f"{100 * figures['classes']['accuracy']:.1f} %" in card


def test_the_readme_quotes_the_card(figures: dict[str, Any]) -> None:
    readme = (DEFAULT_MODEL.parent.parent / "README.md").read_text(encoding="utf-8")
    classes = figures["classes"]
    for words in (f"{100 * classes['accuracy']:.1f} %", f"{100 * classes['majority_class_accuracy']:.1f} %"):
        assert words in readme


def test_the_card_tells_what_the_recipe_is_worth(document: dict[str, Any], figures: dict[str, Any]) -> None:
    card = build_card(document, {**figures, "cross": make_cross()})
    assert "| three types | patients | 91.0 % ± 1.2 | 89.0 % ± 1.2 | 90.0 % ± 1.2 | 40.0 % ± 1.2 |" in card
    assert "epochs 8, seed 1" in card
    assert "| `br<35>h` left out | br\\<35>h | 7 | 0.871 | 0.610 | 50.0 % | 75.0 % |" in card
    assert "| `br<35>h` left out | gbm_nifti | 7 |  |  |  |  |" in card
    without = build_card(document, {name: found for name, found in figures.items() if name not in ("cross", "volumes")})
    assert "Cross-validation" not in without
    assert "No cohort was left out altogether." in without


def test_a_source_s_name_stays_in_its_cell(document: dict[str, Any], figures: dict[str, Any]) -> None:
    nasty = "a|b\n# <script>"
    sources = {**figures["sources"], nasty: {nasty: {"images": 3, "right": 1.0}}}
    card = build_card(document, {**figures, "sources": sources})
    assert "| a\\|b # \\<script> | a\\|b # \\<script> | 3 | 100.0 % |\n" in card
    assert "\n# <script>" not in card
