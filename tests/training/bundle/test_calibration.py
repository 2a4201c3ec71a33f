"""What is fitted on validation images does what it promises on them."""

from __future__ import annotations

import numpy as np
import pytest

from inference.answer.decision import feature_distance, softmax, to_probabilities
from inference.model.schema import Calibration
from training.bundle.calibration import (
    COVERAGE,
    Judged,
    balanced_prior_shift,
    fit_calibration,
    fit_confident_at,
    fit_distance_limit,
    fit_in_set_at,
    fit_statistics,
    fit_temperature,
)


def draw(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax is exactly right, and classes drawn from it."""
    logits = rng.normal(0, 2, (count, 4))
    classes = np.array([rng.choice(4, p=row) for row in softmax(logits)])
    return logits, classes


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_temperature_undoes_a_factor(factor: float) -> None:
    logits, classes = draw(np.random.default_rng(0), 6000)
    assert fit_temperature(logits * factor, classes) == pytest.approx(factor, rel=0.08)


def test_temperature_rises_where_the_network_is_too_sure_of_the_strange() -> None:
    rng = np.random.default_rng(3)
    logits, classes = draw(rng, 3000)
    novelty = rng.uniform(0.4, 0.8, 3000)
    familiar_at, unfamiliar_at = np.quantile(novelty, [0.5, 0.9])
    too_sure = 1.0 + np.clip((novelty - familiar_at) / (unfamiliar_at - familiar_at), 0.0, 1.0)
    fitted = fit_calibration(Judged(logits=logits * too_sure[:, None], classes=classes, novelty=novelty))
    assert (fitted.familiar_at, fitted.unfamiliar_at) == pytest.approx((familiar_at, unfamiliar_at), abs=1e-3)
    assert fitted.temperature == pytest.approx(1.0, abs=0.08)
    assert fitted.temperature_rise == pytest.approx(1.0, abs=0.2)
    steady = fit_calibration(Judged(logits=logits * 2.0, classes=classes, novelty=novelty))
    assert steady.temperature == pytest.approx(2.0, abs=0.12)
    assert steady.temperature_rise <= 0.2


def test_elsewhere_tumours_are_as_frequent_as_none() -> None:
    """A network from a world in which three of four slices show a tumour, in one in which every second does."""
    rng = np.random.default_rng(4)
    shift = balanced_prior_shift(0.75, 3, 1)
    assert shift == pytest.approx((np.log(2 / 3), np.log(2), np.log(2 / 3)), abs=1e-3)
    classes = rng.choice(3, 20_000, p=[0.25, 0.5, 0.25])
    seen = np.eye(3)[classes] + rng.normal(0, 1, (20_000, 3))  # its likelihood ratios are exp(seen)
    logits = seen + np.log([0.375, 0.25, 0.375])
    calibration = Calibration(familiar_at=0.5, unfamiliar_at=0.6, prior_shift=shift)
    for novelty, right in ((0.7, True), (0.5, False)):
        probabilities = to_probabilities(logits, np.full(len(logits), novelty), calibration)
        assert (abs(probabilities.mean(axis=0) - [0.25, 0.5, 0.25]).max() < 0.01) == right


def test_few_answers_are_wrong_and_confident() -> None:
    logits, classes = draw(np.random.default_rng(1), 6000)
    probabilities = softmax(logits)
    threshold = fit_confident_at(probabilities, classes)
    wrong = probabilities.argmax(axis=1) != classes
    assert (wrong & (probabilities.max(axis=1) >= threshold)).mean() <= 0.01
    assert (wrong & (probabilities.max(axis=1) >= threshold - 0.02)).mean() > 0.01


def test_prediction_sets_hold_the_truth_as_often_as_promised() -> None:
    logits, classes = draw(np.random.default_rng(2), 12000)
    probabilities = softmax(logits)
    in_set_at = fit_in_set_at(probabilities[:6000], classes[:6000])
    held = probabilities[np.arange(6000, 12000), classes[6000:]] >= in_set_at
    assert held.mean() == pytest.approx(COVERAGE, abs=0.006)  # three standard errors of 6,000 draws


def test_dead_units_make_nothing_new() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(5, 30))
    mixing[:, 10:] = 0
    own = 7 + rng.normal(size=(400, 5)) @ mixing
    statistics = fit_statistics(own[:200])
    assert len(statistics.scale) == 5
    limit = fit_distance_limit(own[200:300], statistics)
    assert (feature_distance(own[300:], statistics) < 1.5 * limit).all()
    alive = own[300:] + np.eye(30)[20] * 50
    assert (feature_distance(alive, statistics) > 2 * limit).all()


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
