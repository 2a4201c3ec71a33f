"""Carry out a recipe on any folder of class folders: learn, calibrate, measure, and leave a bundle with its report.

What a run needs to go on after a stop lies in its work folder: a checkpoint, the logs, and the weights at the end of
each stage. A run with other settings or other pictures starts anew.
"""

from __future__ import annotations

import csv
import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from inference import Classifier
from inference.errors import SettingsError
from inference.model.engine import OnnxEngine
from inference.model.preprocess import scale_values
from inference.model.schema import SCHEMA_VERSION, InputSpec
from training.bundles import check_out, describe_golden, describe_input, describe_origin, publish
from training.calibrate import COMPONENTS, fit_distance_limit, fit_statistics, fit_temperature, save_statistics
from training.export import export_onnx, write_bundle_json
from training.folder import Folder, load_pictures, read_folder, split_folder
from training.folder_figures import measure_folder
from training.folder_report import (
    build_folder_about,
    build_folder_card,
    build_folder_report,
    draw_figures,
    write_figures,
)
from training.recipe import Recipe, TrainingPlan
from training.recipe_networks import build_augmenter, build_network, crop_at_random, unfreeze
from training.twins import Progress

CONFIDENT_AT = 0.5
"""Calibrated probability from which one answer is given, below it two: the articles' rule."""

LOGIT_TOLERANCE = 1e-3
"""Largest difference between Keras's and ONNX Runtime's logits. Larger than for the brain model, whose logits are
logarithms of probabilities: these are of any size."""

MIN_FOR_NOVELTY = 40
"""Training pictures from which there is a novelty rule: fewer do not say what is ordinary."""

STAGES = ("head", "whole")
"""What learns in each stage; names of folders in the work folder."""

_WRITTEN = (
    "log.csv",
    "best.weights.h5",
    "backup/latest.weights.h5*",
    "backup/training_metadata.json*",
    "tensorboard/*/events.out.tfevents.*",
)
"""All that `build_callbacks` has written into a stage's folder: what a new run may take away."""

_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class FolderSettings:
    """What the command line may change in a recipe.

    Attributes
    ----------
    epochs, batch_size : int or None
        None for the recipe's.
    learning_rate : float or None
    seed : int
        For the split and everything that is drawn.
    unfreeze : bool
        Add the recipe's second stage.
    title, subject : str
        Of the bundle; empty for the folder's name and "anything this model was trained on".
    version : str
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 1
    unfreeze: bool = False
    title: str = ""
    subject: str = ""
    version: str = "0.1.0"


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One part of the pictures: (N, H, W, C) uint8 as `training.folder.load_pictures` gives them, and (N,) classes."""

    pictures: np.ndarray
    classes: np.ndarray


