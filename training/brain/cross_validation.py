"""Cross-validation: what each run knows of the data that it left out, one of Cheng's five folds or a whole source.

A bundle can show its figures on one test split only. Here the recipe is measured instead: networks trained alike, each
without one of Cheng's folds or without one source (`training.brain.fit.FitSettings`), answer for what they never saw.
Their probabilities are taken as they are, without a temperature.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from inference.answer.decision import softmax
from inference.answer.heatmap import build_heatmap
from inference.errors import InputError
from inference.model.preprocess import build_batch
from training.brain.export import BATCH_SIZE, load_served
from training.brain.fit import INPUT
from training.brain.network import build_serving_net
from training.brain.work_folder import read_settings
from training.data.chunks import chunked
from training.data.grey import read_pictures
from training.data.manifest import CLASS_LABELS, NO_TUMOUR, TUMOUR_TYPES, UNKNOWN_TUMOUR, Sample, read_manifest
from training.data.picture_statistics import measure_statistics
from training.data.splits import TEST_FOLD, split_samples
from training.data.volumes import read_volumes
from training.measure.metrics import detection_figures, is_inside
from training.measure.shortcut import score_shortcut

_CLASSES = tuple(CLASS_LABELS)

_TYPE_INDICES = [_CLASSES.index(name) for name in TUMOUR_TYPES]


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOutAnswers:
    """Pictures that a network never saw, N of them, and what it says of each.

    Attributes
    ----------
    samples : list of Sample
    probabilities : numpy.ndarray, shape (N, classes)
    peaks : list of (x, y)
        The evidence map's highest point, as fractions of width and height.
    statistics : numpy.ndarray, shape (N, 15), float32
        See `training.data.picture_statistics.STATISTICS`.
    """

    samples: list[Sample]
    probabilities: np.ndarray
    peaks: list[tuple[float, float]]
    statistics: np.ndarray


def measure_runs(data_dir: Path, work_dirs: Sequence[Path], *, groups: Path | None = None) -> dict[str, Any]:
    """Measure every run on what it left out.

    Parameters
    ----------
    data_dir : pathlib.Path
    work_dirs : sequence of pathlib.Path
        Of `training.brain.fit` or `training.brain.average`.
    groups : pathlib.Path, optional
        Read instead of the data's ``manifest.csv``.

    Returns
    -------
    dict
        ``folds``: `measure_fold` of each fold, and ``summary``, their mean and spread; ``sources``: `measure_unseen`
        of each source left out, and ``settings`` of the runs.

    Raises
    ------
    InputError
        A folder holds no trained network, or two runs leave out the same.
    """
    samples = read_manifest(data_dir, groups)
    pictures = read_pictures(samples)
    folds: dict[str, Any] = {}
    sources: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for work_dir in work_dirs:
        run_settings = _read_settings(work_dir)
        source, fold = run_settings.get("without", ""), run_settings.get("test_fold", TEST_FOLD)
        found, left_out = (sources, source) if source else (folds, fold)
        if left_out in found:
            raise InputError(f"Two runs leave out {left_out}; the second is {work_dir}.")
        test = split_samples(samples, pictures, test_fold=fold, without=source)["test"]
        network = build_serving_net(
            keras.models.load_model(work_dir / "trained.keras", compile=False), _CLASSES.index(NO_TUMOUR)
        )
        answers = _answer_held_out(network, test, pictures)
        found[left_out] = measure_unseen(answers) if source else measure_fold(answers.samples, answers.probabilities)
        if source and not run_settings.get("volumes"):
            slices = dict(read_volumes(data_dir))
            of_volumes = _answer_held_out(network, list(slices), {sample.path: grey for sample, grey in slices.items()})
            found[left_out]["volumes"] = measure_unseen(of_volumes, "gbm_nifti")
        settings[work_dir.name] = run_settings
    return {"folds": dict(sorted(folds.items())), "summary": summarise(folds), "sources": sources, "settings": settings}


def _read_settings(work_dir: Path) -> dict[str, Any]:
    try:
        settings = read_settings(work_dir)
    except OSError as error:
        raise InputError(f"{work_dir} holds no run; python -m training fit --work {work_dir} makes one.") from error
    if not (work_dir / "trained.keras").is_file():
        raise InputError(f"The run in {work_dir} has not been trained to the end; the same fit command goes on.")
    return settings


def _answer_held_out(network: keras.Model, samples: list[Sample], pictures: dict[Path, np.ndarray]) -> HeldOutAnswers:
    probabilities, peaks, statistics = [], [], []
    for chunk in chunked(load_served(samples, pictures), BATCH_SIZE):
        outputs = network(build_batch(chunk, INPUT), training=False)
        probabilities.append(softmax(np.asarray(outputs["logits"])))
        maps = np.asarray(outputs["evidence"])
        peaks += [build_heatmap(grid, 0, image.shape[:2]).peak for grid, image in zip(maps, chunk, strict=True)]
        statistics += [measure_statistics(image) for image in chunk]
    return HeldOutAnswers(
        samples=samples,
        probabilities=np.concatenate(probabilities),
        peaks=peaks,
        statistics=np.array(statistics, np.float32),
    )


def measure_fold(samples: Sequence[Sample], probabilities: np.ndarray) -> dict[str, Any]:
    """A fold's figures: the three types on Cheng's slices, and all four classes; by slice and by patient.

    Parameters
    ----------
    samples : sequence of Sample
    probabilities : numpy.ndarray, shape (N, classes)

    Returns
    -------
    dict
        ``types`` and ``classes``, each with ``slices`` and ``patients``: `_score`. Where no patient is known (the
        healthy pictures) a group of near-duplicates stands for one.
    """
    cheng = np.array([sample.source == "cheng" for sample in samples])
    known = np.array([sample.label != UNKNOWN_TUMOUR for sample in samples])
    of_types = probabilities[:, _TYPE_INDICES] / probabilities[:, _TYPE_INDICES].sum(axis=1, keepdims=True)
    return {
        "types": _score_both(samples, of_types, cheng, TUMOUR_TYPES),
        "classes": _score_both(samples, probabilities, known, _CLASSES),
    }


def _score_both(
    samples: Sequence[Sample], probabilities: np.ndarray, kept: np.ndarray, names: Sequence[str]
) -> dict[str, Any]:
    by_patient: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    indices = np.flatnonzero(kept).tolist()
    for index in indices:
        sample = samples[index]
        by_patient[sample.patient or sample.group, sample.label].append(probabilities[index])
    patients = np.array([np.mean(rows, axis=0) for rows in by_patient.values()])
    return {
        "slices": _score([samples[index].label for index in indices], probabilities[kept], names),
        "patients": _score([label for _, label in by_patient], patients, names),
    }


def _score(labels: Sequence[str], probabilities: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Number, accuracy, balanced accuracy, macro F1, and what always giving the commonest label gets."""
    answers = [names[index] for index in probabilities.argmax(axis=1)]
    return {
        "number": len(labels),
        "accuracy": float(accuracy_score(labels, answers)),
        "balanced_accuracy": float(balanced_accuracy_score(labels, answers)),
        "macro_f1": float(f1_score(labels, answers, average="macro", zero_division=0)),
        "majority": Counter(labels).most_common(1)[0][1] / len(labels),
    }


