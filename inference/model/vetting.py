"""Checks on a model file before a runtime reads it.

A network is data here. What makes a runtime read other files, run code or spend memory without measure is refused:
external data, links, custom objects, Lambda layers, packed bombs, names that are paths. ONNX files are searched as
protocol buffers (https://onnx.ai/onnx/repo-docs/IR.html), Keras files as the zip archive or HDF5 file that they are;
``safe_mode``, which Keras has for the same reason, has been got round more than once (CVE-2025-1550, CVE-2025-8747,
CVE-2025-9906, CVE-2025-12058).
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from inference.errors import BundleError
from inference.model.foreign import EXTERNAL_DATA_HINT, KERAS_2_HINT

MAX_NETWORK_BYTES = 2 * 2**30
"""Largest network, in bytes, as a file and unpacked; protocol buffers have the same limit."""

_MAX_CONFIG_BYTES = 64 * 2**20

_MAX_RATIO = 200
"""Most that an entry of a ``.keras`` file may grow when it is unpacked; weights hardly do, configurations 50-fold."""

_MAX_NAME_LENGTH = 1024

_MAX_DEPTH = 64

_LAYER_NAME = re.compile(r"[\w][\w .:;/>+()\[\]-]*")

_KERAS_ENTRIES = re.compile(r"config\.json|metadata\.json|model\.weights\.h5")

_SAFE_MODULES = (
    "keras", "keras.layers", "keras.models", "keras.initializers", "keras.regularizers", "keras.constraints",
    "keras.activations", "keras.optimizers", "keras.losses", "keras.metrics", "keras.dtype_policies",
)  # fmt: skip

_SAFE_PACKAGES = ("keras.src.models.", "keras.src.layers.", "keras.src.ops.", "keras.src.engine.")

_UNSAFE_CLASSES = {
    "Lambda": "is code",
    "TFSMLayer": "reads another model",
    "TorchModuleWrapper": "is a pickle",
    "JaxLayer": "is code",
    "FlaxLayer": "is code",
    "StringLookup": "may read another file",
    "IntegerLookup": "may read another file",
    "IndexLookup": "may read another file",
    "TextVectorization": "may read another file",
}


def vet_onnx(content: bytes, name: str) -> None:
    """Check a network in ONNX's format.

    Parameters
    ----------
    content : bytes
    name : str
        For messages.

    Raises
    ------
    BundleError
        It is not ONNX, names other files, or has a name that could be a path.
    """
    _check_size(len(content), name)
    try:
        for message in _walk_onnx(memoryview(content), "model", 0):
            hint = f" {EXTERNAL_DATA_HINT.format(name=name)}" if message == _IS_ELSEWHERE else ""
            raise BundleError(f"The network {name} {message}; it is not loaded.{hint}")
    except (IndexError, ValueError, RecursionError) as error:
        raise BundleError(f"ONNX Runtime cannot load {name}: it is no network in ONNX's format, or damaged.") from error


def vet_keras(content: bytes, name: str) -> None:
    """Check a ``.keras`` or ``.h5`` file.

    Parameters
    ----------
    content : bytes
    name : str
        For messages; its suffix tells the format.

    Raises
    ------
    BundleError
        It is not such a file, holds code or custom objects, names other files, or unpacks to too much.
    """
    _check_size(len(content), name)
    if name.lower().endswith(".keras"):
        _vet_archive(content, name)
    else:
        _vet_hdf5(io.BytesIO(content), name)


def _check_size(size_bytes: int, name: str) -> None:
    if size_bytes > MAX_NETWORK_BYTES:
        raise BundleError(f"A network of at most {MAX_NETWORK_BYTES / 2**30:.0f} GB is accepted; {name} is larger.")


def _vet_archive(content: bytes, name: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if not _KERAS_ENTRIES.fullmatch(entry.filename):
                    raise BundleError(f"{name} holds {entry.filename[:80]!r}, which a network does not need.")
                if entry.file_size > MAX_NETWORK_BYTES or entry.file_size > _MAX_RATIO * max(entry.compress_size, 1024):
                    raise BundleError(
                        f"{name} unpacks {entry.compress_size:,} bytes to {entry.file_size:,}; it is not loaded."
                    )
            if archive.getinfo("config.json").file_size > _MAX_CONFIG_BYTES:
                raise BundleError(f"The configuration in {name} is too long.")
            config = json.loads(archive.read("config.json"))
            if isinstance(config, dict):
                config.pop("compile_config", None)  # how it was trained; not read, and it may well be custom
            _vet_config(config, name)
            if "model.weights.h5" in archive.namelist():
                with archive.open("model.weights.h5") as weights:
                    _vet_hdf5(io.BytesIO(weights.read(MAX_NETWORK_BYTES)), name)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, NotImplementedError, RecursionError) as error:
        raise BundleError(f"Keras cannot read {name}: it is no Keras file, or damaged.") from error


def _vet_hdf5(file: io.BytesIO, name: str) -> None:
    """Refuse what leads out of the file: external links, external storage, virtual data sets."""
    import h5py

    try:
        with h5py.File(file, "r") as root:
            _vet_group(root, name)
            config = root.attrs.get("model_config")
            if config is not None:
                text = config.decode() if isinstance(config, bytes) else str(config)
                _vet_config(json.loads(text), name)
    except (OSError, ValueError, KeyError, RuntimeError, RecursionError) as error:
        raise BundleError(f"Keras cannot read {name}: it is no Keras file, or damaged.") from error


def _vet_group(group: Any, name: str, depth: int = 0) -> None:
    import h5py

    if depth > _MAX_DEPTH:
        raise BundleError(f"{name} is nested too deeply.")
    for key in group:
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise BundleError(f"{name} holds a link, which may lead to another file; it is not loaded.")
        item = group[key]
        if isinstance(item, h5py.Group):
            _vet_group(item, name, depth + 1)
        elif isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise BundleError(f"{name} keeps numbers in another file; it is not loaded.")
            if item.nbytes > MAX_NETWORK_BYTES:
                raise BundleError(f"{name} unpacks to {item.nbytes:,} bytes; it is not loaded.")


def _vet_config(value: Any, name: str) -> None:
    """Refuse classes that are code or read files, modules that are not Keras's layers, and hostile names."""
    for section in _sections(value):
        class_name, module = section.get("class_name"), section.get("module")
        if isinstance(class_name, str):
            _vet_class(class_name, module, section, name)
        layer_name = section.get("name")
        if isinstance(layer_name, str) and layer_name and not _is_layer_name(layer_name):
            raise BundleError(f"{name} has a layer called {layer_name[:60]!r}, which is no name of a layer.")


