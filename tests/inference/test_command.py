"""``python -m inference``: one JSON object a line, whatever the files are."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.__main__ import main
from tests.tiny import LABELS, striped, write_bundle, write_onnx

KEYS = [
    *("path", "slice", "verdict", "label", "probabilities", "candidates"),
    *("finding", "finding_probability", "types", "type_probabilities", "novelty", "error"),
]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    (images / "deeper").mkdir(parents=True)
    Image.fromarray(striped((0, 0, 250))).save(images / "b.png")
    Image.fromarray(striped((0, 250, 0))).save(images / "deeper" / "c.png")
    (images / "a.png").write_text("no picture", encoding="utf-8")
    (images / ".hidden").write_text("", encoding="utf-8")
    return images


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_rows(bundle: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--model", bundle) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [list(row) for row in rows] == [KEYS] * 3
    assert [Path(row["path"]).name for row in rows] == ["a.png", "b.png", "c.png"]
    assert "text file" in rows[0]["error"]
    assert all(rows[0][key] is None for key in KEYS[1:-1])
    assert rows[1]["label"] == "Glioma Tumor"
    assert rows[1]["error"] is None
    assert list(rows[1]["probabilities"]) == LABELS
    assert sum(rows[1]["probabilities"].values()) == pytest.approx(1)
    assert rows[1]["candidates"] == ["Glioma Tumor"]


def test_all_answered_is_0(bundle: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder / "b.png", "--model", bundle) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_missing_file_is_a_row(bundle: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder / "nothing.png", folder / "b.png", "--model", bundle) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "There is no file" in rows[0]["error"]
    assert rows[1]["error"] is None


def test_more_files_than_a_batch_stay_in_order(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(40):
        if number % 7 == 3:
            (tmp_path / f"{number:03}").write_bytes(b"x")
        else:
            Image.fromarray(striped((number, 200, 3))).save(tmp_path / f"{number:03}", "PNG")
    names = [tmp_path / f"{number:03}" for number in range(40)]
    assert run(*names, "--model", bundle) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["path"] for row in rows] == [str(name) for name in names]
    assert [number for number, row in enumerate(rows) if row["error"]] == [3, 10, 17, 24, 31, 38]


def test_outputs(bundle: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--model", bundle, "--out", tmp_path / "rows.jsonl") == 1
    assert (tmp_path / "rows.jsonl").read_text(encoding="utf-8") == capsys.readouterr().out
    assert run(folder, "--model", bundle, "--out", tmp_path / "rows.csv") == 1
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert rows[1]["label"] == "Glioma Tumor"
    assert float(rows[1]["Glioma Tumor"]) > 0.5
    assert "text file" in rows[0]["error"]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A bundle of twelve classes, more than are printed."""
    folder = tmp_path / "many"
    folder.mkdir()
    write_onnx(folder / "model.onnx", weights=np.linspace(0, 1, 36, dtype=np.float32).reshape(3, 12) / 16)
    return write_bundle(folder, labels=[f"class {number}" for number in range(12)])


def test_of_many_classes_the_first_five_are_printed_and_all_written(
    many: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder / "b.png", "--model", many, "--out", tmp_path / "rows.jsonl") == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads((tmp_path / "rows.jsonl").read_text(encoding="utf-8"))
    assert list(printed["probabilities"]) == [f"class {number}" for number in (11, 10, 9, 8, 7)]
    assert list(written["probabilities"]) == [f"class {number}" for number in range(12)]
    assert printed["probabilities"].items() <= written["probabilities"].items()
    assert printed["label"] == "class 11"
    run(folder / "b.png", "--model", many, "--top", "2", "--out", tmp_path / "rows.csv")
    assert list(json.loads(capsys.readouterr().out)["probabilities"]) == ["class 11", "class 10"]
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert sum(float(row[f"class {number}"]) for number in range(12)) == pytest.approx(1)


def test_notes_go_to_standard_error(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Image.fromarray(striped((0, 0, level))) for level in (250, 100)]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert run(tmp_path / "two.gif", "--model", bundle) == 0
    assert "Only the first of 2 frames was read." in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["x.png", "--nonsense"],
        ["x.png", "--out", "rows.xml"],
        ["x.png", "--top", "0"],
        ["x.png", "--model", "nowhere"],
    ],
)
def test_bad_usage_is_2(bundle: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if "--model" not in arguments:
        arguments = [*arguments, "--model", str(bundle)]
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = stop.code  # type: ignore[assignment]
    assert status == 2
    assert "Traceback" not in capsys.readouterr().err


def test_output_that_exists_is_kept(bundle: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("precious", encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        run(folder, "--model", bundle, "--out", tmp_path / "rows.csv")
    assert stop.value.code == 2
    assert (tmp_path / "rows.csv").read_text(encoding="utf-8") == "precious"


def test_importing_and_serving_a_bundle_load_neither_tensorflow_nor_gradio(bundle: Path, folder: Path) -> None:
    program = (
        "import sys, inference\n"
        "heavy = {'tensorflow', 'keras', 'gradio', 'fastapi', 'torch', 'onnxruntime'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "from inference.__main__ import main\n"
        f"assert main([{str(folder / 'b.png')!r}, '--model', {str(bundle)!r}]) == 0\n"
        "assert not (heavy - {'onnxruntime'}) & set(sys.modules), sorted(heavy & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