def summarise(folds: dict[str, Any]) -> dict[str, Any]:
    """Mean and standard deviation (of the sample, n − 1) of each figure over the folds; empty with fewer than two."""
    if len(folds) < 2:
        return {}
    return {
        task: {
            unit: {
                figure: {
                    "mean": float(np.mean(values)),
                    "spread": float(np.std(values, ddof=1)),
                }
                for figure in ("accuracy", "balanced_accuracy", "macro_f1", "majority")
                for values in [[fold[task][unit][figure] for fold in folds.values()]]
            }
            for unit in ("slices", "patients")
        }
        for task in ("types", "classes")
    }


def measure_unseen(answers: HeldOutAnswers, source: str = "") -> dict[str, Any]:
    """Tumour or none in a source that was left out, beside the shortcut baseline; and where the evidence peaks.

    Parameters
    ----------
    answers : HeldOutAnswers
    source : str
        Measure these samples only; or empty for all.

    Returns
    -------
    dict
        ``detection`` (None when the source holds one kind only), ``probe_auc``, ``peak_inside`` (None where unknown).
    """
    kept = [index for index, sample in enumerate(answers.samples) if source in ("", sample.source)]
    samples = [answers.samples[index] for index in kept]
    present = np.array([sample.has_tumour for sample in samples])
    hits = [
        is_inside(answers.peaks[index], box)
        for index, sample in zip(kept, samples, strict=True)
        if (box := sample.box) is not None
    ]
    both = 0 < present.sum() < len(present)
    baseline = score_shortcut(
        answers.statistics[kept],
        np.where(present, "tumour", "none").tolist(),
        [sample.group for sample in samples],
    )
    scores = 1.0 - answers.probabilities[kept, _CLASSES.index(NO_TUMOUR)]
    return {
        "images": len(samples),
        "detection": detection_figures(present, scores) if both else None,
        "probe_auc": baseline.get("auc"),
        "boxes": len(hits),
        "peak_inside": float(np.mean(hits)) if hits else None,
    }
