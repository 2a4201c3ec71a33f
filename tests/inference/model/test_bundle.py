"""A bundle that is whole loads; one that is not says which file or key is wrong."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from inference.answer.classifier import Classifier
from inference.errors import BundleError
from inference.model.bundle import BARE_FILE_JSON, load_bundle
from inference.model.checksums import write_checksums
from tests.fakes import make_bundle
from tests.tiny import LABELS, WEIGHTS, write_bundle, write_onnx

MODELS = BARE_FILE_JSON.parent


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
        ({"input": {"width_px": 0}}, '"input.width_px" must be a whole number from 1 to 4096'),
        ({"input": []}, '"input" must be an object'),
        ({"calibration": {"temperature": 0}}, '"calibration.temperature"'),
        ({"calibration": {"prior_shift": [0.5]}}, '"calibration.prior_shift"'),
        ({"calibration": {"familiar_at": 0.7, "unfamiliar_at": 0.7}}, '"calibration.unfamiliar_at"'),
        ({"novelty": {"grey_only": "yes"}}, '"novelty.grey_only"'),
        ({"modalities": "MR"}, '"modalities" must be a list of DICOM codes'),
        ({"background": "Nothing"}, "\"background\" must be one of the labels; received 'Nothing'"),
        ({"files": {"model.onnx": "12"}}, '"files.model.onnx" must be a SHA-256'),
        ({"files": {}}, '"files" must be an object that lists MODEL_CARD.md and model.onnx'),
        ({"input": {"mean": [1, 2]}}, '"input.mean" must be a list of 3 numbers, one a channel; received [1, 2]'),
        ({"input": {"mean": ["1", 2, 3]}}, "\"input.mean.0\" must be a number; received '1'"),
        ({"input": {"std": [1, 0, 1]}}, '"input.std" must be a list of 3 numbers, one a channel, above 0'),
        ({"input": {"color_order": "grey", "std": [1, 1, 1]}}, '"input.std" must be a list of 1 numbers'),
        ({"input": {"layout": "hwcn"}}, "\"input.layout\" must be nhwc or nchw; received 'hwcn'"),
        ({"output": "percent"}, '"output" must be logits or probabilities or sigmoid'),
        ({"output": "sigmoid"}, "two texts, because output is sigmoid"),
        (
            {"calibration": {"confident_att": 0.9}},
            '"calibration.confident_att" is not known; did you mean "confident_at"?',
        ),
        ({"Input": {}}, '"Input" is not known; did you mean "input"?'),
        ({"novelty": {"gray_only": True}}, '"novelty.gray_only" is not known; did you mean "grey_only"?'),
        ({"modality": "MR"}, '"modality" is not known; did you mean "modalities"?'),
        ({"width_px": 224}, '"width_px" is not known. Known are: "$schema", "schema", "name",'),
        ({"label_texts": ["a"]}, '"label_texts" is not known'),
        ({"about": {"license": "MIT"}}, '"about.license" is not known; did you mean "licence"?'),
        ({"about": {"figures": [{"nam": "x"}]}}, '"about.figures.0.nam" is not known; did you mean "name"?'),
        ({"about": {"figures": [{"name": 1}]}}, '"about.figures.0.name" must be a text; received 1'),
        ({"about": {"limits": ["a", 2]}}, '"about.limits.1" must be a text; received 2'),
        ({"about": "a model"}, '"about" must be an object'),
        ({"input": {"width_px": 224.9}}, '"input.width_px" must be a whole number from 1 to 4096; received 224.9'),
        ({"input": {"width_px": "224"}}, "received '224'"),
        ({"input": {"value_range": [0, 1, 2]}}, '"input.value_range" must be two rising numbers'),
        ({"calibration": {"coverage": True}}, '"calibration.coverage" must be a number from 0 to 1; received True'),
        ({"calibration": {"familiar_at": 2}}, '"calibration.unfamiliar_at" must be more than familiar_at'),
        ({"calibration": 3}, '"calibration" must be an object; received 3'),
        ({"novelty": {"statistics": "../x.npz"}}, '"novelty.statistics" must be the name of a file inside'),
        ({"golden": {"scores": [1.5]}}, '"golden.tolerance" must be a number from 1e-09 to 1000; received nothing'),
        ({"golden": {"scores": ["a"], "tolerance": 0.1}}, '"golden.scores" must be a list of numbers'),
        ({"files": {"a/b": "0" * 64}}, '"files.a/b" must be the name of a file'),
        ({"files": ["model.onnx"]}, '"files" must be an object'),
        ({"$schema": "https://example.org/draft-7"}, '"$schema" must be the path or address of bundle-1.json'),
        ({"subject": "x" * 2 + "\ud800"}, "A text in it is none"),
        ({"name": ["long"] * 999}, "…."),
    ],
)
def test_wrong_key_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder = write_bundle(tmp_path / "b", **change)
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 1, "name": "a", "name": "b"}', 'is not valid JSON: the key "name" is given twice.'),
        ('{"schema": 1, "calibration": {"temperature": NaN}}', "NaN is no number"),
        ('{"schema": 1, "calibration": {"temperature": -Infinity}}', "-Infinity is no number"),
        ('{"schema": 1, "calibration": {"temperature": 1e999}}', "1e999 is no number"),
        ('{"schema": 1, "provenance": {"a": 1e999}}', "1e999 is no number"),
        ("[" * 100_000, "it is nested too deeply"),
        ('{"schema": 1, "provenance": ' + "[" * 900 + "]" * 900 + "}", "bundle.json"),
        ('{"schema": 1, "version": ' + "9" * 5000 + "}", "is not valid JSON"),
        ('{"schema": 1, "calibration": {"temperature": ' + "9" * 400 + "}}", "bundle.json"),
        ('{"schema": 1}' + " " * 1_000_000, "has more than the 1,000,000 bytes that are accepted."),
        ('{"schema": true}', "bundle.json"),
        ('"schema"', "\"schema\": 1; received 'str'"),
        ("\xff", "is not valid JSON"),
    ],
)
def test_odd_json_is_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bundle.json").write_text(text, encoding="latin-1")
    with pytest.raises(BundleError) as caught:
        load_bundle(tmp_path)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_the_name_of_the_schema_is_allowed(tmp_path: Path) -> None:
    for number, address in enumerate(("bundle-1.json", "../../docs/schema/bundle-1.json")):
        folder = write_bundle(tmp_path / str(number), **{"$schema": address})
        write_checksums(folder)
        assert list(json.loads((folder / "bundle.json").read_text(encoding="utf-8")))[-1] == "$schema"
        assert load_bundle(folder).json_schema == address


def test_a_bundle_is_a_value() -> None:
    bundle = make_bundle()
    assert bundle == make_bundle()
    with pytest.raises(ValidationError, match="frozen"):
        bundle.name = "other"
    assert pickle.loads(pickle.dumps(bundle)) == bundle
    assert bundle.model_copy(update={"path": Path("elsewhere")}).network_path == Path("elsewhere")


@pytest.mark.parametrize("name", sorted(path.parent.name for path in MODELS.glob("*/bundle.json")))
def test_what_is_shipped_says_what_its_file_says(name: str) -> None:
    bundle = load_bundle(MODELS / name)
    document = json.loads((MODELS / name / "bundle.json").read_text(encoding="utf-8"))
    assert bundle.labels == tuple(document["labels"])
    assert bundle.label_texts == tuple(document["spoken"])
    assert list(bundle.input.value_range) == document["input"]["value_range"]
    for section in ("calibration", "novelty", "golden"):
        said = getattr(bundle, section).model_dump(mode="json", exclude_unset=True)
        assert said == document.get(section)
    assert bundle.about.model_dump(mode="json", exclude_unset=True) == document["about"]
    assert bundle.provenance == document["provenance"]


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
    (tmp_path / "weights.doc").write_bytes(b"")
    with pytest.raises(BundleError, match=r"a file that ends in \.doc"):
        load_bundle(tmp_path / "weights.doc")


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
    assert "not a medical device" in bundle.about.disclaimer
    assert Classifier.load(tmp_path / "mine.onnx").bundle == bundle
