"""A volume's rows hold what a plot and its words need."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from inference.answer.prediction import Prediction, Verdict
from inference.answer.rows import build_volume_rows
from inference.answer.volume import combine
from inference.imaging.types import Volume
from tests.fakes import LABELS, make_bundle, make_prediction
from ui.words.rows import rebuild_volume
from ui.words.volume import present_slices


def make_slices(found: Sequence[float]) -> list[Prediction]:
    """Slices on which an apple is so probable; the second is refused."""
    slices = [make_prediction(dict(zip(LABELS, (p, 0.9 * (1 - p), 0.1 * (1 - p)), strict=True))) for p in found]
    slices[1] = make_prediction(slices[1].probabilities, verdict=Verdict.REJECTED, novelty=2.0)
    return slices


@pytest.mark.parametrize("background", ["Pear Fruit", None])
def test_rows_give_the_words_and_the_plot_of_the_answer(background: str | None) -> None:
    bundle = make_bundle(background=background)
    found = combine(make_slices([0.9, 0.9, 0.1, 0.8, 0.7, 0.95, 0.2, 0.3]), [0.01, *[1.0] * 7], bundle)
    volume = Volume(count=8, load=lambda number: None, series="")  # type: ignore[arg-type,return-value]
    *slices, whole = build_volume_rows("head.nii", volume, found)
    rebuilt = rebuild_volume(slices, whole, bundle)
    expected, received = present_slices(found, bundle), present_slices(rebuilt, bundle)
    assert received.summary[1:] == expected.summary[1:]
    assert [row.probability for row in received.rows] == [row.probability for row in expected.rows]
    assert received.rows[0].probability is None  # nearly empty
    assert received.rows[1].probability is None  # refused
