"""The words: what each verdict, error and state says."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest

from inference.answer.heatmap import build_heatmap
from inference.answer.prediction import Verdict
from inference.answer.volume import VolumePrediction
from inference.errors import InputError
from tests.fakes import (
    BREED_PROBABILITIES,
    CERTAIN,
    CONFIDENT,
    UNCERTAIN,
    make_breeds,
    make_bundle,
    make_heatmap,
    make_prediction,
)
from ui.words.answer import present_heatmap, present_prediction
from ui.words.errors import present_error
from ui.words.model import (
    Fact,
    describe_purpose,
    has_many_classes,
    list_classes,
    name_models,
    present_about,
    word_disclaimer,
)
from ui.words.numbers import format_percent, list_numbers
from ui.words.states import present_busy, present_idle, present_missing, present_too_large, present_unreachable
from ui.words.tone import TONE_COLORS, Tone
from ui.words.volume import describe_volume


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0.0, "0 %"),
        (1e-9, "<1 %"),
        (0.0049, "<1 %"),
        (0.0051, "1 %"),
        (0.41, "41 %"),
        (0.9367, "94 %"),
        (0.9949, "99 %"),
        (0.9951, ">99 %"),
        (0.9999999, ">99 %"),
        (1.0, "100 %"),
    ],
)
def test_percent_never_claims_certainty_by_rounding(probability: float, expected: str) -> None:
    assert format_percent(probability) == expected


def test_confident_answer_names_one_class_in_spoken_words() -> None:
    shown = present_prediction(make_prediction(CONFIDENT), make_bundle())
    assert shown.sentence == "Pear, 94 %."
    assert shown.detail == "The model is usually right at this level."
    assert shown.tone is Tone.CONFIDENT


def test_a_model_without_figures_does_not_claim_to_be_usually_right() -> None:
    shown = present_prediction(make_prediction(CONFIDENT), make_bundle(about={}))
    assert "usually right" not in shown.detail
    assert "not known" in shown.detail


def test_uncertain_answer_names_two_classes_and_no_winner() -> None:
    shown = present_prediction(make_prediction(UNCERTAIN), make_bundle())
    assert shown.sentence == "Not sure: apple (48 %) or quince (41 %)."
    assert [row.label for row in shown.rows if row.named] == ["Apple", "Quince"]


def test_uncertain_answer_may_name_three() -> None:
    prediction = make_prediction(UNCERTAIN, candidates=("Apple", "Quince", "Pear Fruit"))
    assert present_prediction(prediction, make_bundle()).sentence == (
        "Not sure: apple (48 %), quince (41 %) or pear (11 %)."
    )


def test_rejected_picture_gets_no_answer_but_keeps_its_numbers() -> None:
    shown = present_prediction(make_prediction(CONFIDENT, verdict=Verdict.REJECTED), make_bundle())
    assert shown.sentence == "This does not look like a fruit, so no answer is given."
    assert "pear" not in (shown.sentence + shown.detail).lower()
    assert {row.label: row.probability for row in shown.rows} == CONFIDENT
    assert not any(row.named for row in shown.rows)


def test_rows_are_ranked_and_not_rounded() -> None:
    rows = present_prediction(make_prediction(CERTAIN), make_bundle()).rows
    assert [(row.label, row.probability, row.percent) for row in rows] == [
        ("Apple", 0.9981, ">99 %"),
        ("Pear Fruit", 0.0018, "<1 %"),
        ("Quince", 0.0001, "<1 %"),
    ]


def test_notes_and_source_are_passed_on() -> None:
    shown = present_prediction(make_prediction(notes=("Only the first of 3 frames was read.",)), make_bundle())
    assert shown.notes == ("Only the first of 3 frames was read.",)
    assert shown.source == "fruit 1.2.3, 12 ms"


def test_an_error_of_ours_speaks_for_itself() -> None:
    shown = present_error(InputError("The file is empty."))
    assert (shown.tone, shown.sentence) == (Tone.ERROR, "The file is empty.")


def test_a_defect_shows_an_id_and_the_log_has_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="ui.words.errors"):
        shown = present_error(RuntimeError("secret detail"))
    assert "secret" not in shown.sentence + shown.detail
    (record,) = caplog.records
    error_id = record.getMessage().rsplit(" ", 1)[1]
    assert error_id in shown.sentence
    assert record.exc_info is not None
    assert "secret detail" in str(record.exc_info[1])


def test_two_defects_have_two_ids() -> None:
    assert present_error(RuntimeError()).sentence != present_error(RuntimeError()).sentence


def test_states_without_an_answer_have_no_numbers() -> None:
    bundle = make_bundle()
    states = [
        present_idle(bundle),
        present_busy(),
        present_missing(),
        present_unreachable(),
        present_too_large(5 * 2**20),
    ]
    assert all(state.sentence and not state.rows for state in states)
    assert "5 MB" in states[-1].sentence


def test_purpose_is_worded_by_the_bundle() -> None:
    assert describe_purpose(make_bundle()) == (
        "Show it a fruit. It answers apple, pear or quince, or says that it cannot tell."
    )


def test_disclaimer_comes_from_the_bundle_alone() -> None:
    assert word_disclaimer(make_bundle(about={})) == ""
    assert word_disclaimer(make_bundle(about={"disclaimer": "For fun."})) == "For fun."


def test_about_takes_the_agreed_keys() -> None:
    about = present_about(make_bundle())
    assert about.summary == "Tells fruit apart."
    assert about.figures == (Fact(name="Accuracy", value="0.93", detail="on 200 held-out fruit"),)
    assert about.data == (Fact(name="Orchard", value="CC0", detail="900 photographs"),)
    assert about.limits == ("It has never seen a medlar.",)
    assert about.licence == "MIT"


def test_about_leaves_empty_what_is_missing_or_blank() -> None:
    for about in ({}, {"summary": " ", "limits": ["", " "], "licence": "\n"}):
        shown = present_about(make_bundle(about=about))
        assert (shown.summary, shown.figures, shown.limits, shown.licence) == ("", (), (), "")


def test_every_tone_has_colours_that_can_be_read() -> None:
    """WCAG 2.2: 4.5 : 1 against the page's light and dark grounds."""

    def luminance(color: str) -> float:
        channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    for tone in Tone:
        assert contrast(TONE_COLORS[tone].light, "#f5f4f1") >= 4.5, tone
        assert contrast(TONE_COLORS[tone].dark, "#0d1013") >= 4.5, tone


