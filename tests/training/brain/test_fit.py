"""A run that was interrupted goes on where it stopped, and one that is finished stays as it is."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="TensorFlow is not installed")

from inference.errors import InputError, SettingsError  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.backbone.taps import Taps  # noqa: E402
from training.brain.fit import FitSettings, fit  # noqa: E402
from training.data.manifest import COLUMNS  # noqa: E402


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty-eight pictures of noise, each a group of its own; the tumours have a box."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for number in range(48):
        label = ("glioma", "meningioma", "pituitary", "no")[number % 4]
        small = Image.fromarray(rng.integers(0, 255, (16, 16), dtype=np.uint8))
        small.resize((160, 160)).save(folder / f"{number}.png")
        box = ["", "", "", ""] if label == "no" else ["0.5", "0.5", "0.2", "0.2"]
        rows.append([f"{number}.png", label, "sartaj", "", "", f"g{number}", *box])
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return folder


def read_weights(path: Path) -> list[np.ndarray]:
    return keras.models.load_model(path, compile=False).get_weights()


@pytest.fixture
def small_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five convolutions instead of EfficientNet-lite0, whose training takes a minute to compile."""

    def tap(name: str, input_shape: tuple[int, int, int], color_order: str) -> Taps:
        image = keras.Input(input_shape)
        maps = [keras.layers.Rescaling(1 / 255)(image)]
        for filters in (4, 4, 8, 8, 8):
            maps.append(keras.layers.Conv2D(filters, 3, 2, padding="same", activation="relu")(maps[-1]))
        return Taps(image=image, stride_8=maps[3], stride_16=maps[4], top=maps[5], depths=(maps[3], maps[4]))

    monkeypatch.setattr("training.brain.network.tap_backbone", tap)


@pytest.mark.usefixtures("small_backbone")
def test_a_run_goes_on_and_then_rests(data: Path, tmp_path: Path) -> None:
    work = tmp_path / "run"
    small = {"batches": 1, "batch_size": 4, "counterfactuals": 0.5}
    fit(data, work, FitSettings(epochs=1, **small))
    first = read_weights(work / "trained.keras")
    path = fit(data, work, FitSettings(epochs=2, **small))
    second = read_weights(path)
    with (work / "log.csv").open(encoding="utf-8") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    assert not all(np.array_equal(one, two) for one, two in zip(first, second, strict=True))
    third = read_weights(fit(data, work, FitSettings(epochs=2, **small)))
    assert all(np.array_equal(two, three) for two, three in zip(second, third, strict=True))


@pytest.mark.usefixtures("small_backbone")
def test_a_run_that_starts_from_another_knows_it_and_sees_a_healthy_head(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.brain.fit.HEALTHY_SLICES", 6)
    volume = tmp_path / "head.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.full((20, 20, 20), 80, np.uint8), np.eye(4)), volume)
    small = {"epochs": 1, "batches": 1, "batch_size": 4, "counterfactuals": 0.5}
    first = fit(data, tmp_path / "first", FitSettings(**small))
    settings = FitSettings(**small, start=str(first), healthy=True)
    with pytest.raises(SettingsError, match="--healthy HEAD BRAIN"):
        fit(data, tmp_path / "second", settings)
    fit(data, tmp_path / "second", settings, head=(volume, volume))
    found = json.loads((tmp_path / "second" / "settings.json").read_text(encoding="utf-8"))
    assert found["healthy"] is True
    assert list(found["runs"]) == ["first"]
    assert found["runs"]["first"]["healthy"] is False
    assert "start" not in found["runs"]["first"]


def test_no_data_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.csv"):
        fit(tmp_path, tmp_path / "run", FitSettings())


def test_ctrl_c_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.brain.fit.fit", interrupt)
    with pytest.raises(SystemExit) as stopped:
        main(["fit", "--data", str(tmp_path)])
    assert stopped.value.code == 130
    assert "The same command goes on after the last epoch" in capsys.readouterr().err
