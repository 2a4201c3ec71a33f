"""What a bundle of a recipe says of itself: the page's panel "About this model" and ``MODEL_CARD.md``."""

from __future__ import annotations

from typing import Any

from training.report.templating import render_template
from training.report.words import count_of, number, percent

Figures = dict[str, Any]

LIMITS = (
    "It gives one of its classes whatever is in the picture; what is far from everything that it learnt from is "
    "refused, what is not so far is not.",
    "The test pictures come from the same folder as the training pictures: expect less on pictures from elsewhere.",
    "The picture is stretched to the network's size, not cropped.",
)
"""What holds for every bundle that a recipe made."""


def build_folder_about(document: Figures, figures: Figures) -> Figures:
    """The page's panel "About this model"."""
    classes, verdicts = figures["classes"], figures["verdicts"]
    sure = verdicts["accuracy_when_confident"]
    held_out = f"{classes['images']} test pictures that it did not learn from"
    rows = [
        ("Right answers", percent(classes["accuracy"], 1), held_out),
        ("The commonest class alone", percent(classes["majority_class_accuracy"], 1), "always giving the same answer"),
        (
            "Right when it gives one answer",
            percent(sure, 1) if sure is not None else "none",
            f"it gives one answer for {percent(verdicts['confident'], 1)} of these pictures",
        ),
        ("Refused, wrongly", percent(verdicts["refused"], 1), "of these pictures"),
    ]
    pictures = sum(figures["counts"]["train"].values())
    return {
        "summary": f"Trained with the recipe {document['provenance']['recipe']['name']} on "
        f"{count_of(pictures, 'picture')} of {count_of(len(document['labels']), 'class', 'classes')}.",
        "figures": [{"name": name, "value": value, "detail": detail} for name, value, detail in rows],
        "data": [
            {
                "name": document["provenance"]["data"],
                "licence": "not stated",
                "detail": f"{number(figures['pictures']['readable'])} pictures, "
                f"{number(figures['pictures']['different'])} of them different",
            }
        ],
        "limits": list(LIMITS),
    }


def build_folder_card(document: Figures, figures: Figures) -> str:
    """``MODEL_CARD.md`` as Markdown."""
    return render_template("cards/folder_card.md", document=document, figures=figures)
