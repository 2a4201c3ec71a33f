"""Carry out a recipe on any folder of class folders: learn, calibrate, measure, and leave a bundle with its report.

What a run needs to go on after a stop lies in its work folder: a checkpoint, the logs, and the weights at the end of
each stage. A run with other settings or other pictures starts anew.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from inference import Classifier
from inference.model.engine import OnnxEngine
from inference.model.preprocess import scale_values
from training.bundle.describe import describe_golden
from training.bundle.onnx_export import export_onnx
from training.bundle.publish import check_out, publish, write_bundle_json
from training.data.folder import read_folder
from training.measure.folder_figures import measure_folder
from training.recipes.folder_bundle import BATCH_SIZE, calibrate, describe_folder_bundle, write_words
from training.recipes.networks import build_network
from training.recipes.pictures import load_splits
from training.recipes.settings import FolderSettings, apply_settings
from training.recipes.splits import split_folder
from training.recipes.stages import prepare_work, train_stages

if TYPE_CHECKING:
    from training.data.progress import Progress
    from training.recipes.recipe import Recipe

LOGIT_TOLERANCE = 1e-3
"""Largest difference between Keras's and ONNX Runtime's logits. Larger than for the brain model, whose logits are
logarithms of probabilities: these are of any size."""


def fit_folder(
    data_dir: Path,
    recipe: Recipe,
    work_dir: Path,
    out_dir: Path,
    settings: FolderSettings,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Train, or go on training, and write the bundle with its report to ``out_dir``.

    Returns
    -------
    dict
        The figures, as in the bundle's ``evaluation.json``.

    Raises
    ------
    InputError
        There are too few pictures or classes.
    SettingsError
        The recipe and the settings do not fit together, the backbone's weights cannot be had, or ``work_dir`` or
        ``out_dir`` holds what no recipe made.
    """
    started = time.perf_counter()
    plan = apply_settings(recipe, settings)
    check_out(out_dir)
    folder = read_folder(data_dir, progress)
    splits = split_folder(folder, plan.split, settings.seed)
    loaded, grey = load_splits(folder, splits, recipe.input, progress)
    keras.utils.set_random_seed(settings.seed)
    network = build_network(recipe, len(folder.labels))
    prepare_work(work_dir, plan, folder)
    history = train_stages(network, loaded, plan, work_dir)
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch)
        check_batch = scale_values(loaded["validation"].pictures[:BATCH_SIZE], recipe.input)
        difference = export_onnx(network, bundle / "model.onnx", check_batch, LOGIT_TOLERANCE)
        engine = OnnxEngine((bundle / "model.onnx").read_bytes(), "model.onnx")
        document = describe_folder_bundle(out_dir.name, plan, folder, loaded)
        document["provenance"]["keras_onnx_max_logit_difference"] = difference
        document |= calibrate(engine, loaded, recipe.input, grey_only=grey, statistics_path=bundle / "features.npz")
        document["golden"] = describe_golden(bundle / "model.onnx", recipe.input)
        (bundle / "MODEL_CARD.md").write_text("Being measured.\n", encoding="utf-8")
        write_bundle_json(bundle, document)
        predictions = list(Classifier.load(bundle).predict_many(folder.paths[index] for index in splits["test"]))
        figures = measure_folder(folder, splits, predictions, document["calibration"]["temperature"])
        figures |= {"history": history, "duration_s": round(time.perf_counter() - started, 1)}
        write_words(bundle, document, figures, folder, splits)
        publish(bundle, out_dir)
    return figures
