"""Settings come in as text and leave as clean values, or as a sentence."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from inference import SettingsError
from inference.model.bundle import DEFAULT_MODEL
from inference.settings import OTHER_VARIABLES, Settings, check_variables, list_variables
from ui.web.options import build_parser, read_settings

ROOT = Path(__file__).resolve().parents[2]


def test_defaults_are_private() -> None:
    settings = Settings.from_env({})
    assert (settings.host, settings.port, settings.auth, settings.share) == ("127.0.0.1", 7860, None, False)
    assert settings.model == DEFAULT_MODEL


def test_environment_and_options() -> None:
    environ = {"GYRUS_PORT": "9000", "GYRUS_AUTH": "ann:se:cret", "GYRUS_HOST": " ", "GYRUS_ROOT_PATH": "/gyrus"}
    settings = read_settings(["--port", "9001", "--share"], environ)
    assert (settings.port, settings.auth, settings.host) == (9001, ("ann", SecretStr("se:cret")), "127.0.0.1")
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


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("GYRUS_API_TOKENS", "GYRUS_API_TOKENS is not known; did you mean GYRUS_API_TOKEN?"),
        ("GYRUS_MODELS", "did you mean GYRUS_MODEL?"),
        ("GYRUS_LOGLEVEL", "did you mean GYRUS_LOG_LEVEL?"),
        ("GYRUS_PASSWORD", "GYRUS_PASSWORD is not known. Known are: GYRUS_API_TOKEN, GYRUS_AUTH,"),
        ("GYRUS_MAX_FILE_BYTES", "not known"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_known_one(name: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings([], {name: "sixteen-letters-of-secret", "PATH": "/bin"})
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_variables_that_others_read_are_known() -> None:
    known = {variable.name: "x" for variable in OTHER_VARIABLES} | {"SPACE_ID": "a/b", "HOME": "/"}
    check_variables(known)
    with pytest.raises(SettingsError, match="GYRUS_DATUM is not known"):
        check_variables(known | {"GYRUS_DATUM": "x"})


def test_no_secret_is_printed() -> None:
    settings = Settings.from_env({"GYRUS_AUTH": "ann:se:cret", "GYRUS_API_TOKEN": "token-of-sixteen-letters"})
    assert settings.is_guarded
    assert not any(secret in f"{settings} {settings!r}" for secret in ("se:cret", "token-of"))
    assert [token.get_secret_value() for token in settings.api_tokens] == ["token-of-sixteen-letters"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"auth": ("ann", "hunter2", "x")}, "The password is given as USER:PASSWORD."),
        ({"api_tokens": ("hunter2",)}, "16 plain letters and digits"),
        ({"api_tokens": ("hunter2", 7)}, "16 plain letters and digits"),
        ({"models": ()}, "GYRUS_MODEL names bundle folders or model files; received ()."),
        ({"max_file_bytes": 0}, "max_file_bytes must be a whole number above 0; received 0."),
        ({"prot": 1}, "prot is not known; did you mean port?"),
    ],
)
def test_what_python_gives_is_checked_too(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**values)
    assert message in str(caught.value)
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


def test_settings_do_not_change_and_do_not_look_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYRUS_PORT", "9000")
    settings = Settings()
    assert settings.port == 7860
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


def test_option_and_variable_have_one_default() -> None:
    given = vars(build_parser().parse_args([]))
    assert set(given.values()) == {None}
    options = {name for name, variable in list_variables().items() if variable.option}
    assert len(given) == len(options) == len(list_variables()) - 1, "GYRUS_API_TOKEN has no option"


def test_the_docs_name_every_variable_and_no_other() -> None:
    text = (ROOT / "docs/settings.md").read_text("utf-8")
    rows = re.findall(r"^\| (.*?)\| `(GYRUS_\w+)` \| (.*?)\|", text, re.MULTILINE)
    documented = {name: (option.strip(" `"), default.strip(" `")) for option, name, default in rows}
    for field_name, variable in list_variables().items():
        option = f"{variable.option} {variable.metavar}".strip() if variable.option else ""
        value = getattr(Settings(), field_name)
        default = " ".join(map(str, value)) if isinstance(value, tuple) else str(value or "")
        assert documented.pop(variable.name) == (option, default.removeprefix(f"{ROOT}/"))
    assert documented.keys() == {variable.name for variable in OTHER_VARIABLES}


@pytest.mark.parametrize("pattern", ["README.md", "SECURITY.md", "Dockerfile", "compose.yaml", "Makefile", "docs/*.*"])
def test_no_text_names_a_variable_that_does_not_exist(pattern: str) -> None:
    known = {variable.name for variable in (*list_variables().values(), *OTHER_VARIABLES)} | {"GYRUS_SERVICE_HOST"}
    for path in ROOT.glob(pattern):
        if path.suffix in (".md", ".yaml", ""):
            assert set(re.findall(r"GYRUS_[A-Z_]*[A-Z]", path.read_text("utf-8"))) <= known, path


def test_share_without_password_is_possible_when_asked_for() -> None:
    assert read_settings(["--share", "--share-without-password"], {}).share
