"""What the server writes to its log, and in which form; nothing of an upload is in it.

A line has the time, the level, the logger, the request's id and the message; as JSON, one object a line. Uvicorn,
Gradio and Python's warnings are written in the same form. Of an exception only its type and its lines of code are
written: its message may quote a file, and is left out unless it is about the machine. What Gradio prints past the log
is stopped in `ui.web.gradio_shell.tracebacks`; what is counted is `ui.web.http.metrics`'.
"""

from __future__ import annotations

import json
import logging
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, TextIO

from inference.errors import GyrusError, InputError
from ui.request import find_id

_OWN_PACKAGES = ("inference", "ui")
"""Packages whose messages are written whole, from the chosen level on; of others, warnings and errors, one line."""

_FILE_READERS = ("PIL", "pydicom", "nibabel", "python_multipart", "multipart", "gdcm")
"""Libraries that read uploads. Their messages quote what they read, so none of them are written."""

_REQUEST_FIELDS = ("method", "route", "status", "duration_ms")
"""What a line about a request has beside its message; see `ui.web.http.lifecycle`."""


class LogFormatter(logging.Formatter):
    """Writes a record as one line for people or as one JSON object.

    Parameters
    ----------
    as_json : bool
    """

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; see the module's docstring."""
        message = record.getMessage()
        if record.name.partition(".")[0] not in _OWN_PACKAGES:
            message = message.partition("\n")[0]
        error = record.exc_info[1] if record.exc_info else None
        fields = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": find_id(),
            "message": message,
            **{name: getattr(record, name) for name in _REQUEST_FIELDS if hasattr(record, name)},
        }
        origin = describe_exception(error) if error else []
        if self._as_json:
            return json.dumps({**fields, "error": origin} if error else fields)
        request_id = fields["request_id"] or "-"
        line = f"{fields['time']} {record.levelname:7} {record.name} [{request_id}] {message}"
        return "\n".join([line, *(f"    {text}" for text in origin)])


def describe_exception(error: BaseException) -> list[str]:
    """Tell where an exception comes from, its causes first: lines of code and types, and no text of an upload."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    frames = traceback.extract_tb(error.__traceback__)
    locations = [f"{_shorten_path(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return [*(describe_exception(cause) if cause is not None else []), *locations, _name_exception(error)]


def _name_exception(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, GyrusError) and not isinstance(error, InputError):
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"  # without the path, which may be that of an upload
    return name


def _shorten_path(path: str) -> str:
    """A source file's path below ``site-packages``, or its last three parts."""
    parts = Path(path).parts
    return "/".join(parts[parts.index("site-packages") + 1 :] if "site-packages" in parts else parts[-3:])


def start_logging(log_format: str, level: str, stream: TextIO | None = None) -> None:
    """Have everything that this process logs written in one form.

    Parameters
    ----------
    log_format : str
        One of `inference.settings.LogFormat`.
    level : str
        One of `inference.settings.LogLevel`, for the program's own lines.
    stream : text file
        By default the standard error.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LogFormatter(as_json=log_format == "json"))
    own_level = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=max(logging.WARNING, own_level), force=True)
    for name in _OWN_PACKAGES:
        logging.getLogger(name).setLevel(own_level)
    for name in _FILE_READERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.showwarning = _log_warning


def _log_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    """Stand in for `warnings.showwarning`, which Python documents as meant to be replaced."""
    path = _shorten_path(filename)
    text = "" if path.partition("/")[0] in _FILE_READERS else f": {message}"
    logging.getLogger("warnings").warning("%s in %s:%d%s", category.__name__, path, lineno, text)
