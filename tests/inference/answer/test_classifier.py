"""The whole way through, with a network whose answer can be worked out by hand."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from inference import BundleError, Classifier, InputError, Verdict
from inference.answer.decision import decide, softmax
from inference.model.preprocess import build_batch, prepare_image
from inference.model.schema import Calibration, InputSpec
from tests.tiny import LABELS, WEIGHTS, striped, write_bundle, write_onnx


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier.load(write_bundle(tmp_path_factory.mktemp("bundles") / "tiny"))


def expected(picture: np.ndarray) -> np.ndarray:
    """The answer by hand: BGR, 150×150, mean, times the weights, softmax."""
    resized = cv2.resize(picture[:, :, ::-1], (150, 150), interpolation=cv2.INTER_AREA).astype(np.float32)
    logits = resized.mean(axis=(0, 1)) @ WEIGHTS
    return np.exp(logits) / np.exp(logits).sum()


def test_probabilities_are_those_of_bgr_at_150(classifier: Classifier) -> None:
    picture = striped((10, 90, 240))
    prediction = classifier.predict(picture)
    assert list(prediction.probabilities) == LABELS
    assert np.allclose(list(prediction.probabilities.values()), expected(picture), atol=1e-5)
    assert sum(prediction.probabilities.values()) == pytest.approx(1.0)
    assert prediction.label == "Glioma Tumor"  # blue is the first channel of BGR, and the first class
    assert prediction.index == 0
    assert (prediction.model_name, prediction.model_version) == ("tiny", "9.9")
    assert prediction.duration_s > 0


def test_bytes_path_and_array_give_the_same(classifier: Classifier, tmp_path: Path) -> None:
    picture = striped((200, 30, 60))
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    (tmp_path / "a.png").write_bytes(stream.getvalue())
    answers = [classifier.predict(source).probabilities for source in (picture, stream.getvalue(), tmp_path / "a.png")]
    assert answers[0] == answers[1] == answers[2]


def test_many_equal_one_by_one_whatever_the_batch(classifier: Classifier) -> None:
    pictures = [striped((level, 255 - level, 90), (40 + level, 60)) for level in range(0, 250, 25)]
    single = [list(classifier.predict(picture).probabilities.values()) for picture in pictures]
    for batch_size in (1, 3, 32):
        many = [list(p.probabilities.values()) for p in classifier.predict_many(pictures, batch_size=batch_size)]
        assert np.allclose(many, single, atol=1e-6)


def test_many_reads_no_further_than_a_batch(classifier: Classifier) -> None:
    drawn = []

    def pictures() -> Iterator[np.ndarray]:
        for number in range(100):
            drawn.append(number)
            yield striped((200, 100, 50))

    next(classifier.predict_many(pictures(), batch_size=4))
    assert len(drawn) == 4


def test_verdicts(classifier: Classifier) -> None:
    sure = classifier.predict(striped((0, 0, 255)))
    assert (sure.verdict, sure.candidates) == (Verdict.CONFIDENT, ("Glioma Tumor",))
    unsure = classifier.predict(striped((0, 120, 125)))
    assert unsure.verdict is Verdict.UNCERTAIN
    assert unsure.candidates == ("Glioma Tumor", "No Tumor")
    blank = classifier.predict(np.full((64, 64, 3), 90, np.uint8))
    assert (blank.verdict, blank.candidates) == (Verdict.REJECTED, ())
    assert blank.novelty >= 1
    assert sum(blank.probabilities.values()) == pytest.approx(1.0)


def test_coloured_pictures_are_refused_where_grey_is_expected(tmp_path: Path) -> None:
    grey_only = Classifier.load(write_bundle(tmp_path / "b", novelty={"grey_only": True}))
    assert grey_only.predict(striped((200, 60, 30))).verdict is Verdict.REJECTED
    assert grey_only.predict(striped((120, 120, 120))).verdict is not Verdict.REJECTED


def test_far_features_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    np.savez(
        tmp_path / "b" / "features.npz",
        mean=np.full(3, 60.0),
        components=np.eye(3, dtype=np.float32)[:2],
        scale=np.array([10.0, 10.0]),
        residual_scale=10.0,
    )
    novelty = {"grey_only": False, "statistics": "features.npz", "distance_limit": 3.0}
    near_far = Classifier.load(write_bundle(tmp_path / "b", novelty=novelty))
    assert near_far.predict(striped((80, 80, 80))).novelty < 0.2
    assert near_far.predict(striped((250, 250, 250))).verdict is Verdict.REJECTED


def test_softmax_inside_the_network_is_recognised(classifier: Classifier, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write_onnx(tmp_path / "b" / "model.onnx", activation="Softmax")
    inside = Classifier.load(write_bundle(tmp_path / "b"))
    picture = striped((30, 60, 250))
    ours, theirs = inside.predict(picture), classifier.predict(picture)
    assert np.allclose(list(ours.probabilities.values()), list(theirs.probabilities.values()), atol=1e-5)


def test_the_stranger_the_picture_the_less_sure(tmp_path: Path, classifier: Classifier) -> None:
    calibration = {"temperature": 1.0, "confident_at": 0.6}
    novelty = classifier.predict(striped((0, 0, 255))).novelty
    for place, (familiar_at, softer) in enumerate([(novelty / 2, True), (novelty * 2, False)]):
        rising = {**calibration, "temperature_rise": 20.0, "familiar_at": familiar_at, "unfamiliar_at": 2 * familiar_at}
        other = Classifier.load(write_bundle(tmp_path / str(place), calibration=rising))
        difference = (
            classifier.predict(striped((0, 0, 255))).probability - other.predict(striped((0, 0, 255))).probability
        )
        assert (difference > 0.01) is softer


def test_a_strange_picture_is_judged_by_other_frequencies(tmp_path: Path, classifier: Classifier) -> None:
    picture = striped((0, 0, 255))
    ours = list(classifier.predict(picture).probabilities.values())
    novelty = classifier.predict(picture).novelty
    for place, (unfamiliar_at, factor) in enumerate([(novelty / 2, np.e), (novelty * 2, np.exp(0.5))]):
        calibration = {"temperature": 1.0, "unfamiliar_at": unfamiliar_at, "prior_shift": [0, 1, 0, 0]}
        other = Classifier.load(write_bundle(tmp_path / str(place), calibration=calibration))
        theirs = list(other.predict(picture).probabilities.values())
        assert theirs[1] / theirs[0] == pytest.approx(ours[1] / ours[0] * factor, rel=1e-5)
        assert theirs[2] / theirs[0] == pytest.approx(ours[2] / ours[0], rel=1e-5)


def test_temperature_softens(tmp_path: Path, classifier: Classifier) -> None:
    soft = Classifier.load(write_bundle(tmp_path / "b", calibration={"temperature": 4.0, "confident_at": 0.6}))
    picture = striped((0, 0, 255))
    assert soft.predict(picture).probability < classifier.predict(picture).probability
    assert soft.predict(picture).label == classifier.predict(picture).label


def test_mean_std_and_channels_first_feed_the_same_numbers(classifier: Classifier, tmp_path: Path) -> None:
    """(x / 255 − mean) / std, channels first; the network's weights undo both, so that the answer is the same."""
    mean, std = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.25, 0.2])
    (tmp_path / "b").mkdir()
    write_onnx(tmp_path / "b" / "model.onnx", weights=(WEIGHTS * 255 * std[:, None]).astype(np.float32), nchw=True)
    spec = {"width_px": 150, "height_px": 150, "color_order": "bgr", "value_range": [0, 1], "resize": "area"}
    spec |= {"mean": mean.tolist(), "std": std.tolist(), "layout": "nchw"}
    picture = striped((30, 60, 250))
    numbers = Classifier.load(write_bundle(tmp_path / "b", input=spec)).predict(picture).probabilities.values()
    logits = np.log(list(classifier.predict(picture).probabilities.values())) - mean @ (WEIGHTS * 255)
    assert np.allclose(list(numbers), softmax(logits), atol=1e-5)


