"""What an operator can set. Read once, at an entry point, then passed on; nothing else looks at the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference.errors import SettingsError
from inference.limits import MAX_FILE_BYTES

DEFAULT_MODEL = Path(__file__).resolve().parent.parent / "models" / "brain_tumor"
"""The bundle that comes with the repository."""

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
    log_format: str = "text"
    log_level: str = "warning"
    metrics: bool = False

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
        ``GYRUS_SHARE_WITHOUT_PASSWORD``, ``GYRUS_LOG_FORMAT``, ``GYRUS_LOG_LEVEL`` and ``GYRUS_METRICS``; a missing or
        empty one has its default.

        ``GYRUS_MODEL`` may hold several paths, with `os.pathsep` between them as in ``PATH``: a colon, on Windows a
        semicolon. ``GRADIO_SERVER_NAME`` and ``GRADIO_SERVER_PORT``, which Hugging Face Spaces sets, are read for host
        and port.

        Raises
        ------
        SettingsError
            A value cannot be used.
        """

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
