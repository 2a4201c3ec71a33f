"""The average of two networks is the average of their weights, and says what it was made of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="TensorFlow is not installed")

from inference.errors import InputError  # noqa: E402
from training.brain.average import average_networks, parse_share  # noqa: E402
from training.brain.work_folder import gather_settings, read_history  # noqa: E402


def write_run(folder: Path, value: float, **settings: object) -> Path:
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(value))(inputs))
    folder.mkdir()
    model.save(folder / "trained.keras")
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def test_weights_are_averaged(tmp_path: Path) -> None:
    plain = write_run(tmp_path / "plain", 1.0, seed=1, start="x", volumes=False)
    robust = write_run(tmp_path / "robust", 3.0, seed=2, volumes=True)
    (plain / "log.csv").write_text("epoch,loss\n0,0.5\n1,0.25\n", encoding="utf-8")
    path = average_networks([(plain, 0.25), (robust, 0.75)], tmp_path / "both")
    assert np.allclose(keras.models.load_model(path).get_weights()[0], 2.5)
    settings = json.loads((tmp_path / "both" / "settings.json").read_text(encoding="utf-8"))
    assert settings["average"] == {"plain": 0.25, "robust": 0.75}
    assert settings["volumes"] is True
    assert read_history(tmp_path / "both") == {"plain": [{"epoch": 0.0, "loss": 0.5}, {"epoch": 1.0, "loss": 0.25}]}
    assert settings["runs"] == {"plain": {"seed": 1, "volumes": False}, "robust": {"seed": 2, "volumes": True}}
    assert list(gather_settings(tmp_path / "both")) == ["plain", "robust", "both"]


def test_bad_shares(tmp_path: Path) -> None:
    plain = write_run(tmp_path / "plain", 1.0)
    with pytest.raises(InputError, match=r"sum to 1; received 0.5"):
        average_networks([(plain, 0.5)], tmp_path / "out")
    with pytest.raises(InputError, match=r"holds no trained.keras"):
        average_networks([(tmp_path / "none", 1.0)], tmp_path / "out")
    assert parse_share("runs/plain:0.3") == (Path("runs/plain"), 0.3)
    with pytest.raises(InputError, match=r"runs/plain:0.3"):
        parse_share("runs/plain")


def test_what_was_left_out_stays_left_out(tmp_path: Path) -> None:
    first = write_run(tmp_path / "first", 1.0, test_fold="2", without="")
    second = write_run(tmp_path / "second", 2.0, test_fold="3", without="")
    with pytest.raises(InputError, match="would know them all"):
        average_networks([(first, 0.5), (second, 0.5)], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    average_networks([(first, 1.0)], tmp_path / "alone")
    assert json.loads((tmp_path / "alone" / "settings.json").read_text(encoding="utf-8"))["test_fold"] == "2"