class PictureBatches(keras.utils.PyDataset):
    """Batches for ``Model.fit``: shuffled and changed at random if there is a recipe, else in order and as they are.

    Parameters
    ----------
    part : Part
    spec : InputSpec
    batch_size, seed : int
    recipe : Recipe or None
        Whose augmentation is applied.
    """

    def __init__(self, part: Part, spec: InputSpec, batch_size: int, seed: int, recipe: Recipe | None = None) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=4)
        self._part, self._spec, self._batch_size = part, spec, batch_size
        self._recipe = recipe
        self._augmenter = build_augmenter(recipe) if recipe else None
        self._rng = np.random.default_rng(seed)
        self._order = np.arange(len(part.classes))
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, batch: int):
        places = self._order[batch * self._batch_size : (batch + 1) * self._batch_size]
        pictures = self._part.pictures[places]
        if self._recipe and self._recipe.augmentation.crop:
            pictures = crop_at_random(pictures, self._recipe.augmentation.crop, self._rng)
        if self._augmenter:
            pictures = np.asarray(self._augmenter(pictures.astype(np.float32), training=True))
        return scale_values(pictures, self._spec), self._part.classes[places]

    def on_epoch_end(self) -> None:
        if self._recipe:
            self._rng.shuffle(self._order)


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
    recipe = apply_settings(recipe, settings)
    check_out(out_dir)
    folder = read_folder(data_dir, progress)
    places = split_folder(folder, recipe.split, settings.seed)
    parts, grey = load_parts(folder, places, recipe.input, progress)
    keras.utils.set_random_seed(settings.seed)
    network = build_network(recipe, len(folder.labels))
    prepare_work(work_dir, recipe, settings, folder)
    history = train(network, parts, recipe, settings, work_dir)
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch)
        probe = scale_values(parts["validation"].pictures[:_BATCH], recipe.input)
        difference = export_onnx(network, bundle / "model.onnx", probe, LOGIT_TOLERANCE)
        engine = OnnxEngine((bundle / "model.onnx").read_bytes(), "model.onnx")
        document = describe_folder_bundle(out_dir.name, recipe, folder, parts, settings)
        document["provenance"]["keras_onnx_max_logit_difference"] = difference
        document |= calibrate(engine, parts, recipe.input, grey_only=grey, statistics_path=bundle / "features.npz")
        document["golden"] = describe_golden(bundle / "model.onnx", recipe.input)
        (bundle / "MODEL_CARD.md").write_text("Being measured.\n", encoding="utf-8")
        write_bundle_json(bundle, document)
        predictions = list(Classifier.load(bundle).predict_many(folder.paths[place] for place in places["test"]))
        figures = measure_folder(folder, places, predictions, document["calibration"]["temperature"])
        figures |= {"history": history, "duration_s": round(time.perf_counter() - started, 1)}
        write_words(bundle, document, figures, folder, places)
        publish(bundle, out_dir)
    return figures


def apply_settings(recipe: Recipe, settings: FolderSettings) -> Recipe:
    """The recipe with what the command line changes in it; see `fit_folder` for what is raised."""
    if recipe.training is None or recipe.split is None:
        raise SettingsError(f"The recipe {recipe.name} trains nothing, so it takes no pictures.")
    if settings.unfreeze and recipe.unfreezing is None:
        raise SettingsError(f"The recipe {recipe.name} has no second stage; --unfreeze is for those with a backbone.")
    names = ("epochs", "batch_size", "learning_rate")
    changed = {name: value for name in names if (value := getattr(settings, name)) is not None}
    for name, value in changed.items():
        if value <= 0:
            raise SettingsError(f"--{name.replace('_', '-')} must be above 0; received {value:g}.")
    return replace(recipe, training=replace(recipe.training, **changed))


def load_parts(
    folder: Folder, places: dict[str, np.ndarray], spec: InputSpec, progress: Progress
) -> tuple[dict[str, Part], bool]:
    """Load what is in a part; also whether the training part has no colour."""
    parts, grey = {}, False
    for name, chosen in places.items():
        pictures, is_grey = load_pictures([folder.paths[place] for place in chosen], spec, progress)
        parts[name] = Part(pictures=pictures, classes=folder.classes[chosen])
        grey = bool(is_grey.all()) if name == "train" else grey
    return parts, grey


