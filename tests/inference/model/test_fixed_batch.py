"""A network whose batch axis is fixed is run so many pictures at a time, and gives what it gives without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from inference import BundleError, Classifier
from inference.answer.classifier import BATCH_SIZE
from inference.model.bundle import load_bundle
from inference.model.engine import FixedBatchEngine, OnnxEngine, load_engine
from tests.tiny import EVIDENCE_WEIGHTS, striped, write_bundle, write_onnx

SIZE_PX = (150, 150)

PICTURES = [striped((20 + 9 * index, 250 - 8 * index, 5 * index), SIZE_PX) for index in range(BATCH_SIZE + 5)]


def fix_batch(path: Path, batch_size: int | str, *, outputs_too: bool = True) -> None:
    """Declare another batch axis."""
    model = onnx.load(path)
    for value in [*model.graph.input, *(model.graph.output if outputs_too else ())]:
        axis = value.type.tensor_type.shape.dim[0]
        axis.Clear()
        if isinstance(batch_size, int):
            axis.dim_value = batch_size
        else:
            axis.dim_param = batch_size
    path.write_bytes(model.SerializeToString())


def reshape_to_one(path: Path) -> None:
    """Put a reshape to (1, 4) before the output, as exporters leave it of a trial run with one picture."""
    model = onnx.load(path)
    model.graph.node[-1].output[0] = "before"
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 4], np.int64), "shape"))
    model.graph.node.append(helper.make_node("Reshape", ["before", "shape"], ["logits"]))
    path.write_bytes(model.SerializeToString())


def write_networks(tmp_path: Path, batch_size: int) -> tuple[Path, Path]:
    """The same network twice: of any batch, and of a fixed one."""
    folders = tmp_path / "free", tmp_path / f"fixed{batch_size}"
    for folder in folders:
        folder.mkdir()
        write_onnx(folder / "model.onnx", evidence=EVIDENCE_WEIGHTS)
    fix_batch(folders[1] / "model.onnx", batch_size)
    return write_bundle(folders[0]), write_bundle(folders[1])


@pytest.mark.parametrize("batch_size", [1, 2, 4, 32])
def test_a_fixed_batch_gives_what_any_batch_gives(tmp_path: Path, batch_size: int) -> None:
    free, fixed = (Classifier.load(folder) for folder in write_networks(tmp_path, batch_size))
    expected = list(free.predict_many(PICTURES, explain=True))
    received = list(fixed.predict_many(PICTURES, explain=True))
    assert len(received) == len(PICTURES)
    for one, other in zip(expected, received, strict=True):
        assert np.allclose(list(one.probabilities.values()), list(other.probabilities.values()), atol=1e-6)
        assert np.allclose(one.heatmap.grid, other.heatmap.grid, atol=1e-6)


@pytest.mark.parametrize("pictures", [1, 3, 4, 5, 8, 11])
def test_every_output_has_a_row_a_picture(tmp_path: Path, pictures: int) -> None:
    free, fixed = (load_engine(load_bundle(folder)) for folder in write_networks(tmp_path, 4))
    batch = np.random.default_rng(0).uniform(0, 255, (pictures, *SIZE_PX, 3)).astype(np.float32)
    for explain in (False, True):
        one, other = free.run(batch, explain), fixed.run(batch, explain)
        assert np.allclose(one.scores, other.scores, atol=1e-5)
        assert np.allclose(one.features, other.features, atol=1e-3)
        assert (other.evidence is not None) == explain
    assert np.allclose(one.evidence, other.evidence, atol=1e-6)


def test_an_axis_with_a_name_is_run_as_one_batch(tmp_path: Path) -> None:
    free, fixed = write_networks(tmp_path, 1)
    assert isinstance(load_engine(load_bundle(free)), OnnxEngine)
    assert isinstance(load_engine(load_bundle(fixed)), FixedBatchEngine)


def test_channels_first_with_one_picture(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write_onnx(tmp_path / "b" / "model.onnx", nchw=True)
    fix_batch(tmp_path / "b" / "model.onnx", 1, outputs_too=False)
    spec = {"layout": "nchw", "color_order": "bgr"}
    first, *_, last = Classifier.load(write_bundle(tmp_path / "b", input=spec)).predict_many(PICTURES[:3])
    assert first.probabilities != last.probabilities


def test_a_reshape_inside_that_knows_one_picture_only(tmp_path: Path) -> None:
    free, fixed = tmp_path / "free", tmp_path / "reshaped"
    for folder in (free, fixed):
        folder.mkdir()
        write_onnx(folder / "model.onnx")
    reshape_to_one(fixed / "model.onnx")
    one, other = (list(Classifier.load(write_bundle(folder)).predict_many(PICTURES[:3])) for folder in (free, fixed))
    assert [round(answer.probability, 5) for answer in one] == [round(answer.probability, 5) for answer in other]


def test_too_many_at_a_time_are_refused(tmp_path: Path) -> None:
    _, fixed = write_networks(tmp_path, 5000)
    with pytest.raises(BundleError, match="takes 5000 pictures at a time; 64 at most are accepted"):
        Classifier.load(fixed)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_keras_network_with_a_fixed_batch(tmp_path: Path, suffix: str) -> None:
    keras = pytest.importorskip("keras", reason="TensorFlow is not installed")
    inputs = keras.Input(batch_shape=(2, 150, 150, 3))
    outputs = keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs)))
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / f"model{suffix}")
    batch = np.random.default_rng(0).uniform(0, 255, (5, *SIZE_PX, 3)).astype(np.float32)
    kernel, bias = (np.asarray(value) for value in model.layers[-1].get_weights())
    scores = load_engine(load_bundle(tmp_path / f"model{suffix}")).run(batch).scores
    assert np.allclose(scores, batch.mean(axis=(1, 2)) / 255 @ kernel + bias, atol=1e-4)
