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
from tests.tiny import striped, write_bundle
from tests.ui.desktop.program import run_program, xdotool
from ui.desktop.__main__ import main

CLASSIFY_BUTTON = (875, 90)
"""Where it is in a window of 1080 × 720 pixels."""

SYSTEM_PYTHON = "/usr/bin/python3"
DROP_SOURCE = Path(__file__).with_name("drop_source.py")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", about={"disclaimer": "A toy, not a medical device."})


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


def test_a_file_dragged_from_another_program_is_taken(
    display: str, bundle: Path, picture: Path, tmp_path: Path
) -> None:
    has_gtk = "import gi; gi.require_version('Gtk', '3.0'); from gi.repository import Gtk"
    has_python = Path(SYSTEM_PYTHON).is_file()
    if not has_python or subprocess.run([SYSTEM_PYTHON, "-c", has_gtk], capture_output=True, check=False).returncode:
        pytest.skip("no GTK to drag from (on Debian: apt-get install python3-gi gir1.2-gtk-3.0)")
    (tmp_path / "other").mkdir()
    dragged = tmp_path / "other" / "{ö} 2 $x.png"
    Image.fromarray(striped((250, 0, 0))).save(dragged)
    command = [sys.executable, "-m", "ui.desktop", str(picture), "--model", str(bundle)]
    source = [SYSTEM_PYTHON, str(DROP_SOURCE), str(dragged)]
    environ = {**os.environ, "DISPLAY": display}
    with (
        run_program(command, display, dict(os.environ)) as program,
        subprocess.Popen(source, env=environ, stdout=subprocess.PIPE, text=True) as other,
    ):
        try:
            program.wait_for_title("ä slice.png")
            assert other.stdout is not None and other.stdout.readline() == "ready\n"
            for _ in range(3):  # on a busy machine a motion may come before its window is painted
                _drag(display)
                if dragged.name in xdotool(display, "getwindowname", program.window):
                    break
            program.wait_for_title(dragged.name)
        finally:
            other.kill()


def _drag(display: str) -> None:
    """From the lower left corner of the screen to the middle of the picture, as a hand does."""
    xdotool(display, "mousemove", "100", "950", "sleep", "0.3", "mousedown", "1", "sleep", "0.3")
    for x, y in ((105, 940), (120, 920), (200, 850), (280, 700), (300, 550), (300, 450), (302, 440)):
        xdotool(display, "mousemove", str(x), str(y), "sleep", "0.15")
    xdotool(display, "sleep", "0.5", "mouseup", "1", "sleep", "1")
