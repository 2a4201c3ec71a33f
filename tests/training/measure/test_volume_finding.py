"""What a volume's finding is worth is counted as it says, on heads whose truth is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from inference.answer.prediction import Finding, Prediction, Presence
from inference.model.schema import Calibration, FindingRule, VolumeRule
from tests.fakes import make_bundle, make_prediction
from training.measure.volume_finding import Head, measure_volumes

BUNDLE = make_bundle(
    background="Quince", calibration=Calibration(finding=FindingRule(present_at=0.999, absent_at=0.001))
)
RULE = VolumeRule(run_share=0.3, present_at=0.9, absent_at=0.1)


def slice_of(apple: float) -> Prediction:
    finding = Finding(presence=Presence.UNCLEAR, probability=apple, types=(), type_probabilities={"Apple": 1.0})
    shares = {"Apple": apple, "Pear Fruit": 0.0, "Quince": 1.0 - apple}
    return dataclasses.replace(make_prediction(shares, novelty=0.2), finding=finding)


def head_of(patient: str, apples: list[float], *, is_present: bool, is_whole: bool = True) -> Head:
    slices = tuple(slice_of(apple) for apple in apples)
    mask = np.array(apples) > 0.5 if is_present and is_whole else None
    return Head(
        source="orchard",
        patient=patient,
        sequence="T1",
        slices=slices,
        strengths=(1.0,) * len(slices),
        is_present=is_present,
        is_whole=is_whole,
        mask=mask,
    )


def test_figures() -> None:
    rows = [head_of(f"r{number}", [0.6, 0.95, 0.96, 0.97], is_present=True, is_whole=False) for number in range(4)]
    free = [head_of(f"f{number}", [0.02] * 9 + [0.6], is_present=False) for number in range(3)]
    odd = head_of("f0", [0.02] * 4 + [0.97] * 3 + [0.02] * 3, is_present=False)
    learnt = head_of("l", [0.02] * 4 + [0.97] * 3 + [0.02] * 3, is_present=True)
    figures = measure_volumes([*rows, *free, odd], [learnt], BUNDLE, RULE)
    assert figures["counts"] == {"present": 4, "present_patients": 4, "absent": 4, "absent_patients": 3}
    by_rule, without = figures["rule"], figures["without"]
    assert by_rule["present"]["called_present"]["value"] == 1.0
    assert without["present"]["called_present"]["value"] == 0.0
    assert by_rule["absent"]["called_present"]["value"] == pytest.approx(0.25)
    assert by_rule["orchard T1"]["volumes"] == 4
    assert by_rule["learnt"]["best_inside"]["value"] == 1.0
    assert by_rule["absent"]["auc"]["low"] <= by_rule["absent"]["auc"]["value"] <= by_rule["absent"]["auc"]["high"]
