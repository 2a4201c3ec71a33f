"""``evaluation.html``: one file with what `training.measure` found out about a bundle, beside the baselines.

Nothing is measured here. Names of files and folders are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from training.report.evaluated import EvaluatedBundle
from training.report.gallery import build_gallery
from training.report.html import build_page, count_of, number, paragraphs, percent, share_cell, table
from training.report.plots import Points, Series, draw_plot, draw_strips, say_number, say_share

NOVELTY_EDGES = tuple(float(edge) for edge in np.round(np.geomspace(0.25, 16.0, 37), 4))
"""Of the histograms' steps, six to a doubling; what lies beyond is counted in the first or the last."""

Figures = dict[str, Any]

_DIAGONAL = ((0.0, 0.0), (1.0, 1.0))

_OWN = ", the bundle's own"

_TELLING_AUC = 0.7
"""AUC of the shortcut probe from which the page says that the look gives much away even inside a source."""


def build_evaluation_page(figures: Figures, details: Figures, measured: EvaluatedBundle) -> str:
    """The whole page; the mistakes' pictures are read again.

    Parameters
    ----------
    figures, details : dict
        Of `training.measure.figures.measure_answers` and `training.measure.curves.measure_details`.
    measured : EvaluatedBundle
    """
    bundle = measured.bundle
    sections = [
        ("classes", "Four classes", _classes_section(figures)),
        ("detection", "Tumour or none", _detection_section(figures, details)),
        ("calibration", "How sure it is", _calibration_section(figures, details)),
        ("refusal", "What it refuses", _refusal_section(figures, details)),
        ("place", "Where it looked", _place_section(figures)),
        *_cross_sections(figures.get("cross", {})),
        *_learning_sections(figures.get("learning", {})),
        ("mistakes", "The worst mistakes", build_gallery(details, measured)),
    ]
    cards = "".join(
        f"<li{' class=warn' if worry else ''}><b>{escape(value)}</b> {escape(words)}"
        f'<span class="baseline">{escape(beside)}</span></li>'
        for value, words, beside, worry in summarise(figures)
    )
    digest = bundle.files.get(bundle.network, "")[:12]
    return build_page(
        title=f"Evaluation of {bundle.name} {bundle.version}",
        kicker=f"Gyrus · evaluation on the folder {measured.data_dir.resolve().name}",
        heading=f"{bundle.name} {bundle.version}",
        sections=sections,
        lead=paragraphs(_describe_pictures(figures)) + f'<ul class="findings">{cards}</ul>',
        footer="Made by <code>python -m training evaluate</code>. This page holds small copies of pictures: the data's "
        "licence applies to them, and it is not to be committed. The same figures are in evaluation.json."
        + (f" The network's SHA-256 begins with <code>{escape(digest)}</code>." if digest else ""),
    )


def _describe_pictures(figures: Figures) -> str:
    classes, volumes = figures["classes"], figures.get("volumes")
    words = (
        f"{count_of(classes['images'], 'slice')} of {count_of(classes['groups'], 'group')} (a patient, or "
        "near-duplicates of one picture) that neither training nor any threshold has seen. Below each figure stands "
        "what one gets without looking at a brain."
    )
    if volumes is None:
        return words + " The network was trained on the volumes too, so nothing is measured on them."
    return words + ("" if volumes else " No volumes were found beside the pictures.")


def summarise(figures: Figures) -> list[tuple[str, str, str, bool]]:
    """The headline figures: the figure, what it is, its baseline in words, and whether it is no better than that."""
    classes, baseline, patients = figures["classes"], figures["baseline"], figures["patients"]
    guess = baseline["shortcut_probe"]["classes"]
    dumb = max(baseline["majority"], baseline["majority_of_source"], guess.get("accuracy", 0.0))
    chance = guess.get("balanced_accuracy", 0.25)
    return [
        (
            percent(classes["accuracy"], 1),
            "of four classes right, by slice",
            f"commonest class {percent(baseline['majority'], 1)}; commonest of the source "
            f"{percent(baseline['majority_of_source'], 1)}{_of_probe(guess, 'accuracy')}",
            classes["accuracy"] <= dumb,
        ),
        (
            percent(classes["balanced_accuracy"], 1),
            "balanced over the classes, by slice",
            f"one answer for all 25 %{_of_probe(guess, 'balanced_accuracy')}",
            classes["balanced_accuracy"] <= chance,
        ),
        (
            percent(patients["balanced_accuracy_of_three_types"], 1),
            f"of tumour types right, balanced, by patient ({number(patients['patients'])})",
            "one answer for all 33.3 %",
            patients["balanced_accuracy_of_three_types"] <= 1 / 3,
        ),
        *_detection_cards(figures),
        *_calibration_cards(figures),
        *_refusal_cards(figures),
        *_place_cards(figures),
    ]


