"""Which of several outputs holds the scores, and what sigmoids for every label mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inference import BundleError, Classifier, Verdict, Volume
from inference.answer.decision import SIGMOIDS_NOTE, decide, to_logits, to_probabilities
from inference.answer.volume import predict_volume
from inference.imaging.load import load_image
from inference.imaging.types import Slice
from inference.model.bundle import load_bundle
from inference.model.engine import load_engine
from inference.model.schema import Calibration
from tests.tiny import striped, write_bundle

PICTURE = striped((240, 120, 60), (150, 150))


def write_heads(folder: Path, **heads: np.ndarray) -> None:
    """A network of which each output is a picture's mean channels times its own weights, through a sigmoid."""
    folder.mkdir(parents=True)
    nodes = [helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0)]
    for name in heads:
        nodes.append(helper.make_node("MatMul", ["mean", f"w_{name}"], [f"raw_{name}"]))
        nodes.append(helper.make_node("Sigmoid", [f"raw_{name}"], [name]))
    constants = {"axes": np.array([1, 2]), **{f"w_{name}": weights for name, weights in heads.items()}}
    graph = helper.make_graph(
        nodes,
        "heads",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 150, 150, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", w.shape[1]]) for name, w in heads.items()],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def weights(width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.01, (3, width)).astype(np.float32)


def expect(head: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-(PICTURE[..., ::-1].mean(axis=(0, 1)) @ head))))


def probabilities(folder: Path) -> list[float]:
    return list(Classifier.load(folder).predict(PICTURE).probabilities.values())


def test_the_output_that_is_named_is_read(tmp_path: Path) -> None:
    first, second = weights(4), weights(4, 1)
    write_heads(tmp_path / "b", kind=first, sequence=second)
    for name, head in (("kind", first), ("sequence", second)):
        folder = write_bundle(tmp_path / "b", output="sigmoids", scores=name)
        assert np.allclose(probabilities(folder), expect(head), atol=1e-5)


def test_a_name_that_no_output_has_is_refused_with_the_list(tmp_path: Path) -> None:
    write_heads(tmp_path / "b", kind=weights(4), sequence=weights(7))
    with pytest.raises(BundleError) as caught:
        Classifier.load(write_bundle(tmp_path / "b", output="sigmoids", scores="kinds"))
    assert 'says "scores": "kinds"' in str(caught.value)
    assert 'no such output; it has "kind", "sequence".' in str(caught.value)


def test_two_outputs_that_may_be_it_are_refused_until_one_is_named(tmp_path: Path) -> None:
    write_heads(tmp_path / "b", kind=weights(4), auxiliary=weights(4, 1))
    with pytest.raises(BundleError, match='several outputs that may hold the scores: "kind", "auxiliary"'):
        Classifier.load(write_bundle(tmp_path / "b", output="sigmoids"))


def test_the_only_output_with_a_number_a_label_is_found(tmp_path: Path) -> None:
    head = weights(4)
    write_heads(tmp_path / "b", embedding=weights(9), kind=head, age=weights(1))
    assert np.allclose(probabilities(write_bundle(tmp_path / "b", output="sigmoids")), expect(head), atol=1e-5)


@pytest.mark.parametrize("as_dict", [True, False])
def test_a_keras_network_with_several_outputs(tmp_path: Path, as_dict: bool) -> None:
    keras = pytest.importorskip("keras", reason="TensorFlow is not installed")
    image = keras.Input((150, 150, 3))
    mean = keras.layers.GlobalAveragePooling2D()(image)
    heads = {name: keras.layers.Dense(4, name=name)(mean) for name in ("kind", "auxiliary")}
    keras.Model(image, heads if as_dict else list(heads.values())).save(tmp_path / "model.keras")
    document: dict[str, Any] = {"network": "model.keras", "files": None}
    with pytest.raises(BundleError, match=r'several outputs that may hold the scores: "(kind|auxiliary)"'):
        Classifier.load(write_bundle(tmp_path, **document))
    batch = PICTURE[None].astype(np.float32)
    theirs = keras.saving.load_model(tmp_path / "model.keras")(batch)
    for index, name in enumerate(heads):
        ours = load_engine(load_bundle(write_bundle(tmp_path, **document, scores=name))).run(batch).scores
        assert np.allclose(ours, theirs[name] if as_dict else theirs[index], atol=1e-4)


def test_numbers_that_may_be_sigmoids_are_refused_until_it_is_said(tmp_path: Path) -> None:
    write_heads(tmp_path / "b", y=weights(4))
    with pytest.raises(BundleError, match=r"from 0 to 1 that do not sum to 1\. Say in bundle.json what they are"):
        Classifier.load(write_bundle(tmp_path / "b"))
    with pytest.raises(BundleError, match=r'says "output": "probabilities", and .* numbers from 0 to 1 that do not'):
        Classifier.load(write_bundle(tmp_path / "b", output="probabilities"))
    assert sum(probabilities(write_bundle(tmp_path / "b", output="logits"))) == pytest.approx(1)


def test_logits_are_no_sigmoids(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="gives numbers that are not all from 0 to 1"):
        Classifier.load(write_bundle(tmp_path / "b", output="sigmoids"))


def test_sigmoids_are_shown_as_they_are_with_a_note(tmp_path: Path) -> None:
    head = weights(4)
    write_heads(tmp_path / "b", y=head)
    classifier = Classifier.load(write_bundle(tmp_path / "b", output="sigmoids"))
    answer = classifier.predict(PICTURE)
    assert np.allclose(list(answer.probabilities.values()), expect(head), atol=1e-6)
    assert SIGMOIDS_NOTE in answer.notes
    volume = Volume(count=3, load=lambda index: Slice(image=load_image(PICTURE), strength=1.0))
    whole = predict_volume(classifier, volume).answer
    assert SIGMOIDS_NOTE in whole.notes
    assert np.allclose(list(whole.probabilities.values()), expect(head), atol=1e-6)


@pytest.mark.parametrize(
    ("shares", "verdict", "named"),
    [
        ([0.9, 0.2, 0.1, 0.1], Verdict.CONFIDENT, (0,)),
        ([0.1, 0.2, 0.1, 0.1], Verdict.UNCERTAIN, (1, 0)),
        ([0.9, 0.8, 0.1, 0.7], Verdict.UNCERTAIN, (0, 1)),
    ],
)
def test_two_labels_or_none_are_uncertain(shares: list[float], verdict: Verdict, named: tuple[int, ...]) -> None:
    assert decide(np.array(shares), 0.0, Calibration(confident_at=0.6), exclusive=False) == (verdict, named)


def test_a_temperature_softens_each_sigmoid_for_itself() -> None:
    shares = np.array([[0.0, 0.3, 0.9, 1.0]], np.float32)
    same, softer, hard = (
        to_probabilities(to_logits(shares, "sigmoids"), np.zeros(1), Calibration(temperature=t), exclusive=False)[0]
        for t in (1.0, 2.0, 0.01)
    )
    assert np.allclose(same, shares[0], atol=1e-6)
    assert shares[0, 1] < softer[1] < 0.5 < softer[2] < shares[0, 2]
    assert np.allclose(hard, [0, 0, 1, 1])
