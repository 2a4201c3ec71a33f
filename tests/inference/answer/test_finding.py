"""Is there anything, and of which type: each with its own certainty."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from inference import BundleError, Classifier, Presence, load_bundle
from inference.answer.finding import decide_finding, find_all, measure_evidence, measure_presence, measure_types
from inference.answer.rows import build_row
from inference.answer.volume import decide_volume_finding
from inference.model.schema import FindingRule

RULE = FindingRule(present_at=0.9, absent_at=0.1, type_in_set_at=0.3)
TYPES = ("Apple", "Plum")
SHIPPED = Path("models/brain_tumor")


class TestWhatIsMeasured:
    def test_the_evidence_is_the_log_odds_against_the_background(self) -> None:
        logits = np.array([[2.0, -1.0, 0.5], [-3.0, 4.0, -3.0]])
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        odds = np.log((1 - shares[:, 1]) / shares[:, 1])
        assert np.allclose(measure_evidence(logits, 1), odds)
        assert np.allclose(measure_evidence(logits + 7.0, 1), odds), "a number added to a row says nothing"

    def test_an_unfamiliar_picture_has_numbers_of_its_own(self) -> None:
        rule = RULE.model_copy(update={"unfamiliar_intercept": -1.0, "unfamiliar_slope": -0.5})
        familiar, half, unfamiliar = measure_presence(np.full(3, 2.0), np.array([0.0, 0.5, 1.0]), rule)
        assert familiar == pytest.approx(1 / (1 + np.exp(-2.0)))
        assert half == pytest.approx(1 / (1 + np.exp(-1.0)))
        assert unfamiliar == pytest.approx(0.5)

    def test_types_leave_the_background_out_and_sum_to_one(self) -> None:
        shares = measure_types(np.array([[1.0, 50.0, 0.0]]), 1, np.zeros(1), RULE)
        assert shares.sum() == pytest.approx(1.0)
        assert shares[0].tolist() == pytest.approx([1 / (1 + np.exp(-1.0)), 1 / (1 + np.e)])

    def test_no_number_overflows(self) -> None:
        presence = measure_presence(np.array([-1e6, 1e6]), np.zeros(2), RULE)
        assert presence.tolist() == [0.0, 1.0]


class TestWhatIsDecided:
    @pytest.mark.parametrize(
        ("presence", "kind"),
        [
            (0.0, Presence.ABSENT),
            (0.1, Presence.ABSENT),
            (0.11, Presence.UNCLEAR),
            (0.89, Presence.UNCLEAR),
            (0.9, Presence.PRESENT),
        ],
    )
    def test_the_limits_decide(self, presence: float, kind: Presence) -> None:
        finding = decide_finding(presence, np.array([0.2, 0.8]), TYPES, RULE)
        assert finding.presence is kind
        assert finding.probability == presence
        assert finding.types == (("Plum",) if kind is Presence.PRESENT else ())
        assert finding.type_probabilities == {"Apple": 0.2, "Plum": 0.8}

    @pytest.mark.parametrize(
        ("shares", "named"), [([0.45, 0.55], ("Plum", "Apple")), ([0.25, 0.75], ("Plum",)), ([1.0, 0.0], ("Apple",))]
    )
    def test_types_are_named_from_their_limit_on(self, shares: list[float], named: tuple[str, ...]) -> None:
        assert decide_finding(0.95, np.array(shares), TYPES, RULE).types == named

    def test_one_type_is_named_at_least(self) -> None:
        strict = RULE.model_copy(update={"type_in_set_at": 0.99})
        assert decide_finding(0.95, np.array([0.6, 0.4]), TYPES, strict).types == ("Apple",)

    def test_limits_that_cross_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises((ValueError, BundleError), match="absent_at"):
            FindingRule(present_at=0.3, absent_at=0.4)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(SHIPPED)


class TestABundle:
    def test_a_healthy_head_is_absent_and_a_cat_has_no_finding(self, classifier: Classifier) -> None:
        head = classifier.predict(SHIPPED / "examples/mni152_axial_2mm.png").finding
        assert head is not None
        assert head.presence is Presence.ABSENT
        assert head.types == ()
        assert classifier.predict(SHIPPED / "examples/chelsea.jpg").finding is None

    def test_its_row_says_so(self, classifier: Classifier) -> None:
        prediction = classifier.predict(SHIPPED / "examples/mni152_axial_2mm.png")
        row = build_row("a.png", prediction).to_dict()
        assert (row["finding"], row["types"]) == ("absent", [])
        assert 0.0 <= row["finding_probability"] < 0.1
        bare = build_row("a.png", dataclasses.replace(prediction, finding=None)).to_dict()
        assert (bare["finding"], bare["finding_probability"], bare["types"]) == (None, None, None)

    def test_without_a_rule_there_is_none(self) -> None:
        bundle = load_bundle(SHIPPED)
        calibration = bundle.calibration.model_copy(update={"finding": None})
        bare = bundle.model_copy(update={"calibration": calibration})
        assert find_all(np.zeros((2, 4)), np.zeros(2), bare) == [None, None]

    def test_a_volume_needs_more_for_a_finding_than_a_slice(self) -> None:
        bundle = load_bundle(SHIPPED)
        rule = bundle.calibration.finding
        assert rule is not None
        sure = decide_finding(rule.present_at, np.array([0.8, 0.1, 0.1]), ("a", "b", "c"), rule)
        assert sure.presence is Presence.PRESENT
        alone = decide_volume_finding([sure], 1, bundle)
        among_many = decide_volume_finding([sure] * 3, 100, bundle)
        assert alone is not None
        assert among_many is not None
        assert (alone.presence, among_many.presence) == (Presence.PRESENT, Presence.UNCLEAR)
        assert decide_volume_finding([None], 1, bundle) is None