def prepare_work(work_dir: Path, recipe: Recipe, settings: FolderSettings, folder: Folder) -> None:
    """Keep what an interrupted run left if it was this very run; else take it away, and no other file.

    Raises
    ------
    SettingsError
        The folder cannot be written, or what it has as ``run.json`` is no recipe's.
    """
    pictures = hashlib.sha256(repr((folder.labels, folder.classes.tolist(), folder.groups)).encode()).hexdigest()
    run = {"recipe": asdict(recipe), "seed": settings.seed, "unfreeze": settings.unfreeze, "pictures": pictures}
    text = json.dumps(run, indent=2, ensure_ascii=False) + "\n"
    record = work_dir / "run.json"
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        before = record.read_text(encoding="utf-8") if record.exists() else text
        if before != text:
            if '"recipe"' not in before:
                raise SettingsError(f"{record} was not written by a recipe's run; name another folder with --work.")
            for stage in STAGES:
                _forget_stage(work_dir, stage)
        record.write_text(text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SettingsError(f"The folder {work_dir} cannot be used for the run: {why}.") from error


def _forget_stage(work_dir: Path, stage: str) -> None:
    (work_dir / f"{stage}.weights.h5").unlink(missing_ok=True)
    for pattern in _WRITTEN:
        for path in (work_dir / stage).glob(pattern):
            path.unlink()


def train(
    network: keras.Model, parts: dict[str, Part], recipe: Recipe, settings: FolderSettings, work_dir: Path
) -> dict[str, list[float]]:
    """The stages one after the other; a finished one is passed over.

    Returns
    -------
    dict of str to list of float
        For each epoch ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy``.

    Raises
    ------
    SettingsError
        It diverged.
    """
    plans = [recipe.training]
    if settings.unfreeze:
        plans.append(replace(recipe.training, **asdict(recipe.unfreezing)))
    stages = dict(zip(STAGES, plans, strict=False))  # the second only if it is asked for
    for stage, plan in stages.items():
        if stage == STAGES[1]:
            unfreeze(network)
        weights = work_dir / f"{stage}.weights.h5"
        if not weights.is_file():
            _train_stage(network, parts, recipe, plan, settings.seed, work_dir / stage)
            network.save_weights(weights)
        network.load_weights(weights)
    history = read_history([work_dir / stage / "log.csv" for stage in stages])
    if not np.isfinite([history["loss"], history["val_loss"]]).all():
        raise SettingsError("The training diverged: its loss is no number any more. Take a smaller --learning-rate.")
    return history


def _train_stage(
    network: keras.Model, parts: dict[str, Part], recipe: Recipe, plan: TrainingPlan, seed: int, stage_dir: Path
) -> None:
    stage_dir.mkdir(parents=True, exist_ok=True)
    learner = keras.Model(network.input, network.output["logits"])
    learner.compile(
        optimizer=keras.optimizers.Adam(plan.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    best = stage_dir / "best.weights.h5"
    callbacks = build_callbacks(plan, stage_dir, best)
    learner.fit(
        PictureBatches(parts["train"], recipe.input, plan.batch_size, seed, recipe),
        validation_data=PictureBatches(parts["validation"], recipe.input, plan.batch_size, seed),
        epochs=plan.epochs,
        class_weight=weigh_classes(parts["train"].classes),
        callbacks=callbacks,
        verbose=2,
    )
    if plan.patience:
        learner.load_weights(best)


def build_callbacks(plan: TrainingPlan, stage_dir: Path, best: Path) -> list[keras.callbacks.Callback]:
    """Backup for a stop, log, TensorBoard, and what the plan asks for: early stopping, checkpoint, plateau."""
    log = stage_dir / "log.csv"
    callbacks: list[keras.callbacks.Callback] = [
        keras.callbacks.BackupAndRestore(str(stage_dir / "backup")),
        keras.callbacks.CSVLogger(str(log), append=True),
        keras.callbacks.TensorBoard(str(stage_dir / "tensorboard"), write_graph=False),
    ]
    if plan.patience:
        before = max(read_history([log])["val_accuracy"], default=None)  # of the run that was stopped
        callbacks += [
            keras.callbacks.EarlyStopping(
                "val_accuracy", mode="max", patience=plan.patience, restore_best_weights=True
            ),
            keras.callbacks.ModelCheckpoint(
                str(best),
                "val_accuracy",
                mode="max",
                save_best_only=True,
                save_weights_only=True,
                initial_value_threshold=before,
            ),
        ]
    if plan.plateau_patience:
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                "val_loss", factor=plan.plateau_factor, patience=plan.plateau_patience, min_lr=plan.plateau_floor
            )
        )
    return callbacks


def weigh_classes(classes: np.ndarray) -> dict[int, float]:
    """How much a picture of each class counts, so that every class counts the same in all; 1 when they are even."""
    counts = np.bincount(classes)
    return {place: len(classes) / (len(counts) * int(count)) for place, count in enumerate(counts)}


def read_history(logs: Sequence[Path]) -> dict[str, list[float]]:
    """The columns of ``log.csv`` files, one after the other; a file that is not there yet has no epochs."""
    history: dict[str, list[float]] = {name: [] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
    for log in logs:
        if log.is_file():
            with log.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    for name, values in history.items():
                        values.append(float(row[name]))
    return history


def run_network(engine: OnnxEngine, pictures: np.ndarray, spec: InputSpec) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, classes) and features (N, F) of pictures (N, H, W, C), uint8, as `inference` computes them."""
    chunks = [pictures[top : top + _BATCH] for top in range(0, len(pictures), _BATCH)]
    outputs = [engine.run(scale_values(chunk, spec)) for chunk in chunks]
    return np.concatenate([output.scores for output in outputs]), np.concatenate([o.features for o in outputs])


def calibrate(
    engine: OnnxEngine, parts: dict[str, Part], spec: InputSpec, *, grey_only: bool, statistics_path: Path
) -> dict[str, Any]:
    """Fit the temperature and the novelty rule on the validation part; write the feature statistics if there are any.

    Returns
    -------
    dict
        The bundle's sections ``calibration`` and ``novelty``.
    """
    logits, ordinary = run_network(engine, parts["validation"].pictures, spec)
    novelty: dict[str, Any] = {"grey_only": grey_only}
    features = run_network(engine, parts["train"].pictures, spec)[1]
    if len(features) >= MIN_FOR_NOVELTY:
        statistics = fit_statistics(features, min(COMPONENTS, len(features) // 4, features.shape[1] // 2))
        save_statistics(statistics, statistics_path)
        novelty |= {"statistics": statistics_path.name, "distance_limit": fit_distance_limit(ordinary, statistics)}
    temperature = fit_temperature(logits, parts["validation"].classes)
    calibration = {"temperature": temperature, "confident_at": CONFIDENT_AT, "in_set_at": 1.0, "coverage": 0.0}
    return {"calibration": calibration, "novelty": novelty}


def describe_folder_bundle(
    name: str, recipe: Recipe, folder: Folder, parts: dict[str, Part], settings: FolderSettings
) -> dict[str, Any]:
    """The parts of ``bundle.json`` that need no measuring."""
    spoken = [label.replace("_", " ") for label in folder.labels]
    return {
        "schema": SCHEMA_VERSION,
        "name": name,
        "version": settings.version,
        "title": settings.title or folder.name,
        "subject": settings.subject or "anything this model was trained on",
        "labels": list(folder.labels),
        "spoken": spoken if len(set(spoken)) == len(spoken) else list(folder.labels),
        "network": "model.onnx",
        "input": describe_input(recipe.input),
        "provenance": {
            **describe_origin(recipe),
            "command": f"python -m training fit --data {folder.name} --recipe {recipe.name}",
            "data": folder.name,
            "settings": asdict(settings),
            "images": {part: len(content.classes) for part, content in parts.items()},
            "class_weights": {
                folder.labels[place]: round(weight, 4)
                for place, weight in weigh_classes(parts["train"].classes).items()
            },
        },
    }


def write_words(
    bundle: Path, document: dict[str, Any], figures: dict[str, Any], folder: Folder, places: dict[str, np.ndarray]
) -> None:
    """Write the report, its figures, the card and the figures as JSON; ``bundle.json`` last."""
    document["about"] = build_folder_about(document, figures)
    drawn = draw_figures(figures, folder, places, document["provenance"]["settings"]["seed"])
    write_figures(drawn, bundle / "figures")
    report = build_folder_report(document, figures, folder, places, drawn)
    (bundle / "report.html").write_text(report, encoding="utf-8")
    (bundle / "MODEL_CARD.md").write_text(build_folder_card(document, figures), encoding="utf-8")
    text = json.dumps(figures, indent=2, ensure_ascii=False) + "\n"
    (bundle / "evaluation.json").write_text(text, encoding="utf-8")
    write_bundle_json(bundle, document)