def _of_probe(found: Figures, name: str) -> str:
    return f"; the shortcut probe {percent(found[name], 1)}" if name in found else ""


def _inside(figures: Figures) -> dict[str, tuple[Figures, Figures]]:
    """Detection inside each source that has both, volumes too: the model's figures and the probe's."""
    volumes = figures.get("volumes") or {"detection": {}, "shortcut_probe": {}}
    models = {**volumes["detection"], **figures["detection"]}
    probes = {**volumes["shortcut_probe"], **figures["baseline"]["shortcut_probe"]["detection"]}
    order = [*figures["detection"], *volumes["detection"]]
    return {name: (models[name], probes.get(name, {})) for name in dict.fromkeys(order) if name != "all"}


def _detection_cards(figures: Figures) -> list[tuple[str, str, str, bool]]:
    return [
        (
            f"AUC {model['auc']:.3f}",
            f"tumour or none inside {source}, {count_of(model['images'], 'slice')}",
            "chance 0.500" + (f"; the shortcut probe {look['auc']:.3f}" if "auc" in look else ""),
            model["auc"] <= max(0.5, look.get("auc", 0.5)),
        )
        for source, (model, look) in _inside(figures).items()
    ]


def _calibration_cards(figures: Figures) -> list[tuple[str, str, str, bool]]:
    classes, before = figures["classes"], figures["calibration"]["before"]
    wrong = 1 - classes["accuracy"]
    return [
        (
            f"{classes['ece']:.3f}",
            "calibration error (ECE)",
            f"without the temperature {before['ece']:.3f}",
            classes["ece"] > before["ece"],
        ),
        (
            percent(classes["wrong_and_confident"], 1),
            f"wrong and sure of it; sure of {percent(classes['share_confident'], 1)}",
            f"if every answer were given as sure {percent(wrong, 1)}",
            classes["wrong_and_confident"] >= wrong > 0,
        ),
    ]


def _refusal_cards(figures: Figures) -> list[tuple[str, str, str, bool]]:
    refusal = figures["refusal"]
    others = [entry for name, entry in refusal.items() if name != "brain_mri"]
    share = sum(entry["refused"] * entry["images"] for entry in others) / sum(entry["images"] for entry in others)
    brains = refusal["brain_mri"]["refused"]
    words = f"of what is no brain MRI is refused, and {percent(brains, 1)} of brain MRIs"
    return [(percent(share, 1), words, f"refusing as many at random {percent(brains, 1)}", share <= brains)]


def _place_cards(figures: Figures) -> list[tuple[str, str, str, bool]]:
    return [
        (
            percent(entry["peak_inside"], 1),
            f"of heat maps peak inside the tumour, {count_of(entry['images'], 'slice')} of {source}",
            f"a random place {percent(entry['random_peak'], 1)}",
            entry["peak_inside"] <= entry["random_peak"],
        )
        for source, entry in _places(figures).items()
    ]


def _places(figures: Figures) -> Figures:
    return {**figures["place"], **(figures.get("volumes") or {}).get("place", {})}


def _classes_section(figures: Figures) -> str:
    classes = figures["classes"]
    labels, counts = classes["confusion"]["labels"], classes["confusion"]["rows_true"]
    rows: list[list[Any]] = []
    for place, (label, line) in enumerate(zip(labels, counts, strict=True)):
        total = max(1, sum(line))
        cells = [
            ("share right" if column == place else "share", number(count), count / total)
            for column, count in enumerate(line)
        ]
        rows.append([label, *cells, sum(line), share_cell(line[place] / total)])
    words = (
        "A network that only recognised the source and then gave the source's commonest class would be right in "
        f"{percent(figures['baseline']['majority_of_source'], 1)}. The shortcut probe is told the mean, spread, "
        "border, histogram and size of a picture and nothing else, and guesses each group after learning from the "
        f"others of these slices. Macro F1 is {classes['macro_f1']:.3f}."
    )
    return (
        paragraphs(words)
        + table("Confusion matrix: rows are true, columns are answered", ["true class", *labels, "all", "right"], rows)
        + _sources_table(figures)
    )


