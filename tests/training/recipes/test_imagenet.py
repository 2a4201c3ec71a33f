"""The bundle round ImageNet's head knows what its network knew, by name, in half the space."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="TensorFlow is not installed")
onnx = pytest.importorskip("onnx", reason="onnx is not installed")
skimage_data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")

from inference import Classifier, Verdict  # noqa: E402
from inference.errors import SettingsError  # noqa: E402
from inference.model.engine import load_engine  # noqa: E402
from inference.model.preprocess import build_batch  # noqa: E402
from training.backbone.lite0 import build_lite0  # noqa: E402
from training.recipes.imagenet import NAMES, build_imagenet_card, store_as_float16  # noqa: E402
from training.recipes.networks import build_imagenet_network  # noqa: E402
from training.recipes.recipe import load_recipe, read_recipe  # noqa: E402

BUNDLE = Path(__file__).parents[3] / "models" / "imagenet_lite0"

LARGEST_DIFFERENCE = 0.05
"""Of the logits, which lie between −10 and 20, for weights that are kept as float16."""


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(BUNDLE)


def name_best(classifier: Classifier, picture: np.ndarray, count: int) -> list[str]:
    probabilities = classifier.predict(picture).probabilities
    return sorted(probabilities, key=probabilities.get, reverse=True)[:count]


def test_the_names_are_in_the_order_of_the_outputs(classifier: Classifier) -> None:
    names = NAMES.read_text(encoding="utf-8").splitlines()
    assert len(set(names)) == len(names) == 1000
    assert (names[281], names[282], names[285], names[967]) == ("tabby", "tiger cat", "Egyptian cat", "espresso")
    assert classifier.bundle.labels == tuple(names)


def test_a_cat_and_an_espresso_by_name(classifier: Classifier) -> None:
    assert set(name_best(classifier, skimage_data.chelsea(), 3)) == {"tabby", "tiger cat", "Egyptian cat"}
    coffee = classifier.predict(skimage_data.coffee())
    assert coffee.candidates == ("espresso",)
    assert coffee.verdict is Verdict.CONFIDENT
    assert len(classifier.predict(skimage_data.astronaut()).candidates) == 2, "below 50 % two are named"
    assert classifier.predict(np.full((224, 224, 3), 128, np.uint8)).verdict is Verdict.REJECTED


def test_it_is_small_and_says_the_same_as_the_weights_in_the_repository(classifier: Classifier) -> None:
    assert (BUNDLE / "model.onnx").stat().st_size < 10e6
    batch = build_batch([skimage_data.chelsea(), skimage_data.coffee()], classifier.bundle.input)
    ours = load_engine(classifier.bundle).run(batch).scores
    theirs = np.asarray(build_lite0()(batch))
    assert np.abs(ours - theirs).max() < LARGEST_DIFFERENCE
    stated = json.loads((BUNDLE / "bundle.json").read_text(encoding="utf-8"))["provenance"]
    assert stated["float16_max_logit_difference"] < LARGEST_DIFFERENCE


def test_the_card_is_made_of_the_bundle_and_its_name_is_escaped() -> None:
    document = json.loads((BUNDLE / "bundle.json").read_text(encoding="utf-8"))
    assert (BUNDLE / "MODEL_CARD.md").read_text(encoding="utf-8") == build_imagenet_card(document)
    card = build_imagenet_card({**document, "name": "a|b\n# <i>"})
    assert card.splitlines()[0].endswith(rf"(a\|b # \<i> {document['version']})")


def test_large_arrays_become_float16_and_small_ones_stay(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"weights": rng.normal(size=(50, 40)).astype(np.float32), "bias": np.full(40, 1 / 3, np.float32)}
    helper = onnx.helper
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", 1, ["N", 50])],
        [helper.make_tensor_value_info("logits", 1, ["N", 40])],
        [onnx.numpy_helper.from_array(values, name) for name, values in arrays.items()],
    )
    path = tmp_path / "small.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    before = path.stat().st_size
    x = rng.normal(size=(4, 50)).astype(np.float32)
    difference = store_as_float16(path, x)
    assert 0 < difference < 0.02
    assert path.stat().st_size < 0.6 * before
    kinds = {tensor.name: tensor.data_type for tensor in onnx.load(path).graph.initializer}
    assert kinds == {"weights/float16": onnx.TensorProto.FLOAT16, "bias": onnx.TensorProto.FLOAT}


@pytest.mark.parametrize("color_order", ["bgr", "rgb"])
def test_vgg16_is_given_what_it_was_trained_on(color_order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def build_mean(**_: object) -> keras.Model:
        image = keras.Input((224, 224, 3))
        return keras.Model(image, keras.layers.GlobalMaxPooling2D()(image))

    monkeypatch.setattr(keras.applications, "VGG16", build_mean)
    recipe = load_recipe("vgg16-imagenet")
    document = {
        "summary": "x",
        "origin": "x",
        "network": {"backbone": "VGG16"},
        "input": {"width_px": 224, "height_px": 224, "color_order": color_order, "value_range": [0, 255]},
    }
    assert recipe.input.color_order == "bgr"
    network = build_imagenet_network(read_recipe(document, "vgg"))
    picture = np.zeros((1, 224, 224, 3), np.float32)
    picture[..., 0] = 200  # blue in BGR, red in RGB
    blue, green, red = (200, 0, 0) if color_order == "bgr" else (0, 0, 200)
    expected = [blue - 103.939, green - 116.779, red - 123.68]
    assert np.allclose(network(picture)["logits"], [expected], atol=1e-3)


def test_vgg16_without_network_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "VGG16", fail)
    with pytest.raises(SettingsError, match=r"VGG16 could not be downloaded. --recipe lite0-imagenet"):
        build_imagenet_network(load_recipe("vgg16-imagenet"))
