"""What the training exports is a whole ONNX file that takes any number of pictures and gives what Keras gave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

keras = pytest.importorskip("keras", reason="TensorFlow is not installed")
pytest.importorskip("tf2onnx", reason="tf2onnx is not installed")

from inference import BundleError, Classifier  # noqa: E402
from inference.model.bundle import load_bundle  # noqa: E402
from inference.model.engine import OnnxEngine, load_engine  # noqa: E402
from tests.tiny import striped, write_bundle  # noqa: E402
from training.bundle.onnx_export import export_onnx  # noqa: E402

if TYPE_CHECKING:
    from keras import Model

BATCH = np.stack([striped((20 * index, 250 - 30 * index, 90), (150, 150)) for index in range(5)]).astype(np.float32)


def build_network() -> Model:
    """Convolution, batch norm and three outputs, as the networks of the recipes have them."""
    keras.utils.set_random_seed(0)
    image = keras.Input((150, 150, 3))
    local = keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 3, 4, activation="relu")(image / 255))
    features = keras.layers.GlobalAveragePooling2D()(local)
    outputs = {
        "logits": keras.layers.Dense(4)(features),
        "features": features,
        "evidence": keras.layers.Conv2D(1, 1, activation="sigmoid")(local),
    }
    return keras.Model(image, outputs)


def test_an_export_is_served_with_any_number_of_pictures(tmp_path: Path) -> None:
    network, target = build_network(), tmp_path / "model.onnx"
    assert export_onnx(network, target, BATCH) < 1e-4
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    model = onnx.load(target)
    onnx.checker.check_model(model, full_check=True)
    assert {output.name for output in model.graph.output} == {"logits", "features", "evidence"}
    bundle = load_bundle(write_bundle(tmp_path, files=None))
    engine = load_engine(bundle)
    assert isinstance(engine, OnnxEngine), "its batch axis is free"
    theirs = network.predict(BATCH, verbose=0)
    for count in (1, 2, 5):
        ours = engine.run(BATCH[:count], explain=True)
        assert np.allclose(ours.scores, theirs["logits"][:count], atol=1e-4)
        assert np.allclose(ours.features, theirs["features"][:count], atol=1e-4)
        assert np.allclose(ours.evidence, theirs["evidence"][:count], atol=1e-4)
    assert Classifier.open(bundle).predict(striped((9, 99, 200)), explain=True).heatmap is not None


def test_an_export_that_computes_something_else_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"logits differ from Keras's by .*; -1 is accepted"):
        export_onnx(build_network(), tmp_path / "model.onnx", BATCH, -1.0)
    assert not list(tmp_path.iterdir())
