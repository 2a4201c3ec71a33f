"""The words and pictures round a run's figures: ``report.html``, ``figures/``, the model card and the page's panel.

Nothing is measured here. Names of files, folders and classes are escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from inference.imaging.load import load_image
from training.data.folder import Folder
from training.report.html import (
    build_page,
    bullets,
    count_of,
    encode_preview,
    number,
    paragraphs,
    percent,
    share_cell,
    table,
)
from training.report.plots import (
    Series,
    draw_bars,
    draw_matrix,
    draw_plot,
    draw_sheet,
    round_up,
    say_number,
    say_share,
    write_figure,
)

TOP = 5
"""Answers of which one must be right for the figure ``top``; told when there are more classes."""

EXAMPLES = 25
"""Training pictures that are shown."""

MATRIX_CLASSES = 25
"""Classes up to which the report has the whole confusion matrix; beyond, the commonest confusions."""

_CONFUSIONS = 10

_TILE_PX = 160

Figures = dict[str, Any]

LIMITS = (
    "It gives one of its classes whatever is in the picture; what is far from everything that it learnt from is "
    "refused, what is not so far is not.",
    "The test pictures come from the same folder as the training pictures: expect less on pictures from elsewhere.",
    "The picture is stretched to the network's size, not cropped.",
)
"""What holds for every bundle that a recipe made."""


class Album:
    """Small copies of a folder's pictures, read when they are asked for."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def show(self, place: int) -> str:
        """Data URI of one picture."""
        return encode_preview(load_image(self._folder.paths[place]).pixels, _TILE_PX)

    def examples(self, places: np.ndarray, seed: int) -> list[tuple[str, str, str]]:
        """`EXAMPLES` of the pictures, drawn at random: data URI, label and nothing."""
        chosen = np.random.default_rng(seed).permutation(places)[:EXAMPLES]
        return [(self.show(place), self._folder.labels[self._folder.classes[place]], "") for place in map(int, chosen)]

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


