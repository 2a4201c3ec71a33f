"""Made-up answers: what the report says of them can be worked out by hand; each figure has its baseline beside it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference import Prediction, Verdict
from inference.model.schema import Calibration
from tests.fakes import make_bundle, make_heatmap, make_prediction
from tests.tiny import write_bundle
from training import probe as probe_module
from training.__main__ import main
from training.answers import Answers, Measured
from training.card import _cross_section
from training.curves import NOVELTY_EDGES, SHOWN, SHOWN_OF_GROUP, cost_thresholds, count_novelty, measure_details
from training.dataset import CLASS_LABELS, COLUMNS, Sample
from training.evaluate import measure_answers
from training.evaluation_page import build_evaluation_page, summarise
from training.probe import STATISTICS

ORDER = list(CLASS_LABELS)
NASTY = "<i>&\"'.png"


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "_TREES", 8)


def say(label: str, probability: float, **changes: Any) -> Prediction:
    """An answer: a manifest's label with this probability, the rest shared by the others."""
    rest = (1 - probability) / 3
    numbers = {CLASS_LABELS[name]: probability if name == label else rest for name in ORDER}
    sure = Verdict.CONFIDENT if probability >= 0.8 else Verdict.UNCERTAIN
    return make_prediction(numbers, **{"verdict": sure, "heatmap": make_heatmap(), **changes})


def collect(data: Path, rows: list[tuple[Sample, Prediction]]) -> Answers:
    for number, (sample, _) in enumerate(rows):
        sample.path.parent.mkdir(parents=True, exist_ok=True)
        grey = np.random.default_rng(number).integers(0, 255, (60, 80), np.uint8)
        Image.fromarray(grey).save(sample.path, "PNG")
    looks = np.random.default_rng(0).random((len(rows), len(STATISTICS))).astype(np.float32)
    return Answers(samples=[s for s, _ in rows], predictions=[p for _, p in rows], statistics=looks)


def make_measured(tmp_path: Path) -> Measured:
    """Thirty slices of Cheng, right but for three; ten of Br35H, one of them wrong, one refused."""
    data = tmp_path / "data"
    rows = []
    for number in range(30):
        label = ("glioma", "glioma", "pituitary")[number % 3]
        sample = Sample(
            path=data / f"cheng/{number}.png",
            label=label,
            source="cheng",
            group=f"p{number // 2}",
            patient=f"p{number // 2}",
            box=(0.75, 0.25, 0.2, 0.3),
        )
        answer = say("meningioma", 0.9 + number / 1000) if number in (4, 10, 16) else say(label, 0.85)
        rows.append((sample, answer))
    for number in range(10):
        label = "no" if number < 6 else "tumor"
        sample = Sample(path=data / f"br35h/{number}{NASTY}", label=label, source="br35h", group=f"b{number}")
        answer = say("no" if label == "no" else "glioma", 0.6)
        if number == 0:
            answer = say("pituitary", 0.97)
        if number == 9:
            answer = say("no", 0.99, verdict=Verdict.REJECTED, novelty=1.5, heatmap=None)
        rows.append((sample, answer))
    strange = [say("no", 0.5, verdict=Verdict.REJECTED, novelty=novelty, heatmap=None) for novelty in (1.2, 30.0)]
    labels = tuple(CLASS_LABELS.values())
    return Measured(
        bundle=make_bundle(
            name="tiny<b>", labels=labels, calibration=Calibration(temperature=0.5, confident_at=0.8), provenance={}
        ),
        data_dir=data,
        test=collect(data, rows),
        volumes=collect(data, []),
        kinds={"CT<u>": strange, "noise": [say("no", 0.5, novelty=0.5)]},
        slices={},
    )


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


def test_baselines_by_hand(tmp_path: Path) -> None:
    figures = measure_answers(make_measured(tmp_path))
    baseline = figures["baseline"]
    assert baseline["majority"] == pytest.approx(20 / 36)
    assert baseline["majority_of_source"] == pytest.approx((20 + 6) / 36)
    assert figures["place"]["cheng"]["random_peak"] == pytest.approx(0.2 * 0.3 * 1.1**2)
    assert figures["place"]["cheng"]["peak_inside"] == 1.0
    assert set(baseline["shortcut_probe"]["detection"]) == {"all", "br35h"}


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


