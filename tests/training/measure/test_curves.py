"""What each threshold costs, and the worst mistakes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from inference import Verdict
from tests.training.answered import make_measured, say
from training.data.manifest import Sample
from training.measure.curves import SHOWN, cost_thresholds, count_novelty, measure_details
from training.measure.figures import measure_answers
from training.report.evaluation_page import NOVELTY_EDGES
from training.report.gallery import SHOWN_OF_GROUP


def test_worst_mistakes_come_first_and_one_patient_does_not_fill_the_page(tmp_path: Path) -> None:
    measured = make_measured(tmp_path)
    found = measure_details(measured)["mistakes"]
    assert [entry["probability"] for entry in found["shown"]] == pytest.approx([0.97, 0.916, 0.91, 0.904])
    assert [entry["path"] for entry in found["shown"]][1:] == ["cheng/16.png", "cheng/10.png", "cheng/4.png"]
    assert (
        found["shown"][0] | {"truth": "No Tumor", "answer": "Pituitary Tumor", "source": "br35h"} == found["shown"][0]
    )
    (refused,) = measure_details(measured)["refused"]["shown"]  # wrong and surer than all, but no answer
    assert refused["path"].startswith("br35h/9")

    data, answer = measured.data_dir, measured.test.predictions[4]
    many = [Sample(path=data / f"g{n // 5}/{n}", label="glioma", source="x", group=f"g{n // 5}") for n in range(60)]
    measured.test.samples[:], measured.test.predictions[:] = many, [answer] * 60
    found = measure_details(measured)["mistakes"]
    assert (found["count"], found["groups"], len(found["shown"])) == (60, 12, SHOWN)
    taken = Counter(entry["path"].split("/")[0] for entry in found["shown"])
    assert set(taken.values()) == {SHOWN_OF_GROUP}


def test_the_cost_of_the_own_threshold_is_what_the_verdicts_cost(tmp_path: Path) -> None:
    measured = make_measured(tmp_path)
    classes = measure_answers(measured)["classes"]
    rows = {row["threshold"]: row for row in cost_thresholds(measured.test.known(), 0.8)}
    assert rows[0.8]["answered"] == classes["share_confident"]
    assert rows[0.8]["wrong_and_confident"] == classes["wrong_and_confident"] == pytest.approx(4 / 36)
    assert rows[0.8]["right"] == classes["accuracy_when_confident"]
    assert rows[0.0]["answered"] == 1.0
    assert rows[0.99]["answered"] == 0.0
    assert rows[0.99]["right"] is None
    assert [rows[t]["answered"] for t in sorted(rows)] == sorted((r["answered"] for r in rows.values()), reverse=True)
    refused = say("glioma", 0.99, verdict=Verdict.REJECTED, novelty=1.5)
    assert {row["answered"] for row in cost_thresholds([(measured.test.samples[0], refused)], 0.8)} == {0.0}


def test_curves(tmp_path: Path) -> None:
    details = measure_details(make_measured(tmp_path))
    assert set(details["roc"]) == {"all", "br35h"}
    assert (details["roc"]["br35h"][0], details["roc"]["br35h"][-1]) == ([0.0, 0.0], [1.0, 1.0])
    assert details["risk_coverage"][-1] == pytest.approx([1.0, 4 / 36])
    assert details["risk_coverage"][0][1] == 1.0  # the surest two are wrong
    costs = {row["limit"]: row for row in details["novelty_limits"]}
    assert costs[1.0]["brain_mri"] == pytest.approx(1 / 40)
    assert (costs[1.0]["others"], costs[1.0]["least"]) == (pytest.approx(2 / 3), "noise")
    assert costs[2.0]["brain_mri"] == 0.0


def test_novelty_beyond_the_axis_is_counted_at_its_ends() -> None:
    shares = count_novelty([say("no", 0.5, novelty=novelty) for novelty in (0.0, 0.99, 1.0, 99.0)])
    limit = NOVELTY_EDGES.index(1.0)
    assert (shares[0], shares[limit - 1], shares[limit], shares[-1]) == (0.25, 0.25, 0.25, 0.25)
