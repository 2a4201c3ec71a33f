"""A bundle with a real, tiny ONNX network whose answer can be worked out by hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LABELS = ["Glioma Tumor", "No Tumor", "Meningioma Tumor", "Pituitary Tumor"]

WEIGHTS = np.array([[1, 0, 0, 0.5], [0, 1, 0, 0.25], [0, 0, 1, 0.25]], np.float32) / 64
"""(3 channels, 4 classes): a picture's mean channels times this are its logits."""


EVIDENCE_WEIGHTS = np.full((3, 1), 1 / (3 * 255), np.float32)
"""(3 channels, maps): a pixel's channels times this are its evidence, here how bright it is."""


def write_onnx(
    path: Path,
    *,
    weights: np.ndarray = WEIGHTS,
    activation: str | None = None,
    evidence: np.ndarray | None = None,
    nchw: bool = False,
) -> None:
    """The mean over height and width (BGR as fed), times ``weights``; evidence is each pixel times ``evidence``."""
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["features"], keepdims=0),
        helper.make_node("MatMul", ["features", "weights"], ["scores" if activation else "logits"]),
    ]
    if activation:
        nodes.append(helper.make_node(activation, ["scores"], ["logits"]))
    outputs = {"logits": ["n", weights.shape[1]], "features": ["n", 3]}
    constants = {"axes": np.array([2, 3] if nchw else [1, 2]), "weights": weights}
    if evidence is not None:
        nodes.append(helper.make_node("MatMul", ["image", "evidence_weights"], ["evidence"]))
        outputs["evidence"] = ["n", 150, 150, evidence.shape[1]]
        constants["evidence_weights"] = evidence
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 150, 150] if nchw else ["n", 150, 150, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def write_bundle(folder: Path, **changes: Any) -> Path:
    """A complete bundle folder around `write_onnx`; ``changes`` replace keys, None leaves one out."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "model.onnx").exists():
        write_onnx(folder / "model.onnx")
    (folder / "MODEL_CARD.md").write_text("# Tiny\n", encoding="utf-8")
    names = [path.name for path in folder.iterdir() if path.name != "bundle.json"]
    document: dict[str, Any] = {
        "schema": 1,
        "name": "tiny",
        "version": "9.9",
        "title": "Tiny",
        "subject": "a brain MRI",
        "labels": LABELS,
        "network": "model.onnx",
        "input": {"width_px": 150, "height_px": 150, "color_order": "bgr", "value_range": [0, 255], "resize": "area"},
        "calibration": {"temperature": 1.0, "confident_at": 0.6},
        "novelty": {"grey_only": False},
        "files": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names},
    }
    document.update(changes)
    document = {key: value for key, value in document.items() if value is not None}
    (folder / "bundle.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def striped(color: tuple[int, int, int], size: tuple[int, int] = (64, 64)) -> np.ndarray:
    """A picture of one colour with black stripes, so that it is not blank; uint8 RGB (H, W, 3)."""
    picture = np.empty((*size, 3), np.uint8)
    picture[:] = color
    picture[::4] = 0
    return picture