def test_values_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        present_busy().sentence = "changed"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("cell", "words"),
    [((0, 0), "upper left part"), ((9, 9), "middle"), ((9, 18), "right part"), ((18, 9), "lower part")],
)
def test_heat_map_says_where(cell: tuple[int, int], words: str) -> None:
    evidence = np.zeros((19, 19, 1), np.float32)
    evidence[cell] = 0.8
    shown = present_heatmap(build_heatmap(evidence, 0, (40, 40)))
    assert shown.sentence.startswith(f"The strongest evidence is in the {words} of the image.")
    assert shown.drawn


def test_faint_heat_map_points_at_nothing() -> None:
    shown = present_heatmap(make_heatmap(0.2))
    assert (shown.sentence, shown.drawn) == ("No place in the image stands out.", False)


def test_of_many_classes_five_are_shown_and_the_rest_is_counted() -> None:
    shown = present_prediction(make_prediction(BREED_PROBABILITIES), make_breeds().bundle)
    assert [row.label for row in shown.rows[:2]] == ["Zwergpudel", "Breed 7"]
    assert len(shown.rows) == 5
    assert shown.source.endswith(". The 5 most probable of 40 classes")
    assert shown.sentence == "Zwergpudel, 67 %."


def test_a_sentence_spells_out_five_candidates_at_most() -> None:
    many = tuple(list(BREED_PROBABILITIES)[:12])
    prediction = make_prediction(BREED_PROBABILITIES, verdict=Verdict.UNCERTAIN, candidates=many)
    sentence = present_prediction(prediction, make_breeds().bundle).sentence
    assert sentence.endswith("Breed 5 (<1 %) or one of 7 more.")


def test_purpose_of_many_classes_is_a_number() -> None:
    assert describe_purpose(make_breeds().bundle) == (
        "Show it a dog. It answers with one or two of 40 classes, or says that it cannot tell."
    )


def test_classes_are_listed_in_the_alphabets_order() -> None:
    bundle = make_bundle(labels=("pug", "Boxer", "akita"), label_texts=("pug", "boxer", "akita"))
    assert list_classes(bundle) == ["akita", "Boxer", "pug"]
    assert not has_many_classes(bundle)


def test_models_of_one_title_are_told_apart_by_name() -> None:
    bundles = [make_bundle(), make_bundle(name="veg"), make_breeds().bundle]
    assert name_models(bundles) == {"fruit": "Fruit (fruit)", "veg": "Fruit (veg)", "breeds": "Dog breeds"}


def test_numbers_are_worded_as_ranges() -> None:
    assert list_numbers([3, 7, 8, 9, 12, 13]) == "3, 7–9, 12–13"
    assert list_numbers([]) == ""


@pytest.mark.parametrize(
    ("best", "suspicious", "background", "expected"),
    [
        (3, (2, 3, 5), "Apple", "Slice 4 shows the answer best. 3 slices look suspicious: 3–4, 6."),
        (3, (3,), "Apple", "Slice 4 shows the answer best. One slice looks suspicious: 4."),
        (3, (2,), "Pear Fruit", "Slice 4 looks most suspicious. One slice looks suspicious: 3."),
        (3, (3,), None, "Slice 4 shows the answer best. On one slice pear is likeliest: 4."),
        (3, (), None, "Slice 4 shows the answer best. There is no slice on which pear is likeliest."),
        (3, (), "Apple", "Slice 4 shows the answer best. No slice looks suspicious by itself."),
        (None, (), "Apple", ""),
    ],
)
def test_volume_is_worded(best: int | None, suspicious: tuple[int, ...], background: str | None, expected: str) -> None:
    found = VolumePrediction(
        answer=make_prediction(), slices=(make_prediction(),) * 8, empty=(0,), best_slice=best, suspicious=suspicious
    )
    sentences = " ".join(describe_volume(found, make_bundle(background=background)))
    assert sentences == f"8 slices were looked at, 1 of them nearly empty. {expected}".strip()
