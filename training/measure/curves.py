"""What a report shows beyond the figures: curves, what each threshold costs, novelty by kind, the worst mistakes.

Computed from the answers of `training.measure.bundle_answers`; nothing here runs a network or knows a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_curve

from inference import Prediction, Verdict
from training.data.layout import relative_path
from training.data.manifest import CLASS_LABELS, Sample
from training.measure.bundle_answers import BundleAnswers, SampleAnswers, is_right
from training.measure.figures import mask_mixed_sources, score_tumour
from training.report.evaluation_page import NOVELTY_EDGES
from training.report.gallery import SHOWN_OF_GROUP

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
"""Values of ``confident_at`` whose cost is told beside the bundle's own; at 0 every answer is given."""

NOVELTY_LIMITS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
"""Limits of the novelty score whose cost is told, as multiples of the bundle's."""

SHOWN = 24
"""Mistakes that a page shows, of the test split and of the volumes."""


def measure_details(measured: BundleAnswers) -> dict[str, Any]:
    """Everything that the page needs besides the figures; plain numbers and texts."""
    test, volumes, calibration = measured.test, measured.volumes, measured.bundle.calibration
    probabilities, classes = test.known_probabilities()
    groups = {"brain_mri": test.predictions, **measured.kinds}
    return {
        "roc": {**trace_sources(test), **trace_sources(volumes, over_all=False)},
        "risk_coverage": trace_risk(probabilities.max(axis=1), probabilities.argmax(axis=1) == classes),
        "confident_at": calibration.confident_at,
        "thresholds": cost_thresholds(test.known(), calibration.confident_at),
        "thresholds_volumes": cost_thresholds(volumes.known(), calibration.confident_at),
        "novelty": {name: count_novelty(predictions) for name, predictions in groups.items()},
        "novelty_limits": cost_limits(test.predictions, measured.kinds),
        "mistakes": list_mistakes(test, measured.data_dir),
        "mistakes_volumes": list_mistakes(volumes, measured.data_dir),
        "refused": list_refused(test, measured.data_dir),
        "refused_volumes": list_refused(volumes, measured.data_dir),
    }


def trace_sources(answers: SampleAnswers, *, over_all: bool = True) -> dict[str, list[list[float]]]:
    """ROC curves of "tumour present": over all, and inside each source that has both.

    Returns
    -------
    dict of str to list of [float, float]
        Share of false alarms and share of tumours found, both rising from 0 to 1.
    """
    present = np.array([sample.has_tumour for sample in answers.samples], bool)
    scores = score_tumour(answers.predictions)
    masks = mask_mixed_sources(answers.samples)
    if over_all and 0 < present.sum() < len(present):
        masks = {"all": np.ones(len(present), bool), **masks}
    curves = {}
    for name, inside in masks.items():
        false_alarms, found, _ = roc_curve(present[inside], scores[inside])
        curves[name] = np.round(np.stack([false_alarms, found], axis=1), 4).tolist()
    return curves


def trace_risk(confidences: np.ndarray, right: np.ndarray, points: int = 100) -> list[list[float]]:
    """Risk–coverage curve: [share answered, share wrong of these], the surest first.

    References
    ----------
    El-Yaniv and Wiener 2010, https://www.jmlr.org/papers/v11/el-yaniv10a.html.
    """
    wrong = ~right[np.argsort(-confidences, kind="stable")]
    risks = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    counts = np.unique(np.ceil(np.linspace(0.05, 1.0, points) * len(wrong)).astype(int))
    return [[float(count / len(wrong)), float(risks[count - 1])] for count in counts]


