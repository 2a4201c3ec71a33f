"""The heat map, with a network whose evidence is the brightness of the picture, or one colour of it a class."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from inference import BundleError, Classifier, DecodedImage, Heatmap, Verdict
from inference.answer.heatmap import STANDS_OUT_AT, build_heatmap
from inference.model.bundle import DEFAULT_MODEL
from inference.model.preprocess import build_batch
from tests.tiny import EVIDENCE_WEIGHTS, striped, write_bundle, write_onnx

DATA = Path(os.environ.get("GYRUS_DATA") or "nowhere")


def load(folder: Path, evidence: np.ndarray | None) -> Classifier:
    folder.mkdir(parents=True)
    write_onnx(folder / "model.onnx", evidence=evidence)
    return Classifier.load(write_bundle(folder))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return load(tmp_path_factory.mktemp("bundles") / "tiny", EVIDENCE_WEIGHTS)


def spotted(
    color: tuple[int, int, int] = (255, 255, 255), shape_px: tuple[int, int] = (300, 600), level: int = 0
) -> np.ndarray:
    """A dark picture with one spot: a quarter of the width from the left, two thirds of the height from the top."""
    picture = np.full((*shape_px, 3), level, np.uint8)
    y, x = round(shape_px[0] * 2 / 3), round(shape_px[1] / 4)
    half_y, half_x = shape_px[0] // 12, shape_px[1] // 12
    picture[y - half_y : y + half_y, x - half_x : x + half_x] = color
    return picture


def explain(classifier: Classifier, picture: np.ndarray) -> Heatmap:
    heatmap = classifier.predict(picture, explain=True).heatmap
    assert heatmap is not None
    return heatmap


def test_the_map_lies_on_the_original_pixels(classifier: Classifier) -> None:
    heatmap = explain(classifier, spotted())
    values = heatmap.values
    assert (values.shape, values.dtype) == ((300, 600), np.float32)
    assert values[200, 150] == pytest.approx(1.0, abs=1e-5)  # the middle of the spot
    assert values[100, 450] == 0.0
    spot = spotted()[:, :, 0] > 0
    assert ((values > 0.5) == spot).mean() > 0.98


def test_the_peak_is_a_fraction_of_width_and_height(classifier: Classifier) -> None:
    heatmap = explain(classifier, spotted())
    x, y = heatmap.peak
    assert abs(x - 1 / 4) < 1 / 12 + 0.01
    assert abs(y - 2 / 3) < 1 / 12 + 0.01
    assert (heatmap.peak_value, heatmap.stands_out) == (pytest.approx(1.0, abs=1e-5), True)


def test_faint_evidence_does_not_stand_out(classifier: Classifier) -> None:
    heatmap = explain(classifier, spotted((100, 100, 100)))
    assert heatmap.peak_value == pytest.approx(100 / 255, abs=1e-5)
    assert heatmap.peak_value < STANDS_OUT_AT
    assert not heatmap.stands_out


def test_only_on_request_and_only_for_an_answer(classifier: Classifier) -> None:
    assert classifier.predict(spotted()).heatmap is None
    blank = classifier.predict(np.full((64, 64, 3), 255, np.uint8), explain=True)
    assert (blank.verdict, blank.heatmap) == (Verdict.REJECTED, None)
    unsure = classifier.predict(striped((0, 120, 125)), explain=True)
    assert unsure.verdict is Verdict.UNCERTAIN
    assert unsure.heatmap is not None


def test_the_answer_is_the_same_with_and_without(classifier: Classifier) -> None:
    plain, explained = (classifier.predict(spotted(), explain=explain) for explain in (False, True))
    assert dataclasses.replace(explained, heatmap=None, duration_s=plain.duration_s) == plain


def test_the_engine_fetches_the_map_only_when_asked(classifier: Classifier) -> None:
    batch = build_batch([spotted()], classifier.bundle.input)
    assert classifier._engine.run(batch).evidence is None
    evidence = classifier._engine.run(batch, explain=True).evidence
    assert evidence is not None
    assert evidence.shape == (1, 150, 150, 1)


def test_many_get_their_own_maps(classifier: Classifier) -> None:
    pictures = [spotted(shape_px=(120, 240)), striped((0, 0, 255)), spotted(shape_px=(300, 90))]
    together = [prediction.heatmap for prediction in classifier.predict_many(pictures, explain=True)]
    for heatmap, picture in zip(together, pictures, strict=True):
        assert heatmap is not None
        assert heatmap.values.shape == picture.shape[:2]
        assert np.allclose(heatmap.grid, explain(classifier, picture).grid, atol=1e-6)


def test_a_network_with_a_map_a_class_gives_the_answers(tmp_path: Path) -> None:
    weights = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], np.float32) / 255  # as BGR is fed: blue is class 0
    per_class = load(tmp_path / "b", weights)
    picture = spotted((0, 0, 255))
    picture[:40, -40:] = (255, 0, 0)
    prediction = per_class.predict(picture, explain=True)
    assert prediction.index == 0
    assert prediction.heatmap is not None
    assert prediction.heatmap.values[200, 150] == pytest.approx(1.0, abs=1e-5)
    assert prediction.heatmap.values[20, -20] == 0.0


def test_a_network_without_a_map_still_answers(tmp_path: Path) -> None:
    prediction = load(tmp_path / "b", None).predict(spotted(), explain=True)
    assert prediction.verdict is not Verdict.REJECTED
    assert prediction.heatmap is None


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (np.full((3, 2), 1e-3, np.float32), r"\(N, h, w, 1\) or \(N, h, w, 4\).*shape \(2, 150, 150, 2\)"),
        (np.full((3, 1), 1.0, np.float32), r"values from 0 to 1;.*values from 0 to 736"),
    ],
)
def test_evidence_that_is_no_map_is_told_at_once(tmp_path: Path, evidence: np.ndarray, words: str) -> None:
    with pytest.raises(BundleError, match=words):
        load(tmp_path / "b", evidence)


def test_a_map_is_frozen_and_small() -> None:
    heatmap = build_heatmap(np.zeros((19, 19, 1), np.float32), 2, (5000, 8000))
    assert heatmap.grid.nbytes < 2000
    with pytest.raises(ValueError, match="read-only"):
        heatmap.grid[0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        heatmap.peak_value = 1.0  # type: ignore[misc]


def test_the_peak_of_the_enlarged_map_is_the_peak() -> None:
    generator = np.random.default_rng(3)
    for shape_px in ((512, 512), (200, 700)):
        heatmap = build_heatmap(generator.random((19, 19, 1), np.float32), 0, shape_px)
        x, y = heatmap.peak
        value = heatmap.values[int(y * shape_px[0]), int(x * shape_px[1])]
        assert value == pytest.approx(heatmap.peak_value, abs=0.1)
        assert heatmap.values.max() <= heatmap.peak_value + 1e-6


def test_one_picture_may_be_decoded_before(classifier: Classifier) -> None:
    picture = spotted()
    decoded = classifier.predict(DecodedImage(picture), explain=True).heatmap
    assert decoded is not None
    assert np.array_equal(decoded.grid, explain(classifier, picture).grid)


@pytest.mark.skipif(not DATA.is_dir(), reason="GYRUS_DATA names no folder of real images")
def test_the_shipped_model_points_at_most_tumours_it_never_saw() -> None:
    """A sanity bound; the figures are measured by ``python -m training evaluate``."""
    import csv

    with (DATA / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["cheng_fold"] == "1"][::20]
    predictions = Classifier.load(DEFAULT_MODEL).predict_many((DATA / row["path"] for row in rows), explain=True)
    hits = [
        prediction.heatmap is not None
        and all(
            abs(place - float(row[f"box_{axis}_center"])) <= 0.55 * float(row[f"box_{size}"])
            for place, axis, size in zip(prediction.heatmap.peak, "xy", ("width", "height"), strict=True)
        )
        for row, prediction in zip(rows, predictions, strict=True)
    ]
    assert sum(hits) / len(hits) > 0.6
