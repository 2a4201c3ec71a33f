"""The request that is being answered: its id, and what came of it. No toolkit: a front that has requests opens one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.answer.prediction import Prediction


@dataclass(frozen=True)
class RequestRecord:
    """What is noted of one request; nothing of an upload is.

    Attributes
    ----------
    id : str
        Told with the answer, in the log, and in the sentence about a defect.
    answers : list of (str, str)
        Model and verdict of each answer that was given.
    errors : list of str
        Names of the exceptions that were worded.
    """

    id: str
    answers: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


_CURRENT: ContextVar[RequestRecord | None] = ContextVar("request", default=None)


@contextmanager
def open_request(request_id: str) -> Iterator[RequestRecord]:
    """Note what happens inside; threads that are started for the request by `anyio` belong to it."""
    record = RequestRecord(request_id)
    token = _CURRENT.set(record)
    try:
        yield record
    finally:
        _CURRENT.reset(token)


def find_id() -> str:
    """The id of the request that is being answered; empty outside of one."""
    record = _CURRENT.get()
    return record.id if record else ""


def note_answer(prediction: Prediction) -> None:
    """Note that an answer was given."""
    if record := _CURRENT.get():
        record.answers.append((prediction.model_name, prediction.verdict.value))


def note_error(error: BaseException) -> None:
    """Note that an error was worded."""
    if record := _CURRENT.get():
        record.errors.append(type(error).__name__)
