"""The head of the brain tumour network does what its docstring says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="TensorFlow is not installed")

from inference.answer.decision import softmax  # noqa: E402
from inference.errors import SettingsError  # noqa: E402
from training.brain.network import EvidencePool, Upsample, build_evidence_net, build_serving_net  # noqa: E402


def test_upsampling_is_bilinear_with_half_pixel_centres() -> None:
    rng = np.random.default_rng(0)
    small = rng.normal(size=(2, 10, 10, 3)).astype(np.float32)
    ours = np.array(Upsample(19, 19)(small))
    theirs = np.stack([cv2.resize(picture, (19, 19), interpolation=cv2.INTER_LINEAR) for picture in small])
    assert np.allclose(ours, theirs, atol=1e-5)


def test_evidence_pool_lies_between_mean_and_maximum() -> None:
    evidence = np.random.default_rng(0).normal(size=(4, 19, 19, 1)).astype(np.float32)
    pooled = np.array(EvidencePool()(evidence))
    assert (pooled > evidence.mean(axis=(1, 2))).all()
    assert (pooled < evidence.max(axis=(1, 2))).all()


def test_serving_logits_are_the_product_of_the_heads() -> None:
    trained = build_evidence_net((150, 150, 3), 3, color_order="bgr")
    batch = np.random.default_rng(0).uniform(0, 255, (2, 150, 150, 3)).astype(np.float32)
    heads = {name: np.array(value) for name, value in trained(batch).items()}
    served = build_serving_net(trained, none_index=1)(batch)
    probabilities = softmax(np.array(served["logits"]))
    present = 1 / (1 + np.exp(-heads["detection"][:, 0]))
    types = softmax(heads["type"])
    assert np.allclose(probabilities[:, 1], 1 - present, atol=1e-5)
    assert np.allclose(probabilities[:, [0, 2, 3]], present[:, None] * types, atol=1e-5)
    assert served["evidence"].shape == (2, 19, 19, 1)
    assert float(np.max(served["evidence"])) <= 1.0


@pytest.mark.parametrize("name", ["EfficientNetB0", "EfficientNetV2B0"])
def test_a_network_of_keras_applications_gets_the_same_head(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = getattr(keras.applications, name)
    monkeypatch.setattr(keras.applications, name, lambda **options: original(**{**options, "weights": None}))
    network = build_evidence_net((150, 150, 3), 3, color_order="bgr", backbone=name)
    outputs = network(np.zeros((1, 150, 150, 3), np.float32))
    assert outputs["evidence"].shape == (1, 19, 19, 1)
    assert outputs["detection"].shape == (1, 1)
    assert outputs["type"].shape == (1, 3)


def test_weights_that_cannot_be_downloaded_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "EfficientNetB1", fail)
    with pytest.raises(SettingsError, match=r"EfficientNetB1 could not be downloaded. --backbone lite0"):
        build_evidence_net((150, 150, 3), 3, color_order="bgr", backbone="EfficientNetB1")
    with pytest.raises(SettingsError, match="received VGG16"):
        build_evidence_net((150, 150, 3), 3, color_order="bgr", backbone="VGG16")
