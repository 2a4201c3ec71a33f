"""From a trained network to a bundle folder that `inference` serves."""

from __future__ import annotations

import datetime
import json
import platform
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import keras
import numpy as np

from inference.answer.decision import feature_distance, to_probabilities
from inference.errors import BundleError
from inference.imaging.load import load_image
from inference.model.engine import OnnxEngine
from inference.model.preprocess import build_batch
from training.brain.augment import strip_skull
from training.brain.batches import TUMOUR_SHARE
from training.brain.fit import INPUT
from training.brain.network import build_serving_net
from training.brain.pictures import SplitPictures, load_splits
from training.brain.work_folder import read_history, read_settings
from training.bundle.calibration import (
    COVERAGE,
    Judged,
    balanced_prior_shift,
    fit_calibration,
    fit_confident_at,
    fit_distance_limit,
    fit_in_set_at,
    fit_statistics,
    save_statistics,
)
from training.bundle.describe import describe_golden, describe_input, describe_packages, describe_schema
from training.bundle.onnx_export import export_onnx, run_network
from training.bundle.publish import write_bundle_json
from training.data.chunks import chunked
from training.data.manifest import CLASS_LABELS, NO_TUMOUR, UNKNOWN_TUMOUR, Sample
from training.data.splits import TEST_FOLD
from training.measure.evaluate import measure_bundle
from training.report.brain_card import build_about, build_card

NETWORK = "model.onnx"

BATCH_SIZE = 64
"""Pictures that go through a network at once."""

STRIPPED_STEP = 5
"""One picture in so many is shown without its skull too when the ordinary is measured."""

SPOKEN = {"glioma": "glioma", "no": "no tumour", "meningioma": "meningioma", "pituitary": "pituitary tumour"}
"""Manifest label → the class inside a sentence."""


def load_served(samples: Iterable[Sample], pictures: dict[Path, np.ndarray]) -> Iterator[np.ndarray]:
    """Yield each sample's picture (H, W, 3), decoded as it is when served; a volume's slices as in training."""
    for sample in samples:
        yield load_image(sample.path if sample.path.is_file() else pictures[sample.path]).pixels


def load_stripped(samples: Iterable[Sample], pictures: dict[Path, np.ndarray]) -> Iterator[np.ndarray]:
    """Yield one picture in `STRIPPED_STEP` without its skull, so that such a brain is not a novelty."""
    rng = np.random.default_rng(0)
    for sample in islice(samples, 0, None, STRIPPED_STEP):
        yield load_image(strip_skull(pictures[sample.path], rng)).pixels


def score_pictures(engine: OnnxEngine, images: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, classes) and features (N, F) of decoded pictures."""
    return run_network(engine, (build_batch(chunk, INPUT) for chunk in chunked(images, BATCH_SIZE)))


def calibrate(engine: OnnxEngine, data: SplitPictures, statistics_path: Path) -> dict[str, Any]:
    """Fit what `inference.answer.decision` needs; write the feature statistics; return the bundle's two sections."""
    train, validation, pictures = data.splits["train"], data.splits["validation"], data.pictures
    ordinary = chain(load_served(train, pictures), load_stripped(train, pictures))
    statistics = fit_statistics(score_pictures(engine, ordinary)[1])
    save_statistics(statistics, statistics_path)
    logits, features = score_pictures(engine, load_served(validation, pictures))
    stripped = score_pictures(engine, load_stripped(validation, pictures))[1]
    limit = fit_distance_limit(np.concatenate([features, stripped]), statistics)
    known = np.array([sample.label != UNKNOWN_TUMOUR for sample in validation])
    classes = np.array([list(CLASS_LABELS).index(s.label) for s in validation if s.label != UNKNOWN_TUMOUR])
    novelty = feature_distance(features[known], statistics) / limit
    none_index = list(CLASS_LABELS).index(NO_TUMOUR)
    calibration = fit_calibration(
        Judged(logits=logits[known], classes=classes, novelty=novelty),
        balanced_prior_shift(TUMOUR_SHARE, len(CLASS_LABELS), none_index),
    )
    probabilities = to_probabilities(logits[known], novelty, calibration)
    fitted = calibration.model_copy(
        update={
            "confident_at": fit_confident_at(probabilities, classes),
            "in_set_at": round(fit_in_set_at(probabilities, classes), 4),
            "coverage": COVERAGE,
        }
    )
    return {
        "calibration": fitted.model_dump(),
        "novelty": {"grey_only": True, "statistics": statistics_path.name, "distance_limit": limit},
    }


