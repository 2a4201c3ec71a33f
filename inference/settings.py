"""The settings of the program. Read once, at an entry point, then passed on; nothing else reads the environment.

Each field of `Settings` says its ``GYRUS_*`` variable, default, bounds and help text; `list_variables` gives them to
the options of ``python app.py`` (`ui.web.options`) and to the test of ``docs/settings.md``.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast, get_args

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from inference.documents import suggest
from inference.errors import SettingsError
from inference.imaging.types import Convention
from inference.limits import MAX_FILE_BYTES
from inference.model.bundle import DEFAULT_MODEL

DEFAULT_RATE_LIMIT = 300
"""Requests a minute that one address may make; the page makes about four for a picture."""

MIN_TOKEN_LENGTH = 16
"""Shortest API token accepted; 16 random letters and digits cannot be guessed."""

LogFormat = Literal["text", "json"]
"""A line for people, or a JSON object a line."""

LogLevel = Literal["debug", "info", "warning", "error"]
"""The least importance of the lines that are written; requests are written at ``info``."""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An environment variable of Gyrus.

    Attributes
    ----------
    name : str
        ``GYRUS_PORT``.
    help : str
        What it sets, in a few words.
    option : str
        The same on the command line of ``python app.py``: ``--port``. Empty when there is none.
    metavar : str
        What stands for the option's value in a help text; empty for a switch, which takes none.

    Examples
    --------
    >>> list_variables()["port"].name, list_variables()["port"].option
    ('GYRUS_PORT', '--port')
    """

    name: str
    help: str
    option: str = ""
    metavar: str = ""


OTHER_VARIABLES = (
    Variable(name="GYRUS_SCALE", help="the desktop program's scale: 2 is 200 %"),
    Variable(name="GYRUS_DATA", help="the folder of images that training and some tests read"),
    Variable(name="GYRUS_BROWSER", help="the Chromium that tests and measurements start"),
    Variable(name="GYRUS_DIST", help="the folder with the desktop package that its tests try"),
)
"""Variables that are known, but are not fields of `Settings`: others read them."""


def parse_models(text: str) -> tuple[Path, ...]:
    """Paths with `os.pathsep` between them, as in ``PATH``; empty ones are left out; the default if none is left."""
    return tuple(Path(part.strip()) for part in text.split(os.pathsep) if part.strip()) or (DEFAULT_MODEL,)


def parse_auth(text: str) -> tuple[str, str]:
    """``USER:PASSWORD`` as a pair; the password may hold colons."""
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise SettingsError("The password is given as USER:PASSWORD, neither of them empty.")
    return user, password


