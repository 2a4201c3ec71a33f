"""The words in the shipped bundle are those that its figures give."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inference.settings import DEFAULT_MODEL
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
