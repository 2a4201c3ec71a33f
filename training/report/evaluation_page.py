"""``evaluation.html``: one file with what `training.measure` found out about a bundle, beside the baselines.

Nothing is measured here: figures are put in order and plots are drawn for the templates in ``templates/evaluation``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from training.report.findings import find_inside_sources, join_places, summarise
from training.report.gallery import SHOWN_OF_GROUP, load_mistakes
from training.report.plots import Points, Series, draw_plot, draw_strips, say_number, say_share
from training.report.templating import render_template

if TYPE_CHECKING:
    from training.report.drawing import Figure
    from training.report.evaluated import EvaluatedBundle

NOVELTY_EDGES = tuple(float(edge) for edge in np.round(np.geomspace(0.25, 16.0, 37), 4))
"""Of the histograms' steps, six to a doubling; what lies beyond is counted in the first or the last."""

Figures = dict[str, Any]

_DIAGONAL = ((0.0, 0.0), (1.0, 1.0))

_TELLING_AUC = 0.7
"""AUC of the shortcut probe from which the page says that brightness and size tell much even inside a source."""

_LOSSES = (("training", "loss"), ("validation", "val_loss"))

_ACCURACIES = (
    ("tumour or none, training", "detection_accuracy"),
    ("tumour or none, validation", "val_detection_accuracy"),
    ("type, training", "type_accuracy"),
    ("type, validation", "val_type_accuracy"),
)
"""Names of lines and the keys of an epoch's row."""


def build_evaluation_page(figures: Figures, details: Figures, measured: EvaluatedBundle) -> str:
    """The whole page; the mistakes' pictures are read again.

    Parameters
    ----------
    figures, details : dict
        Of `training.measure.figures.measure_answers` and `training.measure.curves.measure_details`.
    measured : EvaluatedBundle
    """
    bundle, volumes = measured.bundle, figures.get("volumes")
    return render_template(
        "evaluation/page.html",
        name=bundle.name,
        version=bundle.version,
        digest=bundle.files.get(bundle.network, "")[:12],
        data=measured.data_dir.resolve().name,
        classes=figures["classes"],
        baseline=figures["baseline"],
        calibration=figures["calibration"],
        refusal=figures["refusal"],
        details=details,
        volumes=volumes,
        unseen={"calibration": None, "refused": None, **(volumes or {})},
        findings=summarise(figures),
        confusion=_share_confusion(figures["classes"]["confusion"]),
        sources=_share_sources(figures["sources"]),
        detection=_compare_detection(figures),
        places=join_places(figures),
        plots=_draw_plots(figures, details),
        cross=_order_cross(figures.get("cross", {})),
        learning=_draw_learning(figures.get("learning", {})),
        mistakes=load_mistakes(details, measured),
        shown_of_group=SHOWN_OF_GROUP,
    )


def _share_confusion(confusion: Figures) -> Figures:
    """Counts of the confusion matrix as shares of their row."""
    rows = []
    for truth, (label, line) in enumerate(zip(confusion["labels"], confusion["rows_true"], strict=True)):
        total = max(1, sum(line))
        cells = [
            {"count": count, "share": count / total, "right": answer == truth} for answer, count in enumerate(line)
        ]
        rows.append({"label": label, "cells": cells, "images": sum(line), "right": line[truth] / total})
    return {"labels": confusion["labels"], "rows": rows}


def _share_sources(sources: Figures) -> list[Figures]:
    """For each source and true class, what its slices are of the source."""
    return [
        {"source": source, "label": label, "of_source": entry["images"] / total, **entry}
        for source, labels in sources.items()
        for total in [sum(entry["images"] for entry in labels.values())]
        for label, entry in labels.items()
    ]


def _compare_detection(figures: Figures) -> Figures:
    """Tumour or none: over all, inside each source, and in which sources the shortcut probe alone does well."""
    inside = find_inside_sources(figures)
    probe = figures["baseline"]["shortcut_probe"]["detection"].get("all", {})
    return {
        "rows": [("", figures["detection"]["all"], probe), *((name, *found) for name, found in inside.items())],
        "telling": [
            (source, probe["auc"]) for source, (_, probe) in inside.items() if probe.get("auc", 0.0) >= _TELLING_AUC
        ],
        "healthy": (figures.get("volumes") or {}).get("healthy_called_healthy"),
    }