def cost_thresholds(known: Sequence[tuple[Sample, Prediction]], own: float) -> list[dict[str, float | None]]:
    """For each value of ``confident_at``, `THRESHOLDS` and the bundle's own: what would be answered, and how well.

    ``answered`` and ``wrong_and_confident`` are shares of all pictures, ``right`` of those answered. What the novelty
    score refuses is never answered.
    """
    if not known:
        return []
    confidences = np.array([p.probability if p.verdict is not Verdict.REJECTED else -1.0 for _, p in known])
    right = np.array([p.label == CLASS_LABELS[s.label] for s, p in known])
    rows: list[dict[str, float | None]] = []
    for threshold in sorted({*THRESHOLDS, own}):
        sure = confidences >= threshold
        rows.append(
            {
                "threshold": threshold,
                "answered": float(sure.mean()),
                "right": float(right[sure].mean()) if sure.any() else None,
                "wrong_and_confident": float((sure & ~right).mean()),
            }
        )
    return rows


def count_novelty(predictions: Sequence[Prediction]) -> list[float]:
    """Histogram of the novelty score over `NOVELTY_EDGES`, as shares."""
    novelty = np.clip([p.novelty for p in predictions], NOVELTY_EDGES[0], NOVELTY_EDGES[-1] * (1 - 1e-9))
    counts, _ = np.histogram(novelty, NOVELTY_EDGES)
    return [float(share) for share in counts / len(novelty)]


def cost_limits(brains: Sequence[Prediction], kinds: Mapping[str, list[Prediction]]) -> list[dict[str, Any]]:
    """For each of `NOVELTY_LIMITS`: shares refused of brain MRIs, of everything else, and of the kind refused least."""
    ordinary = np.array([prediction.novelty for prediction in brains])
    others = {name: np.array([prediction.novelty for prediction in predictions]) for name, predictions in kinds.items()}
    rows = []
    for limit in NOVELTY_LIMITS:
        shares = {name: float((novelty >= limit).mean()) for name, novelty in others.items()}
        least = min(shares, key=lambda name: shares[name])
        rows.append(
            {
                "limit": limit,
                "brain_mri": float((ordinary >= limit).mean()),
                "others": float((np.concatenate(list(others.values())) >= limit).mean()),
                "least": least,
                "least_refused": shares[least],
            }
        )
    return rows


def list_mistakes(answers: SampleAnswers, data_dir: Path) -> dict[str, Any]:
    """Wrong answers, the surest first: how many there are, and the first `SHOWN`. What was refused is no answer."""
    pairs = zip(answers.samples, answers.predictions, strict=True)
    wrong = [(s, p) for s, p in pairs if p.verdict is not Verdict.REJECTED and not is_right(s, p)]
    return _list_worst(sorted(wrong, key=lambda pair: -pair[1].probability), data_dir)


def list_refused(answers: SampleAnswers, data_dir: Path) -> dict[str, Any]:
    """Brain MRIs that were refused, the strangest first: how many there are, and the first `SHOWN`."""
    pairs = zip(answers.samples, answers.predictions, strict=True)
    refused = [(s, p) for s, p in pairs if p.verdict is Verdict.REJECTED]
    return _list_worst(sorted(refused, key=lambda pair: -pair[1].novelty), data_dir)


def _list_worst(ranked: Iterable[tuple[Sample, Prediction]], data_dir: Path) -> dict[str, Any]:
    ranked, taken = list(ranked), Counter[str]()
    shown: list[dict[str, Any]] = []
    for sample, prediction in ranked:
        taken[sample.group] += 1
        if taken[sample.group] <= SHOWN_OF_GROUP and len(shown) < SHOWN:
            shown.append(_describe(sample, prediction, data_dir))
    return {"count": len(ranked), "groups": len(taken), "shown": shown}


def _describe(sample: Sample, prediction: Prediction, data_dir: Path) -> dict[str, Any]:
    heatmap = prediction.heatmap
    return {
        "path": relative_path(sample.path, data_dir),
        "source": sample.source,
        "truth": CLASS_LABELS.get(sample.label, "a tumour of unknown type"),
        "answer": prediction.label,
        "probability": prediction.probability,
        "verdict": prediction.verdict.value,
        "novelty": prediction.novelty,
        "box": sample.box,
        "peak": None if heatmap is None else heatmap.peak,
        "stands_out": heatmap is not None and heatmap.stands_out,
    }
