"""Rows 1 to 4: without a server."""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from bench.article import build_efficientnet, build_shipped, classify
from bench.measure import Result, at_most, faster, time_in_turn
from bench.pictures import load_jpegs, write_files
from inference import Classifier, load_image
from inference.model.bundle import DEFAULT_MODEL
from inference.model.engine import load_engine
from inference.model.preprocess import build_batch

FILES = 2000
"""Of row 4."""

EQUAL_TO = 1e-3
"""Largest difference of a logit at which two runtimes give the same answer."""


def measure_label(data: Path | None) -> list[Result]:
    """Row 1: a decoded picture to its label."""
    classifier, network = Classifier.load(DEFAULT_MODEL), build_efficientnet()
    rgb = np.ascontiguousarray(load_image(load_jpegs(1, data)[0]).pixels)
    times = time_in_turn({"ours": lambda: classifier.predict(rgb).label, "theirs": lambda: classify(network, rgb)})
    return [faster(1, "decoded RGB → label; the article's EfficientNetB0, `model.predict`", **_pair(times), least=15)]


def _pair(times: dict[str, float]) -> dict[str, float]:
    return {"ours_s": times["ours"], "other_s": times["theirs"]}


def measure_network(data: Path | None) -> list[Result]:
    """Row 2: the network alone, against a bare session and other runtimes; of one picture, and of eight for one."""
    import onnxruntime

    engine = load_engine(Classifier.load(DEFAULT_MODEL).bundle)
    content = (DEFAULT_MODEL / "model.onnx").read_bytes()
    bare = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    name = bare.get_inputs()[0].name
    rows = []
    classifier = Classifier.load(DEFAULT_MODEL)
    for count in (1, 8):
        batch = build_batch([load_image(jpeg).pixels for jpeg in load_jpegs(count, data)], classifier.bundle.input)
        runs: dict[str, Callable[[np.ndarray], np.ndarray]] = {
            "ours": lambda batch: engine.run(batch).scores,
            "a bare ONNX Runtime session": lambda batch: bare.run(["features", "logits"], {name: batch})[1],
            **_openvino(content),
        }
        times = time_in_turn({key: partial(run, batch) for key, run in runs.items()}, rounds=31)
        expected = runs["a bare ONNX Runtime session"](batch)
        for key in list(runs)[1:]:
            what = f"network alone, {count} at a time; {key}"
            difference = float(np.abs(runs[key](batch) - expected).max())
            if difference > EQUAL_TO:
                what += f" (not the same answer: logits differ by {difference:.2g})"
            goal = 1.15 if key == "a bare ONNX Runtime session" else None
            rows.append(at_most(2, what, times["ours"] / count, times[key] / count, goal))
    try:
        return rows + _compare_litert()
    except Exception as error:  # noqa: BLE001  (its converter breaks with new versions of Keras; the rows above stand)
        what = f"network alone; LiteRT could not convert it ({type(error).__name__})"
        return [*rows, Result(row=2, what=what, ours="–", other="–", ratio="–")]


def _openvino(content: bytes) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """The same file in OpenVINO, in both kinds of arithmetic."""
    try:
        import openvino
    except ImportError:
        return {}
    core = openvino.Core()

    def build(precision: str) -> Callable[[np.ndarray], np.ndarray]:
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        compiled = core.compile_model(core.read_model(model=content), "CPU", options)
        request, logits = compiled.create_infer_request(), compiled.output("logits")
        return lambda batch: np.array(request.infer({0: batch}, share_inputs=True)[logits])

    return {f"OpenVINO, {precision}": build(precision) for precision in ("f32", "bf16")}


