"""Hostile model files are refused with a sentence, by what is looked at before a runtime reads them."""

from __future__ import annotations

import ast
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import BundleError, Classifier
from inference.model.bundle import load_bundle
from inference.model.checksums import main as seal
from inference.model.engine import OnnxEngine
from inference.model.vetting import vet_keras, vet_onnx
from tests.tiny import write_bundle
from ui.web.page.examples import load_examples

ROOT = Path(__file__).parents[3]
h5py = pytest.importorskip("h5py")


def keras_file(*layers: dict[str, Any], weights: bytes | None = None, **entries: bytes) -> bytes:
    """A ``.keras`` file around a configuration, as Keras 3 writes it."""
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "sequential", "layers": list(layers)},
        "registered_name": None,
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", "{}")
        if weights is not None:
            archive.writestr("model.weights.h5", weights)
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def layer(class_name: str = "Dense", module: str | None = "keras.layers", name: str = "dense", **more: Any) -> Any:
    return {"module": module, "class_name": class_name, "config": {"name": name}, "registered_name": None, **more}


def h5_file(fill: Any) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        fill(file)
    return stream.getvalue()


def find_refusal(content: bytes, name: str) -> str:
    """Why a file of Keras is refused; empty if it passes."""
    try:
        vet_keras(content, name)
    except BundleError as error:
        return str(error)
    return ""


def test_what_keras_writes_passes() -> None:
    functional = layer("Functional", "keras.src.models.functional", registered_name="Functional")
    assert find_refusal(keras_file(layer()), "good.keras") == ""
    assert find_refusal(keras_file(functional), "a.keras") == ""
    assert find_refusal(h5_file(lambda f: f.create_dataset("a", data=np.ones(3))), "good.h5") == ""
    assert "Lambda layer" in find_refusal(keras_file(layer("Lambda")), "bad.keras")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (layer("Lambda"), "Lambda layer, which is code"),
        (layer("Custom>Lambda"), "Lambda layer"),
        (layer("TFSMLayer"), "reads another model"),
        (layer("TorchModuleWrapper"), "is a pickle"),
        (layer("StringLookup"), "may read another file"),
        (layer("function", "builtins"), "no layer of Keras"),
        (layer("system", "os"), "no layer of Keras"),
        (layer("get_file", "keras.utils"), "no layer of Keras"),
        (layer("get_file", "keras.src.layers.core"), "no layer of Keras"),
        (layer("enable_unsafe_deserialization", "keras.config"), "no layer of Keras"),
        (layer("Mine", None, registered_name="Package>Mine"), "author's own"),
        (layer(name="../../etc/passwd"), "no name of a layer"),
        (layer(name="/etc/passwd"), "no name of a layer"),
        (layer(name="{0.__class__}"), "no name of a layer"),
        (layer(name="%s%n"), "no name of a layer"),
        (layer(name="x" * 100_000), "no name of a layer"),
        (layer(name="a\nb"), "no name of a layer"),
    ],
)
def test_a_hostile_part_is_refused(part: dict[str, Any], words: str) -> None:
    nested = {**layer("Sequential"), "config": {"name": "inner", "layers": [part]}}
    for given in (part, nested):
        with pytest.raises(BundleError, match=words) as caught:
            vet_keras(keras_file(given), "bad.keras")
        assert len(str(caught.value)) < 300
    legacy = h5_file(lambda f: f.attrs.__setitem__("model_config", json.dumps(part)[:60_000]))
    with pytest.raises(BundleError):
        vet_keras(legacy, "bad.h5")


def test_a_packed_bomb_is_refused() -> None:
    with pytest.raises(BundleError, match="unpacks"):
        vet_keras(keras_file(layer(), weights=bytes(300 * 2**20)), "bomb.keras")


@pytest.mark.parametrize("name", ["../evil.py", "/etc/cron.d/evil", "assets/vocabulary.txt", "evil.pkl"])
def test_an_archive_holds_nothing_else(name: str) -> None:
    with pytest.raises(BundleError, match="does not need"):
        vet_keras(keras_file(layer(), **{name: b"x"}), "more.keras")


