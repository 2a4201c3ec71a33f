"""``gyrus classify``: a table on a terminal, JSON Lines anywhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.__main__ import main as print_rows
from tests.clinical import box_volume, encode_nifti, encode_zip
from tests.tiny import striped, write_bundle
from ui.terminal.classify import main

pty = pytest.importorskip("pty", reason="this system has no pseudo terminals")
termios = pytest.importorskip("termios", reason="this system has no pseudo terminals")

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(
        tmp_path_factory.mktemp("model") / "bundle", background="No Tumor", about={"disclaimer": "For teaching only."}
    )


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with a picture, one that is damaged, a text and a volume."""
    folder = tmp_path / "scans"
    folder.mkdir()
    Image.fromarray(striped((0, 0, 250))).save(folder / "a.png")
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:90])
    (folder / "c.png").write_text("no picture", encoding="utf-8")
    (folder / "d.nii").write_bytes(encode_nifti(box_volume()))
    return folder


def run_on_terminal(*arguments: object, cwd: Path, **environ: str) -> tuple[int, str]:
    """Run ``gyrus`` on a pseudo terminal of 80 columns; returns the exit status and what was written to it."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (25, 80))
    variables = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "FORCE_COLOR")
    }
    with subprocess.Popen(
        [sys.executable, "-m", "ui.terminal", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env={**variables, "PYTHONPATH": str(ROOT), "TERM": "dumb", **environ},
    ) as process:
        os.close(theirs)
        written = b""
        with suppress(OSError):  # Linux's word for the end
            while chunk := os.read(ours, 4096):
                written += chunk
    os.close(ours)
    return process.returncode, written.decode().replace("\r\n", "\n")


def test_table(bundle: Path, scans: Path) -> None:
    status, text = run_on_terminal("classify", "a.png", "d.nii", "--model", bundle, cwd=scans)
    lines = [line.rstrip() for line in text.splitlines()]
    assert status == 0
    assert lines[0].split() == ["File", "Answer", "Probability", "Verdict"]
    assert lines[1].split() == ["a.png", "Glioma", "Tumor", "75", "%", "Confident"]
    assert lines[0].index("Answer") == lines[1].index("Glioma")
    assert lines[2].startswith("d.nii ")
    assert "6 slices  " in lines[3]
    assert set(lines[3].split("6 slices  ")[1]) <= set("▁▂▃▄▅▆▇█·")
    assert len(lines[3].split("6 slices  ")[1]) == 6
    assert "shows the answer best." in " ".join(line.strip() for line in lines)
    assert lines[-1] == "Model tiny 9.9. For teaching only."
    assert max(map(len, lines)) <= 80


def test_errors_are_sentences(bundle: Path, scans: Path) -> None:
    status, text = run_on_terminal("classify", "b.png", "c.png", "nothing.png", "--model", bundle, cwd=scans)
    words = " ".join(text.split())
    assert status == 1
    assert "b.png The picture is damaged" in words
    assert "received a text file." in words
    assert "nothing.png There is no file nothing.png." in words
    assert "null" not in text
    assert "None" not in text


def test_top_and_notes_stand_below(bundle: Path, scans: Path) -> None:
    frames = [Image.fromarray(striped((0, 0, level))) for level in (250, 100)]
    frames[0].save(scans / "two.gif", save_all=True, append_images=frames[1:])
    _, text = run_on_terminal("classify", "two.gif", "--top", 2, "--model", bundle, cwd=scans)
    lines = [line.strip() for line in text.splitlines()]
    assert lines[2] == "Glioma Tumor 75 %, Pituitary Tumor 17 %"
    assert lines[3] == "Only the first of 2 frames was read."


def test_a_name_cannot_command_the_terminal(bundle: Path, scans: Path) -> None:
    (scans / "a.png").rename(scans / "x\x1b[2Jy.png")
    _, text = run_on_terminal("classify", "x\x1b[2Jy.png", "--model", bundle, cwd=scans)
    assert "\x1b" not in text
    assert "x�[2Jy.png" in text


def test_a_long_path_keeps_its_end(bundle: Path, scans: Path) -> None:
    (scans / ("long" * 12)).mkdir()
    (scans / "a.png").rename(scans / ("long" * 12) / "end.png")
    _, text = run_on_terminal("classify", f"{'long' * 12}/end.png", "--model", bundle, cwd=scans)
    assert text.splitlines()[1].startswith("…")
    assert "end.png  " in text


@pytest.mark.parametrize(("environ", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours(environ: dict[str, str], is_coloured: bool, bundle: Path, scans: Path) -> None:
    _, text = run_on_terminal("classify", "a.png", "--model", bundle, cwd=scans, TERM="xterm-256color", **environ)
    assert ("\x1b[36mConfident" in text) == is_coloured


def test_json_on_a_terminal(bundle: Path, scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = run_on_terminal("classify", scans, "--json", "--model", bundle, cwd=scans)
    assert print_rows([str(scans), "--model", str(bundle)]) == status == 1
    assert text == capsys.readouterr().out


@pytest.mark.parametrize("options", [[], ["--top", "2"], ["--workers", "2"], ["--plane", "coronal"]])
def test_a_pipe_gets_the_rows_of_inference(
    options: list[str], bundle: Path, scans: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (scans / "e.zip").write_bytes(encode_zip({"inside.png": (scans / "a.png").read_bytes()}))
    arguments = [str(scans), "--model", str(bundle), *options]
    assert print_rows(arguments) == 1
    expected = capfd.readouterr().out
    assert main(arguments) == 1
    assert capfd.readouterr().out == expected
    assert len(expected.splitlines()) >= 5


def test_out_is_written(bundle: Path, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    status, text = run_on_terminal("classify", "a.png", "--out", out, "--model", bundle, cwd=scans)
    assert status == 0
    assert "1/1" in text  # the progress
    assert '"label": "Glioma Tumor"' in out.read_text(encoding="utf-8")


def test_a_wrong_call_is_2(bundle: Path, tmp_path: Path) -> None:
    assert run_on_terminal("classify", cwd=tmp_path)[0] == 2
    status, text = run_on_terminal("classify", "a.png", "--model", "nowhere", cwd=tmp_path)
    assert status == 2
    assert "Traceback" not in text


def test_a_refused_volume_has_no_plot(scans: Path, tmp_path: Path) -> None:
    strange = tmp_path / "strange"
    strange.mkdir()
    features = {"mean": np.full(3, 255.0), "components": np.eye(3, dtype=np.float32)[:2], "scale": np.ones(2)}
    np.savez(strange / "features.npz", **features, residual_scale=1.0)
    novelty = {"grey_only": False, "statistics": "features.npz", "distance_limit": 1.0}
    status, text = run_on_terminal("classify", "d.nii", "--model", write_bundle(strange, novelty=novelty), cwd=scans)
    lines = [line.strip() for line in text.splitlines()]
    assert status == 0
    assert lines[1].split() == ["d.nii", "Does", "not", "look", "like", "a", "brain", "MRI", "No", "answer"]
    assert lines[2:] == ["6 slices", "", "Model tiny 9.9."]
