"""Baselines and calibration, counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.answered import make_measured
from training.measure.figures import measure_answers


def test_baselines_by_hand(tmp_path: Path) -> None:
    figures = measure_answers(make_measured(tmp_path))
    baseline = figures["baseline"]
    assert baseline["majority"] == pytest.approx(20 / 36)
    assert baseline["majority_of_source"] == pytest.approx((20 + 6) / 36)
    assert figures["place"]["cheng"]["random_peak"] == pytest.approx(0.2 * 0.3 * 1.1**2)
    assert figures["place"]["cheng"]["peak_inside"] == 1.0
    assert set(baseline["shortcut_probe"]["detection"]) == {"all", "br35h"}


def test_calibration_before_the_temperature(tmp_path: Path) -> None:
    measured = make_measured(tmp_path)
    found = measure_answers(measured)["calibration"]
    # at temperature 0.5 the probability 0.6 against three of 0.4 / 3 was sqrt(0.6) against three of sqrt(0.4 / 3)
    before = 0.6**0.5 / (0.6**0.5 + 3 * (0.4 / 3) ** 0.5)
    assert found["before"]["reliability"][0]["confidence"] == pytest.approx(before)
    assert found["after"]["reliability"][0]["confidence"] == pytest.approx(0.6)
    assert found["before"]["ece"] != found["after"]["ece"]
