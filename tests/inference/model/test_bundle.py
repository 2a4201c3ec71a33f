"""A bundle that is whole loads; one that is not says which file or key is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inference.answer.classifier import Classifier
from inference.errors import BundleError
from inference.model.bundle import load_bundle
from tests.tiny import LABELS, WEIGHTS, write_bundle, write_onnx


def test_whole_bundle(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path / "b", spoken=["a", "b", "c", "d"]))
    assert bundle.labels == tuple(LABELS)
    assert bundle.input.shape == (150, 150, 3)
    assert bundle.input.color_order == "bgr"
    assert bundle.label_text("Meningioma Tumor") == "c"
    assert bundle.calibration.confident_at == 0.6


def test_spoken_defaults_to_labels(tmp_path: Path) -> None:
    assert load_bundle(write_bundle(tmp_path / "b")).label_text("No Tumor") == "No Tumor"


def test_modalities_and_background(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path / "b", modalities=["MR", "OT"], background="No Tumor"))
    assert (bundle.modalities, bundle.background) == (("MR", "OT"), "No Tumor")
    plain = load_bundle(write_bundle(tmp_path / "plain"))
    assert (plain.modalities, plain.background) == ((), None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 7}, '"schema": 1; received 7'),
        ({"labels": ["one"]}, '"labels" must be a list of two or more different texts'),
        ({"labels": ["a", "a", "b", "c"]}, '"labels"'),
        ({"spoken": ["a", "b"]}, '"spoken" must be as long as labels'),
        ({"name": None}, '"name" must be a text'),
        ({"network": "../model.onnx"}, '"network" must be the name of a file inside'),
        ({"input": {"color_order": "cmyk"}}, "\"input.color_order\" must be rgb or bgr or grey; received 'cmyk'"),
        ({"input": {"resize": "magic"}}, '"input.resize"'),
        ({"input": {"value_range": [1, 0]}}, '"input.value_range"'),
        ({"input": {"width_px": 0}}, '"input.width_px" must be a number from 1 to 4096'),
        ({"input": []}, '"input" must be an object'),
        ({"calibration": {"temperature": 0}}, '"calibration.temperature"'),
        ({"calibration": {"prior_shift": [0.5]}}, '"calibration.prior_shift"'),
        ({"calibration": {"familiar_at": 0.7, "unfamiliar_at": 0.7}}, '"calibration.unfamiliar_at"'),
        ({"novelty": {"grey_only": "yes"}}, '"novelty.grey_only"'),
        ({"modalities": "MR"}, '"modalities" must be a list of DICOM codes'),
        ({"background": "Nothing"}, "\"background\" must be one of the labels; received 'Nothing'"),
        ({"files": {"model.onnx": "12"}}, '"files.model.onnx" must be a SHA-256'),
        ({"files": {}}, "must list model.onnx"),
        ({"input": {"mean": [1, 2]}}, '"input.mean" must be a list of 3 numbers, one a channel; received [1, 2]'),
        ({"input": {"mean": ["1", 2, 3]}}, '"input.mean"'),
        ({"input": {"std": [1, 0, 1]}}, '"input.std" must be a list of 3 numbers, one a channel, above 0'),
        ({"input": {"color_order": "grey", "std": [1, 1, 1]}}, '"input.std" must be a list of 1 numbers'),
        ({"input": {"layout": "hwcn"}}, "\"input.layout\" must be nhwc or nchw; received 'hwcn'"),
        ({"output": "percent"}, '"output" must be logits or probabilities or sigmoid'),
        ({"output": "sigmoid"}, "two texts, because output is sigmoid"),
    ],
)
def test_wrong_key_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder = write_bundle(tmp_path / "b", **change)
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert message in str(caught.value)


def test_altered_file(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b")
    write_onnx(folder / "model.onnx", weights=WEIGHTS * 2)
    with pytest.raises(BundleError, match=r"model\.onnx was altered.*SHA-256"):
        Classifier.load(folder)


def test_altered_card(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b")
    (folder / "MODEL_CARD.md").write_text("other", encoding="utf-8")
    with pytest.raises(BundleError, match=r"MODEL_CARD\.md was altered"):
        Classifier.load(folder)


def test_missing_file(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b")
    (folder / "model.onnx").unlink()
    with pytest.raises(BundleError, match=r"lacks the file model\.onnx"):
        load_bundle(folder)


def test_not_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no readable bundle\.json"):
        load_bundle(tmp_path)
    (tmp_path / "bundle.json").write_text("{", encoding="utf-8")
    with pytest.raises(BundleError, match="not valid JSON"):
        load_bundle(tmp_path)
    (tmp_path / "bundle.json").write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(BundleError, match="schema"):
        load_bundle(tmp_path)
    with pytest.raises(BundleError, match="There is no model at"):
        load_bundle(tmp_path / "nothing")
    (tmp_path / "weights.pt").write_bytes(b"")
    with pytest.raises(BundleError, match=r"a file that ends in \.pt"):
        load_bundle(tmp_path / "weights.pt")


def test_wrong_width(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write_onnx(tmp_path / "b" / "model.onnx", weights=WEIGHTS[:, :3])
    with pytest.raises(BundleError, match=r"must give 4 numbers a picture.*\(3,\)"):
        Classifier.load(write_bundle(tmp_path / "b"))


def test_wrong_input(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b", input={"width_px": 64, "height_px": 64, "color_order": "bgr"})
    with pytest.raises(BundleError, match=r"does not take pictures of shape \(64, 64, 3\)"):
        Classifier.load(folder)


def test_damaged_network(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "model.onnx").write_bytes(b"no network")
    with pytest.raises(BundleError, match=r"ONNX Runtime cannot load model\.onnx"):
        Classifier.load(write_bundle(tmp_path / "b"))


def test_bare_file_gets_the_tutorials_input(tmp_path: Path) -> None:
    write_onnx(tmp_path / "mine.onnx")
    bundle = load_bundle(tmp_path / "mine.onnx")
    assert bundle.labels == ("Glioma Tumor", "No Tumor", "Meningioma Tumor", "Pituitary Tumor")
    assert (bundle.input.shape, bundle.input.color_order) == ((150, 150, 3), "bgr")
    assert (bundle.input.value_min, bundle.input.value_max) == (0.0, 255.0)


def test_written_by_hand_without_hashes_and_card(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    write_onnx(folder / "net.onnx")
    document = {"schema": 1, "name": "mine", "version": "1", "labels": LABELS, "network": "net.onnx"}
    (folder / "bundle.json").write_text(json.dumps(document), encoding="utf-8")
    classifier = Classifier.load(folder)
    assert (classifier.bundle.title, classifier.bundle.subject) == ("mine", "something this model knows")
    assert (classifier.bundle.input.color_order, classifier.bundle.novelty.grey_only) == ("rgb", False)
    (folder / "net.onnx").unlink()
    with pytest.raises(BundleError, match=r"lacks the file net\.onnx"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("activation", "output", "fits"),
    [
        (None, "logits", True),
        ("Softmax", "probabilities", True),
        (None, "probabilities", False),
        ("Softmax", "logits", False),
    ],
)
def test_a_wrong_word_about_the_output_is_told(tmp_path: Path, activation: str, output: str, fits: bool) -> None:
    (tmp_path / "b").mkdir()
    write_onnx(tmp_path / "b" / "model.onnx", activation=activation)
    folder = write_bundle(tmp_path / "b", output=output)
    if fits:
        assert Classifier.load(folder).bundle.output == output
    else:
        with pytest.raises(BundleError, match=f'says "output": "{output}", and the network model.onnx gives'):
            Classifier.load(folder)


def test_a_bare_file_is_worded_by_data(tmp_path: Path) -> None:
    write_onnx(tmp_path / "mine.onnx")
    bundle = load_bundle(tmp_path / "mine.onnx")
    assert (bundle.name, bundle.title, bundle.version) == ("mine", "mine.onnx", "unversioned")
    assert (bundle.subject, bundle.novelty.grey_only, bundle.files) == ("a brain MRI", True, {})
    assert "not a medical device" in bundle.about["disclaimer"]
    assert Classifier.load(tmp_path / "mine.onnx").bundle == bundle
