"""A volume's finding follows from the run of slices that looks most like one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from inference.answer.prediction import Finding, Prediction, Presence
from inference.answer.runs import choose_run, find_run, measure_volume, to_evidence, weigh_by_height
from inference.answer.volume import VolumePrediction, combine
from inference.model.schema import Calibration, FindingRule, VolumeRule
from tests.fakes import make_bundle, make_prediction

RULE = VolumeRule(run_share=0.2, edge_share=0.25, edge_penalty=4.0, present_at=0.9, absent_at=0.1)


def test_evidence_is_finite_at_the_ends() -> None:
    assert np.isfinite(to_evidence(np.array([0.0, 1.0]))).all()
    assert to_evidence(np.array([0.5, 0.9])) == pytest.approx([0.0, np.log(9)])


def test_the_run_lies_within_one_part() -> None:
    values = np.array([0.0, 0.0, 3.0, 3.0, 3.0, 0.0])
    assert choose_run(values, 3).tolist() == [2, 3, 4]
    assert choose_run(values, 3, [0, 0, 0, 0, 1, 1]).tolist() == [1, 2, 3]
    assert choose_run(values[:2], 3).tolist() == [0, 1]
    assert choose_run(np.array([-50.0, -40.0]), 1).tolist() == [1]


def test_evidence_counts_for_less_at_both_ends_only() -> None:
    weighed = weigh_by_height(np.zeros(5), np.array([0.0, 0.125, 0.5, 0.875, 1.0]), RULE)
    assert weighed == pytest.approx([-4.0, -2.0, 0.0, -2.0, -4.0])
    bare = RULE.model_copy(update={"edge_share": 0.0})
    assert weigh_by_height(np.ones(2), np.array([0.0, 1.0]), bare).tolist() == [1.0, 1.0]


def test_a_run_grows_with_the_head() -> None:
    evidence = np.zeros(40)
    evidence[18:28] = 2.0
    evidence[22] = 3.0
    run = find_run(evidence, np.arange(40), (0, 39), RULE)
    assert (len(run.slices), run.best) == (8, 22)
    assert len(find_run(evidence[:10], np.arange(10), (0, 9), RULE).slices) == 2


def test_presence_is_a_logistic_function_of_the_evidence() -> None:
    rule = RULE.model_copy(update={"intercept": -1.0, "slope": 2.0})
    assert measure_volume(0.5, rule) == pytest.approx(0.5)
    assert measure_volume(2.0, rule) == pytest.approx(1 / (1 + np.exp(-3)))


BUNDLE = make_bundle(
    background="Quince",
    calibration=Calibration(
        confident_at=0.9, in_set_at=0.2, finding=FindingRule(present_at=0.99, absent_at=0.01, volume=RULE)
    ),
)


def slice_of(apple: float) -> Prediction:
    finding = Finding(
        presence=Presence.UNCLEAR, probability=apple, types=(), type_probabilities={"Apple": 0.8, "Pear Fruit": 0.2}
    )
    shares = {"Apple": apple, "Pear Fruit": 0.0, "Quince": 1.0 - apple}
    return dataclasses.replace(make_prediction(shares, novelty=0.2), finding=finding)


def combined(apples: Sequence[float], empty: int = 0) -> VolumePrediction:
    slices = [slice_of(0.5)] * empty + [slice_of(apple) for apple in apples]
    return combine(slices, [1.0] * empty + [100.0] * len(apples), BUNDLE)


def test_a_volume_is_believed_by_its_own_limits() -> None:
    found = combined([0.02] * 8 + [0.95, 0.97, 0.96, 0.95] + [0.02] * 8, empty=3)
    assert found.answer.finding is not None
    assert found.answer.finding.presence is Presence.PRESENT
    assert found.answer.finding.types[0] == "Apple"
    assert found.best_slice == 3 + 9
    absent = combined([0.02] * 20).answer.finding
    assert absent is not None
    assert (absent.presence, absent.types) == (Presence.ABSENT, ())
    assert absent.probability == pytest.approx(0.02)


def test_one_odd_slice_and_an_odd_edge_make_no_finding() -> None:
    for odd in (range(10, 11), range(3), range(17, 20)):
        found = combined([0.97 if number in odd else 0.02 for number in range(20)]).answer.finding
        assert found is not None
        assert found.presence is not Presence.PRESENT