def _split(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _check_token(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if len(text) < MIN_TOKEN_LENGTH or not text.isascii():
        raise SettingsError(
            f"An API token has {MIN_TOKEN_LENGTH} plain letters and digits at least; one that was received has not. "
            'python -c "import secrets; print(secrets.token_urlsafe())" makes one.'
        )
    return token


def _check_proxy(proxy: str) -> str:
    if proxy != "*":
        ipaddress.ip_network(proxy)
    return proxy


_FRAME_SOURCE = re.compile(r"'self'|'none'|https?://(\*\.)?[A-Za-z0-9.-]+(:\d+)?")


def _check_frame_sources(sources: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what could end the header's directive."""
    if not all(map(_FRAME_SOURCE.fullmatch, sources)) or ("'none'" in sources and len(sources) > 1):
        raise ValueError
    return sources


def _from_text(parse: Any) -> BeforeValidator:
    """Parse a value that comes as text; one that comes from Python is left as it is."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


def _choice_rule(variable: str, choices: Any) -> str:
    return f"{variable} is one of {', '.join(get_args(choices))}"


def _setting(
    default: object, variable: str, help_text: str, *, rule: str = "", metavar: str = "", also: tuple[str, ...] = ()
) -> Any:
    """Declare a field.

    Parameters
    ----------
    default : object
    variable, help_text, metavar : str
        See `Variable`; an option's name follows from the variable's.
    rule : str
        The first half of the sentence that refuses a value: "GYRUS_SHARE is 1 or 0".
    also : tuple of str
        Variables of others that are read where this one is not set.
    """
    return Field(
        default,
        validation_alias=AliasChoices(variable, *also),
        description=help_text,
        json_schema_extra={"metavar": metavar, "rule": rule or f"{variable} is 1 or 0"},
    )


class Settings(BaseSettings):
    """Everything that can be set, as clean values; a value that cannot be used raises `SettingsError`.

    Attributes
    ----------
    models : tuple of pathlib.Path
        Bundle folders or model files, one at least; the first is the one that answers when none is named.
    host, port : str, int
        Address the server binds to; loopback unless told otherwise.
    root_path : str
        Path under which a reverse proxy shows the app: empty, or ``/gyrus``.
    auth : tuple of (str, pydantic.SecretStr), or None
        User and password that page and API ask for.
    share, share_without_password : bool
        Open a public demo link; and do so although no password is set.
    convention : str
        One of `inference.imaging.types.CONVENTIONS`: how slices whose sides are known are shown at first.
    max_file_bytes : int
        Largest upload, in bytes.
    api_tokens : tuple of pydantic.SecretStr
        Tokens that programs may send as ``Authorization: Bearer`` instead of the password.
    rate_limit : int
        Requests a minute that one address may make; 0 for no limit. Loopback has none.
    trusted_proxies : tuple of str
        Addresses or networks whose word on a visitor's address (``X-Forwarded-For``) is believed; ``*`` for all.
    frame_ancestors : tuple of str
        Who may show the page in a frame, as in the Content-Security-Policy: origins, ``'self'`` or ``'none'``.
    log_format, log_level : str
        One of `LogFormat` and of `LogLevel`.
    metrics : bool
        Whether the server counts requests and answers, and shows the counts at ``/metrics``.

    Examples
    --------
    >>> Settings.from_env({"GYRUS_PORT": "9000", "GYRUS_AUTH": "ann:secret"}).auth
    ('ann', SecretStr('**********'))
    >>> Settings.from_env({"GYRUS_API_TOKENS": "…"})
    Traceback (most recent call last):
    inference.errors.SettingsError: GYRUS_API_TOKENS is not known; did you mean GYRUS_API_TOKEN?
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", case_sensitive=True, validate_by_name=True, hide_input_in_errors=True
    )

    models: Annotated[tuple[Path, ...], Field(min_length=1), NoDecode, _from_text(parse_models)] = _setting(
        (DEFAULT_MODEL,),
        "GYRUS_MODEL",
        "bundle folder, or a .keras, .h5 or .onnx file; given several times, the page offers all of them",
        rule="GYRUS_MODEL names bundle folders or model files",
        metavar="PATH",
    )
    host: str = _setting(
        "127.0.0.1",
        "GYRUS_HOST",
        "address to listen on (127.0.0.1)",
        rule="The host must be a name or an address",
        metavar="HOST",
        also=("GRADIO_SERVER_NAME",),
    )
    port: Annotated[int, Field(ge=1, le=65535)] = _setting(
        7860,
        "GYRUS_PORT",
        "port to listen on (7860)",
        rule="The port must be a number from 1 to 65535",
        metavar="PORT",
        also=("GRADIO_SERVER_PORT",),
    )
    auth: Annotated[tuple[str, SecretStr] | None, NoDecode, _from_text(parse_auth)] = _setting(
        None,
        "GYRUS_AUTH",
        "ask visitors for this password",
        rule="The password is given as USER:PASSWORD",
        metavar="USER:PASSWORD",
    )
    root_path: Annotated[str, Field(pattern=r"^(/.*[^/])?$")] = _setting(
        "",
        "GYRUS_ROOT_PATH",
        "path that a reverse proxy shows the app under",
        rule="The root path must look like /gyrus",
        metavar="/PATH",
    )
    share: bool = _setting(False, "GYRUS_SHARE", "make a public demo link; needs --auth")
    share_without_password: bool = _setting(False, "GYRUS_SHARE_WITHOUT_PASSWORD", "let anyone who has the link in")
    api_tokens: Annotated[
        tuple[Annotated[SecretStr, AfterValidator(_check_token)], ...], NoDecode, _from_text(_split)
    ] = _setting(
        (), "GYRUS_API_TOKEN", "tokens for programs, with commas between them", rule="GYRUS_API_TOKEN is a text"
    )
    rate_limit: Annotated[int, Field(ge=0)] = _setting(
        DEFAULT_RATE_LIMIT,
        "GYRUS_RATE_LIMIT",
        f"requests a minute that one address may make ({DEFAULT_RATE_LIMIT}); 0 for no limit",
        rule="GYRUS_RATE_LIMIT is a whole number, requests a minute, or 0",
        metavar="N",
    )
    trusted_proxies: Annotated[
        tuple[Annotated[str, AfterValidator(_check_proxy)], ...], NoDecode, _from_text(_split)
    ] = _setting(
        (),
        "GYRUS_TRUSTED_PROXIES",
        "reverse proxies whose word on a visitor's address is believed",
        rule="GYRUS_TRUSTED_PROXIES names addresses or networks, such as 127.0.0.1 or 10.0.0.0/8",
        metavar="ADDRESS,…",
    )
    frame_ancestors: Annotated[tuple[str, ...], AfterValidator(_check_frame_sources), NoDecode, _from_text(_split)] = (
        _setting(
            ("'self'",),
            "GYRUS_FRAME_ANCESTORS",
            "who may show the page in a frame ('self')",
            rule="GYRUS_FRAME_ANCESTORS names origins, such as 'self' https://example.org, or is 'none'",
            metavar="ORIGIN,…",
        )
    )
    log_format: Annotated[LogFormat, _from_text(str.lower)] = _setting(
        "text",
        "GYRUS_LOG_FORMAT",
        "text, or json: an object a line (text)",
        rule=_choice_rule("GYRUS_LOG_FORMAT", LogFormat),
        metavar="FORMAT",
    )
    log_level: Annotated[LogLevel, _from_text(str.lower)] = _setting(
        "warning",
        "GYRUS_LOG_LEVEL",
        "debug, info (a line a request), warning or error (warning)",
        rule=_choice_rule("GYRUS_LOG_LEVEL", LogLevel),
        metavar="LEVEL",
    )
    metrics: bool = _setting(False, "GYRUS_METRICS", "count, for Prometheus, at /metrics")
    convention: Annotated[Convention, _from_text(str.lower)] = _setting(
        "radiological",
        "GYRUS_CONVENTION",
        "radiological, or neurological: the patient's left is on the left (radiological)",
        rule=_choice_rule("GYRUS_CONVENTION", Convention),
        metavar="CONVENTION",
    )
    max_file_bytes: Annotated[int, Field(ge=1)] = MAX_FILE_BYTES

    @property
    def is_guarded(self) -> bool:
        """Whether a visitor must show a password or a token."""
        return self.auth is not None or bool(self.api_tokens)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def model(self) -> Path:
        """The first of ``models``, for a front that has one."""
        return self.models[0]

    @model_validator(mode="wrap")
    @classmethod
    def _word_mistakes(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            settings = validate(values)
        except ValidationError as error:
            raise SettingsError(_describe_mistake(error)) from error
        if settings.share and settings.auth is None and not settings.share_without_password:
            raise SettingsError(
                "A demo link can be opened by anyone who has it. Give --auth USER:PASSWORD with --share, or "
                "--share-without-password if that is what you want."
            )
        return settings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let ``Settings(…)`` read nothing but its arguments; `from_env` reads the environment."""
        return (init_settings,)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the variables of `list_variables`; a missing or empty one has its default.

        ``GYRUS_MODEL`` may hold several paths, with `os.pathsep` between them as in ``PATH``: a colon, on Windows a
        semicolon. ``GRADIO_SERVER_NAME`` and ``GRADIO_SERVER_PORT``, which Hugging Face Spaces sets, are read for host
        and port; on a Space (``SPACE_ID`` is set) Hugging Face's frame and proxies are trusted.

        Raises
        ------
        SettingsError
            A value cannot be used, or a variable called ``GYRUS_…`` is not known.
        """
        check_variables(environ)
        given = {name: value.strip() for name, value in environ.items() if value.strip()}
        if "SPACE_ID" in given:
            given = {
                "GYRUS_TRUSTED_PROXIES": "10.0.0.0/8",
                "GYRUS_FRAME_ANCESTORS": "'self' https://huggingface.co",
                **given,
            }
        source = EnvSettingsSource(cls)
        source.env_vars = given
        return cls(**source())


def list_variables() -> dict[str, Variable]:
    """Field of `Settings` → its variable, in the order of a help text."""
    return {name: _describe_variable(name) for name, field in Settings.model_fields.items() if field.validation_alias}


def check_variables(environ: Mapping[str, str]) -> None:
    """Refuse variables called ``GYRUS_…`` that nothing reads: a misspelt password would leave a server open.

    Raises
    ------
    SettingsError
        There is one; the message has the known name that is nearest.
    """
    known = sorted(variable.name for variable in (*list_variables().values(), *OTHER_VARIABLES))
    unknown = sorted(name for name in environ if name.startswith("GYRUS_") and name not in known)
    if unknown:
        raise SettingsError(" ".join(f"{name} is not known{suggest(name, known, prefix='GYRUS_')}" for name in unknown))


def _describe_variable(field_name: str) -> Variable:
    field = Settings.model_fields[field_name]
    aliases = cast("AliasChoices", field.validation_alias)
    name = str(aliases.choices[0])
    option = "" if field_name == "api_tokens" else "--" + name.removeprefix("GYRUS_").lower().replace("_", "-")
    return Variable(name=name, help=field.description or "", option=option, metavar=_read_extra(field_name)["metavar"])


def _read_extra(field_name: str) -> dict[str, str]:
    """The ``metavar`` and ``rule`` that `_setting` was given; empty for a field that has no variable."""
    return cast("dict[str, str]", Settings.model_fields[field_name].json_schema_extra or {})


def _describe_mistake(error: ValidationError) -> str:
    """Word the first mistake, without the value of a secret."""
    mistake = error.errors(include_url=False, include_context=False)[0]
    key = str(mistake["loc"][0])
    names = {variable.name: name for name, variable in list_variables().items()}
    field_name = names.get(key, key)
    if field_name not in Settings.model_fields:
        return f"{key} is not known{suggest(key, Settings.model_fields)}"
    rule = _read_extra(field_name).get("rule") or f"{key} must be a whole number above 0"
    return f"{rule}." if field_name in ("auth", "api_tokens") else f"{rule}; received {mistake['input']}."
