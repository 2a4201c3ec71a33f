"""A volume's limits let none of the patients that they were fitted on be sure and wrong."""

from __future__ import annotations

import numpy as np

from inference.answer.runs import measure_volume
from inference.model.schema import FindingRule
from training.bundle.volume_finding import fit_volume_rule

SLICES = FindingRule(present_at=0.8, absent_at=0.1)


def test_the_limits_and_the_promise() -> None:
    rng = np.random.default_rng(3)
    is_present = np.repeat([True, False], [20, 40])
    evidence = np.where(is_present, 3.0, -3.0) + rng.normal(0.0, 2.0, 60)
    patients = np.array([f"{number // (1 if number < 20 else 2)}-{number < 20}" for number in range(60)])
    rule = fit_volume_rule(evidence, is_present, patients, SLICES)
    presence = np.array([measure_volume(value, rule) for value in evidence])
    assert not (presence[~is_present] >= rule.present_at).any()
    assert not (presence[is_present] <= rule.absent_at).any()
    assert (rule.risk, rule.fitted_on) == (round(1 / 21, 4), 40)
    assert rule.slope > 0


def test_no_limit_is_laxer_than_a_slice_has() -> None:
    rule = fit_volume_rule(np.array([9.0, -9.0]), np.array([True, False]), np.array(["a", "b"]), SLICES)
    assert (rule.present_at, rule.absent_at) == (0.8, 0.1)
