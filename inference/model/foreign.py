"""Models in formats that are not served: what they are, and the command that makes an ONNX file of them.

They are told by the names of files and by their first bytes; nothing of them is loaded, because most can bring code
along. Every command was run on files of the programs that are named; ``docs/bundle.md`` has the same at length.
"""

from __future__ import annotations

import shlex
import zipfile
import zlib
from pathlib import Path

ONNX_SUFFIXES = (".onnx",)

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")

SERVED_SUFFIXES = ONNX_SUFFIXES + KERAS_SUFFIXES
"""Endings of the files that are served."""

_MAX_SEARCHED_BYTES = 2**20
"""So much of a pickle is searched; the modules that it needs are named at its start."""

_THEN = " Then write a bundle.json beside model.onnx, as docs/bundle.md says."

_SAVED_MODEL = (
    "{path} is a SavedModel of TensorFlow. Convert it once: pip install tensorflow tf2onnx, then "
    "python -m tf2onnx.convert --saved-model {quoted} --output model.onnx." + _THEN
)

_TEACHABLE_KERAS = (
    "{path} is Teachable Machine's export for Keras. Convert it once: pip install tf_keras tf2onnx, then "
    'python -c "import tf_keras, tf2onnx; tf2onnx.convert.from_keras(tf_keras.models.load_model('
    "'keras_model.h5', compile=False), output_path='model.onnx')\" in that folder. Then write a bundle.json beside "
    'model.onnx with the names of labels.txt as labels, and "input": {{"width_px": 224, "height_px": 224, '
    '"value_range": [-1, 1]}}; docs/bundle.md has an example.'
)

_TENSORFLOW_JS = (
    "{path} is a network for TensorFlow.js, as Teachable Machine exports it for the web. Export it from there for "
    'TensorFlow, or convert it once: pip install tensorflowjs tf2onnx "ydf<0.12", then tensorflowjs_converter '
    "--input_format=tfjs_layers_model --output_format=keras_saved_model {quoted} saved, then "
    "python -m tf2onnx.convert --saved-model saved --output model.onnx." + _THEN
)

_TFLITE = (
    "{path} is a network of TensorFlow Lite. Convert it once: pip install tensorflow tf2onnx, then "
    "python -m tf2onnx.convert --tflite {quoted} --output model.onnx." + _THEN + " One that was quantised to whole "
    "numbers is not taken: export it with floating-point numbers."
)

_FROZEN_GRAPH = (
    "{path} is a frozen graph of TensorFlow. Convert it once, with the names of its own input and output: pip install "
    "tensorflow tf2onnx, then python -m tf2onnx.convert --graphdef {quoted} --inputs INPUT:0 --outputs OUTPUT:0 "
    "--output model.onnx." + _THEN
)

_EXPORT = (
    'torch.onnx.export(network.eval(), (torch.zeros(1, 3, 224, 224),), "model.onnx", external_data=False), with the '
    "height and width that it learnt from."
) + _THEN

_TORCH = (
    "{path} is a file of PyTorch, which may hold weights alone and may run code, so it is not loaded. Export it where "
    "the code of the network is: pip install torch onnxscript, then in Python "
    'network.load_state_dict(torch.load("{name}")), or, if it holds a whole network that you trust, '
    'network = torch.load("{name}", weights_only=False), and '
) + _EXPORT

_TORCHSCRIPT = (
    "{path} is a network in TorchScript. Convert it once, with the height and width that it learnt from: pip install "
    "torch onnx, then python -c \"import torch; torch.onnx.export(torch.jit.load('{name}').eval(), "
    "(torch.zeros(1, 3, 224, 224),), 'model.onnx', dynamo=False)\" in its folder." + _THEN
)

_ULTRALYTICS = (
    "{path} is a network of Ultralytics' YOLO, a pickle that can run code, so it is not loaded. If it is one for "
    "classification that you trust, convert it once: pip install ultralytics onnx, then "
    "yolo export model={quoted} format=onnx imgsz=224, with the size that it learnt from. Then write a bundle.json "
    "beside the .onnx file, as docs/bundle.md says."
)

_SAFETENSORS = (
    "{path} holds weights and no network. Export them where the code of the network is: pip install torch onnxscript "
    'safetensors, then in Python safetensors.torch.load_model(network, "{name}") and '
) + _EXPORT

_TRANSFORMERS = (
    "{path} is a folder of Hugging Face's transformers. Convert it once: pip install optimum-onnx onnxruntime, then "
    "optimum-cli export onnx --model {quoted} --task image-classification onnx, which writes onnx/model.onnx." + _THEN
)

_CORE_ML = (
    "{path} is a model of Core ML, of which no program that still works makes ONNX. Export the network anew, as ONNX, "
    "from the program that it was trained with."
)

_FASTAI = (
    "{path} is a network of fastai, a pickle that can run code, so it is not loaded. If you trust it, export it: "
    "pip install fastai onnxscript, then in Python import torch, fastai.learner; "
    'network = fastai.learner.load_learner("{name}").model; '
) + _EXPORT

