"""Settings come in as text and leave as clean values, or as a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import inference
from inference import SettingsError
from inference.settings import DEFAULT_MODEL, Settings
from ui.web.options import read_settings


def test_defaults_are_private() -> None:
    settings = Settings.from_env({})
    assert (settings.host, settings.port, settings.auth, settings.share) == ("127.0.0.1", 7860, None, False)
    assert settings.model == DEFAULT_MODEL


def test_environment_and_options() -> None:
    environ = {"GYRUS_PORT": "9000", "GYRUS_AUTH": "ann:se:cret", "GYRUS_HOST": " ", "GYRUS_ROOT_PATH": "/gyrus"}
    settings = read_settings(["--port", "9001", "--share"], environ)
    assert (settings.port, settings.auth, settings.host) == (9001, ("ann", "se:cret"), "127.0.0.1")
    assert (settings.share, settings.root_path) == (True, "/gyrus")


def test_several_models() -> None:
    both = f"models/a{os.pathsep} models/b {os.pathsep}"
    assert Settings.from_env({"GYRUS_MODEL": both}).models == (Path("models/a"), Path("models/b"))
    given = read_settings(["--model", f"odd{os.pathsep}name", "--model", "c"], {"GYRUS_MODEL": both})
    assert given.models == (Path(f"odd{os.pathsep}name"), Path("c"))
    assert given.model == given.models[0]
    assert read_settings([], {"GYRUS_MODEL": os.pathsep}).models == (DEFAULT_MODEL,)


def test_hugging_face_spaces() -> None:
    settings = Settings.from_env({"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "7861"})
    assert (settings.host, settings.port) == ("0.0.0.0", 7861)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "http"], "number from 1 to 65535; received http"),
        (["--port", "70000"], "received 70000"),
        (["--auth", "ann"], "USER:PASSWORD"),
        (["--auth", ":x"], "USER:PASSWORD"),
        (["--root-path", "gyrus/"], "look like /gyrus"),
        (["--share"], "--share-without-password"),
    ],
)
def test_bad_values(arguments: list[str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(arguments, {})
    assert message in str(caught.value)


def test_bad_switch() -> None:
    with pytest.raises(SettingsError, match="GYRUS_SHARE is 1 or 0; received maybe"):
        Settings.from_env({"GYRUS_SHARE": "maybe"})


def test_share_without_password_is_possible_when_asked_for() -> None:
    assert read_settings(["--share", "--share-without-password"], {}).share


def test_public_names() -> None:
    assert sorted(inference.__all__) == inference.__all__ or set(inference.__all__) <= set(dir(inference))
    assert all(hasattr(inference, name) for name in inference.__all__)