@dataclass(frozen=True, kw_only=True)
class KnownFigures:
    """What was measured elsewhere, because the network itself cannot show it.

    Attributes
    ----------
    holdout : pathlib.Path or None
        The bundle folder of the holdout model: the same recipe, without the volumes. Needed when the network was
        trained on them, since what it says of them itself would be worthless; the holdout model's figures are taken.
    cross : pathlib.Path or None
        What `training.brain.cross_validation.measure_runs` found out about the recipe, as JSON.
    """

    holdout: Path | None = None
    cross: Path | None = None


def export_bundle(
    data_dir: Path, work_dir: Path, out_dir: Path, *, version: str, known: KnownFigures, groups: Path | None = None
) -> None:
    """Export, calibrate and measure the network in ``work_dir`` and put the bundle at ``out_dir``.

    Parameters
    ----------
    data_dir, work_dir, out_dir : pathlib.Path
    version : str
    known : KnownFigures
    groups : pathlib.Path or None
        Read instead of the data's ``manifest.csv``.

    Raises
    ------
    BundleError
        A holdout model is needed and not given, or the network left out another split than a bundle is measured on.
    """
    settings = read_settings(work_dir)
    if settings.get("test_fold", TEST_FOLD) != TEST_FOLD or settings.get("without"):
        raise BundleError("This network learnt from what a bundle is measured on; it is for training cross.")
    if settings["volumes"] and known.holdout is None:
        raise BundleError(
            "This network was trained on the volumes too: name the bundle of a holdout model, which was not, with "
            "--holdout."
        )
    trained = keras.models.load_model(work_dir / "trained.keras", compile=False)
    data = load_splits(data_dir, volumes=settings["volumes"], groups=groups)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        difference = _export_network(trained, data, folder)
        document = describe_bundle(version, settings, difference, data.splits)
        engine = OnnxEngine((folder / NETWORK).read_bytes(), NETWORK)
        document.update(calibrate(engine, data, folder / "features.npz"))
        document["golden"] = describe_golden(folder / NETWORK, INPUT)
        (folder / "MODEL_CARD.md").write_text("Being measured.\n", encoding="utf-8")
        write_bundle_json(folder, document)
        figures = {**measure_bundle(folder, data_dir, groups=groups), **_read_known(known)}
        figures["learning"] = read_history(work_dir)
        document["about"] = build_about(figures)
        (folder / "evaluation.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        (folder / "MODEL_CARD.md").write_text(build_card(document, figures), encoding="utf-8")
        write_bundle_json(folder, document)
        out_dir.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.iterdir(), key=lambda path: path.name == "bundle.json"):
            shutil.copy(path, out_dir / path.name)
    print(json.dumps({name: found for name, found in figures.items() if name != "learning"}, indent=2))


def _export_network(trained: keras.Model, data: SplitPictures, folder: Path) -> float:
    """Write ``model.onnx``; see `training.bundle.onnx_export.export_onnx`."""
    chosen = data.splits["validation"][:BATCH_SIZE]
    check_batch = build_batch(
        [np.repeat(data.pictures[sample.path][:, :, None], 3, axis=2) for sample in chosen], INPUT
    )
    serving = build_serving_net(trained, list(CLASS_LABELS).index(NO_TUMOUR))
    return export_onnx(serving, folder / NETWORK, check_batch)


def _read_known(known: KnownFigures) -> dict[str, Any]:
    found = {}
    if known.holdout is not None:
        found["volumes"] = json.loads((known.holdout / "evaluation.json").read_text(encoding="utf-8"))["volumes"]
    if known.cross is not None:
        found["cross"] = json.loads(known.cross.read_text(encoding="utf-8"))
    return found


def describe_bundle(
    version: str, settings: dict[str, Any], difference: float, splits: dict[str, list[Sample]]
) -> dict[str, Any]:
    """The sections of ``bundle.json`` that need no measuring."""
    return {
        **describe_schema(),
        "name": "brain_tumor",
        "version": version,
        "title": "Brain tumour on MRI, four classes",
        "subject": "a brain MRI",
        "labels": list(CLASS_LABELS.values()),
        "spoken": [SPOKEN[label] for label in CLASS_LABELS],
        "network": NETWORK,
        "modalities": ["MR"],
        "background": CLASS_LABELS[NO_TUMOUR],
        "finding": "a tumour",
        "input": describe_input(INPUT),
        "provenance": {
            "created": datetime.date.today().isoformat(),
            "command": "make train DATA=DATA",
            "settings": settings,
            "images": {name: len(samples) for name, samples in splits.items()},
            "keras_onnx_max_logit_difference": difference,
            "packages": describe_packages(),
            "python": platform.python_version(),
        },
    }
