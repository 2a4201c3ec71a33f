"""The training of a recipe, stage by stage; a run that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from inference.errors import SettingsError
from training.measure.learning_log import read_log
from training.recipes.networks import unfreeze
from training.recipes.pictures import LoadedSplit, PictureBatches
from training.recipes.settings import STAGES, FolderPlan

if TYPE_CHECKING:
    from training.data.folder import Folder
    from training.recipes.recipe import TrainingPlan

_WRITTEN = (
    "log.csv",
    "best.weights.h5",
    "backup/latest.weights.h5*",
    "backup/training_metadata.json*",
    "tensorboard/*/events.out.tfevents.*",
)
"""All that `build_callbacks` has written into a stage's folder: what a new run may take away."""


def prepare_work(work_dir: Path, plan: FolderPlan, folder: Folder) -> None:
    """Keep what an interrupted run left if it was this very run; else take it away, and no other file.

    Raises
    ------
    SettingsError
        The folder cannot be written, or what it has as ``run.json`` is no recipe's.
    """
    pictures = hashlib.sha256(repr((folder.labels, folder.classes.tolist(), folder.groups)).encode()).hexdigest()
    settings = plan.settings
    document = {"recipe": plan.recipe.model_dump(), "seed": settings.seed, "unfreeze": settings.unfreeze}
    document["pictures"] = pictures
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
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


def train_stages(
    network: keras.Model, splits: dict[str, LoadedSplit], plan: FolderPlan, work_dir: Path
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
    for stage in plan.stages:
        if stage == STAGES[1]:
            unfreeze(network)
        weights = work_dir / f"{stage}.weights.h5"
        if not weights.is_file():
            _train_stage(network, splits, plan, stage, work_dir / stage)
            network.save_weights(weights)
        network.load_weights(weights)
    history = read_epochs([work_dir / stage / "log.csv" for stage in plan.stages])
    if not np.isfinite([history["loss"], history["val_loss"]]).all():
        raise SettingsError("The training diverged: its loss is no number any more. Take a smaller --learning-rate.")
    return history


def _train_stage(
    network: keras.Model, splits: dict[str, LoadedSplit], plan: FolderPlan, stage: str, stage_dir: Path
) -> None:
    stage_dir.mkdir(parents=True, exist_ok=True)
    training, recipe, seed = plan.stages[stage], plan.recipe, plan.settings.seed
    learner = keras.Model(network.input, network.output["logits"])
    learner.compile(
        optimizer=keras.optimizers.Adam(training.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    best = stage_dir / "best.weights.h5"
    learner.fit(
        PictureBatches(splits["train"], recipe.input, training.batch_size, seed, recipe),
        validation_data=PictureBatches(splits["validation"], recipe.input, training.batch_size, seed),
        epochs=training.epochs,
        class_weight=weigh_classes(splits["train"].classes),
        callbacks=build_callbacks(training, stage_dir, best),
        verbose=2,
    )
    if training.patience:
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
        before = max(read_epochs([log])["val_accuracy"], default=None)  # of the run that was stopped
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
    return {index: len(classes) / (len(counts) * int(count)) for index, count in enumerate(counts)}


def read_epochs(logs: Sequence[Path]) -> dict[str, list[float]]:
    """The columns of ``log.csv`` files, one after the other; a file that is not there yet has no epochs."""
    epochs = [epoch for log in logs for epoch in read_log(log)]
    return {name: [epoch[name] for epoch in epochs] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
