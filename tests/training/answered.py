"""A bundle's answers made in code, for tests of several rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inference import Prediction, Verdict
from inference.model.schema import Calibration
from tests.fakes import make_bundle, make_heatmap, make_prediction
from training.data.manifest import CLASS_LABELS, Sample
from training.data.picture_statistics import STATISTICS
from training.measure.bundle_answers import BundleAnswers, SampleAnswers

ORDER = list(CLASS_LABELS)

NASTY = "<i>&\"'.png"


def say(label: str, probability: float, **changes: Any) -> Prediction:
    """An answer: a manifest's label with this probability, the rest shared by the others."""
    rest = (1 - probability) / 3
    numbers = {CLASS_LABELS[name]: probability if name == label else rest for name in ORDER}
    sure = Verdict.CONFIDENT if probability >= 0.8 else Verdict.UNCERTAIN
    return make_prediction(numbers, **{"verdict": sure, "heatmap": make_heatmap(), **changes})


def collect(data: Path, rows: list[tuple[Sample, Prediction]]) -> SampleAnswers:
    for number, (sample, _) in enumerate(rows):
        sample.path.parent.mkdir(parents=True, exist_ok=True)
        grey = np.random.default_rng(number).integers(0, 255, (60, 80), np.uint8)
        Image.fromarray(grey).save(sample.path, "PNG")
    looks = np.random.default_rng(0).random((len(rows), len(STATISTICS))).astype(np.float32)
    return SampleAnswers(samples=[s for s, _ in rows], predictions=[p for _, p in rows], statistics=looks)


def make_measured(tmp_path: Path) -> BundleAnswers:
    """Thirty slices of Cheng, right but for three; ten of Br35H, one of them wrong, one refused."""
    data = tmp_path / "data"
    rows = []
    for number in range(30):
        label = ("glioma", "glioma", "pituitary")[number % 3]
        sample = Sample(
            path=data / f"cheng/{number}.png",
            label=label,
            source="cheng",
            group=f"p{number // 2}",
            patient=f"p{number // 2}",
            box=(0.75, 0.25, 0.2, 0.3),
        )
        answer = say("meningioma", 0.9 + number / 1000) if number in (4, 10, 16) else say(label, 0.85)
        rows.append((sample, answer))
    for number in range(10):
        label = "no" if number < 6 else "tumor"
        sample = Sample(path=data / f"br35h/{number}{NASTY}", label=label, source="br35h", group=f"b{number}")
        answer = say("no" if label == "no" else "glioma", 0.6)
        if number == 0:
            answer = say("pituitary", 0.97)
        if number == 9:
            answer = say("no", 0.99, verdict=Verdict.REJECTED, novelty=1.5, heatmap=None)
        rows.append((sample, answer))
    strange = [say("no", 0.5, verdict=Verdict.REJECTED, novelty=novelty, heatmap=None) for novelty in (1.2, 30.0)]
    labels = tuple(CLASS_LABELS.values())
    return BundleAnswers(
        bundle=make_bundle(
            name="tiny<b>",
            labels=labels,
            label_texts=labels,
            calibration=Calibration(temperature=0.5, confident_at=0.8),
            provenance={},
        ),
        data_dir=data,
        test=collect(data, rows),
        volumes=collect(data, []),
        kinds={"CT<u>": strange, "noise": [say("no", 0.5, novelty=0.5)]},
        slices={},
    )


def make_cross() -> dict[str, Any]:
    """Two of Cheng's folds, and a source with an odd name left out."""
    score = {"number": 10, "accuracy": 0.91, "balanced_accuracy": 0.89, "macro_f1": 0.9, "majority": 0.4}
    fold = {task: {"slices": score, "patients": score} for task in ("types", "classes")}
    spread = {name: {"mean": score[name], "spread": 0.012} for name in score if name != "number"}
    detection = {"auc": 0.871, "sensitivity_at_95_specificity": 0.5}
    unseen = {"images": 7, "detection": detection, "probe_auc": 0.61, "boxes": 3, "peak_inside": 0.75}
    return {
        "folds": {"1": fold, "2": fold},
        "summary": {task: {"slices": spread, "patients": spread} for task in ("types", "classes")},
        "sources": {
            "br<35>h": {**unseen, "volumes": {**unseen, "detection": None, "probe_auc": None, "peak_inside": None}}
        },
        "settings": {"fold-1": {"epochs": 8, "seed": 1}, "fold-2": {"epochs": 8, "seed": 1}},
    }