def _order_cross(cross: Figures) -> Figures:
    """Cheng's folds and the sources left out, when the bundle brings them along, in the order of the tables."""
    means = ("balanced_accuracy", "accuracy", "macro_f1", "majority")
    folds = cross.get("folds", {})
    summary = [
        {
            "task": task,
            "unit": unit,
            "by_fold": [fold[task][unit]["balanced_accuracy"] for fold in folds.values()],
            "means": [found[name] for name in means],
        }
        for task in ("types", "classes")
        for unit, found in cross.get("summary", {}).get(task, {}).items()
    ]
    sources = [
        (source, of, found)
        for source, own in cross.get("sources", {}).items()
        for of, found in ((source, own), ("gbm_nifti", own.get("volumes")))
        if found
    ]
    return {"folds": [f"fold {name}" for name in folds], "summary": summary, "sources": sources}


def _draw_plots(figures: Figures, details: Figures) -> dict[str, Figure]:
    calibration = figures["calibration"]
    return {
        "roc": _draw_roc(details["roc"]),
        "reliability": _draw_reliability(calibration["before"], calibration["after"]),
        "risk": _draw_risk(details["risk_coverage"], 1 - figures["classes"]["accuracy"]),
        "novelty": _draw_novelty(details["novelty"]),
    }


def _draw_roc(curves: Mapping[str, Points]) -> Figure:
    series = [
        Series(name="all of the test part" if name == "all" else f"inside {name}", points=points)
        for name, points in curves.items()
    ]
    series.append(Series(name="chance", points=_DIAGONAL, quiet=True))
    return draw_plot("ROC curves", series, axes=("healthy slices called tumour", "tumours found"))


def _draw_reliability(before: Figures, after: Figures) -> Figure:
    series = [
        Series(
            name=f"{name} calibration",
            points=[(row["confidence"], row["accuracy"]) for row in found["reliability"]],
            sizes=[row["share"] for row in found["reliability"]],
            kind="dots",
        )
        for name, found in (("before", before), ("after", after))
    ]
    series.append(Series(name="its word is true", points=_DIAGONAL, quiet=True))
    note = "A dot is as large as its share of the slices; below the line it is too sure."
    return draw_plot("Reliability", series, axes=("how sure it is", "right"), note=note)


def _draw_risk(points: Points, wrong: float) -> Figure:
    top = max(0.01, *(risk for _, risk in points), wrong)
    highest = next(step for step in (0.02, 0.04, 0.08, 0.12, 0.2, 0.4, 1.0) if step >= top)
    series = [
        Series(name="the surest first", points=points),
        Series(name="in random order", points=[(points[0][0], wrong), (1.0, wrong)], quiet=True),
    ]
    return draw_plot("Risk and coverage", series, axes=("answered", "wrong of these"), highest=(1.0, highest))


def _draw_novelty(novelty: Mapping[str, Sequence[float]]) -> Figure:
    rows = {"brain MRI" if name == "brain_mri" else name: shares for name, shares in novelty.items()}
    values = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
    ticks = {index / (len(values) - 1): f"{value:g}" for index, value in enumerate(values)}
    limit = sum(edge < 1.0 for edge in NOVELTY_EDGES) / (len(NOVELTY_EDGES) - 1)
    title = "Novelty score by kind; right of the line it is refused (heights as square roots, the axis doubles)"
    return draw_strips(title, rows, ticks, limit, first="brain MRI")


def _draw_learning(learning: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Figure]:
    """Loss and accuracy by epoch, of every run that the network was made of."""
    plots = []
    for run, rows in learning.items():
        if len(rows) > 1:
            top = _round_up(rows, [key for _, key in _LOSSES])
            plots.append(_draw_epochs(f"{run}: loss", rows, _LOSSES, ("loss", top), say_number))
            plots.append(_draw_epochs(f"{run}: accuracy", rows, _ACCURACIES, ("accuracy", 1.0), say_share))
    return plots


def _draw_epochs(
    title: str,
    rows: Sequence[Mapping[str, float]],
    lines: Sequence[tuple[str, str]],
    axis: tuple[str, float],
    say: Callable[[float], str],
) -> Figure:
    """Lines by epoch; of those that were not logged there is none."""
    series = [
        Series(name=name, points=[(row["epoch"] + 1, row[key]) for row in rows])
        for name, key in lines
        if all(key in row for row in rows)
    ]
    name, top = axis
    end = max(2.0, rows[-1]["epoch"] + 1)
    return draw_plot(title, series, axes=("epoch", name), highest=(end, top), ticks=(say_number, say))


def _round_up(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> float:
    top = max(row[name] for row in rows for name in names if name in row)
    return next((step for step in (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0) if step >= top), top)