_PICKLE = (
    "{path} is a pickle, which can run code when it is loaded, so it is not. A classifier of scikit-learn that you "
    "trust is converted so: pip install skl2onnx, then in Python skl2onnx.to_onnx(model, numpy.zeros((1, "
    'model.n_features_in_), "float32"), options={{"zipmap": False}}), and an operator Flatten before it that makes '
    "rows of pictures: docs/bundle.md has the lines."
)

_KINDS = {
    ".tflite": _TFLITE,
    ".lite": _TFLITE,
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".pb": _FROZEN_GRAPH,
    ".safetensors": _SAFETENSORS,
    ".mlmodel": _CORE_ML,
    ".mlpackage": _CORE_ML,
    ".joblib": _PICKLE,
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
}
"""By the ending of the name."""

KERAS_2_HINT = (
    "A file that Keras 2 saved is converted once: pip install tf_keras tf2onnx, then "
    'python -c "import tf_keras, tf2onnx; tf2onnx.convert.from_keras(tf_keras.models.load_model('
    "'{name}', compile=False), output_path='model.onnx')\"; give model.onnx."
)
"""How a file that Keras 3 does not know is served after all; ``tf_keras`` is Keras 2, kept alive beside Keras 3."""

WEIGHTS_HINT = (
    'Load them where the code of the network is, with network.load_weights("{name}"), and give what '
    'network.save("model.keras") writes.'
)
"""Of a file of Keras with weights alone."""

EXTERNAL_DATA_HINT = (
    "pip install onnx, then python -c \"import onnx; onnx.save(onnx.load('{name}'), 'whole.onnx')\" "
    "puts all into one file."
)
"""PyTorch's exporter leaves a file ``model.onnx.data`` unless it is told otherwise."""


def describe_foreign(path: Path) -> str | None:
    """Say what a model is that is not served, and how to convert it.

    Parameters
    ----------
    path : pathlib.Path
        A file or a folder without ``bundle.json``.

    Returns
    -------
    str or None
        Sentences for a person; None for what is none of the known formats.
    """
    return _describe_folder(path) if path.is_dir() else _describe_file(path)


def _describe_folder(folder: Path) -> str | None:
    if folder.suffix.lower() in _KINDS:
        return _word(_KINDS[folder.suffix.lower()], folder)
    names = sorted(entry.name for entry in folder.iterdir())
    for saved in (folder, *(folder / name for name in names)):
        if (saved / "saved_model.pb").is_file():
            return _word(_SAVED_MODEL, saved)
    if {"keras_model.h5", "labels.txt"} <= set(names):
        return _word(_TEACHABLE_KERAS, folder)
    if "config.json" in names and {"model.safetensors", "pytorch_model.bin"} & set(names):
        return _word(_TRANSFORMERS, folder)
    if any(name.lower().endswith(SERVED_SUFFIXES) for name in names):
        return None
    described = (_describe_file(folder / name) for name in names if (folder / name).is_file())
    return next((text for text in described if text is not None), None)


def _describe_file(path: Path) -> str | None:
    if path.name == "saved_model.pb":
        return _word(_SAVED_MODEL, path.parent)
    if path.name == "model.json":
        return _word(_TENSORFLOW_JS, path)
    template = _KINDS.get(path.suffix.lower()) or _sniff(path)
    if template in (_TORCH, _PICKLE):
        template = _tell_torch(path) or template
    return None if template is None else _word(template, path)


def _sniff(path: Path) -> str | None:
    """Tell a file with another ending by its first bytes."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError:
        return None
    if start[4:] == b"TFL3":  # the identifier of https://flatbuffers.dev, of TensorFlow Lite's schema.fbs
        return _TFLITE
    return _TORCH if start.startswith(b"PK") and _has_member(path, "data.pkl") else None


def _tell_torch(path: Path) -> str | None:
    """Tell what ``torch.save`` and ``torch.jit.save`` write apart; the pickle is searched, never loaded."""
    if _has_member(path, "constants.pkl"):
        return _TORCHSCRIPT
    pickle = _read_member(path, "data.pkl")
    names = {b"ultralytics": _ULTRALYTICS, b"fastai": _FASTAI}
    return next((template for name, template in names.items() if name in pickle), _TORCH if pickle else None)


def _has_member(path: Path, name: str) -> bool:
    return _find_member(path, name) is not None


def _find_member(path: Path, name: str) -> str | None:
    """The full name of such a file in an archive's only folder, where PyTorch writes it."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = (member for member in archive.namelist() if member.partition("/")[2] == name)
            return next(found, None)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return None


def _read_member(path: Path, name: str) -> bytes:
    """The start of that file; nothing where there is none."""
    member = _find_member(path, name)
    if member is None:
        return b""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            return file.read(_MAX_SEARCHED_BYTES)
    except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error):
        return b""


def _word(template: str, path: Path) -> str:
    return template.format(path=path, name=path.name, quoted=shlex.quote(str(path)))
