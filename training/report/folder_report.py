"""``report.html`` and ``figures/`` of a recipe's run.

Nothing is measured here: figures are put in order and plots are drawn for the templates in ``templates/folder``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.imaging.load import load_image
from training.report.drawing import Figure, write_figure
from training.report.plots import (
    Say,
    Series,
    draw_bars,
    draw_matrix,
    draw_plot,
    draw_sheet,
    round_up,
    say_number,
    say_share,
)
from training.report.previews import encode_preview
from training.report.templating import render_template
from training.report.words import Finding, count_of, number, percent

if TYPE_CHECKING:
    from training.data.folder import Folder

TOP = 5
"""Answers of which one must be right for the figure ``top``; told when there are more classes."""

EXAMPLES = 25
"""Training pictures that are shown."""

MATRIX_CLASSES = 25
"""Classes up to which the report has the whole confusion matrix; beyond, the commonest confusions."""

_CONFUSIONS = 10
"""Confusions that are listed."""

_TILE_PX = 160

Figures = dict[str, Any]


class Album:
    """Small copies of a folder's pictures, read when they are asked for."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def show(self, index: int) -> str:
        """Data URI of one picture."""
        return encode_preview(load_image(self._folder.paths[index]).pixels, _TILE_PX)

    def examples(self, indices: np.ndarray, seed: int) -> list[tuple[str, str, str]]:
        """`EXAMPLES` of the pictures, drawn at random: data URI, label and nothing."""
        chosen = np.random.default_rng(seed).permutation(indices)[:EXAMPLES]
        return [(self.show(index), self._folder.labels[self._folder.classes[index]], "") for index in map(int, chosen)]

    def answers(self, shown: Sequence[Figures]) -> list[tuple[str, str, str]]:
        """Answered pictures: data URI, what was answered how surely, and what it is."""
        return [
            (
                self.show(entry["place"]),
                f"{entry['answer']}, {percent(entry['probability'])}",
                "right" if entry["answer"] == entry["label"] else f"is {entry['label']}",
            )
            for entry in shown
        ]


def draw_figures(figures: Figures, folder: Folder, splits: dict[str, np.ndarray], seed: int) -> dict[str, Figure]:
    """File name in ``figures/`` → the figure."""
    album = Album(folder)
    drawn = {
        "class-counts": draw_bars("Pictures of each class", folder.counts()),
        "training-pictures": draw_sheet("Training pictures, drawn at random", album.examples(splits["train"], seed)),
        "accuracy": _draw_history("Accuracy", "accuracy", figures["history"], say_share, 1.0),
        "loss": _draw_history("Loss", "loss", figures["history"], say_number, None),
        "confusion-matrix": draw_matrix(
            "Confusion matrix (rows: truth, columns: answers)", folder.labels, figures["classes"]["confusion"]
        ),
        "calibration": _draw_reliability(figures["calibration"]),
    }
    for kind in ("right", "wrong"):
        if figures[kind]:
            drawn[f"{kind}-answers"] = draw_sheet(f"The first {kind} answers", album.answers(figures[kind]))
    return drawn


