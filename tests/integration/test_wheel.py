"""The wheel holds what a program needs that is installed with it, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from inference.__main__ import main as print_rows
from inference.model.bundle import DEFAULT_MODEL
from ui.terminal.commands import COMMANDS, Command

pytest.importorskip("hatchling", reason="requirements/dev.txt is not installed")

ROOT = Path(__file__).resolve().parents[2]
PICTURE = DEFAULT_MODEL / "examples" / "mni152_axial_2mm.png"
MAX_BYTES = 40_000_000
"""Nearly all of it are the two bundles (23 MB) and the weights that transfer learning starts from (9 MB)."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("gyrus-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A folder like ``site-packages``."""
    folder = wheel.parent / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(installed: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    code = "import sys; from ui.terminal.__main__ import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=installed.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [PurePosixPath(name) for name in archive.namelist()]
    top = {name.parts[0] for name in names if not name.parts[0].endswith(".dist-info")}
    assert top == {"app.py", "inference", "models", "reports", "training", "ui"}
    assert wheel.stat().st_size < MAX_BYTES
    assert [str(name) for name in names if "tests" in name.parts or name.suffix in (".pyc", ".keras")] == []


def test_every_file_beside_the_code_is_in_it(installed: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "inference", "models", "reports", "training", "ui"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no git repository")
    there = [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    assert [name for name in there if not (installed / name).is_file()] == []


def test_it_answers_as_the_source_does(installed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert print_rows([str(PICTURE)]) == 0
    expected = capfd.readouterr().out
    ran = run_installed(installed, "classify", PICTURE)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, expected, "")
    assert json.loads(ran.stdout)["label"] == "No Tumor"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_is_there(command: Command, installed: Path) -> None:
    ran = run_installed(installed, command.name, "--help")
    assert ran.returncode == 0, ran.stderr
    assert "usage:" in ran.stdout


def test_bundles_are_in_order(installed: Path) -> None:
    ran = run_installed(
        installed, "bundle", "check", *sorted(path.parent for path in installed.glob("models/*/bundle.json"))
    )
    assert (ran.returncode, ran.stderr, len(ran.stdout.splitlines())) == (0, "", 2)
