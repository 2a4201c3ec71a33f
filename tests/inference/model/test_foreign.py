"""A model in a format that is not served gets a sentence with the command that converts it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from inference import BundleError, Classifier
from inference.model.bundle import load_bundle
from tests.tiny import LABELS, striped, write_bundle, write_onnx


def write_zip(path: Path, *members: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, b"x")


def write_files(folder: Path, **contents: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def saved_model(folder: Path) -> Path:
    (folder / "variables").mkdir(parents=True)
    return write_files(folder, saved_model__pb=b"\x08\x01")


def saved_model_below(folder: Path) -> Path:
    saved_model(folder / "model.savedmodel")
    return write_files(folder, labels__txt=b"0 a\n")


def torchscript(folder: Path) -> Path:
    folder.mkdir()
    write_zip(folder / "net.pt", "net/data.pkl", "net/constants.pkl", "net/code/__torch__.py")
    return folder / "net.pt"


def torch_checkpoint(folder: Path) -> Path:
    folder.mkdir()
    write_zip(folder / "best.ckpt", "archive/data.pkl", "archive/version")
    return folder / "best.ckpt"


def yolo(folder: Path) -> Path:
    folder.mkdir()
    with zipfile.ZipFile(folder / "best.pt", "w") as archive:
        archive.writestr("best/data.pkl", b"\x80\x02}cultralytics.nn.tasks\nClassificationModel\n.")
    return folder / "best.pt"


def fastai(folder: Path) -> Path:
    folder.mkdir()
    with zipfile.ZipFile(folder / "export.pkl", "w") as archive:
        archive.writestr("export/data.pkl", b"\x80\x02cfastai.learner\nLearner\n.")
    return folder / "export.pkl"


def core_ml_package(folder: Path) -> Path:
    (folder / "net.mlpackage").mkdir(parents=True)
    return folder / "net.mlpackage"


def one(name: str, content: bytes = b"\x80\x04.") -> Callable[[Path], Path]:
    return lambda folder: write_files(folder, **{name: content}) / name


CASES: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "saved model": (saved_model, ("SavedModel", "tf2onnx.convert --saved-model PATH --output model.onnx")),
    "saved model's file": (lambda folder: saved_model(folder) / "saved_model.pb", ("--saved-model FOLDER",)),
    "saved model below": (saved_model_below, ("SavedModel", "--saved-model PATH/model.savedmodel")),
    "teachable machine, keras": (
        lambda folder: write_files(folder, keras_model__h5=b"", labels__txt=b""),
        ("Teachable Machine's export for Keras", "load_model('keras_model.h5'", '"value_range": [-1, 1]}'),
    ),
    "teachable machine, web": (
        lambda folder: write_files(folder, model__json=b"{}", weights__bin=b"", metadata__json=b"{}"),
        ("TensorFlow.js", "tensorflowjs_converter --input_format=tfjs_layers_model", "--saved-model saved"),
    ),
    "teachable machine, tflite": (
        lambda folder: write_files(folder, model_unquant__tflite=b"", labels__txt=b""),
        ("TensorFlow Lite", "--tflite PATH/model_unquant.tflite"),
    ),
    "tflite": (one("net.tflite"), ("TensorFlow Lite", "--tflite PATH --output model.onnx")),
    "tflite by its bytes": (one("net.bin", b"\x1c\0\0\0TFL3\0"), ("TensorFlow Lite",)),
    "pt": (one("net.pt"), ("PyTorch", 'torch.load("net.pt")', "external_data=False")),
    "pth in capitals": (one("NET.PTH"), ("PyTorch", 'torch.load("NET.PTH")')),
    "torchscript": (torchscript, ("TorchScript", "torch.jit.load('net.pt')", "dynamo=False")),
    "yolo": (yolo, ("YOLO", "yolo export model=PATH format=onnx")),
    "checkpoint by its bytes": (torch_checkpoint, ("PyTorch", 'torch.load("best.ckpt")')),
    "pb": (one("frozen.pb"), ("frozen graph", "--graphdef PATH --inputs INPUT:0 --outputs OUTPUT:0")),
    "safetensors": (one("net.safetensors"), ("weights", 'load_model(network, "net.safetensors")')),
    "transformers": (
        lambda folder: write_files(folder, config__json=b"{}", model__safetensors=b""),
        ("transformers", "optimum-cli export onnx --model PATH --task image-classification onnx"),
    ),
    "core ml": (one("net.mlmodel"), ("Core ML", "Export the network anew")),
    "core ml package": (core_ml_package, ("Core ML",)),
    "joblib": (one("net.joblib"), ("pickle", "can run code", "scikit-learn")),
    "pkl": (one("model.pkl"), ("pickle", "can run code", "skl2onnx.to_onnx(model")),
    "fastai": (fastai, ("fastai", 'load_learner("export.pkl").model', "external_data=False")),
}


@pytest.mark.parametrize("case", CASES)
def test_the_sentence_names_it_and_has_the_command(tmp_path: Path, case: str) -> None:
    write, words = CASES[case]
    path = write(tmp_path / "m")
    with pytest.raises(BundleError) as caught:
        load_bundle(path)
    said = str(caught.value)
    assert said.startswith(str(tmp_path)), said
    for word in words:
        assert word.replace("PATH", str(path)).replace("FOLDER", str(path.parent)) in said
    assert said.endswith(".")


def test_a_network_that_bundle_json_names_is_told_too(tmp_path: Path) -> None:
    for name, word in (("net.tflite", "TensorFlow Lite"), ("net.pt", "PyTorch")):
        write_files(tmp_path, **{name: b""})
        folder = write_bundle(tmp_path, network=name, files=None)
        with pytest.raises(BundleError, match=word):
            load_bundle(folder)
    saved_model(tmp_path / "saved")
    document = {"schema": 1, "name": "x", "version": "1", "labels": LABELS, "network": "saved"}
    (tmp_path / "bundle.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(BundleError, match="SavedModel"):
        load_bundle(tmp_path)


def test_a_name_with_a_space_can_be_pasted(tmp_path: Path) -> None:
    path = write_files(tmp_path / "my models", **{"it's.tflite": b""}) / "it's.tflite"
    with pytest.raises(BundleError) as caught:
        load_bundle(path)
    found = re.search(r"(python -m .*) --output model\.onnx", str(caught.value))
    assert found is not None
    assert shlex.split(found[1])[-1] == str(path)


def test_a_folder_with_a_network_that_is_served_lacks_only_its_bundle_json(tmp_path: Path) -> None:
    write_onnx(tmp_path / "model.onnx")
    write_files(tmp_path, label_encoder__pkl=b"\x80\x04.")
    with pytest.raises(BundleError, match=r"it has no readable bundle\.json"):
        load_bundle(tmp_path)


def test_an_onnx_file_with_its_numbers_beside_it(tmp_path: Path) -> None:
    write_onnx(tmp_path / "b.onnx")
    onnx.save(
        onnx.load(tmp_path / "b.onnx"),
        tmp_path / "model.onnx",
        save_as_external_data=True,
        location="model.onnx.data",
        size_threshold=0,
    )
    with pytest.raises(BundleError) as caught:
        Classifier.load(tmp_path / "model.onnx")
    command = re.search(r'python -c "(.*)"', str(caught.value))
    assert command is not None
    subprocess.run([sys.executable, "-c", command[1]], cwd=tmp_path, check=True)
    mine, whole = (Classifier.load(tmp_path / name).predict(striped((9, 99, 200))) for name in ("b.onnx", "whole.onnx"))
    assert mine.probabilities == whole.probabilities


def test_weights_alone_are_told(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    pytest.importorskip("keras", reason="TensorFlow is not installed")
    with h5py.File(tmp_path / "best.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.zeros((3, 4))
    with pytest.raises(BundleError, match=r'holds weights and no network.*load_weights\("best\.weights\.h5"\)'):
        Classifier.load(tmp_path / "best.weights.h5")


def test_the_commands_for_tensorflow_make_what_is_served(tmp_path: Path) -> None:
    tensorflow = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    pytest.importorskip("tf2onnx", reason="tf2onnx is not installed")
    keras = tensorflow.keras
    mean = keras.layers.GlobalAveragePooling2D()(image := keras.Input((150, 150, 3)))
    network = keras.Model(image, keras.layers.Dense(4, activation="softmax")(mean / 255))
    network.export(tmp_path / "saved", verbose=False)
    lite = tensorflow.lite.TFLiteConverter.from_keras_model(network).convert()
    (tmp_path / "net.tflite").write_bytes(lite)
    picture = striped((200, 90, 20), (150, 150))
    expected = np.asarray(network(picture[None].astype(np.float32)))[0]
    for name in ("saved", "net.tflite"):
        with pytest.raises(BundleError) as caught:
            load_bundle(tmp_path / name)
        command = re.search(r"python (-m tf2onnx\.convert .*? --output model\.onnx)", str(caught.value))
        assert command is not None
        folder = tmp_path / f"from_{name}"
        folder.mkdir()
        subprocess.run([sys.executable, *shlex.split(command[1])], cwd=folder, check=True, capture_output=True)
        spec = {"width_px": 150, "height_px": 150, "color_order": "rgb", "value_range": [0, 255], "resize": "area"}
        answer = Classifier.load(write_bundle(folder, input=spec, output="probabilities")).predict(picture)
        assert np.allclose(list(answer.probabilities.values()), expected, atol=1e-5)