def _draw_history(title: str, name: str, history: dict[str, list[float]], say: Say, highest: float | None) -> Figure:
    epochs = len(history[name])
    top = highest or round_up(max(*history[name], *history[f"val_{name}"], 1e-3))
    kind = "line" if epochs > 1 else "dots"
    series = [
        Series(
            name=words,
            points=[(epoch + 1, value) for epoch, value in enumerate(history[key])],
            kind=kind,
            sizes=[0.0] * epochs,
        )
        for key, words in ((name, "training"), (f"val_{name}", "validation"))
    ]
    end = max(4, -(-epochs // 4) * 4)
    return draw_plot(title, series, axes=("epoch", name), highest=(end, top), ticks=(say_number, say))


def _draw_reliability(calibration: Figures) -> Figure:
    series = [Series(name="perfectly calibrated", points=((0.0, 0.0), (1.0, 1.0)), quiet=True)]
    for stage in ("before", "after"):
        rows = calibration[stage]["reliability"]
        series.append(
            Series(
                name=f"{stage} calibration",
                points=[(row["confidence"], row["accuracy"]) for row in rows],
                kind="dots",
                sizes=[row["share"] for row in rows],
            )
        )
    return draw_plot("How often it is right, by how sure it is", series, axes=("probability", "accuracy"))


def write_figures(drawn: Mapping[str, Figure], folder: Path) -> None:
    """Write each figure as an SVG file that stands alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        write_figure(figure, folder / f"{name}.svg")


def build_folder_report(
    document: Figures, figures: Figures, folder: Folder, splits: dict[str, np.ndarray], drawn: Mapping[str, Figure]
) -> str:
    """``report.html``: one file, no other host.

    Parameters
    ----------
    document : dict
        Of ``bundle.json``.
    figures : dict
        Of `training.measure.folder_figures.measure_folder`, with ``history`` and ``duration_s``.
    folder, splits, drawn
        See `draw_figures`.
    """
    album, provenance, classes = Album(folder), document["provenance"], figures["classes"]
    accuracies, weights = figures["history"]["val_accuracy"], provenance["class_weights"].values()
    best = int(np.argmax(accuracies))
    return render_template(
        "folder/page.html",
        document=document,
        recipe=provenance["recipe"],
        figures=figures,
        drawn=drawn,
        findings=_summarise(figures, folder),
        class_rows=_count_classes(figures["counts"], folder.labels),
        uneven=max(weights) / min(weights),
        examples=album.examples(splits["train"], provenance["settings"]["seed"]),
        unreadable=folder.unreadable,
        best={"epoch": best + 1, "accuracy": accuracies[best]},
        baseline=_say_baseline(classes),
        top=TOP,
        shows_matrix=len(folder.labels) <= MATRIX_CLASSES,
        confusions=_rank_confusions(classes["confusion"], folder.labels),
        right=album.answers(figures["right"]),
        wrong=album.answers(figures["wrong"]),
    )


def _summarise(figures: Figures, folder: Folder) -> list[Finding]:
    classes, calibration = figures["classes"], figures["calibration"]
    return [
        Finding(
            percent(classes["accuracy"], 1),
            f"of {count_of(classes['images'], 'test picture')} right",
            baseline=_say_baseline(classes),
        ),
        Finding(
            percent(calibration["after"]["expected_calibration_error"], 1),
            "mean gap between how sure and how right it is",
            baseline=f"before calibration {percent(calibration['before']['expected_calibration_error'], 1)}",
        ),
        Finding(
            number(figures["pictures"]["readable"]),
            f"pictures of {count_of(len(folder.labels), 'class', 'classes')}",
            baseline=f"{count_of(len(folder.unreadable), 'file')} could not be read",
        ),
    ]


def _say_baseline(classes: Figures) -> str:
    share = percent(classes["majority_class_accuracy"], 1)
    return f"always answering {classes['majority_class']}, the commonest class, is right in {share}"


def _count_classes(counts: Figures, labels: Sequence[str]) -> list[Figures]:
    """Pictures of each class in each split and its share of training; last the sums."""
    total = max(1, sum(counts["train"].values()))
    rows = [
        {"label": label, "counts": [split[label] for split in counts.values()], "share": counts["train"][label] / total}
        for label in labels
    ]
    return [*rows, {"label": "", "counts": [sum(split.values()) for split in counts.values()], "share": 1.0}]


def _rank_confusions(confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> list[tuple[str, str, int]]:
    """The commonest confusions: what the pictures are, what was answered, and how many."""
    wrong = sorted(
        (-count, truth, answer)
        for truth, line in enumerate(confusion)
        for answer, count in enumerate(line)
        if count and truth != answer
    )
    return [(labels[truth], labels[answer], -count) for count, truth, answer in wrong[:_CONFUSIONS]]
