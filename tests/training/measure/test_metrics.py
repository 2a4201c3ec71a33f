"""Each figure against a case that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from inference.answer.decision import softmax, to_probabilities
from inference.model.schema import Calibration
from training.measure.metrics import (
    brier_score,
    detection_figures,
    energy_inside,
    expected_calibration_error,
    is_inside,
    random_hit,
    reliability,
    risk_coverage,
    undo_calibration,
    undo_temperature,
)


def test_calibration_error() -> None:
    confidences = np.array([0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False])
    assert expected_calibration_error(confidences, right, bins=10) == pytest.approx(0.05)
    assert [row["accuracy"] for row in reliability(confidences, right, bins=10)] == [0.5, 1.0]


def test_brier() -> None:
    assert brier_score(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([0, 1])) == pytest.approx(0.25)
    assert brier_score(np.array([[0.0, 1.0]]), np.array([0])) == pytest.approx(2.0)


def test_risk_falls_when_the_unsure_are_left_out() -> None:
    curve = risk_coverage(np.arange(10) / 10, np.arange(10) >= 3)
    assert curve[0] == {"coverage": 0.5, "risk": 0.0}
    assert curve[-1]["risk"] == pytest.approx(0.3)


def test_detection() -> None:
    present = np.array([False] * 20 + [True] * 20)
    perfect = detection_figures(present, present.astype(float))
    assert (perfect["auc"], perfect["sensitivity_at_95_specificity"], perfect["specificity_at_half"]) == (1.0, 1.0, 1.0)
    blind = detection_figures(present, np.full(40, 0.9))
    assert (blind["auc"], blind["sensitivity_at_half"], blind["specificity_at_half"]) == (0.5, 1.0, 0.0)


@pytest.mark.parametrize(
    ("peak", "inside"), [((0.5, 0.5), True), ((0.605, 0.5), True), ((0.62, 0.5), False), ((0.5, 0.4), False)]
)
def test_pointing(peak: tuple[float, float], inside: bool) -> None:
    assert is_inside(peak, (0.5, 0.5, 0.2, 0.1)) is inside


def test_energy() -> None:
    grid = np.zeros((10, 10), np.float32)
    grid[5, 5], grid[0, 0] = 0.75, 0.25
    assert energy_inside(grid, (0.55, 0.55, 0.1, 0.1)) == pytest.approx(0.75)
    assert energy_inside(np.zeros((4, 4), np.float32), (0.5, 0.5, 0.5, 0.5)) == 0.0


def test_temperature_can_be_undone() -> None:
    logits = np.array([[3.0, 1.0, -2.0, 0.5], [0.0, 0.0, 40.0, -40.0]])
    for temperature in (0.3, 1.0, 4.0):
        assert undo_temperature(softmax(logits, temperature), temperature) == pytest.approx(softmax(logits), abs=1e-12)


def test_calibration_can_be_undone_for_the_strange_too() -> None:
    logits = np.random.default_rng(6).normal(0, 3, (5, 3))
    novelty = np.array([0.1, 0.5, 0.6, 0.7, 1.4])
    calibration = Calibration(
        temperature=0.8, familiar_at=0.5, unfamiliar_at=0.7, temperature_rise=0.5, prior_shift=(-0.3, 0.4, -0.3)
    )
    calibrated = to_probabilities(logits, novelty, calibration)
    assert calibrated[4] != pytest.approx(softmax(logits / 0.8)[4], abs=0.01)
    assert undo_calibration(calibrated, novelty, calibration) == pytest.approx(softmax(logits), abs=1e-12)


def test_a_random_peak_hits_as_often_as_the_box_is_large() -> None:
    assert random_hit((0.5, 0.5, 0.2, 0.1)) == pytest.approx(0.02 * 1.21)
    assert random_hit((0.05, 0.5, 0.1, 0.1)) == pytest.approx(0.105 * 0.11)  # what lies outside the picture counts not
    positions = (np.arange(200) + 0.5) / 200
    hits = [is_inside((x, y), (0.9, 0.3, 0.3, 0.4)) for x in positions for y in positions]
    assert random_hit((0.9, 0.3, 0.3, 0.4)) == pytest.approx(np.mean(hits), abs=0.01)
