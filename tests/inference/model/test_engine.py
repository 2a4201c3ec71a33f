"""A user's own Keras file: softmax or logits, .keras or .h5, and what must not be loaded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
keras = pytest.importorskip("keras", reason="TensorFlow is not installed")

import h5py  # noqa: E402

from inference import BundleError, Classifier  # noqa: E402
from tests.tiny import LABELS, WEIGHTS, striped  # noqa: E402


def build_keras(activation: str | None, classes: int = 4, size: int = 150) -> keras.Model:
    inputs = keras.Input((size, size, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    dense = keras.layers.Dense(classes, activation=activation, use_bias=False)
    model = keras.Model(inputs, dense(pooled))
    dense.set_weights([WEIGHTS[:, :classes]])
    return model


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("activation", ["softmax", None])
def test_own_file(tmp_path: Path, suffix: str, activation: str | None) -> None:
    path = tmp_path / f"modelv1{suffix}"
    build_keras(activation).save(path)
    classifier = Classifier.load(path)
    picture = striped((20, 90, 250), (150, 150))
    logits = picture[:, :, ::-1].astype(np.float32).mean(axis=(0, 1)) @ WEIGHTS
    prediction = classifier.predict(picture)
    assert list(prediction.probabilities) == LABELS
    assert np.allclose(list(prediction.probabilities.values()), np.exp(logits) / np.exp(logits).sum(), atol=1e-5)


def test_wrong_width_and_wrong_size(tmp_path: Path) -> None:
    build_keras("softmax", classes=3).save(tmp_path / "three.keras")
    with pytest.raises(BundleError, match=r"must give 4 numbers.*\(3,\)"):
        Classifier.load(tmp_path / "three.keras")
    build_keras("softmax", size=64).save(tmp_path / "small.keras")
    with pytest.raises(BundleError, match=r"does not take pictures of shape \(150, 150, 3\)"):
        Classifier.load(tmp_path / "small.keras")


def test_a_file_that_keras_does_not_know_says_how_to_convert(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["model_config"] = '{"class_name": "Odd", "config": {}}'
    with pytest.raises(BundleError, match=r"Keras cannot read old\.h5.*pip install tf_keras"):
        Classifier.load(tmp_path / "old.h5")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_code_inside_a_file_is_not_loaded(tmp_path: Path, suffix: str) -> None:
    marker = tmp_path / "ran"
    inputs = keras.Input((150, 150, 3))
    hidden = keras.layers.Lambda(eval(f"lambda x: (open({str(marker)!r}, 'w').close(), x)[1]"))(inputs)
    outputs = keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(hidden))
    keras.Model(inputs, outputs).save(tmp_path / f"evil{suffix}")
    marker.unlink(missing_ok=True)
    with pytest.raises(BundleError, match="Lambda layer, which is code"):
        Classifier.load(tmp_path / f"evil{suffix}")
    assert not marker.exists()
