"""Fits a bundle's finding on pictures that its network has not learnt from, and measures it on others.

Fitted on the validation split and half of the persons of ``more.csv``; measured on the test split and the other half.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference import BundleError, Classifier, Presence
from inference.answer.finding import measure_evidence, measure_presence, measure_types
from training.bundle.finding import Scored, fit_finding
from training.bundle.publish import write_bundle_json
from training.data.grey import read_pictures
from training.data.heads import read_heads
from training.data.manifest import CLASS_LABELS, NO_TUMOUR, TUMOUR_TYPES, Sample, read_manifest
from training.data.splits import hash_fraction, split_samples
from training.measure.metrics import expected_calibration_error, undo_calibration
from training.report.brain_card import build_about, build_card

if TYPE_CHECKING:
    from inference.model.schema import Calibration, FindingRule

BOOTSTRAPS = 1000
"""How often the groups are drawn again for an interval."""

_SEED = 1


def calibrate_finding(
    bundle_path: Path, data_dir: Path, *, version: str | None = None, groups: Path | None = None
) -> dict[str, Any]:
    """Fit ``calibration.finding``, write it and its figures into the bundle, and give the figures.

    Raises
    ------
    BundleError
        The bundle has no background, or its network has learnt from the heads of ``more.csv``.
    InputError
        The data cannot be read.
    """
    classifier = Classifier.load(bundle_path)
    bundle = classifier.bundle
    if bundle.background is None:
        raise BundleError(f'{bundle_path}: "background" must name the label that means that nothing was found.')
    if bundle.provenance.get("settings", {}).get("heads"):
        raise BundleError(f"{bundle_path}: its network has learnt from the heads of more.csv, so they tell nothing.")
    parts = _score(classifier, data_dir, groups)
    (_, fitted), (samples, measured) = parts["fit"], parts["test"]
    rule = fit_finding(fitted, bundle.calibration)
    figures = measure_finding(samples, measured, rule, bundle.calibration)
    figures["fitted_on"] = _count(parts["fit"][0])
    rule = rule.model_copy(
        update={
            "right_of_present": round(figures["right_of_present"]["value"], 4),
            "right_of_absent": round(figures["right_of_absent"]["value"], 4),
            "measured_on": figures["images"],
        }
    )
    _write(bundle_path, rule, figures, version)
    return figures


def _score(classifier: Classifier, data_dir: Path, groups: Path | None) -> dict[str, tuple[list[Sample], Scored]]:
    samples = read_manifest(data_dir, groups)
    splits = split_samples(samples, read_pictures(samples))
    chosen: dict[str, list[tuple[Sample, Any]]] = {
        "fit": [(sample, sample.path) for sample in splits["validation"]],
        "test": [(sample, sample.path) for sample in splits["test"]],
    }
    for sample, image in read_heads(data_dir):
        chosen["fit" if hash_fraction("finding", sample.group) < 0.5 else "test"].append((sample, image))
    return {name: _answer(classifier, pairs) for name, pairs in chosen.items()}


def _answer(classifier: Classifier, pairs: Sequence[tuple[Sample, Any]]) -> tuple[list[Sample], Scored]:
    """What the network says of the pictures that it does not refuse."""
    bundle = classifier.bundle
    predictions = list(classifier.predict_many(source for _, source in pairs))
    kept = [(sample, p) for (sample, _), p in zip(pairs, predictions, strict=True) if p.novelty < 1.0]
    samples = [sample for sample, _ in kept]
    novelty = np.array([prediction.novelty for _, prediction in kept])
    probabilities = np.array([list(prediction.probabilities.values()) for _, prediction in kept])
    own = undo_calibration(probabilities, novelty, bundle.calibration)
    labels = [label for label in bundle.labels if label != bundle.background]
    types = [labels.index(CLASS_LABELS[s.label]) if s.label in TUMOUR_TYPES else -1 for s in samples]
    return samples, Scored(
        logits=np.log(np.maximum(own, 1e-30)),
        novelty=novelty,
        is_present=np.array([sample.label != NO_TUMOUR for sample in samples]),
        types=np.array(types),
        background=bundle.labels.index(CLASS_LABELS[NO_TUMOUR]),
    )


def measure_finding(
    samples: Sequence[Sample], scored: Scored, rule: FindingRule, calibration: Calibration
) -> dict[str, Any]:
    """What the finding is worth; each share with its 95 % interval, drawing groups again.

    Parameters
    ----------
    samples : sequence of Sample
    scored : Scored
        Of the same pictures, in the same order; those that are refused are in neither.
    rule : FindingRule
    calibration : Calibration
    """
    weight = scored.weigh(calibration)
    presence = measure_presence(measure_evidence(scored.logits, scored.background), weight, rule)
    types = measure_types(scored.logits, scored.background, weight, rule)
    called = {
        Presence.PRESENT: presence >= rule.present_at,
        Presence.ABSENT: presence <= rule.absent_at,
    }
    is_sure = called[Presence.PRESENT] | called[Presence.ABSENT]
    wrongly_present = called[Presence.PRESENT] & ~scored.is_present
    wrongly_absent = called[Presence.ABSENT] & scored.is_present
    known = scored.types >= 0
    named = types >= rule.type_in_set_at
    named[np.arange(len(types)), types.argmax(axis=1)] = True
    truth_named = named[np.arange(len(types)), np.maximum(scored.types, 0)]
    is_ms = np.array([sample.source == "ms_tabriz" for sample in samples])
    shares: dict[str, tuple[np.ndarray, np.ndarray]] = {
        "sure": (is_sure, np.ones_like(is_sure)),
        "wrong_and_sure": (wrongly_present | wrongly_absent, np.ones_like(is_sure)),
        "called_present_of_absent": (wrongly_present, np.ones_like(is_sure)),
        "called_absent_of_present": (wrongly_absent, np.ones_like(is_sure)),
        "right_of_present": (scored.is_present, called[Presence.PRESENT]),
        "right_of_absent": (~scored.is_present, called[Presence.ABSENT]),
        "true_type_named": (truth_named, known),
        "one_type_named": (named.sum(axis=1) == 1, known & called[Presence.PRESENT]),
        "ms_called_present": (called[Presence.PRESENT], is_ms),
        "ms_above_half": (presence > 0.5, is_ms),
    }
    group_names = np.array([sample.group for sample in samples])
    commonest = max(scored.is_present.mean(), 1.0 - scored.is_present.mean())
    return {
        **_count(samples),
        "present": int(scored.is_present.sum()),
        "right_always_the_commonest": float(commonest),
        "calibration_error": expected_calibration_error(
            np.maximum(presence, 1.0 - presence), (presence > 0.5) == scored.is_present
        ),
        **{name: _with_interval(hits, of, group_names) for name, (hits, of) in shares.items()},
        "sources": {
            source: _describe_source(np.array([s.source == source for s in samples]), scored, is_sure, called)
            for source in sorted({sample.source for sample in samples})
        },
    }


def _count(samples: Sequence[Sample]) -> dict[str, int]:
    return {"images": len(samples), "groups": len({sample.group for sample in samples})}


def _describe_source(
    chosen: np.ndarray, scored: Scored, is_sure: np.ndarray, called: dict[Presence, np.ndarray]
) -> dict[str, Any]:
    wrong = (called[Presence.PRESENT] & ~scored.is_present) | (called[Presence.ABSENT] & scored.is_present)
    return {
        "images": int(chosen.sum()),
        "present": int(scored.is_present[chosen].sum()),
        "sure": float(is_sure[chosen].mean()),
        "called_present": float(called[Presence.PRESENT][chosen].mean()),
        "called_absent": float(called[Presence.ABSENT][chosen].mean()),
        "wrong_and_sure": float(wrong[chosen].mean()),
    }


def _with_interval(hits: np.ndarray, of: np.ndarray, group_names: np.ndarray) -> dict[str, float]:
    """A share, and its 95 % interval by the bootstrap over groups (percentile method)."""
    _, index = np.unique(group_names, return_inverse=True)
    counted, hit = np.bincount(index, of), np.bincount(index, hits & of)
    if not counted.sum():
        return {"value": 0.0, "low": 0.0, "high": 1.0}
    draw = np.random.default_rng(_SEED).integers(0, len(counted), (BOOTSTRAPS, len(counted)))
    totals = counted[draw].sum(axis=1)
    shares = hit[draw].sum(axis=1)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(shares, [0.025, 0.975])
    return {"value": float(hit.sum() / counted.sum()), "low": float(low), "high": float(high)}


def _write(bundle_path: Path, rule: FindingRule, figures: dict[str, Any], version: str | None) -> None:
    document = json.loads((bundle_path / "bundle.json").read_text(encoding="utf-8"))
    document["calibration"]["finding"] = rule.model_dump(exclude_none=True)
    document["version"] = version or document["version"]
    evaluation = json.loads((bundle_path / "evaluation.json").read_text(encoding="utf-8"))
    evaluation["finding"] = figures
    (bundle_path / "evaluation.json").write_text(json.dumps(evaluation, indent=2) + "\n", encoding="utf-8")
    document["about"] = build_about(evaluation)
    (bundle_path / "MODEL_CARD.md").write_text(build_card(document, evaluation), encoding="utf-8")
    write_bundle_json(bundle_path, document)
