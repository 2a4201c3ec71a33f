"""Folds are scored by slice and by patient, and a source left out beside what its greys give away."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="TensorFlow is not installed")

from inference.errors import InputError
from training.brain.cross_validation import HeldOutAnswers, measure_fold, measure_runs, measure_unseen, summarise
from training.data.manifest import Sample

SURE = {"glioma": [0.9, 0.04, 0.03, 0.03], "no": [0.04, 0.9, 0.03, 0.03], "meningioma": [0.03, 0.04, 0.9, 0.03]}
SURE["pituitary"] = [0.03, 0.03, 0.04, 0.9]


def make_sample(number: int, label: str, patient: str = "", source: str = "cheng") -> Sample:
    box = (0.5, 0.5, 0.2, 0.2) if label != "no" else None
    group = patient or f"g{number}"
    return Sample(path=Path(f"{number}.png"), label=label, source=source, group=group, patient=patient, box=box)


def test_patients_are_judged_by_the_mean_of_their_slices() -> None:
    samples = [make_sample(0, "glioma", "p1"), make_sample(1, "glioma", "p1"), make_sample(2, "glioma", "p1")]
    samples += [make_sample(3, "meningioma", "p2"), make_sample(4, "pituitary", "p3")]
    samples += [make_sample(5, "no", source="br35h"), make_sample(6, "tumor", source="br35h")]
    answers = ["glioma", "glioma", "meningioma", "meningioma", "pituitary", "glioma", "no"]
    fold = measure_fold(samples, np.array([SURE[answer] for answer in answers]))
    assert fold["types"]["slices"]["number"] == 5
    assert fold["types"]["slices"]["accuracy"] == pytest.approx(0.8)
    assert fold["types"]["patients"] == {
        "number": 3,
        "accuracy": 1.0,
        "balanced_accuracy": 1.0,
        "macro_f1": 1.0,
        "majority": pytest.approx(1 / 3),
    }
    assert fold["classes"]["slices"]["number"] == 6, "a tumour of unknown type has no class"
    assert fold["classes"]["patients"]["accuracy"] == pytest.approx(3 / 4)


def test_a_slice_called_healthy_still_says_which_type() -> None:
    fold = measure_fold([make_sample(0, "glioma", "p1")], np.array([[0.2, 0.7, 0.06, 0.04]]))
    assert fold["types"]["slices"]["accuracy"] == 1.0
    assert fold["classes"]["slices"]["accuracy"] == 0.0


def test_mean_and_spread_over_folds() -> None:
    right = measure_fold([make_sample(0, "glioma", "p1")], np.array([SURE["glioma"]]))
    wrong = measure_fold([make_sample(0, "glioma", "p1")], np.array([SURE["pituitary"]]))
    found = summarise({"1": right, "2": wrong})["types"]["patients"]["accuracy"]
    assert found == {"mean": 0.5, "spread": pytest.approx(0.7071, abs=1e-4)}
    assert summarise({"1": right}) == {}


def test_a_source_left_out() -> None:
    samples = [make_sample(number, "glioma" if number % 2 else "no", source="br35h") for number in range(12)]
    probabilities = np.array([SURE[sample.label] for sample in samples])
    peaks = [(0.5, 0.5) if number < 6 else (0.9, 0.9) for number in range(12)]
    answers = HeldOutAnswers(
        samples=samples, probabilities=probabilities, peaks=peaks, statistics=np.zeros((12, 15), np.float32)
    )
    found = measure_unseen(answers)
    assert found["detection"]["auc"] == 1.0
    assert found["probe_auc"] < 0.6, "all pictures are alike"
    assert found["boxes"] == 6
    assert found["peak_inside"] == pytest.approx(0.5)
    assert measure_unseen(answers, "br35h") == found


def test_an_unfinished_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(
        "path,label,source,patient_id,cheng_fold,group,box_x_center,box_y_center,box_width,box_height\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="holds no run"):
        measure_runs(tmp_path, [tmp_path / "fold-1"])
    (tmp_path / "fold-1").mkdir()
    (tmp_path / "fold-1" / "settings.json").write_text(json.dumps({"test_fold": "1"}), encoding="utf-8")
    with pytest.raises(InputError, match="not been trained to the end"):
        measure_runs(tmp_path, [tmp_path / "fold-1"])
