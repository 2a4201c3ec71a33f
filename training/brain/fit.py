"""Fit the evidence network on augmented slices; resumes where it stopped.

What a run needs to go on lies in its work folder: the checkpoint (weights, optimiser, epoch), ``log.csv``, TensorBoard
events, and at the end ``trained.keras``. Making a bundle of it is `training.brain.export`'s work.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
from keras import ops

from inference.errors import SettingsError
from inference.model.schema import InputSpec
from training.brain.batches import AugmentedBatches, Batch, DrawPlan
from training.brain.healthy_head import HEALTHY_SLICES, slice_head
from training.brain.network import build_evidence_net
from training.brain.pictures import SplitPictures, load_splits
from training.brain.work_folder import gather_settings, write_history
from training.data.manifest import TUMOUR_TYPES
from training.data.splits import TEST_FOLD

INPUT = InputSpec(width_px=150, height_px=150, color_order="bgr", resize="area")
"""Input of the shipped network."""

_LESION_WEIGHT = 4.0
"""How much more a cell inside a tumour counts: tumours cover 3–7 % of a picture."""


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """What a run is made with; written to the bundle's provenance.

    Attributes
    ----------
    epochs, batches, batch_size : int
    learning_rate : float
        The peak, after a warm-up of one epoch; it falls to a hundredth along a cosine.
    counterfactuals : float
        Share of counterfactual slices from the middle of the training on; it rises linearly up to there.
    strength : float
        Of the framing and appearance changes, see `training.brain.augment`.
    seed : int
    backbone : str
        See `training.brain.network.build_evidence_net`.
    start : str
        A ``.keras`` file whose weights are the start, or empty for ImageNet's.
    volumes : bool
        Train on the slices of `training.data.volumes` too: for the network that ships. How it does on a cohort that it
        never saw is then measured on its holdout model, which was trained without.
    healthy : bool
        Train on slices of a healthy head too, see `training.brain.healthy_head`.
    test_fold, without : str
        What is not learnt from: one of Cheng's folds, or a whole source; see `training.data.splits.split_samples`.
    """

    epochs: int = 12
    batches: int = 96
    batch_size: int = 32
    learning_rate: float = 1e-3
    counterfactuals: float = 0.0
    strength: float = 1.0
    seed: int = 1
    backbone: str = "lite0"
    start: str = ""
    volumes: bool = False
    healthy: bool = False
    test_fold: str = TEST_FOLD
    without: str = ""


@keras.saving.register_keras_serializable("gyrus")
def evidence_loss(target: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Binary cross-entropy a cell, cells inside the tumour weighted by `_LESION_WEIGHT`; mean over the map, (N,)."""
    loss = ops.maximum(logits, 0) - logits * target + ops.log1p(ops.exp(-ops.abs(logits)))
    return ops.mean(loss * (1.0 + (_LESION_WEIGHT - 1.0) * target), axis=(1, 2, 3))


