"""Made-up answers: what the report says of them can be worked out by hand; each figure has its baseline beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.training.answered import make_cross, make_measured, say
from training.measure.bundle_answers import BundleAnswers
from training.measure.curves import measure_details
from training.measure.figures import measure_answers
from training.report.evaluation_page import build_evaluation_page
from training.report.findings import summarise


def build(measured: BundleAnswers) -> str:
    details = json.loads(json.dumps(measure_details(measured)))
    return build_evaluation_page(measure_answers(measured), details, measured)


def test_page_is_one_file_and_names_are_escaped(tmp_path: Path) -> None:
    page = build(make_measured(tmp_path))
    assert "&lt;i&gt;&amp;&#34;&#39;.png" in page
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
    assert not summarise(measure_answers(measured))[0].worry
    measured.test.predictions[:] = [say("glioma", 0.9)] * 40
    worries = {found.words: found.worry for found in summarise(measure_answers(measured))}
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