def test_one_number_is_the_second_of_two_labels(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write_onnx(tmp_path / "b" / "model.onnx", weights=WEIGHTS[:, :1], activation="Sigmoid")
    folder = write_bundle(tmp_path / "b", labels=["no blue", "blue"], output="sigmoid")
    picture = striped((0, 0, 255))
    mean = cv2.resize(picture, (150, 150), interpolation=cv2.INTER_AREA).mean(axis=(0, 1))[2]
    prediction = Classifier.load(folder).predict(picture)
    assert prediction.probabilities["blue"] == pytest.approx(1 / (1 + np.exp(-mean / 64)), abs=1e-5)
    assert sum(prediction.probabilities.values()) == pytest.approx(1.0)
    with pytest.raises(BundleError, match=r"must give 2 numbers a picture.*\(1,\)"):
        Classifier.load(write_bundle(tmp_path / "b", labels=["no blue", "blue"]))


def test_a_bad_picture_is_an_input_error(classifier: Classifier) -> None:
    with pytest.raises(InputError):
        classifier.predict(b"nothing")


class TestPreprocess:
    def test_orders_and_ranges(self) -> None:
        picture = np.zeros((40, 40, 3), np.uint8)
        picture[:] = (255, 0, 51)
        assert prepare_image(picture, InputSpec(color_order="rgb"))[0, 0].tolist() == [255, 0, 51]
        assert prepare_image(picture, InputSpec(color_order="bgr"))[0, 0].tolist() == [51, 0, 255]
        grey = prepare_image(picture, InputSpec(color_order="grey", value_range=(0, 1)))
        assert grey.shape == (150, 150, 1)
        assert grey[0, 0, 0] == pytest.approx((0.299 * 255 + 0.114 * 51) / 255, abs=0.003)  # BT.601, rounded to uint8
        spread = prepare_image(picture, InputSpec(color_order="rgb", value_range=(-1, 1)))
        assert np.allclose(spread[0, 0], [1, -1, -0.6])

    def test_batch_of_different_sizes(self) -> None:
        batch = build_batch(
            [striped((1, 2, 3)), striped((4, 5, 6), (99, 33))], InputSpec(width_px=20, height_px=10, color_order="bgr")
        )
        assert (batch.shape, batch.dtype) == ((2, 10, 20, 3), np.float32)


class TestDecision:
    def test_softmax_of_huge_logits(self) -> None:
        rows = softmax(np.array([[1000.0, 0.0], [-1000.0, -1000.0]]))
        assert np.allclose(rows, [[1, 0], [0.5, 0.5]])

    @pytest.mark.parametrize(
        ("probabilities", "novelty", "verdict", "named"),
        [
            ([0.1, 0.7, 0.2], 0.99, Verdict.CONFIDENT, (1,)),
            ([0.1, 0.5, 0.4], 0.0, Verdict.UNCERTAIN, (1, 2)),
            ([0.0, 1.0, 0.0], 1.0, Verdict.REJECTED, ()),
        ],
    )
    def test_decide(self, probabilities: list[float], novelty: float, verdict: Verdict, named: tuple[int, ...]) -> None:
        assert decide(np.array(probabilities), novelty, Calibration(confident_at=0.7)) == (verdict, named)

    def test_an_uncertain_answer_names_the_whole_prediction_set(self) -> None:
        calibration = Calibration(confident_at=0.9, in_set_at=0.08)
        probabilities = np.array([0.1, 0.05, 0.6, 0.25])
        assert decide(probabilities, 0.0, calibration) == (Verdict.UNCERTAIN, (2, 3, 0))