class EpochTurn(keras.callbacks.Callback):
    """Tell the batches which epoch it is and how many counterfactuals to draw (see `FitSettings`)."""

    def __init__(self, batches: AugmentedBatches, settings: FitSettings) -> None:
        super().__init__()
        self._batches, self._settings = batches, settings

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Tell them the epoch that begins."""
        self._batches.epoch = epoch
        ramp = min(1.0, (epoch + 1) / max(1.0, self._settings.epochs / 2))
        self._batches.counterfactuals = self._settings.counterfactuals * ramp


def build_optimizer(settings: FitSettings) -> keras.optimizers.Optimizer:
    """AdamW with warm-up, cosine decay and an exponential average of the weights, which is what is kept at the end."""
    total = settings.epochs * settings.batches
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate * 0.05,
        max(1, total - settings.batches),
        alpha=0.01,
        warmup_target=settings.learning_rate,
        warmup_steps=settings.batches,
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=2e-2, global_clipnorm=2.0, use_ema=True, ema_momentum=0.996
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def compile_model(model: keras.Model, settings: FitSettings) -> None:
    """Set the three losses: is there a tumour, which type, and where."""
    model.compile(
        optimizer=build_optimizer(settings),
        loss={
            "detection": keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.02),
            "type": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "evidence": evidence_loss,
        },
        loss_weights={"detection": 1.0, "type": 1.0, "evidence": 2.0},
        weighted_metrics={
            "detection": [keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")],
            "type": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        },
    )


def fit(
    data_dir: Path,
    work_dir: Path,
    settings: FitSettings,
    *,
    groups: Path | None = None,
    head: tuple[Path, Path] | None = None,
) -> Path:
    """Train, or go on training, and write ``trained.keras`` into ``work_dir``.

    Parameters
    ----------
    data_dir, work_dir : pathlib.Path
    settings : FitSettings
    groups : pathlib.Path, optional
        Read instead of the data's ``manifest.csv``.
    head : tuple of pathlib.Path, optional
        The healthy head and its brain, see `training.brain.healthy_head.slice_head`; needed when ``settings.healthy``.

    Returns
    -------
    pathlib.Path
        Of the trained network, its heads apart (`training.brain.network.build_evidence_net`).

    Raises
    ------
    SettingsError
        A healthy head is asked for and not given.
    """
    if settings.healthy and head is None:
        raise SettingsError("Slices of a healthy head need its volume and its brain's: --healthy HEAD BRAIN.")
    work_dir.mkdir(parents=True, exist_ok=True)
    _write_settings(work_dir, settings)
    keras.utils.set_random_seed(settings.seed)
    model = build_evidence_net(
        INPUT.shape, len(TUMOUR_TYPES), color_order=INPUT.color_order, backbone=settings.backbone
    )
    data = load_splits(
        data_dir, volumes=settings.volumes, groups=groups, test_fold=settings.test_fold, without=settings.without
    )
    if settings.healthy and head is not None:
        _add_healthy_slices(data, head, settings.seed)
    if settings.start:
        model.set_weights(keras.models.load_model(settings.start, compile=False).get_weights())
    learner = keras.Model(model.input, {name: model.output[name] for name in ("detection", "type", "evidence")})
    compile_model(learner, settings)
    train, validation = build_batches(data, model, settings)
    learner.fit(
        train,
        epochs=settings.epochs,
        validation_data=validation,
        verbose=2,
        callbacks=_build_callbacks(train, settings, work_dir),
    )
    target = work_dir / "trained.keras"
    model.save(target)
    write_history(work_dir, *([Path(settings.start).parent] if settings.start else []))
    return target


def _write_settings(work_dir: Path, settings: FitSettings) -> None:
    runs = gather_settings(Path(settings.start).parent) if settings.start else {}
    document = json.dumps({**asdict(settings), "runs": runs}, indent=2)
    (work_dir / "settings.json").write_text(document + "\n", encoding="utf-8")


def _add_healthy_slices(data: SplitPictures, head: tuple[Path, Path], seed: int) -> None:
    for cut in slice_head(*head, count=HEALTHY_SLICES, seed=seed):
        data.splits["train"].append(cut.sample)
        data.pictures[cut.sample.path], data.brains[cut.sample.path] = cut.grey, cut.brain


def _build_callbacks(
    batches: AugmentedBatches, settings: FitSettings, work_dir: Path
) -> list[keras.callbacks.Callback]:
    return [
        EpochTurn(batches, settings),
        keras.callbacks.BackupAndRestore(str(work_dir / "checkpoint"), delete_checkpoint=False),
        keras.callbacks.CSVLogger(str(work_dir / "log.csv"), append=True),
        keras.callbacks.TensorBoard(str(work_dir / "tensorboard"), write_graph=False),
    ]


def build_batches(data: SplitPictures, model: keras.Model, settings: FitSettings) -> tuple[AugmentedBatches, Batch]:
    """The augmented training batches, and the validation split as it is, in one batch."""
    height, width = model.output["evidence"].shape[1:3]
    plan = DrawPlan(
        batch_size=settings.batch_size, batches=settings.batches, strength=settings.strength, seed=settings.seed
    )
    train = AugmentedBatches(data.splits["train"], data.pictures, INPUT, (height, width), plan, brains=data.brains)
    return train, train.collate_plain(data.splits["validation"])
