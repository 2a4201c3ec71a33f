"""The headline figures of an evaluation, each beside what one would get without looking at a brain."""

from __future__ import annotations

from typing import Any

from training.report.words import Finding, count_of, number, percent

Figures = dict[str, Any]


def summarise(figures: Figures) -> list[Finding]:
    """The headline figures; one that is no better than its baseline is a worry.

    Parameters
    ----------
    figures : dict
        Of `training.measure.figures.measure_answers`.
    """
    return [
        *_summarise_classes(figures),
        *_summarise_detection(figures),
        *_summarise_calibration(figures),
        _summarise_refusal(figures["refusal"]),
        *_summarise_places(figures),
    ]


def _summarise_classes(figures: Figures) -> list[Finding]:
    classes, baseline, patients = figures["classes"], figures["baseline"], figures["patients"]
    probe = baseline["shortcut_probe"]["classes"]
    without_skill = max(baseline["majority"], baseline["majority_of_source"], probe.get("accuracy", 0.0))
    types = patients["balanced_accuracy_of_three_types"]
    return [
        Finding(
            percent(classes["accuracy"], 1),
            "of four classes right, by slice",
            classes["accuracy"] <= without_skill,
            f"commonest class {percent(baseline['majority'], 1)}; commonest of the source "
            f"{percent(baseline['majority_of_source'], 1)}{_say_probe(probe, 'accuracy')}",
        ),
        Finding(
            percent(classes["balanced_accuracy"], 1),
            "balanced over the classes, by slice",
            classes["balanced_accuracy"] <= probe.get("balanced_accuracy", 0.25),
            f"one answer for all 25 %{_say_probe(probe, 'balanced_accuracy')}",
        ),
        Finding(
            percent(types, 1),
            f"of tumour types right, balanced, by patient ({number(patients['patients'])})",
            types <= 1 / 3,
            "one answer for all 33.3 %",
        ),
    ]


def _say_probe(found: Figures, name: str) -> str:
    return f"; the shortcut probe {percent(found[name], 1)}" if name in found else ""


def find_inside_sources(figures: Figures) -> dict[str, tuple[Figures, Figures]]:
    """Detection inside each source that has both, volumes too: the model's figures and the probe's."""
    volumes = figures.get("volumes") or {"detection": {}, "shortcut_probe": {}}
    models = {**volumes["detection"], **figures["detection"]}
    probes = {**volumes["shortcut_probe"], **figures["baseline"]["shortcut_probe"]["detection"]}
    order = [*figures["detection"], *volumes["detection"]]
    return {name: (models[name], probes.get(name, {})) for name in dict.fromkeys(order) if name != "all"}


def _summarise_detection(figures: Figures) -> list[Finding]:
    return [
        Finding(
            f"AUC {model['auc']:.3f}",
            f"tumour or none inside {source}, {count_of(model['images'], 'slice')}",
            model["auc"] <= max(0.5, probe.get("auc", 0.5)),
            "chance 0.500" + (f"; the shortcut probe {probe['auc']:.3f}" if "auc" in probe else ""),
        )
        for source, (model, probe) in find_inside_sources(figures).items()
    ]


def _summarise_calibration(figures: Figures) -> list[Finding]:
    classes, before = figures["classes"], figures["calibration"]["before"]
    wrong = 1 - classes["accuracy"]
    return [
        Finding(
            f"{classes['ece']:.3f}",
            "calibration error (ECE)",
            classes["ece"] > before["ece"],
            f"without the temperature {before['ece']:.3f}",
        ),
        Finding(
            percent(classes["wrong_and_confident"], 1),
            f"wrong and sure of it; sure of {percent(classes['share_confident'], 1)}",
            classes["wrong_and_confident"] >= wrong > 0,
            f"if every answer were given as sure {percent(wrong, 1)}",
        ),
    ]


def _summarise_refusal(refusal: Figures) -> Finding:
    share, brains = share_refused(refusal), refusal["brain_mri"]["refused"]
    words = f"of what is no brain MRI is refused, and {percent(brains, 1)} of brain MRIs"
    return Finding(percent(share, 1), words, share <= brains, f"refusing as many at random {percent(brains, 1)}")


def share_refused(refusal: Figures) -> float:
    """Share of all pictures that are no brain MRI and are refused."""
    others = [entry for name, entry in refusal.items() if name != "brain_mri"]
    refused = sum(entry["refused"] * entry["images"] for entry in others)
    return float(refused / max(1, sum(entry["images"] for entry in others)))


def join_places(figures: Figures) -> Figures:
    """Where the heat maps peak, by source, the volumes' sources too."""
    return {**figures["place"], **(figures.get("volumes") or {}).get("place", {})}


def _summarise_places(figures: Figures) -> list[Finding]:
    return [
        Finding(
            percent(entry["peak_inside"], 1),
            f"of heat maps peak inside the tumour, {count_of(entry['images'], 'slice')} of {source}",
            entry["peak_inside"] <= entry["random_peak"],
            f"a random place {percent(entry['random_peak'], 1)}",
        )
        for source, entry in join_places(figures).items()
    ]
