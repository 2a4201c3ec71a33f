"""Errors that nobody foresaw: logged under an id, and only the id is shown; and how a foreign message is shortened.

What Gyrus raises on purpose is in `inference.errors`.
"""

from __future__ import annotations

import logging
import secrets

_LOG = logging.getLogger(__name__)


def build_id() -> str:
    """A new id: 16 hexadecimal digits."""
    return secrets.token_hex(8)


def log_failure(error: BaseException, error_id: str = "") -> str:
    """Log an error that nobody foresaw, and give the sentence that may be shown of it.

    Parameters
    ----------
    error : BaseException
    error_id : str
        The id of the request that it belongs to; a new one by default.
    """
    error_id = error_id or build_id()
    _LOG.error("Unexpected error %s", error_id, exc_info=error)
    return f"Something went wrong (id {error_id})."


def first_line(error: Exception) -> str:
    """The first line of a library's message, at most 200 characters, for the end of a sentence; else its type."""
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