def _compare_litert() -> list[Result]:
    """LiteRT reads no ONNX: the same architecture with weights at random, converted from Keras for both."""
    try:
        import tensorflow
        from ai_edge_litert.interpreter import Interpreter

        from inference.model.engine import OnnxEngine
    except ImportError:
        return []
    network = build_shipped()
    batch = np.random.default_rng(0).uniform(0, 255, (1, 150, 150, 3)).astype(np.float32)
    network.predict(batch, verbose=0)  # Keras exports only what has run once
    network.trainable = False
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "network.onnx"
        network.export(str(target), format="onnx", verbose=False)
        engine = OnnxEngine(target.read_bytes(), "network.onnx")
    run_once = tensorflow.function(lambda batch: network(batch, training=False))
    traced = run_once.get_concrete_function(tensorflow.TensorSpec((1, 150, 150, 3), tensorflow.float32))
    converted = tensorflow.lite.TFLiteConverter.from_concrete_functions([traced], network).convert()
    lite = Interpreter(model_content=converted, num_threads=os.cpu_count())
    lite.allocate_tensors()
    source, target_index = lite.get_input_details()[0]["index"], lite.get_output_details()[0]["index"]

    def run() -> np.ndarray:
        lite.set_tensor(source, batch)
        lite.invoke()
        return np.array(lite.get_tensor(target_index))

    difference = float(np.abs(run() - engine.run(batch).scores).max())
    times = time_in_turn({"ours": lambda: engine.run(batch), "theirs": run}, rounds=31)
    what = f"network alone, 1 at a time; LiteRT (logits differ by {difference:.1g})"
    return [at_most(2, what, times["ours"], times["theirs"], None)]


def measure_jpeg(data: Path | None) -> list[Result]:
    """Row 3: a JPEG file's bytes to a prediction, against the network alone."""
    classifier = Classifier.load(DEFAULT_MODEL)
    engine = load_engine(classifier.bundle)
    jpeg = load_jpegs(1, data)[0]
    batch = build_batch([load_image(jpeg).pixels], classifier.bundle.input)
    times = time_in_turn({"ours": lambda: classifier.predict(jpeg), "theirs": lambda: engine.run(batch)}, rounds=31)
    return [at_most(3, "JPEG bytes (512×512) → `Prediction`; network alone", **_pair(times), most=2.5)]


def _predict_all(classifier: Classifier, paths: list[Path]) -> None:
    deque(classifier.predict_many(paths), maxlen=0)


def measure_many(data: Path | None, files: int = FILES) -> list[Result]:
    """Row 4: many files, against what decoding alone and the network alone, each on all cores, would allow."""
    classifier = Classifier.load(DEFAULT_MODEL)
    engine = load_engine(classifier.bundle)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        paths = sorted(write_files(Path(folder) / "files", files, data).iterdir())
        spec = classifier.bundle.input
        batch = build_batch((load_image(path).pixels for path in paths[:32]), spec)

        def decode(chunk: list[Path]) -> None:
            list(pool.map(lambda path: load_image(path).pixels, chunk))

        def run_network(count: int) -> None:
            for done in range(0, count, len(batch)):
                engine.run(batch[: count - done])

        seconds = {"decode": 0.0, "network": 0.0, "ours": 0.0}
        for start in range(0, files, 200):  # in turn, so that a busy moment meets all three
            chunk = paths[start : start + 200]
            steps: dict[str, Callable[[], object]] = {
                "decode": partial(decode, chunk),
                "network": partial(run_network, len(chunk)),
                "ours": partial(_predict_all, classifier, chunk),
            }
            for name, step in steps.items():
                started = time.perf_counter()
                step()
                seconds[name] += time.perf_counter() - started
    decoded, computed = files / seconds["decode"], files / seconds["network"]
    allowed, reached = files / (seconds["decode"] + seconds["network"]), files / seconds["ours"]
    return [
        Result(
            row=4,
            what=f"`predict_many` over {files:,} JPEG files; what decoding ({decoded:.0f}/s) and network "
            f"({computed:.0f}/s), each alone on all cores, allow one after the other",
            ours=f"{reached:.0f} images/s",
            other=f"{allowed:.0f} images/s",
            ratio=f"{100 * reached / allowed:.0f} %",
            goal="≥ 80 %",
            is_met=reached >= 0.8 * allowed,
        )
    ]
