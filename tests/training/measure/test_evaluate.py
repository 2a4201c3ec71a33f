"""``python -m training evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.tiny import write_bundle
from training.__main__ import main
from training.data.manifest import COLUMNS


@pytest.fixture
def small_data(tmp_path: Path) -> Path:
    """Patients of two of Cheng's folds; the tiny bundle calls red pictures pituitary and blue ones glioma."""
    data = tmp_path / "data"
    data.mkdir()
    lines = [",".join(COLUMNS)]
    for number in range(16):
        label = ("glioma", "pituitary", "meningioma", "no")[number % 4]
        pixels = np.random.default_rng(number).integers(0, 255, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(data / f"{number}.png")
        box = ".5,.5,.2,.2" if label != "no" else ",,,"
        lines.append(f"{number}.png,{label},cheng,p{number},{1 + number // 12},p{number},{box}")
    (data / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return data


def test_command(small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    before = sorted(small_data.iterdir())
    assert main(["evaluate", str(bundle), str(small_data), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    figures = json.loads(printed.out)
    assert figures["classes"]["images"] == 12
    assert printed.err.endswith("evaluation.html.\n")
    written = json.loads((tmp_path / "out/evaluation.json").read_text(encoding="utf-8"))
    assert set(written) == {*figures, "details"}
    assert {key: written[key] for key in figures} == figures
    assert "<h1>tiny 9.9</h1>" in (tmp_path / "out/evaluation.html").read_text(encoding="utf-8")
    assert sorted(small_data.iterdir()) == before


@pytest.mark.parametrize("given", [["DATA"], ["--data", "DATA"], ["DATA", "--data", "elsewhere"]])
def test_the_data_may_be_named_in_two_ways(given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr("training.measure.evaluate.evaluate", lambda *given, **_: calls.append(given))
    assert main(["evaluate", "BUNDLE", *given]) == 0
    assert calls == [(Path("BUNDLE"), Path("DATA"), Path("runs/evaluation"))]


def test_what_cannot_be_evaluated(small_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.delenv("GYRUS_DATA", raising=False)
    for arguments, sentence in (
        (["evaluate", "BUNDLE"], "Name the folder of images"),
        (["evaluate", "BUNDLE", str(small_data), "--out", str(small_data / "report")], "--out must be outside"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 1
        assert sentence in capsys.readouterr().err
    assert not (small_data / "report").exists()
