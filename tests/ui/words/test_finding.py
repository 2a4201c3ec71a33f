"""The words of a finding: two questions, each with its own certainty, in the terms of the bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inference.answer.prediction import Finding, Presence, Verdict
from inference.answer.rows import build_error_row, build_row
from inference.errors import InputError
from inference.model.schema import Calibration
from tests.fakes import (
    ABSENT,
    SETTLED,
    TYPE_UNCERTAIN,
    UNCLEAR,
    make_bundle,
    make_finding,
    make_heatmap,
    make_leaf_bundle,
    make_prediction,
)
from ui.words import finding
from ui.words.answer import present_heatmap, present_prediction, present_row
from ui.words.finding import list_findings, may_mark
from ui.words.table import list_columns, list_groups, name_filter
from ui.words.tone import Tone

BUNDLE = make_leaf_bundle()

BRAIN = make_leaf_bundle(
    labels=("Glioma Tumor", "No Tumor", "Meningioma Tumor", "Pituitary Tumor"),
    label_texts=("glioma", "no tumour", "meningioma", "pituitary tumour"),
    background="No Tumor",
    finding="a tumour",
)


def say(probabilities: dict[str, float], **changes: object) -> str:
    found = replace(make_finding(probabilities), **changes)  # type: ignore[arg-type]
    return present_prediction(make_prediction(probabilities, finding=found), BUNDLE).sentence


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((0.41, 0.03, 0.56, 0.0), "Tumour, 97 %. Type uncertain: meningioma 56 % or glioma 41 %."),
        ((0.96, 0.02, 0.01, 0.01), "Glioma, 96 %."),
        ((0.01, 0.97, 0.01, 0.01), "No tumour, 97 %."),
        ((0.2, 0.62, 0.1, 0.08), "Unclear: a tumour is possible (38 %)."),
    ],
)
def test_the_four_sentences(numbers: tuple[float, ...], sentence: str) -> None:
    probabilities = dict(zip(BRAIN.labels, numbers, strict=True))
    found = make_finding(probabilities, "No Tumor")
    shown = present_prediction(make_prediction(probabilities, finding=found), BRAIN)
    assert shown.sentence == sentence
    assert "Not sure" not in shown.sentence + shown.detail


def test_what_is_sure_has_the_tone_of_what_is_sure_whatever_the_verdict_is() -> None:
    tones = [
        present_prediction(
            make_prediction(numbers, verdict=Verdict.UNCERTAIN, finding=make_finding(numbers)), BUNDLE
        ).tone
        for numbers in (SETTLED, TYPE_UNCERTAIN, ABSENT, UNCLEAR)
    ]
    assert tones == [Tone.CONFIDENT, Tone.CONFIDENT, Tone.CONFIDENT, Tone.UNCERTAIN]


def test_bars_are_named_by_the_finding_and_not_by_the_verdict() -> None:
    named = {}
    for numbers in (SETTLED, TYPE_UNCERTAIN, ABSENT, UNCLEAR):
        shown = present_prediction(make_prediction(numbers, finding=make_finding(numbers)), BUNDLE)
        named[shown.sentence.split(",")[0].split(":")[0]] = [row.label for row in shown.rows if row.named]
    assert named == {"Scab": ["Scab"], "Disease": ["Canker", "Mildew"], "No disease": ["Healthy"], "Unclear": []}


def test_a_sentence_has_two_types_at_most() -> None:
    sentence = say(TYPE_UNCERTAIN, types=("Canker", "Mildew", "Scab"))
    assert sentence == "Disease, 98 %. Type uncertain: likeliest canker 56 %, then mildew 41 %."


def test_a_type_that_is_withheld_is_not_guessed() -> None:
    assert say(TYPE_UNCERTAIN, types=()) == "Disease, 98 %."


@pytest.mark.parametrize(
    ("name", "present", "unclear"),
    [
        ("an apple scab", "Apple scab, 98 %.", "Unclear: an apple scab is possible (38 %)."),
        ("another animal", "Another animal, 98 %.", "Unclear: another animal is possible (38 %)."),
    ],
)
def test_what_is_found_is_called_as_the_bundle_calls_it(name: str, present: str, unclear: str) -> None:
    bundle = make_leaf_bundle(finding=name)
    withheld = replace(make_finding(TYPE_UNCERTAIN), types=())
    assert present_prediction(make_prediction(TYPE_UNCERTAIN, finding=withheld), bundle).sentence == present
    assert present_prediction(make_prediction(UNCLEAR, finding=make_finding(UNCLEAR)), bundle).sentence == unclear


def test_a_bundle_that_does_not_say_finds_a_finding() -> None:
    bundle = make_bundle(background="Quince")
    shares = {"Apple": 0.5, "Pear Fruit": 0.5}
    found = Finding(presence=Presence.UNCLEAR, probability=0.4, types=(), type_probabilities=shares)
    shown = present_prediction(make_prediction(finding=found), bundle)
    assert shown.sentence == "Unclear: a finding is possible (40 %)."
    assert shown.detail == "At this level the model neither says that it is there nor rules it out."


@pytest.mark.parametrize(
    ("numbers", "is_volume", "detail"),
    [
        (SETTLED, False, "When the model was sure of a disease, it was right on 97 of 100 test images."),
        (ABSENT, False, "When the model ruled out a disease, it was right on more than 99 of 100 test images."),
        (ABSENT, True, "How often this model is right about a whole volume is not known."),
        (UNCLEAR, False, "At this level the model neither says that it is there nor rules it out."),
    ],
)
def test_what_a_level_means_is_said_in_figures_where_there_are_any(
    numbers: dict[str, float], is_volume: bool, detail: str
) -> None:
    rule = {"right_of_present": 0.97, "right_of_absent": 0.998, "measured_on": 1000}
    bundle = make_leaf_bundle(calibration=Calibration(finding=rule))
    prediction = make_prediction(numbers, finding=make_finding(numbers))
    assert present_prediction(prediction, bundle, is_volume=is_volume).detail == detail


def test_nothing_is_marked_in_a_document_unless_something_was_found() -> None:
    marked = {numbers["Healthy"]: may_mark(make_finding(numbers)) for numbers in (SETTLED, ABSENT, UNCLEAR)}
    assert marked == {0.01: True, 0.97: False, 0.62: False}
    assert may_mark(None), "a bundle without findings marks what stands out"


@pytest.mark.parametrize(
    ("numbers", "is_kept", "drawn", "words"),
    [
        (SETTLED, True, True, "The strongest evidence is in the upper right part of the image."),
        (UNCLEAR, False, True, "The strongest evidence is in the upper right part of the image."),
        (UNCLEAR, True, False, "No place is marked, because the finding is unclear."),
        (ABSENT, False, False, "No place is marked, because nothing was found."),
        (ABSENT, True, False, "No place is marked, because nothing was found."),
    ],
)
def test_a_map_is_worded_beside_its_finding(numbers: dict[str, float], is_kept: bool, drawn: bool, words: str) -> None:
    shown = present_heatmap(make_heatmap(), make_finding(numbers), is_kept=is_kept)
    assert shown.drawn == drawn
    assert shown.sentence.startswith(words)


def test_a_map_on_which_nothing_stands_out_says_so_first() -> None:
    shown = present_heatmap(make_heatmap(0.2), make_finding(ABSENT), is_kept=True)
    assert shown.sentence == "No place in the image stands out."


@pytest.mark.parametrize(
    ("numbers", "group", "percent", "answer"),
    [
        (SETTLED, "present", "99 %", "Scab 96 %"),
        (TYPE_UNCERTAIN, "present", "98 %", "Canker 56 % or mildew 41 %"),
        (ABSENT, "absent", "97 %", ""),
        (UNCLEAR, "unclear", "38 %", "A disease is possible"),
    ],
)
def test_a_row_says_what_its_answer_says(numbers: dict[str, float], group: str, percent: str, answer: str) -> None:
    prediction = make_prediction(numbers, finding=make_finding(numbers))
    shown = present_row(build_row("a.png", prediction), BUNDLE)
    assert (shown.group, shown.percent, shown.answer) == (group, percent, answer)
    assert shown.sentence == present_prediction(prediction, BUNDLE).sentence


def test_rows_without_an_answer_have_the_groups_that_every_model_has() -> None:
    refused = make_prediction(SETTLED, verdict=Verdict.REJECTED, novelty=2.0)
    rows = [build_row("a.png", refused), build_error_row("b.png", InputError("The file is empty."))]
    shown = [present_row(row, BUNDLE) for row in rows]
    assert [row.group for row in shown] == ["rejected", "error"]
    assert [row.answer for row in shown] == ["Does not look like a leaf", "The file is empty."]


def test_a_table_is_sorted_into_what_the_model_gives() -> None:
    assert list(list_groups(BUNDLE).values()) == [
        "Disease", "No disease", "Unclear", "No answer", "Left out", "Failed",
    ]  # fmt: skip
    assert list(list_columns(BUNDLE).values()) == ["File", "Slice", "Finding", "Probability", "Type"]
    assert name_filter(BUNDLE) == "all findings"
    for bundle in (make_bundle(), make_bundle(background="Quince")):
        assert not list_findings(bundle)
        assert list(list_groups(bundle).values())[:2] == ["Confident", "Not sure"]
        assert list(list_columns(bundle).values())[2:] == ["Answer", "Probability", "Verdict"]
        assert name_filter(bundle) == "all verdicts"


def test_no_word_of_a_subject_is_in_the_room() -> None:
    text = Path(finding.__file__).read_text(encoding="utf-8")
    code = "".join(text.split('"""')[::2])
    assert not [word for word in ("tumour", "Tumour", "glioma", "brain") if word in code]
