"""The finding's limits keep their promise on pictures that come like those that they were fitted on."""

from __future__ import annotations

import numpy as np
import pytest

from inference.answer.finding import measure_evidence, measure_presence, measure_types
from inference.model.schema import Calibration
from training.bundle.finding import RISK, TYPE_COVERAGE, Scored, fit_finding

CALIBRATION = Calibration(familiar_at=0.4, unfamiliar_at=0.8)


def draw(seed: int, count: int = 4000) -> Scored:
    """Pictures of three types and a background (index 1), told apart with mistakes; more of them where unfamiliar."""
    generator = np.random.default_rng(seed)
    classes = generator.integers(0, 4, count)
    novelty = generator.uniform(0.2, 1.0, count)
    logits = generator.normal(0.0, 1.0, (count, 4)) * (1.0 + novelty[:, None])
    logits[np.arange(count), classes] += 4.0
    types = np.where(classes == 1, -1, np.where(classes > 1, classes - 1, 0))
    return Scored(logits=logits, novelty=novelty, is_present=classes != 1, types=types, background=1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_promises_hold_on_new_pictures(seed: int) -> None:
    rule, new = fit_finding(draw(seed), CALIBRATION), draw(seed + 100, 20000)
    weight = new.weigh(CALIBRATION)
    presence = measure_presence(measure_evidence(new.logits, new.background), weight, rule)
    assert (presence[~new.is_present] >= rule.present_at).mean() < 2.5 * RISK
    assert (presence[new.is_present] <= rule.absent_at).mean() < 2.5 * RISK
    assert ((presence >= rule.present_at) | (presence <= rule.absent_at)).mean() > 0.3
    known = new.types >= 0
    types = measure_types(new.logits, new.background, weight, rule)[known]
    named = types[np.arange(len(types)), new.types[known]] >= rule.type_in_set_at
    assert abs(named.mean() - TYPE_COVERAGE) < 0.015


def test_presence_can_be_taken_at_its_word() -> None:
    rule, new = fit_finding(draw(1), CALIBRATION), draw(9, 20000)
    presence = measure_presence(measure_evidence(new.logits, new.background), new.weigh(CALIBRATION), rule)
    weights = np.where(new.is_present, 1.0 / new.is_present.sum(), 1.0 / (~new.is_present).sum())  # even odds
    for low in (0.2, 0.4, 0.6, 0.8):
        chosen = (presence >= low) & (presence < low + 0.2)
        assert abs(np.average(new.is_present[chosen], weights=weights[chosen]) - presence[chosen].mean()) < 0.08


def test_too_few_pictures_make_no_promise_and_no_sure_answer() -> None:
    rule = fit_finding(draw(1, 60), CALIBRATION)
    assert (rule.present_at, rule.absent_at) == (1.0, 0.0)
