"""A volume's answer follows from its slices' answers by the stated rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from inference.answer.prediction import Prediction, Verdict
from inference.answer.volume import VolumePrediction, combine, predict_volume
from inference.errors import InputError
from inference.imaging.types import DecodedImage, Slice, Volume
from inference.model.schema import Calibration
from tests.fakes import make_bundle, make_prediction

BUNDLE = make_bundle(background="Quince", calibration=Calibration(confident_at=0.9, in_set_at=0.2))


def slice_of(apple: float, novelty: float = 0.2) -> Prediction:
    """A slice that shows an apple with this probability, else nothing (a quince)."""
    probabilities = {"Apple": apple, "Pear Fruit": 0.0, "Quince": 1.0 - apple}
    verdict = Verdict.REJECTED if novelty >= 1 else Verdict.UNCERTAIN
    return make_prediction(probabilities, novelty=novelty, verdict=verdict)


def combined(apples: Sequence[float], strengths: Sequence[float] = (), **changes: Any) -> VolumePrediction:
    slices = [slice_of(apple) for apple in apples]
    return combine(slices, strengths or [100.0] * len(slices), BUNDLE.model_copy(update=changes))


def test_a_few_slices_are_not_drowned_by_many() -> None:
    found = combined([0.01] * 20 + [0.99, 0.999, 0.99] + [0.01] * 20)
    assert found.answer.label == "Apple"
    assert found.answer.probabilities["Apple"] == pytest.approx(0.993, abs=1e-3)
    assert found.best_slice == 21
    assert found.suspicious == (20, 21, 22)


def test_neighbours_outweigh_a_single_slice() -> None:
    found = combined([0.1, 0.999, 0.1, 0.1, 0.8, 0.8, 0.8, 0.1])
    assert found.best_slice == 5
    assert found.answer.probabilities["Apple"] == pytest.approx(0.8)


def test_slices_with_a_gap_between_them_are_no_neighbours() -> None:
    apples = [0.1, 0.2, 0.9, 0.9, 0.9, 0.2]
    slices = [slice_of(apple) for apple in apples]
    whole = combine(slices, [100.0] * 6, BUNDLE)
    assert whole.answer.probabilities["Apple"] == pytest.approx(0.9)
    parted = combine(slices, [100.0] * 6, BUNDLE, parts=[0, 0, 0, 1, 1, 1])
    assert parted.answer.probabilities["Apple"] == pytest.approx((0.9 + 0.9 + 0.2) / 3)
    assert parted.best_slice == 4
    end = combine(slices, [100.0] * 6, BUNDLE, parts=[0, 0, 0, 0, 1, 1])
    assert end.best_slice == 2, "of slices 1 to 3 the mean is 0.67, of the two behind the gap 0.55"


def test_a_finding_must_be_surer_the_more_slices_were_looked_at() -> None:
    assert combined([0.97] * 3).answer.verdict is Verdict.CONFIDENT  # 1 − 0.1 / 3 = 0.967
    assert combined([0.97] * 4).answer.verdict is Verdict.UNCERTAIN
    assert combined([0.97] * 4).answer.candidates == ("Apple", "Quince")


def test_nothing_found_is_what_the_most_suspicious_slices_say() -> None:
    assert combined([0.01, 0.05, 0.02] * 30).answer.verdict is Verdict.CONFIDENT
    found = combined([0.01] * 30 + [0.3] * 3)
    assert (found.answer.label, found.answer.verdict) == ("Quince", Verdict.UNCERTAIN)


def test_empty_and_refused_slices_do_not_speak() -> None:
    slices = [*[slice_of(0.99)] * 3, *[slice_of(0.1)] * 8, *[slice_of(0.99, novelty=2.0)] * 3]
    found = combine(slices, [5.0] * 3 + [100.0] * 11, BUNDLE)
    assert found.answer.label == "Quince"
    assert found.empty == (0, 1, 2)
    assert found.suspicious == ()


def test_a_volume_of_something_else_is_rejected() -> None:
    slices = [slice_of(0.99, novelty=3.0)] * 6 + [slice_of(0.99)] * 5
    found = combine(slices, [100.0] * 11, BUNDLE)
    assert (found.answer.verdict, found.answer.candidates, found.best_slice) == (Verdict.REJECTED, (), None)
    assert found.answer.novelty == 3.0
    blank = combine([slice_of(0.5, novelty=99.0)] * 3, [0.0] * 3, BUNDLE)
    assert blank.answer.verdict is Verdict.REJECTED


def test_without_a_background_all_slices_speak() -> None:
    found = combined([0.2, 0.9, 0.7], background=None)
    assert found.answer.probabilities["Apple"] == pytest.approx(0.6)
    assert found.best_slice == 1
    assert found.suspicious == (1, 2)


def test_one_and_two_slices() -> None:
    assert combined([0.8]).best_slice == 0
    assert combined([0.8, 0.2]).answer.probabilities["Apple"] == pytest.approx(0.5)


class _ByBrightness:
    """Says apple as surely as a picture is bright."""

    bundle = BUNDLE

    def __init__(self) -> None:
        self.most_in_memory = 0

    def predict_many(self, sources: Iterable[DecodedImage], *, explain: bool = False) -> Iterator[Prediction]:
        for source in sources:
            yield slice_of(float(source.pixels.mean()) / 255)


def volume_of(levels: Sequence[float | None]) -> Volume:
    def load(number: int) -> Slice:
        level = levels[number]
        if level is None:
            raise InputError("This slice is damaged.")
        pixels = np.full((40, 40, 3), round(level * 255), np.uint8)
        return Slice(image=DecodedImage(pixels), strength=100.0)

    return Volume(count=len(levels), load=load, modality="MR", notes=("A note.",))


def test_a_damaged_slice_costs_itself_and_keeps_the_numbers() -> None:
    found = predict_volume(_ByBrightness(), volume_of([0.1, None, 0.1, 0.8, 0.9, 0.8, None, 0.1]))
    assert [isinstance(one, InputError) for one in found.slices] == [False, True, *[False] * 4, True, False]
    assert found.best_slice == 4
    assert found.suspicious == (3, 4, 5)
    assert found.answer.notes == ("A note.", "2 of 8 slices could not be read.")


def test_no_slice_can_be_read() -> None:
    with pytest.raises(InputError, match="This slice is damaged"):
        predict_volume(_ByBrightness(), volume_of([None, None]))


def test_modality_is_refused_before_a_slice_is_read() -> None:
    volume = replace(volume_of([None, None]), modality="CT")
    classifier = _ByBrightness()
    classifier.bundle = BUNDLE.model_copy(update={"modalities": ("MR",)})  # type: ignore[misc]
    with pytest.raises(InputError, match=r"MR \(magnetic resonance\) are accepted; received CT \(computed tomography"):
        predict_volume(classifier, volume)