def test_calibration_before_the_temperature(tmp_path: Path) -> None:
    measured = make_measured(tmp_path)
    found = measure_answers(measured)["calibration"]
    # at temperature 0.5 the probability 0.6 against three of 0.4 / 3 was sqrt(0.6) against three of sqrt(0.4 / 3)
    before = 0.6**0.5 / (0.6**0.5 + 3 * (0.4 / 3) ** 0.5)
    assert found["before"]["reliability"][0]["confidence"] == pytest.approx(before)
    assert found["after"]["reliability"][0]["confidence"] == pytest.approx(0.6)
    assert found["before"]["ece"] != found["after"]["ece"]


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


def build(measured: Measured) -> str:
    details = json.loads(json.dumps(measure_details(measured)))
    return build_evaluation_page(measure_answers(measured), details, measured)


def test_page_is_one_file_and_names_are_escaped(tmp_path: Path) -> None:
    page = build(make_measured(tmp_path))
    assert "&lt;i&gt;&amp;&quot;&#x27;.png" in page
    assert "tiny&lt;b&gt;" in page
    assert "CT&lt;u&gt;" in page
    assert not re.search(r"<i>|<u>|tiny<b>", page)
    assert not re.search(r"https?:|<script|<link|url\(", page)
    assert str(tmp_path) not in page
    assert page.count("data:image/jpeg;base64,") == 5  # four mistakes, one refused
    assert page.count('<rect class="box"') == 3  # Br35H's boxes are not known here
    assert '<rect class="box" x="52.0" y="6.0" width="16.0" height="18.0"/>' in page  # of 80×60 pixels
    assert page.count('<circle class="peak"') == 4  # what is refused has no map


def test_every_headline_has_its_baseline(tmp_path: Path) -> None:
    measured = make_measured(tmp_path)
    figures = measure_answers(measured)
    page = build(measured)
    cards = re.findall(r"<li[^>]*><b>.*?</li>", page.split('class="findings"')[1].split("</ul>")[0])
    assert len(cards) == len(summarise(figures)) >= 8
    for card in cards:
        assert re.search(r'<span class="baseline">[^<]*\d', card), card
    assert "commonest class 55.6 %; commonest of the source 72.2 %; the shortcut probe" in cards[0]


def test_a_figure_no_better_than_its_baseline_stands_out(tmp_path: Path) -> None:
    measured = make_measured(tmp_path)
    assert not summarise(measure_answers(measured))[0][3]
    measured.test.predictions[:] = [say("glioma", 0.9)] * 40
    worries = {words: worry for _, words, _, worry in summarise(measure_answers(measured))}
    assert worries["of four classes right, by slice"]
    assert worries["tumour or none inside br35h, 10 slices"]


def test_without_maps_and_without_mistakes(tmp_path: Path) -> None:
    measured = make_measured(tmp_path)
    perfect = [
        say("glioma" if s.label == "tumor" else s.label, 0.9 if s.has_tumour else 0.95, heatmap=None)
        for s in measured.test.samples
    ]
    measured.test.predictions[:] = perfect
    page = build(measured)
    assert "The network gives no heat maps" in page
    assert "No answer was wrong and no brain MRI was refused." in page
    assert "No volumes were found" in page


