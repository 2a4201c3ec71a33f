"""What is fitted on validation images does what it promises on them."""

from __future__ import annotations

import numpy as np
import pytest

from inference.decision import feature_distance, softmax
from training.calibrate import fit_confident_at, fit_distance_limit, fit_statistics, fit_temperature
from training.evaluate import expected_calibration_error


def draw(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax is exactly right, and classes drawn from it."""
    logits = rng.normal(0, 2, (count, 4))
    classes = np.array([rng.choice(4, p=row) for row in softmax(logits)])
    return logits, classes


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_temperature_undoes_a_factor(factor: float) -> None:
    logits, classes = draw(np.random.default_rng(0), 6000)
    assert fit_temperature(logits * factor, classes) == pytest.approx(factor, rel=0.08)


def test_confident_answers_are_right_as_often_as_asked() -> None:
    logits, classes = draw(np.random.default_rng(1), 6000)
    probabilities = softmax(logits)
    threshold = fit_confident_at(probabilities, classes)
    answered = probabilities.max(axis=1) >= threshold
    assert (probabilities.argmax(axis=1) == classes)[answered].mean() >= 0.97
    assert 0.5 < threshold < 0.99


def test_distance_of_the_own_is_about_one_and_of_others_more() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(20, 300))
    own = rng.normal(size=(800, 20)) @ mixing + 0.1 * rng.normal(size=(800, 300))
    statistics = fit_statistics(own[:600])
    held_out = feature_distance(own[600:], statistics)
    assert held_out.mean() == pytest.approx(1.0, abs=0.15)
    limit = fit_distance_limit(own[600:], statistics)
    assert (held_out > limit).mean() <= 0.011
    assert (feature_distance(rng.normal(size=(50, 300)) * 5, statistics) > limit).all()


def test_calibration_error_by_hand() -> None:
    confidences = np.array([0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False])
    assert expected_calibration_error(confidences, right, bins=10) == pytest.approx(0.05)