def _sources_table(figures: Figures) -> str:
    rows: list[list[Any]] = []
    for source, labels in figures["sources"].items():
        total = sum(entry["images"] for entry in labels.values())
        rows += [
            [source, label, entry["images"], share_cell(entry["images"] / total), share_cell(entry["right"])]
            for label, entry in labels.items()
        ]
    return table(
        "By source and true class. Of its source: what one would get right of the source by always giving this class; "
        "tumor: of unstated type, any of the three answers is right",
        ["source", "true class", "slices", "of its source", "right"],
        rows,
        heads=2,
    )


def _detection_section(figures: Figures, details: Figures) -> str:
    inside = _inside(figures)
    found = {
        "all": (figures["detection"]["all"], figures["baseline"]["shortcut_probe"]["detection"].get("all", {})),
        **inside,
    }
    rows = [
        [
            "all of the test part" if source == "all" else f"inside {source}",
            model["images"],
            model["with_tumour"],
            f"{model['auc']:.3f}",
            f"{look['auc']:.3f}" if "auc" in look else "–",
            *(share_cell(model[f"{name}"]) for name in _DETECTION_SHARES),
        ]
        for source, (model, look) in found.items()
    ]
    head = ["slices", "number", "with tumour", "AUC", "AUC of the shortcut probe"]
    head += ["sensitivity at 95 % specificity", "sensitivity at 0.5", "specificity at 0.5"]
    telling = [
        f"{source} ({look['auc']:.2f})" for source, (_, look) in inside.items() if look.get("auc", 0.0) >= _TELLING_AUC
    ]
    healthy = (figures.get("volumes") or {}).get("healthy_called_healthy")
    words = paragraphs(
        "Over all sources the look of the source helps: tumours come mostly from one cohort, healthy slices from "
        "another. Inside one source that cannot help, so the marked rows are the ones to believe. Chance is 0.500.",
        f"Even inside {escape(', '.join(telling))} brightness, border and size alone tell much, as the shortcut probe "
        "shows: from web pictures they tell the collection, from a volume the slice's height in the head. What a model "
        "reaches there counts only above that."
        if telling
        else "",
        f"Of the slices of a healthy person (dicom_t1) {percent(healthy, 1)} are called healthy."
        if healthy is not None
        else "",
    )
    return (
        words
        + table("Tumour or none, by source", head, rows, marked=range(1, len(rows)))
        + '<div class="plots">'
        + _roc_plot(details["roc"])
        + "</div>\n"
    )


_DETECTION_SHARES = ("sensitivity_at_95_specificity", "sensitivity_at_half", "specificity_at_half")


def _roc_plot(curves: Mapping[str, Points]) -> str:
    series = [
        Series(name="all of the test part" if name == "all" else f"inside {name}", points=points)
        for name, points in curves.items()
    ]
    series.append(Series(name="chance", points=_DIAGONAL, quiet=True))
    return draw_plot("ROC curves", series, axes=("healthy slices called tumour", "tumours found"))


def _calibration_section(figures: Figures, details: Figures) -> str:
    calibration, classes = figures["calibration"], figures["classes"]
    after, before = calibration["after"], calibration["before"]
    rows = [["the test part", f"{before['ece']:.3f}", f"{after['ece']:.3f}"]]
    rows[0] += [f"{before['brier']:.3f}", f"{after['brier']:.3f}"]
    unseen = (figures.get("volumes") or {}).get("calibration")
    if unseen:
        line = [f"{unseen[when][what]:.3f}" for what in ("ece", "brier") for when in ("before", "after")]
        rows.append(["the volumes", *line])
    words = paragraphs(
        f"The network's logits are divided by the temperature {calibration['temperature']:g}, by more where a picture "
        f"is less like those of training (here {calibration['mean_temperature']:.2f} on average); there, too, the odds "
        "of tumour to none are moved from those of training to even. What the network says by itself, before, is "
        "computed back from its answers.",
        f"The bundle answers with one label from {details['confident_at']:g} on. Of all slices "
        f"{percent(classes['share_confident'], 1)} get such an answer; the true class is among the labels that an "
        f"answer names in {percent(classes['truth_among_candidates'], 1)}.",
    )
    head = ["slices of", "ECE before", "ECE after", "Brier before", "Brier after"]
    plots = f'<div class="plots">{_reliability_plot(before, after)}{_risk_plot(figures, details)}</div>\n'
    tables = _thresholds_table("What each threshold costs, on the test part", details["thresholds"], details)
    if details["thresholds_volumes"]:
        caption = "What each threshold costs in a cohort that training never saw (the volumes)"
        tables += _thresholds_table(caption, details["thresholds_volumes"], details)
    return words + table("Calibration error (0 is best) and Brier score (0 to 2)", head, rows) + plots + tables


