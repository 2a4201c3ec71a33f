"""What is remembered, and that nothing depends on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ui.desktop import preferences

pytestmark = pytest.mark.usefixtures("preferences_file")


@pytest.fixture
def preferences_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config" / "desktop.json"
    monkeypatch.setattr(preferences, "preferences_path", lambda: path)
    return path


def test_the_choice_is_remembered() -> None:
    assert preferences.load_appearance() == "System"
    preferences.save_appearance("Dark")
    assert preferences.load_appearance() == "Dark"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"appearance": 7}', b'{"appearance": "Pink"}', b"\xff"])
def test_a_damaged_file_counts_for_nothing(preferences_file: Path, content: bytes) -> None:
    preferences_file.parent.mkdir()
    preferences_file.write_bytes(content)
    assert preferences.load_appearance() == "System"


def test_a_home_that_cannot_be_written_does_not_matter(preferences_file: Path) -> None:
    preferences_file.parent.write_text("a file stands where the folder should be")
    preferences.save_appearance("Dark")
    assert preferences.load_appearance() == "System"


def test_it_stands_in_the_users_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert preferences.preferences_path().parts[-1] == "desktop.json"
    assert "gyrus" in preferences.preferences_path().parts
