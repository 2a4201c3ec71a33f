"""How many images the server works on at once: a request for which there is no slot is refused at once and never waits.

A slot is held from before the upload is read until the answer is sent, by the API's requests and by the page's alike.
Which requests share a batch of the network is decided in `inference.model.microbatch`; how often one address may ask,
in `ui.web.http.rate`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from fastapi import FastAPI

from inference.errors import BusyError
from ui.web.http.asgi import AsgiApp, Receive, Scope, Send, answer_error, route_path
from ui.words.states import present_busy

MAX_AT_ONCE = 36
"""Slots of a server. FastAPI and Gradio share 40 threads; the four that are left answer whatever is quick."""

RETRY_AFTER_S = 2
"""What a refused client is told to wait, in seconds: longer than 36 images take on one core."""

_LIMITED_PATHS = ("/api/classify",)
"""Routes of which every POST request takes a slot. The page's calls take theirs in their handlers."""


class QueuePosition(NamedTuple):
    """Where one image stands.

    Attributes
    ----------
    arrival : int
        Number of the last image that had arrived when the position was first asked for, counted from 1.
    ahead : int
        Images that arrived before it and are not answered yet.
    """

    arrival: int
    ahead: int


class CapacityLimiter:
    """Count the images that are being worked on. May be used from several threads.

    Parameters
    ----------
    slots : int
        Images at once.

    Examples
    --------
    >>> capacity = CapacityLimiter(slots=2)
    >>> with capacity.hold_slot(), capacity.hold_slot():
    ...     capacity.find_position()
    QueuePosition(arrival=2, ahead=1)
    """

    def __init__(self, slots: int = MAX_AT_ONCE) -> None:
        self._slots = slots
        self._lock = threading.Lock()
        self._arrived = self._answered = 0

    def find_position(self, arrival: int = 0) -> QueuePosition:
        """Tell how many images come before one.

        Answers come nearly in the order of arrival, because a batch is answered at one moment: so the images before one
        are those that arrived earlier, less the number of answers.

        Parameters
        ----------
        arrival : int
            Of the position that was given before; 0 at the first call, just after the image was sent.
        """
        with self._lock:
            number = arrival if 0 < arrival <= self._arrived else self._arrived
            return QueuePosition(number, max(number - 1 - self._answered, 0))

    @contextmanager
    def hold_slot(self) -> Iterator[None]:
        """Hold a slot while the body runs.

        Raises
        ------
        BusyError
            All of them are held.
        """
        with self._lock:
            in_work = self._arrived - self._answered
            if in_work >= self._slots:
                raise BusyError(f"{in_work} images are before yours. Try again in a moment.")
            self._arrived += 1
        try:
            yield
        finally:
            with self._lock:
                self._answered += 1


def add_queue_route(app: FastAPI, capacity: CapacityLimiter) -> None:
    """Add the route by which a page that waits for an answer asks how many images come first."""

    @app.get("/page/queue", include_in_schema=False)
    async def tell_position(arrival: int = 0) -> dict[str, Any]:  # async: every thread may be busy with an image
        position = capacity.find_position(arrival)
        return {"arrival": position.arrival, "detail": present_busy(position.ahead).detail}


class CapacityMiddleware:
    """Answer 503 with ``Retry-After`` to an image for which there is no slot, before any of it is read."""

    def __init__(self, app: AsgiApp, capacity: CapacityLimiter) -> None:
        self._app, self._capacity = app, capacity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 503."""
        if scope["type"] != "http" or scope["method"] != "POST" or route_path(scope) not in _LIMITED_PATHS:
            await self._app(scope, receive, send)
            return
        try:
            with self._capacity.hold_slot():
                await self._app(scope, receive, send)
        except BusyError as error:
            headers = {"Retry-After": str(RETRY_AFTER_S), "Connection": "close"}
            await answer_error(str(error), 503, headers=headers)(scope, receive, send)
