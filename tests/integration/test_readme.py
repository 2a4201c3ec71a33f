"""What the README shows is what happens: its Python, and the answer in its picture and its table."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from docs.paint_lesion import CENTER_X_PX, CENTER_Y_PX, HEALTHY, RADIUS_PX, ROOT, paint_lesion
from inference import Classifier, Verdict, VolumePrediction
from tests.clinical import box_volume, encode_nifti, encode_zip
from ui.words.answer import present_prediction

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lesion() -> np.ndarray:
    return paint_lesion(cv2.imread(str(HEALTHY), cv2.IMREAD_GRAYSCALE))


def test_the_painted_lesion_is_found_where_it_is(lesion: np.ndarray) -> None:
    classifier = Classifier.load(ROOT / "models" / "brain_tumor")
    prediction = classifier.predict(lesion, explain=True)
    sentence = present_prediction(prediction, classifier.bundle).sentence
    assert prediction.verdict is Verdict.CONFIDENT
    assert f"“{sentence}”" in README
    assert re.search(r"^lesion\.png +Tumour +>99 % +Glioma 98 %$", README, re.MULTILINE)
    assert prediction.heatmap is not None
    x, y = prediction.heatmap.peak
    height, width = lesion.shape
    assert np.hypot(x * width - CENTER_X_PX, y * height - CENTER_Y_PX) < RADIUS_PX / 2


def test_the_python_of_the_readme_runs(lesion: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").symlink_to(ROOT / "models")
    cv2.imwrite(str(tmp_path / "slice.png"), lesion)
    (tmp_path / "study.zip").write_bytes(encode_zip({"volume.nii": encode_nifti(box_volume())}))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    exec(compile(code, "README.md", "exec"), names)
    assert isinstance(names["found"], VolumePrediction)
