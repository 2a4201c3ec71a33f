"""What an operator can set. Read once, at an entry point, then passed on; nothing else looks at the environment."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference.errors import SettingsError
from inference.limits import MAX_FILE_BYTES

DEFAULT_MODEL = Path(__file__).resolve().parent.parent / "models" / "brain_tumor"
"""The bundle that comes with the repository."""

DEFAULT_RATE_LIMIT = 300
"""Requests a minute that one address may make; the page makes about four for a picture."""

MIN_TOKEN_LENGTH = 16
"""Shortest API token accepted; 16 random letters and digits cannot be guessed."""
LOG_FORMATS = ("text", "json")
"""A line for people, or a JSON object a line."""

LOG_LEVELS = ("debug", "info", "warning", "error")
"""From which importance on lines are written; requests are told at ``info``."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set, as clean values.

    Attributes
    ----------
    models : tuple of pathlib.Path
        Bundle folders or model files, one at least; the first is the one that answers when none is named.
    host, port : str, int
        Address the server binds to; loopback unless told otherwise.
    root_path : str
        Path under which a reverse proxy shows the app: empty, or ``/gyrus``.
    auth : tuple of (str, str), or None
        User and password that page and API ask for.
    share, share_without_password : bool
        Open a public demo link; and do so although no password is set.
    max_file_bytes : int
        Largest upload, in bytes.
    api_tokens : tuple of str
        Tokens that programs may send as ``Authorization: Bearer`` instead of the password.
    rate_limit : int
        Requests a minute that one address may make; 0 for no limit. Loopback has none.
    trusted_proxies : tuple of str
        Addresses or networks whose word on a visitor's address (``X-Forwarded-For``) is believed; ``*`` for all.
    frame_ancestors : tuple of str
        Who may show the page in a frame, as in the Content-Security-Policy: origins, ``'self'`` or ``'none'``.
    log_format, log_level : str
        One of `LOG_FORMATS` and of `LOG_LEVELS`.
    metrics : bool
        Whether the server counts, and tells it at ``/metrics``.
    """

    models: tuple[Path, ...] = (DEFAULT_MODEL,)
    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""
    auth: tuple[str, str] | None = None
    share: bool = False
    share_without_password: bool = False
    max_file_bytes: int = MAX_FILE_BYTES
    api_tokens: tuple[str, ...] = ()
    rate_limit: int = DEFAULT_RATE_LIMIT
    trusted_proxies: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ("'self'",)
    log_format: str = "text"
    log_level: str = "warning"
    metrics: bool = False

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

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise SettingsError(f"The port must be a number from 1 to 65535; received {self.port}.")
        if self.root_path and (not self.root_path.startswith("/") or self.root_path.endswith("/")):
            raise SettingsError(f"The root path must look like /gyrus; received {self.root_path}.")
        for name, value, choices in (
            ("GYRUS_LOG_FORMAT", self.log_format, LOG_FORMATS),
            ("GYRUS_LOG_LEVEL", self.log_level, LOG_LEVELS),
        ):
            if value not in choices:
                raise SettingsError(f"{name} is one of {', '.join(choices)}; received {value}.")
        if self.share and self.auth is None and not self.share_without_password:
            raise SettingsError(
                "A demo link can be opened by anyone who has it. Give --auth USER:PASSWORD with --share, or "
                "--share-without-password if that is what you want."
            )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read ``GYRUS_MODEL``, ``GYRUS_HOST``, ``GYRUS_PORT``, ``GYRUS_ROOT_PATH``, ``GYRUS_AUTH``, ``GYRUS_SHARE``,
        ``GYRUS_SHARE_WITHOUT_PASSWORD``, ``GYRUS_API_TOKEN``, ``GYRUS_RATE_LIMIT``, ``GYRUS_TRUSTED_PROXIES``,
        ``GYRUS_FRAME_ANCESTORS``, ``GYRUS_LOG_FORMAT``, ``GYRUS_LOG_LEVEL`` and ``GYRUS_METRICS``; a missing or empty
        one has its default.

        ``GYRUS_MODEL`` may hold several paths, with `os.pathsep` between them as in ``PATH``: a colon, on Windows a
        semicolon. ``GRADIO_SERVER_NAME`` and ``GRADIO_SERVER_PORT``, which Hugging Face Spaces sets, are read for host
        and port; on a Space (``SPACE_ID`` is set) Hugging Face's frame and proxies are trusted.

        Raises
        ------
        SettingsError
            A value cannot be used.
        """
        on_space = bool(environ.get("SPACE_ID", "").strip())

        def value(name: str, *others: str) -> str:
            return next((environ[key].strip() for key in (name, *others) if environ.get(key, "").strip()), "")

        return cls(
            models=parse_models(value("GYRUS_MODEL")) or (DEFAULT_MODEL,),
            host=value("GYRUS_HOST", "GRADIO_SERVER_NAME") or "127.0.0.1",
            port=parse_port(value("GYRUS_PORT", "GRADIO_SERVER_PORT") or "7860"),
            root_path=value("GYRUS_ROOT_PATH"),
            auth=parse_auth(value("GYRUS_AUTH")),
            share=parse_switch("GYRUS_SHARE", value("GYRUS_SHARE")),
            share_without_password=parse_switch("GYRUS_SHARE_WITHOUT_PASSWORD", value("GYRUS_SHARE_WITHOUT_PASSWORD")),
            api_tokens=parse_tokens(value("GYRUS_API_TOKEN")),
            rate_limit=parse_rate_limit(value("GYRUS_RATE_LIMIT")),
            trusted_proxies=parse_proxies(value("GYRUS_TRUSTED_PROXIES") or ("10.0.0.0/8" if on_space else "")),
            frame_ancestors=parse_frame_ancestors(
                value("GYRUS_FRAME_ANCESTORS") or ("'self' https://huggingface.co" if on_space else "'self'")
            ),
            log_format=value("GYRUS_LOG_FORMAT").lower() or "text",
            log_level=value("GYRUS_LOG_LEVEL").lower() or "warning",
            metrics=parse_switch("GYRUS_METRICS", value("GYRUS_METRICS")),
        )