def test_hdf5_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret.raw").write_bytes(bytes(64))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["numbers"] = np.arange(4)
    layout = h5py.VirtualLayout(shape=(4,), dtype="i8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "numbers", shape=(4,))
    fills = (
        lambda f: f.__setitem__("a", h5py.ExternalLink(str(tmp_path / "other.h5"), "/numbers")),
        lambda f: f.__setitem__("a", h5py.SoftLink("/b")),
        lambda f: f.create_dataset("a", (8,), "f8", external=[(str(tmp_path / "secret.raw"), 0, 64)]),
        lambda f: f.create_virtual_dataset("a", layout),
        lambda f: f.create_dataset("a", (2**30,), "f8", chunks=(1024,), compression="gzip"),
    )
    for fill in fills:
        content = h5_file(fill)
        with pytest.raises(BundleError, match=r"another file|unpacks to"):
            vet_keras(content, "links.h5")
        with pytest.raises(BundleError, match=r"another file|unpacks to"):
            vet_keras(keras_file(layer(), weights=content), "links.keras")


@pytest.mark.parametrize("name", ["a.keras", "a.h5", "a.onnx"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", bytes(range(256)) * 8])
def test_what_is_no_model_is_a_sentence(name: str, content: bytes) -> None:
    vet = vet_onnx if name.endswith("onnx") else vet_keras
    if name == "a.onnx" and not content:
        return  # an empty message is a valid one; ONNX Runtime refuses it
    with pytest.raises(BundleError, match="damaged"):
        vet(content, name)


onnx = pytest.importorskip("onnx")


def network(change: Any = None) -> bytes:
    """A network of one addition whose weight a test may tamper with."""
    weight = onnx.numpy_helper.from_array(np.ones((1, 4), np.float32), "weight")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "weight"], ["logits"], name="add")],
        "graph",
        [onnx.helper.make_tensor_value_info("x", 1, [None, 4])],
        [onnx.helper.make_tensor_value_info("logits", 1, [None, 4])],
        [weight],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    if change is not None:
        change(model)
    return bytes(model.SerializeToString())


def point_elsewhere(model: Any, location: str) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)


def test_a_plain_network_passes() -> None:
    assert OnnxEngine(network(), "good.onnx").run(np.zeros((1, 4), np.float32)).scores.tolist() == [[1, 1, 1, 1]]


@pytest.mark.parametrize("location", ["/etc/passwd", "../../secret", "weights.bin", "*/_ORT_MEM_ADDR_/*"])
def test_external_data_is_refused(location: str) -> None:
    with pytest.raises(BundleError, match="keeps numbers in another file"):
        OnnxEngine(network(lambda model: point_elsewhere(model, location)), "bad.onnx")


def test_external_data_in_a_branch_is_refused() -> None:
    def hide(model: Any) -> None:
        tensor = onnx.numpy_helper.from_array(np.ones(1, np.float32), "inner")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        inner = onnx.helper.make_graph([], "inner", [], [], [tensor])
        model.graph.node[0].attribute.append(onnx.helper.make_attribute("body", inner))

    with pytest.raises(BundleError, match="keeps numbers in another file"):
        OnnxEngine(network(hide), "bad.onnx")


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "a\x1b[2Jb", "x" * 5000])
def test_a_hostile_name_in_a_network_is_refused(name: str) -> None:
    def rename(model: Any) -> None:
        model.graph.node[0].name = name

    with pytest.raises(BundleError, match="could be a path or is too long"):
        OnnxEngine(network(rename), "bad.onnx")


@pytest.mark.parametrize("network_name", ["..", ".", "../model.onnx", "/etc/passwd", "a\\b.onnx", "C:model.onnx", ""])
def test_a_bundle_names_no_path(tmp_path: Path, network_name: str) -> None:
    folder = write_bundle(tmp_path / "tiny")
    document = {**json.loads((folder / "bundle.json").read_text()), "network": network_name}
    (folder / "bundle.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match="inside the bundle's folder"):
        load_bundle(folder)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "tiny")
    elsewhere = (folder / "model.onnx").rename(tmp_path / "elsewhere.onnx")
    (folder / "model.onnx").symlink_to(elsewhere)
    with pytest.raises(BundleError, match="leads out of the folder"):
        load_bundle(folder)


@pytest.mark.parametrize("kind", ["path", "link"])
def test_an_example_outside_is_left_out(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_bundle(tmp_path / "tiny")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "examples").mkdir()
    (folder / "examples" / "linked.png").symlink_to(tmp_path / "secret.png")
    name = "../../secret.png" if kind == "path" else "linked.png"
    index = {"file": name, "caption": "", "promise": "", "verdict": "confident", "label": None}
    (folder / "examples" / "examples.json").write_text(json.dumps({"examples": [index]}))
    assert load_examples(load_bundle(folder)) == ()
    assert "leads out of the folder" in caplog.text


def test_sealing(tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_bundle(tmp_path / "tiny")
    document = json.loads((folder / "bundle.json").read_text())
    document.pop("files", None)
    (folder / "bundle.json").write_text(json.dumps(document))
    Classifier.load(folder)
    assert "python -m inference.model.checksums" in caplog.text
    (folder / "MODEL_CARD.md").unlink(missing_ok=True)
    assert seal([str(folder)]) == 1
    assert "MODEL_CARD.md" in capsys.readouterr().err
    (folder / "MODEL_CARD.md").write_text("# A test")
    assert seal([str(folder)]) == 0
    caplog.clear()
    Classifier.load(folder)
    assert caplog.text == ""
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes() + b"\0")
    with pytest.raises(BundleError, match="was altered"):
        Classifier.load(folder)


def test_no_pickle_anywhere() -> None:
    """No module of the program imports what runs code on loading, and NumPy is told not to."""
    forbidden = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
    for path in (path for room in ("inference", "ui", "reports", "training") for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [item.name for item in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not forbidden & {name.split(".")[0] for name in names}, path
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.load", "numpy.load"):
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert given.get("allow_pickle", "False") == "False", path
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("load_model"):
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert given.get("safe_mode", "True") == "True", path