def _reliability_plot(before: Figures, after: Figures) -> str:
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


def _risk_plot(figures: Figures, details: Figures) -> str:
    points = details["risk_coverage"]
    wrong = 1 - figures["classes"]["accuracy"]
    top = max(0.01, *(risk for _, risk in points), wrong)
    highest = next(step for step in (0.02, 0.04, 0.08, 0.12, 0.2, 0.4, 1.0) if step >= top)
    series = [
        Series(name="the surest first", points=points),
        Series(name="in random order", points=[(points[0][0], wrong), (1.0, wrong)], quiet=True),
    ]
    return draw_plot("Risk and coverage", series, axes=("answered", "wrong of these"), highest=(1.0, highest))


def _thresholds_table(caption: str, rows: Sequence[Figures], details: Figures) -> str:
    lines = []
    for row in rows:
        own = row["threshold"] == details["confident_at"]
        name = f"{row['threshold']:g}{_OWN if own else '' if row['threshold'] else ', answer all'}"
        lines.append([name, *(share_cell(row[key]) for key in ("answered", "right", "wrong_and_confident"))])
    marked = [place for place, row in enumerate(rows) if row["threshold"] == details["confident_at"]]
    head = ["one answer from", "answered", "right among answered", "wrong and sure, of all"]
    return table(caption, head, lines, marked=marked)


def _refusal_section(figures: Figures, details: Figures) -> str:
    brains = figures["refusal"]["brain_mri"]["refused"]
    rows = [
        [
            "brain MRI (to be answered)" if name == "brain_mri" else name,
            entry["images"],
            share_cell(entry["refused"]),
            share_cell(brains),
            "–" if name == "brain_mri" else f"{entry['auroc']:.3f}",
        ]
        for name, entry in figures["refusal"].items()
    ]
    unseen = (figures.get("volumes") or {}).get("refused")
    words = paragraphs(
        "A picture whose novelty score is 1 or more is refused. All kinds but the first should be.",
        f"Of the volumes' slices, a cohort that training never saw, {percent(unseen, 1)} are refused."
        if unseen is not None
        else "",
    )
    limits = [
        [
            f"{row['limit']:g}{_OWN if row['limit'] == 1 else ''}",
            share_cell(row["brain_mri"]),
            share_cell(row["others"]),
            share_cell(row["least_refused"]),
            "all alike" if row["least_refused"] == row["others"] else row["least"],
        ]
        for row in details["novelty_limits"]
    ]
    own = [place for place, row in enumerate(details["novelty_limits"]) if row["limit"] == 1]
    return (
        words
        + table(
            "Refused, beside refusing as many at random",
            ["pictures", "number", "refused", "at random", "AUROC against brain MRI (chance 0.500)"],
            rows,
        )
        + table(
            "What each novelty limit costs (a multiple of the bundle's own)",
            ["refused from", "brain MRIs refused", "all else refused", "of the kind refused least", "which is"],
            limits,
            marked=own,
        )
        + f'<div class="plots">{_novelty_plot(details)}</div>\n'
    )


def _novelty_plot(details: Figures) -> str:
    names = {"brain_mri": "brain MRI"}
    rows = {names.get(name, name): shares for name, shares in details["novelty"].items()}
    values = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
    ticks = {place / (len(values) - 1): f"{value:g}" for place, value in enumerate(values)}
    steps = len(NOVELTY_EDGES) - 1
    limit = sum(edge < 1.0 for edge in NOVELTY_EDGES) / steps
    title = "Novelty score by kind; right of the line it is refused (heights as square roots, the axis doubles)"
    return draw_strips(title, rows, ticks, limit, first="brain MRI")