def parse_models(text: str) -> tuple[Path, ...]:
    """Paths from ``GYRUS_MODEL``; empty parts are left out."""
    return tuple(Path(part.strip()) for part in text.split(os.pathsep) if part.strip())


def parse_port(text: str) -> int:
    """A port number from its text; `Settings` checks its range."""
    try:
        return int(text)
    except ValueError as error:
        raise SettingsError(f"The port must be a number from 1 to 65535; received {text}.") from error


def parse_auth(text: str) -> tuple[str, str] | None:
    """``USER:PASSWORD`` as a pair; the password may hold colons. Empty means none."""
    if not text:
        return None
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise SettingsError("The password is given as USER:PASSWORD, neither of them empty.")
    return user, password


def parse_switch(name: str, text: str) -> bool:
    """``1``, ``true``, ``yes``, ``on`` or ``0``, ``false``, ``no``, ``off``; empty is off."""
    lowered = text.lower()
    if lowered not in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        raise SettingsError(f"{name} is 1 or 0; received {text}.")
    return lowered in ("1", "true", "yes", "on")


def parse_tokens(text: str) -> tuple[str, ...]:
    """API tokens from their text, with spaces or commas between them; a short one is refused."""
    tokens = tuple(_split(text))
    if any(len(token) < MIN_TOKEN_LENGTH or not token.isascii() for token in tokens):
        raise SettingsError(
            f"An API token has {MIN_TOKEN_LENGTH} plain letters and digits at least; one that was received has not. "
            'python -c "import secrets; print(secrets.token_urlsafe())" makes one.'
        )
    return tokens


def parse_rate_limit(text: str) -> int:
    """Requests a minute from their text; 0 is no limit."""
    if not text:
        return DEFAULT_RATE_LIMIT
    if not text.isdecimal():
        raise SettingsError(f"GYRUS_RATE_LIMIT is a whole number, requests a minute, or 0; received {text}.")
    return int(text)


def parse_proxies(text: str) -> tuple[str, ...]:
    """Addresses and networks from their text, with spaces or commas between them."""
    proxies = tuple(_split(text))
    for proxy in proxies:
        try:
            if proxy != "*":
                ipaddress.ip_network(proxy)
        except ValueError as error:
            raise SettingsError(
                f"GYRUS_TRUSTED_PROXIES names addresses or networks, such as 127.0.0.1 or 10.0.0.0/8; received {proxy}."
            ) from error
    return proxies


_FRAME_SOURCE = re.compile(r"'self'|'none'|https?://(\*\.)?[A-Za-z0-9.-]+(:\d+)?")


def parse_frame_ancestors(text: str) -> tuple[str, ...]:
    """Who may show the page in a frame, from the text; what could end the header's directive is refused."""
    sources = tuple(_split(text))
    for source in sources:
        if not _FRAME_SOURCE.fullmatch(source) or (source == "'none'" and len(sources) > 1):
            raise SettingsError(
                "GYRUS_FRAME_ANCESTORS names origins, such as 'self' https://example.org, or is 'none'; "
                f"received {text}."
            )
    return sources


def _split(text: str) -> list[str]:
    return text.replace(",", " ").split()