def _vet_class(class_name: str, module: object, section: dict[str, Any], name: str) -> None:
    kind = class_name.rsplit(">", 1)[-1]
    if kind in _UNSAFE_CLASSES:
        raise BundleError(f"{name} holds a {kind} layer, which {_UNSAFE_CLASSES[kind]}; it is not loaded.")
    if "config" not in section:
        return
    if isinstance(module, str) and module.startswith("tf_keras."):
        raise BundleError(f"{name} is a file of Keras 2. {KERAS_2_HINT.format(name=name)}")
    if module is not None and not (_is_safe_module(module) and class_name[:1].isupper()):
        raise BundleError(f"{name} asks for {str(module)[:60]}.{class_name[:60]}, which is no layer of Keras.")
    if module is None and section.get("registered_name") not in (None, class_name):
        raise BundleError(f"{name} asks for an object of its author's own, {class_name[:60]!r}.")


def _is_safe_module(module: object) -> bool:
    return module in _SAFE_MODULES or (isinstance(module, str) and module.startswith(_SAFE_PACKAGES))


def _is_layer_name(text: str) -> bool:
    return len(text) <= 256 and ".." not in text and _LAYER_NAME.fullmatch(text) is not None


def _sections(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


# Of ONNX's protocol buffers: by message, the numbers of the fields that are messages themselves and what those are, and
# the numbers of the fields that are names. Source: onnx/onnx.proto3.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
    "value": {},
}

_NAMES: dict[str, tuple[int, ...]] = {
    "graph": (2,), "function": (1,), "node": (1, 2, 3, 4), "attribute": (1,), "tensor": (8,), "value": (1,),
}  # fmt: skip

_EXTERNAL_DATA, _DATA_LOCATION = 13, 14

_IS_ELSEWHERE = "keeps numbers in another file"


def _walk_onnx(view: memoryview, kind: str, depth: int) -> Iterator[str]:
    """Yield what is wrong, as the end of a sentence."""
    if depth > _MAX_DEPTH:
        raise ValueError
    for field, value in _read_fields(view):
        if kind == "tensor" and (field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value)):
            yield _IS_ELSEWHERE
        if isinstance(value, int):
            continue
        if field in _NAMES.get(kind, ()) and not _is_onnx_name(bytes(value[: _MAX_NAME_LENGTH + 1])):
            yield "has a part whose name could be a path or is too long"
        inner = _MESSAGES[kind].get(field)
        if inner is not None:
            yield from _walk_onnx(value, inner, depth + 1)


def _is_onnx_name(name: bytes) -> bool:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return False
    return len(name) <= _MAX_NAME_LENGTH and text.isprintable() and "../" not in text and "..\\" not in text


def _read_fields(view: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of one message, number and value or bytes; https://protobuf.dev/programming-guides/encoding."""
    at = 0
    while at < len(view):
        key, at = _read_varint(view, at)
        kind = key & 7
        if kind == 0:
            value, at = _read_varint(view, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _read_varint(view, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(kind)
        if at + size > len(view):
            raise IndexError(at)
        yield key >> 3, view[at : at + size]
        at += size


def _read_varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError(at)
