"""What the server writes to its log, and in which form; nothing of an upload is in it.

A line has the time, the level, who writes, the request's id and the message; as JSON one object a line. Uvicorn, Gradio
and Python's warnings write through the same formatter. An exception is told by its place and its type: its message may
quote a file, and is left out unless it speaks of the machine.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, TextIO

from inference.errors import GyrusError, InputError
from ui.request import find_id

_OWN = ("inference", "ui")
"""Packages whose whole messages are written, from the level that was chosen; others speak from a warning on."""

_READERS = ("PIL", "pydicom", "nibabel", "python_multipart", "multipart", "gdcm")
"""What reads uploads: its messages quote them, so nothing of them is written."""

_FIELDS = ("method", "route", "status", "duration_ms")
"""What a line about a request has beside the message; see `ui.web.http.lifecycle`."""


class LogFormatter(logging.Formatter):
    """One line for people, or one JSON object, a record."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; see the module."""
        message = record.getMessage()
        if record.name.partition(".")[0] not in _OWN:
            message = message.partition("\n")[0]
        error = record.exc_info[1] if record.exc_info else None
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": find_id(),
            "message": message,
            **{name: getattr(record, name) for name in _FIELDS if hasattr(record, name)},
        }
        if self._as_json:
            return json.dumps({**line, **({"error": describe_exception(error)} if error else {})})
        own = f"{line['time']} {line['level'].upper():7} {line['logger']} [{line['request_id'] or '-'}] {message}"
        return "\n".join([own, *(f"    {text}" for text in describe_exception(error))] if error else [own])


def describe_exception(error: BaseException) -> list[str]:
    """Say where an exception comes from, its causes first: places in the code, types, and no text of an upload."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    earlier = describe_exception(cause) if cause is not None else []
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{_shorten(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return [*earlier, *places, _name_exception(error)]


def _name_exception(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, GyrusError) and not isinstance(error, InputError):
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"  # without the path, which may be that of an upload
    return name


def _shorten(path: str) -> str:
    parts = Path(path).parts
    return "/".join(parts[parts.index("site-packages") + 1 :] if "site-packages" in parts else parts[-3:])


def start_logging(form: str, level: str, stream: TextIO | None = None) -> None:
    """Have everything that this process logs written in one form.

    Parameters
    ----------
    form : str
        One of `inference.settings.LogFormat`.
    level : str
        One of `inference.settings.LogLevel`, for the program's own lines.
    stream : text file
        By default the standard error.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LogFormatter(as_json=form == "json"))
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=max(logging.WARNING, number), force=True)
    for name in _OWN:
        logging.getLogger(name).setLevel(number)
    for name in _READERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.showwarning = _log_warning
    traceback.print_exc = _log_caught


def _log_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    """Take the place of `warnings.showwarning`."""
    place = _shorten(filename)
    text = "" if place.partition("/")[0] in _READERS else f": {message}"
    logging.getLogger("warnings").warning("%s in %s:%d%s", category.__name__, place, lineno, text)


def _log_caught(*_: Any, **__: Any) -> None:
    """Take the place of `traceback.print_exc`, by which Gradio tells what it has caught."""
    logging.getLogger("gradio").error("An exception was caught", exc_info=sys.exc_info())
