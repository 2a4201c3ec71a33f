"""Made-up answers: what the report says of them can be worked out by hand; each figure has its baseline beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.training.answered import make_measured, say
from training.measure.bundle_answers import BundleAnswers
from training.measure.curves import measure_details
from training.measure.figures import measure_answers
from training.report.brain_card import _cross_section
from training.report.evaluation_page import build_evaluation_page, summarise


def build(measured: BundleAnswers) -> str:
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
