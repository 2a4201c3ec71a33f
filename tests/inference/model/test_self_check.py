"""The golden input: a network that computes something else than when its bundle was made is not served."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inference import BundleError, Classifier
from inference.answer.decision import picture_novelty
from inference.imaging.arrays import reduce_grey, spread_grey
from inference.model.bundle import DEFAULT_MODEL, load_bundle
from inference.model.preprocess import RESIZE_METHODS, resize_image
from inference.model.schema import COLOR_CHANNELS, InputSpec, NoveltyRule
from inference.model.self_check import build_check_batch
from tests.tiny import WEIGHTS, write_bundle, write_onnx

TINY_SPEC = InputSpec(color_order="bgr", resize="area")
GOLDEN = {"scores": (build_check_batch(TINY_SPEC)[0].mean(axis=(0, 1)) @ WEIGHTS).tolist(), "tolerance": 0.01}
SHIPPED = sorted(path.parent for path in DEFAULT_MODEL.parent.glob("*/bundle.json"))


def test_a_network_as_it_was_is_loaded(tmp_path: Path) -> None:
    assert Classifier.load(write_bundle(tmp_path / "b", golden=GOLDEN)).bundle.golden.tolerance == 0.01


def test_another_network_under_the_same_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write_onnx(tmp_path / "b" / "model.onnx", weights=WEIGHTS * np.float32(1.02))
    with pytest.raises(BundleError, match=r"golden input its output differs by 0\.0\d+, and 0\.01 is accepted"):
        Classifier.load(write_bundle(tmp_path / "b", golden=GOLDEN))


@pytest.mark.parametrize(
    ("golden", "words"),
    [
        ({"scores": [1, 2], "tolerance": 0.01}, '"golden.scores" has 2 numbers, and the network model.onnx gives 4'),
        ({"scores": "x", "tolerance": 0.01}, '"golden.scores" must be a list of numbers'),
        ({"scores": [1, 2, 3, float("nan")], "tolerance": 0.01}, "is not valid JSON: NaN is no number"),
        ({"scores": [1, 2, 3, 4]}, '"golden.tolerance" must be a number from'),
        ("x", '"golden" must be an object'),
    ],
)
def test_a_golden_input_that_is_none_is_told(tmp_path: Path, golden: object, words: str) -> None:
    with pytest.raises(BundleError, match=words):
        Classifier.load(write_bundle(tmp_path / "b", golden=golden))


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_every_shipped_bundle_has_one(folder: Path) -> None:
    golden = load_bundle(folder).golden
    assert golden is not None
    assert len(golden.scores) == len(load_bundle(folder).labels)


def test_a_shipped_bundle_whose_golden_output_is_another_is_refused(tmp_path: Path) -> None:
    shutil.copytree(DEFAULT_MODEL, tmp_path / "b")
    document = json.loads((tmp_path / "b" / "bundle.json").read_text(encoding="utf-8"))
    document["golden"]["scores"][2] += 0.02
    (tmp_path / "b" / "bundle.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(BundleError, match=r"differs by 0\.02"):
        Classifier.load(tmp_path / "b")


def test_the_golden_input_is_the_same_everywhere() -> None:
    golden, black = build_check_batch(InputSpec(width_px=5, height_px=2, color_order="rgb"))
    assert golden.astype(int).ravel()[:6].tolist() == [135, 203, 198, 124, 202, 4]
    assert not black.any()
    assert build_check_batch(InputSpec(width_px=5, height_px=2, layout="nchw")).shape == (2, 3, 2, 5)


def test_no_tensorflow_for_a_bundle() -> None:
    code = (
        f"import sys, numpy; from inference import Classifier; "
        f"Classifier.load({str(DEFAULT_MODEL)!r}).predict(numpy.zeros((64, 64, 3), numpy.uint8), explain=True); "
        f"print(sorted({{'tensorflow', 'keras', 'gradio', 'fastapi', 'nibabel'}} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("resize", RESIZE_METHODS)
@pytest.mark.parametrize("color_order", COLOR_CHANNELS)
def test_a_grey_picture_is_resized_as_one_with_colour(resize: str, color_order: str) -> None:
    """Grey pictures take a short way; a picture of which one value differs takes the long one: to the last bit."""
    import cv2

    spec = InputSpec(width_px=150, height_px=140, color_order=color_order, resize=resize)
    rng = np.random.default_rng(0)
    for height, width in [(512, 512), (64, 333), (151, 150)]:
        grey = np.repeat(rng.integers(0, 256, (height, width, 1), np.uint8), 3, axis=2)
        marked = grey.copy()
        marked[7, 7, 1] ^= 255
        for picture in (grey, marked, grey[:, ::-1], spread_grey(grey[:, :, 0])):
            ordered = {
                "rgb": picture,
                "bgr": picture[:, :, ::-1],
                "grey": cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY),
            }[color_order]
            straight = cv2.resize(np.ascontiguousarray(ordered), (150, 140), interpolation=RESIZE_METHODS[resize])
            short = reduce_grey(picture)
            assert short.ndim == (3 if picture is marked else 2)
            assert np.array_equal(resize_image(short, spec), straight.reshape(140, 150, spec.channels))
            rule = NoveltyRule(grey_only=True)
            assert picture_novelty(short, rule) == picture_novelty(np.ascontiguousarray(picture), rule)
