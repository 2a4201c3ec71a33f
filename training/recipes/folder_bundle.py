"""A recipe's bundle: its calibration, its ``bundle.json``, its report and card."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.model.preprocess import scale_values
from training.bundle.calibration import COMPONENTS, fit_distance_limit, fit_statistics, fit_temperature, save_statistics
from training.bundle.describe import describe_input, describe_origin, describe_schema
from training.bundle.onnx_export import run_network
from training.bundle.publish import write_bundle_json
from training.recipes.stages import weigh_classes
from training.report.folder_card import build_folder_about, build_folder_card
from training.report.folder_report import build_folder_report, draw_figures, write_figures

if TYPE_CHECKING:
    import numpy as np

    from inference.model.engine import OnnxEngine
    from inference.model.schema import InputSpec
    from training.data.folder import Folder
    from training.recipes.pictures import LoadedSplit
    from training.recipes.settings import FolderPlan

CONFIDENT_AT = 0.5
"""Calibrated probability from which one answer is given, below it two: the articles' rule."""

MIN_FOR_NOVELTY = 40
"""Training pictures from which there is a novelty rule: fewer do not say what is ordinary."""

BATCH_SIZE = 64


def score_split(engine: OnnxEngine, split: LoadedSplit, spec: InputSpec) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, classes) and features (N, F) of a split's pictures, as `inference` computes them."""
    starts = range(0, len(split.pictures), BATCH_SIZE)
    return run_network(engine, (scale_values(split.pictures[start : start + BATCH_SIZE], spec) for start in starts))


def calibrate(
    engine: OnnxEngine, splits: dict[str, LoadedSplit], spec: InputSpec, *, grey_only: bool, statistics_path: Path
) -> dict[str, Any]:
    """Fit the temperature and the novelty rule on the validation split; write the feature statistics if there are any.

    Returns
    -------
    dict
        The bundle's sections ``calibration`` and ``novelty``.
    """
    logits, ordinary = score_split(engine, splits["validation"], spec)
    novelty: dict[str, Any] = {"grey_only": grey_only}
    features = score_split(engine, splits["train"], spec)[1]
    if len(features) >= MIN_FOR_NOVELTY:
        statistics = fit_statistics(features, min(COMPONENTS, len(features) // 4, features.shape[1] // 2))
        save_statistics(statistics, statistics_path)
        novelty |= {"statistics": statistics_path.name, "distance_limit": fit_distance_limit(ordinary, statistics)}
    temperature = fit_temperature(logits, splits["validation"].classes)
    calibration = {"temperature": temperature, "confident_at": CONFIDENT_AT, "in_set_at": 1.0, "coverage": 0.0}
    return {"calibration": calibration, "novelty": novelty}


def describe_folder_bundle(
    name: str, plan: FolderPlan, folder: Folder, splits: dict[str, LoadedSplit]
) -> dict[str, Any]:
    """The sections of ``bundle.json`` that need no measuring."""
    recipe, settings = plan.recipe, plan.settings
    spoken = [label.replace("_", " ") for label in folder.labels]
    return {
        **describe_schema(),
        "name": name,
        "version": settings.version,
        "title": settings.title or folder.name,
        "subject": settings.subject or "anything this model was trained on",
        "labels": list(folder.labels),
        "spoken": spoken if len(set(spoken)) == len(spoken) else list(folder.labels),
        "network": "model.onnx",
        "input": describe_input(recipe.input),
        "provenance": {
            **describe_origin(recipe.model_dump()),
            "command": f"python -m training fit --data {folder.name} --recipe {recipe.name}",
            "data": folder.name,
            "settings": asdict(settings),
            "images": {name: len(split.classes) for name, split in splits.items()},
            "class_weights": {
                folder.labels[index]: round(weight, 4)
                for index, weight in weigh_classes(splits["train"].classes).items()
            },
        },
    }


def write_words(
    bundle: Path, document: dict[str, Any], figures: dict[str, Any], folder: Folder, splits: dict[str, np.ndarray]
) -> None:
    """Write the report, its figures, the card and the figures as JSON; ``bundle.json`` last."""
    document["about"] = build_folder_about(document, figures)
    drawn = draw_figures(figures, folder, splits, document["provenance"]["settings"]["seed"])
    write_figures(drawn, bundle / "figures")
    report = build_folder_report(document, figures, folder, splits, drawn)
    (bundle / "report.html").write_text(report, encoding="utf-8")
    (bundle / "MODEL_CARD.md").write_text(build_folder_card(document, figures), encoding="utf-8")
    text = json.dumps(figures, indent=2, ensure_ascii=False) + "\n"
    (bundle / "evaluation.json").write_text(text, encoding="utf-8")
    write_bundle_json(bundle, document)