@pytest.fixture
def small_data(tmp_path: Path) -> Path:
    """Patients of two of Cheng's folds; the tiny bundle calls red pictures pituitary and blue ones glioma."""
    data = tmp_path / "data"
    data.mkdir()
    lines = [",".join(COLUMNS)]
    for number in range(16):
        label = ("glioma", "pituitary", "meningioma", "no")[number % 4]
        pixels = np.random.default_rng(number).integers(0, 255, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(data / f"{number}.png")
        box = ".5,.5,.2,.2" if label != "no" else ",,,"
        lines.append(f"{number}.png,{label},cheng,p{number},{1 + number // 12},p{number},{box}")
    (data / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return data


def test_command(small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    before = sorted(small_data.iterdir())
    assert main(["evaluate", str(bundle), str(small_data), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    figures = json.loads(printed.out)
    assert figures["classes"]["images"] == 12
    assert printed.err.endswith("evaluation.html.\n")
    written = json.loads((tmp_path / "out/evaluation.json").read_text(encoding="utf-8"))
    assert set(written) == {*figures, "details"}
    assert {key: written[key] for key in figures} == figures
    assert "<h1>tiny 9.9</h1>" in (tmp_path / "out/evaluation.html").read_text(encoding="utf-8")
    assert sorted(small_data.iterdir()) == before


@pytest.mark.parametrize("given", [["DATA"], ["--data", "DATA"], ["DATA", "--data", "elsewhere"]])
def test_the_data_may_be_named_in_two_ways(given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr("training.evaluate.evaluate", lambda *given, **_: calls.append(given))
    assert main(["evaluate", "BUNDLE", *given]) == 0
    assert calls == [(Path("BUNDLE"), Path("DATA"), Path("runs/evaluation"))]


def test_what_cannot_be_evaluated(small_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.delenv("GYRUS_DATA", raising=False)
    for arguments, sentence in (
        (["evaluate", "BUNDLE"], "Name the folder of images"),
        (["evaluate", "BUNDLE", str(small_data), "--out", str(small_data / "report")], "--out must be outside"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 1
        assert sentence in capsys.readouterr().err
    assert not (small_data / "report").exists()


def make_cross() -> dict[str, Any]:
    score = {"number": 10, "accuracy": 0.91, "balanced_accuracy": 0.89, "macro_f1": 0.9, "majority": 0.4}
    fold = {task: {"slices": score, "patients": score} for task in ("types", "classes")}
    spread = {name: {"mean": score[name], "spread": 0.012} for name in score if name != "number"}
    detection = {"auc": 0.871, "sensitivity_at_95_specificity": 0.5}
    unseen = {"images": 7, "detection": detection, "probe_auc": 0.61, "boxes": 3, "peak_inside": 0.75}
    return {
        "folds": {"1": fold, "2": fold},
        "summary": {task: {"slices": spread, "patients": spread} for task in ("types", "classes")},
        "sources": {
            "br<35>h": {**unseen, "volumes": {**unseen, "detection": None, "probe_auc": None, "peak_inside": None}}
        },
        "settings": {"fold-1": {"epochs": 8, "seed": 1}, "fold-2": {"epochs": 8, "seed": 1}},
    }


def test_what_the_bundle_brings_along_is_shown(tmp_path: Path) -> None:
    measured = make_measured(tmp_path)
    figures = measure_answers(measured)
    details = measure_details(measured)
    plain = build_evaluation_page(figures, details, measured)
    assert "cross-validated" not in plain
    assert "How it learnt" not in plain
    rows = [{"epoch": float(epoch), "loss": 2.5 - epoch, "val_loss": 1.5, "type_accuracy": 0.8} for epoch in range(3)]
    carried = {"cross": make_cross(), "learning": {"ru<n>": rows}}
    page = build_evaluation_page({**figures, **carried}, details, measured)
    assert "89.0 % ± 1.2" in page
    assert "0.871" in page
    assert "br&lt;35&gt;h" in page
    assert "ru&lt;n&gt;: loss" in page
    assert "type, training" in page
    assert "type, validation" not in page, "nothing was logged of it"


def test_the_card_tells_what_the_recipe_is_worth() -> None:
    assert _cross_section({}) == []
    (words,) = _cross_section(make_cross())
    assert "| three types | patients | 91.0 % ± 1.2 | 89.0 % ± 1.2 | 90.0 % ± 1.2 | 40.0 % ± 1.2 |" in words
    assert "epochs 8, seed 1" in words
    assert "| `br<35>h` left out | br<35>h | 7 | 0.871 | 0.610 | 50.0 % | 75.0 % |" in words