def _place_section(figures: Figures) -> str:
    places = _places(figures)
    if not places:
        return paragraphs("The network gives no heat maps, or no tumour's box is known.")
    rows = [
        [source, entry["images"]]
        + [share_cell(entry[key]) for key in ("peak_inside", "random_peak", "energy_inside", "box_share")]
        for source, entry in places.items()
    ]
    head = ["slices of", "number", "peak inside the box", "a random place", "of the map inside", "of an even map"]
    return paragraphs(
        "Does the heat map peak inside the tumour's box, enlarged by 1.1, and how much of the map lies inside the box "
        "itself? Beside each stands what a random place of the picture, or a map without preference, would reach. "
        "Refused slices have no map and are not counted."
    ) + table("Where the heat map peaks and how much of it is inside, by source", head, rows)


def _cross_sections(cross: Figures) -> list[tuple[str, str, str]]:
    """Cheng's folds and the sources left out, when the bundle brings them along."""
    parts = []
    if cross.get("summary"):
        names = ("balanced_accuracy", "accuracy", "macro_f1", "majority")
        rows: list[list[Any]] = [
            [task, unit]
            + [share_cell(fold[key][unit]["balanced_accuracy"]) for fold in cross["folds"].values()]
            + [f"{percent(found[name]['mean'], 1)} ± {100 * found[name]['spread']:.1f}" for name in names]
            for key, task in (("types", "three types"), ("classes", "four classes"))
            for unit, found in cross["summary"][key].items()
        ]
        head = ["of", "by", *(f"fold {fold}" for fold in cross["folds"])]
        head += ["balanced, mean", "accuracy, mean", "macro F1, mean", "commonest class"]
        parts.append(
            paragraphs(
                "For each of Cheng's own patient-level folds a network was trained without it, from ImageNet's "
                "weights. In the columns of the folds: balanced accuracy. By patient: the mean of the slices' "
                "probabilities. These are the recipe's figures, not this network's; the bundle brings them along."
            )
            + table("Cheng's five folds", head, rows, heads=2)
        )
    rows = [
        [
            source,
            name,
            found["images"],
            f"{found['detection']['auc']:.3f}" if found["detection"] else "–",
            f"{found['probe_auc']:.3f}" if found["probe_auc"] is not None else "–",
            share_cell(found["detection"]["sensitivity_at_95_specificity"]) if found["detection"] else "–",
            share_cell(found["peak_inside"]) if found["peak_inside"] is not None else "–",
        ]
        for source, own in cross.get("sources", {}).items()
        for name, found in ((source, own), ("gbm_nifti", own.get("volumes")))
        if found
    ]
    if rows:
        head = ["left out", "slices of", "number", "AUC", "AUC of the shortcut probe"]
        head += ["sensitivity at 95 % specificity", "peak inside the box"]
        parts.append(table("A whole source left out of training", head, rows, heads=2))
    return [("cross", "The recipe, cross-validated", "".join(parts))] if parts else []


def _learning_sections(learning: Mapping[str, Sequence[Mapping[str, float]]]) -> list[tuple[str, str, str]]:
    """Loss and accuracy by epoch, of every run that the network was made of."""
    plots = [
        draw_plot(
            f"{run}: {title}",
            [
                Series(name=name, points=[(row["epoch"] + 1, row[key]) for row in rows])
                for name, key in lines
                if all(key in row for row in rows)
            ],
            axes=("epoch", title),
            highest=(max(2.0, rows[-1]["epoch"] + 1), highest),
            ticks=(say_number, say_number if title == "loss" else say_share),
        )
        for run, rows in learning.items()
        if len(rows) > 1
        for title, lines, highest in (
            ("loss", (("training", "loss"), ("validation", "val_loss")), _round_up(rows, ("loss", "val_loss"))),
            (
                "accuracy",
                (
                    ("tumour or none, training", "detection_accuracy"),
                    ("tumour or none, validation", "val_detection_accuracy"),
                    ("type, training", "type_accuracy"),
                    ("type, validation", "val_type_accuracy"),
                ),
                1.0,
            ),
        )
    ]
    if not plots:
        return []
    words = paragraphs(
        "Of each run, in the order in which they were trained. Training sees disturbed and made-up slices, validation "
        "real ones, so training can look the worse of the two."
    )
    return [("learning", "How it learnt", words + f'<div class="plots">{"".join(plots)}</div>\n')]


def _round_up(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> float:
    top = max(row[name] for row in rows for name in names if name in row)
    return next((step for step in (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0) if step >= top), top)
