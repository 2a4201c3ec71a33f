"""``python -m ui.desktop`` as a person runs it: its command line, and its window with a real mouse and real keys."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from inference import __version__
from inference.__main__ import main as print_rows
from tests.desktop.program import run_program
from tests.tiny import striped, write_bundle
from ui.desktop.__main__ import main

CLASSIFY_BUTTON = (875, 90)
"""Where it is in a window of 1080 × 720 pixels."""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "ä slice.png"
    Image.fromarray(striped((0, 0, 250))).save(path)
    return path


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert (stop.value.code, capsys.readouterr().out) == (0, f"gyrus {__version__}\n")


def test_json_is_the_line_of_the_command_line(bundle: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--classify", str(picture), "--json", "--model", str(bundle)]) == 0
    line = capsys.readouterr().out
    assert print_rows([str(picture), "--model", str(bundle)]) == 0
    assert line == capsys.readouterr().out
    assert '"label": "Glioma Tumor"' in line


def test_words(bundle: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--classify", str(picture), "--model", str(bundle)]) == 0
    out = capsys.readouterr().out
    assert "Glioma Tumor, " in out and "%" in out and "not a medical device" in out


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_a_file_without_an_answer_is_1(bundle: Path, tmp_path: Path, json: list[str]) -> None:
    assert main(["--classify", str(tmp_path / "gone.png"), *json, "--model", str(bundle)]) == 1


@pytest.mark.parametrize("arguments", [["--json"], ["--nonsense"], ["--classify", "x.png", "--model", "nowhere"]])
def test_bad_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = int(str(stop.code))
    assert status == 2
    assert capsys.readouterr().err


def test_without_a_display_there_is_a_sentence(bundle: Path) -> None:
    pytest.importorskip("tkinter", reason="this Python has no Tk")
    environ = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-m", "ui.desktop", "--model", str(bundle)],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "The window cannot be opened" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr


def test_a_mouse_and_keys_get_answers(display: str, bundle: Path, picture: Path, tmp_path: Path) -> None:
    Image.fromarray(striped((250, 0, 0))).save(tmp_path / "ö slice.png")
    command = [sys.executable, "-m", "ui.desktop", str(picture), "--model", str(bundle)]
    with run_program(command, display, dict(os.environ)) as program:
        program.wait_for_title("ä slice.png")
        assert "Glioma Tumor, " in program.click(*CLASSIFY_BUTTON, "%")
        program.key("Right")
        program.wait_for_title("ö slice.png")
        program.key("Return")
        assert "Meningioma Tumor, " in program.wait_for_title("%")
        program.key("ctrl+q")
        out, _ = program.process.communicate(timeout=30)
        assert (program.process.returncode, out) == (0, "")