def draw_figures(figures: Figures, folder: Folder, places: dict[str, np.ndarray], seed: int) -> dict[str, str]:
    """File name in ``figures/`` → the figure as HTML, see `training.report.plots`."""
    album = Album(folder)
    drawn = {
        "class-counts": draw_bars("Pictures of each class", folder.counts()),
        "training-pictures": draw_sheet("Training pictures, drawn at random", album.examples(places["train"], seed)),
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


def _draw_history(title: str, name: str, history: dict[str, list[float]], say: Any, highest: float | None) -> str:
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


def _draw_reliability(calibration: Figures) -> str:
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


def write_figures(drawn: dict[str, str], folder: Path) -> None:
    """Write each figure as an SVG file that stands alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        write_figure(figure, folder / f"{name}.svg")


def build_folder_report(
    document: Figures, figures: Figures, folder: Folder, places: dict[str, np.ndarray], drawn: dict[str, str]
) -> str:
    """``report.html``: one file, no other host.

    Parameters
    ----------
    document : dict
        Of ``bundle.json``.
    figures : dict
        Of `training.measure.folder_figures.measure_folder`, with ``history`` and ``duration_s``.
    folder, places, drawn
        See `draw_figures`.
    """
    sections = [
        ("pictures", "What it learnt from", _pictures_section(document, figures, folder, places)),
        ("learning", "How it learnt", _learning_section(document, figures, drawn)),
        ("classes", "How often it is right", _classes_section(figures, drawn)),
        ("calibration", "How sure it is", _calibration_section(document, figures, drawn)),
        ("novelty", "What it refuses", _novelty_section(document, figures)),
        ("answers", "Right and wrong", _answers_section(figures, folder)),
        ("run", "The run", _run_section(document, figures)),
    ]
    classes = figures["classes"]
    findings = (
        (
            percent(classes["accuracy"], 1),
            f"of {count_of(classes['images'], 'test picture')} right",
            _baseline(classes),
        ),
        (
            percent(figures["calibration"]["after"]["expected_calibration_error"], 1),
            "mean gap between how sure and how right it is",
            f"before calibration {percent(figures['calibration']['before']['expected_calibration_error'], 1)}",
        ),
        (
            number(figures["pictures"]["readable"]),
            f"pictures of {count_of(len(folder.labels), 'class', 'classes')}",
            f"{count_of(len(folder.unreadable), 'file')} could not be read",
        ),
    )
    items = "".join(
        f'<li><b>{value}</b>{escape(words)}<span class="baseline">{escape(beside)}</span></li>'
        for value, words, beside in findings
    )
    return build_page(
        title=f"{document['title']} – report",
        kicker=f"Recipe {document['provenance']['recipe']['name']}, bundle {document['name']} {document['version']}",
        heading=document["title"],
        sections=sections,
        lead=f'<ul class="findings">{items}</ul>',
        footer="Measured on the answers of the bundle itself. The pictures shown are the data's, under its licence.",
    )


def _baseline(classes: Figures) -> str:
    return (
        f"always answering {classes['majority_class']}, the commonest class, is right in "
        f"{percent(classes['majority_class_accuracy'], 1)}"
    )


def _pictures_section(document: Figures, figures: Figures, folder: Folder, places: dict[str, np.ndarray]) -> str:
    pictures, counts = figures["pictures"], figures["counts"]
    total = max(1, sum(counts["train"].values()))
    rows = [
        [label, *(counts[part][label] for part in counts), counts["train"][label] / total] for label in folder.labels
    ]
    rows.append(["all", *(sum(counts[part].values()) for part in counts), 1.0])
    weights = document["provenance"]["class_weights"]
    uneven = max(weights.values()) / min(weights.values())
    split = (
        f"{number(pictures['readable'])} pictures could be read, {number(pictures['different'])} of them different. "
        "Pictures that are the same picture are on one side of the split; "
        f"{count_of(pictures['copies_left_out'], 'copy', 'copies')} of validation and test pictures were left out."
    )
    balance = (
        "The classes are of one size."
        if uneven < 1.2
        else f"The commonest class has {uneven:.1f} times as many pictures as the rarest: while it learnt, a picture "
        "counted the more the rarer its class is."
    )
    skipped = table(
        "Files that could not be read",
        ("file", "why"),
        [[path, ("wrap", escape(why))] for path, why in folder.unreadable],
    )
    examples = Album(folder).examples(places["train"], document["provenance"]["settings"]["seed"])
    return (
        paragraphs(escape(split), escape(balance))
        + table("Pictures of each class", ("class", *counts, "share of training"), rows, sums=1)
        + f"<h3>{len(examples)} training pictures, drawn at random</h3>"
        + _gallery(examples)
        + (skipped if folder.unreadable else paragraphs("Every file could be read."))
    )


def _gallery(tiles: Sequence[tuple[str, str, str]]) -> str:
    items = "".join(
        f'<li><svg role="img" aria-label="{escape(first, quote=True)}" viewBox="0 0 100 100">'
        f'<image href="{uri}" width="100" height="100"/></svg>'
        f"<p><b>{escape(first)}</b>{escape(second)}</p></li>"
        for uri, first, second in tiles
    )
    return f'<ul class="mistakes">{items}</ul>\n'


def _learning_section(document: Figures, figures: Figures, drawn: dict[str, str]) -> str:
    history = figures["history"]
    best = int(np.argmax(history["val_accuracy"]))
    words = (
        f"{count_of(len(history['loss']), 'epoch')}. The validation accuracy was best in epoch {best + 1}: "
        f"{percent(history['val_accuracy'][best], 1)}. The weights that were kept are "
        + ("those of the best epoch." if document["provenance"]["recipe"]["training"]["patience"] else "the last.")
    )
    return paragraphs(escape(words)) + f'<div class="plots">{drawn["accuracy"]}{drawn["loss"]}</div>'


def _classes_section(figures: Figures, drawn: dict[str, str]) -> str:
    classes = figures["classes"]
    words = f"{percent(classes['accuracy'], 1)} of the test pictures are answered right; {_baseline(classes)}."
    if "top_5_accuracy" in classes:
        words += f" The right class is among the first {TOP} in {percent(classes['top_5_accuracy'], 1)}."
    rows = [
        [name, share_cell(row["precision"]), share_cell(row["recall"]), share_cell(row["f1"]), row["images"]]
        for name, row in classes["report"].items()
    ]
    report = table("Classification report", ("class", "precision", "recall", "F1", "test pictures"), rows, sums=2)
    names = list(classes["report"])[:-2]
    matrix = f'<div class="plots">{drawn["confusion-matrix"]}</div>' if len(names) <= MATRIX_CLASSES else ""
    wrong = sorted(
        (
            (-count, row, column)
            for row, line in enumerate(classes["confusion"])
            for column, count in enumerate(line)
            if count and row != column
        )
    )
    confusions = [[names[row], names[column], -count] for count, row, column in wrong[:_CONFUSIONS]]
    commonest = table("The commonest confusions", ("is", "answered", "pictures"), confusions, heads=2)
    return paragraphs(escape(words)) + report + matrix + (commonest if confusions else "")


def _calibration_section(document: Figures, figures: Figures, drawn: dict[str, str]) -> str:
    calibration, verdicts = figures["calibration"], figures["verdicts"]
    rows = [
        [
            stage,
            share_cell(calibration[stage]["mean_confidence"]),
            share_cell(figures["classes"]["accuracy"]),
            share_cell(calibration[stage]["expected_calibration_error"]),
            f"{calibration[stage]['negative_log_likelihood']:.3f}",
        ]
        for stage in ("before", "after")
    ]
    words = (
        f"The temperature {calibration['temperature']:g} was fitted on "
        f"{count_of(sum(figures['counts']['validation'].values()), 'validation picture')}; the figures are those of "
        "the test pictures."
    )
    head = ("calibration", "mean probability", "right", "mean gap (ECE)", "mean −log p")
    rule = (
        f"From {percent(document['calibration']['confident_at'])} on one answer is given: for "
        f"{percent(verdicts['confident'], 1)} of the test pictures, right in "
        f"{_say_share(verdicts['accuracy_when_confident'])}. Below, two are named: for "
        f"{percent(verdicts['uncertain'], 1)}, one of them right in {_say_share(verdicts['named_when_uncertain'])}."
    )
    told = paragraphs(escape(words), escape(rule)) + table("Probabilities", head, rows)
    return told + f'<div class="plots">{drawn["calibration"]}</div>'


def _say_share(share: float | None) -> str:
    return "none" if share is None else percent(share, 1)


def _novelty_section(document: Figures, figures: Figures) -> str:
    novelty = document["novelty"]
    texts = ["A blank picture is refused."]
    if novelty["grey_only"]:
        texts.append("No training picture has colour, so a coloured picture is refused.")
    if "distance_limit" in novelty:
        texts.append(
            "A picture is refused whose features lie further from those of the training pictures than "
            f"{novelty['distance_limit']:g} times their own root mean square: all but 1 % of the validation pictures "
            f"lie nearer. It refuses {percent(figures['verdicts']['refused'], 1)} of the test pictures, wrongly."
        )
    else:
        texts.append("There are too few training pictures to say what is ordinary: nothing else is refused.")
    return bullets(map(escape, texts))


def _answers_section(figures: Figures, folder: Folder) -> str:
    parts = []
    album = Album(folder)
    for kind in ("right", "wrong"):
        tiles = album.answers(figures[kind])
        title = f"<h3>The first {len(tiles)} {kind} answers</h3>" if tiles else paragraphs(f"No answer is {kind}.")
        parts.append(title + (_gallery(tiles) if tiles else ""))
    return paragraphs("In the order of the files; the probability is the calibrated one.") + "".join(parts)


def _run_section(document: Figures, figures: Figures) -> str:
    provenance = document["provenance"]
    shape = document["input"]
    rows = [
        ("recipe", f"{provenance['recipe']['name']}: {provenance['recipe']['summary']}"),
        ("origin", provenance["recipe"]["origin"]),
        ("command", provenance["command"]),
        (
            "input",
            f"{shape['width_px']}×{shape['height_px']}, {shape['color_order']}, {shape['value_range'][0]:g} to "
            f"{shape['value_range'][1]:g}, stretched ({shape['resize']})",
        ),
        ("split", " / ".join(f"{sum(counts.values())} {part}" for part, counts in figures["counts"].items())),
        ("seed", str(provenance["settings"]["seed"])),
        ("time", f"{figures['duration_s']:.0f} s"),
        ("machine", provenance["machine"]),
        ("packages", ", ".join(f"{name} {version}" for name, version in provenance["packages"].items())),
        (
            "Keras and ONNX",
            f"largest difference between their logits {provenance['keras_onnx_max_logit_difference']:.2g}",
        ),
    ]
    return table("How it was made", ("", ""), [[name, ("wrap", escape(value))] for name, value in rows])


def build_folder_about(document: Figures, figures: Figures) -> Figures:
    """The page's panel "About this model"."""
    classes, verdicts = figures["classes"], figures["verdicts"]
    held_out = f"{classes['images']} test pictures that it did not learn from"
    rows = [
        ("Right answers", percent(classes["accuracy"], 1), held_out),
        ("The commonest class alone", percent(classes["majority_class_accuracy"], 1), "always giving the same answer"),
        (
            "Right when it gives one answer",
            _say_share(verdicts["accuracy_when_confident"]),
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
    about = document["about"]
    lines = [
        f"# {document['title']} ({document['name']} {document['version']})",
        about["summary"] + " [`report.html`](report.html) has curves, tables and pictures.",
        "## How well it does",
        "| figure | value | of |\n|---|---|---|\n"
        + "\n".join(f"| {row['name']} | {row['value']} | {row['detail']} |" for row in about["figures"]),
        "## Classes",
        "| class | train | validation | test |\n|---|---|---|---|\n"
        + "\n".join(
            f"| {_cell(label)} | "
            + " | ".join(str(figures["counts"][part][label]) for part in figures["counts"])
            + " |"
            for label in document["labels"]
        ),
        "## What it cannot do",
        "\n".join(f"- {limit}" for limit in about["limits"]),
        "## How it was made",
        f"```\n{document['provenance']['command']}\n```",
        f"{figures['duration_s']:.0f} s on {document['provenance']['machine']}. `bundle.json` has the settings "
        "and versions.",
    ]
    return "\n\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
