"""``gyrus``: which commands there are, and what it says when one cannot be run."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from inference import __version__
from inference.model.bundle import DEFAULT_MODEL
from tests.tiny import write_bundle
from ui.terminal import commands
from ui.terminal.__main__ import main
from ui.terminal.commands import COMMANDS, GROUP, Command

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    for command in COMMANDS:
        assert f"  {command.name:<10}{command.summary}" in lines
    assert max(map(len, lines)) <= 80


def test_every_command_is_an_entry_point() -> None:
    assert [command.name for command in COMMANDS] == list(PROJECT["entry-points"][GROUP])
    assert {command.extra for command in COMMANDS} - {""} <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_can_be_loaded(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command.load()([*command.first, "--help"])
    assert stop.value.code == 0
    assert "usage:" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, ui.terminal.__main__; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "inference", "rich", "gradio", "tensorflow", "training"}.intersection(eval(loaded))


def test_arguments_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[list[str]] = []

    def load(self: Command) -> commands.Main:
        return lambda arguments, *, prog: received.append(list(arguments))

    monkeypatch.setattr(Command, "load", load)
    monkeypatch.setattr(commands, "find_spec", lambda name: name)
    assert main(["classify", "a.png", "--json", "--", "-b.png"]) == 0
    assert main(["train", "--data", "pictures"]) == 0
    assert main(["evaluate", "--help"]) == 0
    assert received == [["a.png", "--json", "--", "-b.png"], ["fit", "--data", "pictures"], ["evaluate", "--help"]]


@pytest.mark.parametrize(("name", "extra"), [("train", "train"), ("audit", "train"), ("desktop", "desktop")])
def test_a_missing_extra_is_a_sentence(
    name: str, extra: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "find_spec", lambda module: None)
    assert main([name, "x"]) == 2
    assert capsys.readouterr().err == f"gyrus {name} needs pip install 'gyrus[{extra}]'.\n"
    with pytest.raises(SystemExit):  # its help is there all the same
        main([name, "--help"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["clasify"], "there is no command clasify; did you mean gyrus classify?"),
        (["x.png"], "there is no command x.png; gyrus --help lists them."),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_a_wrong_call_is_2(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert words in capsys.readouterr().err


def test_nothing_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "classify" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    bundle = json.loads((DEFAULT_MODEL / "bundle.json").read_text(encoding="utf-8"))
    assert lines[0].startswith(f"gyrus {__version__}, Python {sys.version_info.major}.{sys.version_info.minor}")
    assert f"model {bundle['name']} {bundle['version']}" in lines
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_bundle_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, altered = write_bundle(tmp_path / "good"), write_bundle(tmp_path / "altered")
    (altered / "model.onnx").write_bytes(b"x" + (altered / "model.onnx").read_bytes())
    assert main(["bundle", "check", str(DEFAULT_MODEL), str(good)]) == 0
    shipped, tiny = capsys.readouterr().out.splitlines()
    assert shipped.endswith("files as listed; the network gives what it gave when it was made.")
    assert tiny == f"{good}: tiny 9.9, 4 classes; 2 files as listed; the network was not compared with how it was made."
    assert main(["bundle", "check", str(altered), str(good)]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"{altered}: ")
    assert "Traceback" not in captured.err
    assert captured.out.startswith(f"{good}: ")


def test_bundle_checksums(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_bundle(tmp_path / "own", files=None)
    assert main(["bundle", "checksums", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}: MODEL_CARD.md, model.onnx\n"
    assert set(json.loads((folder / "bundle.json").read_text(encoding="utf-8"))["files"]) == {
        "MODEL_CARD.md",
        "model.onnx",
    }


def test_an_installed_entry_point_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = EntryPoint("version", "ui.terminal.version:main", GROUP)
    monkeypatch.setattr(commands, "list_entry_points", lambda: iter([installed]))
    assert COMMANDS[-1].load().__module__ == "ui.terminal.version"
    with pytest.raises(LookupError, match="classify"):
        Command(name="classify", summary="").load()
