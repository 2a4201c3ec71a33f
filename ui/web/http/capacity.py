"""How many images a server works on at once: who comes when all places are taken is told so at once, and waits nowhere.

A place is held from before the upload is read until the answer is sent, by the API's requests and by the page's alike.
In whose batch a request is computed is `inference.model.microbatch`'s matter.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI

from inference.errors import BusyError
from ui.web.http.asgi import AsgiApp, Receive, Scope, Send, answer_error, route_path
from ui.words.states import present_busy

MAX_AT_ONCE = 36
"""CapacityLimiter. FastAPI and Gradio share 40 threads; those that are left answer what is quick."""

RETRY_AFTER_S = 2
"""What a refused client is told to wait: longer than 36 images take on one core."""

_PATHS = ("/api/classify",)
"""Routes whose every request takes a place."""


class CapacityLimiter:
    """Counts the images that are worked on. May be used from several threads."""

    def __init__(self, most: int = MAX_AT_ONCE) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._arrived = self._left = 0

    def look(self, ticket: int = 0) -> tuple[int, int]:
        """Say how many images are before one.

        Parameters
        ----------
        ticket : int
            What an earlier look gave; 0 at the first, just after the image was sent.

        Returns
        -------
        tuple of (int, int)
            A ticket, which is the number of the last image that had arrived by the first look, and how many of those
            before it are not answered yet. Answers come nearly in the order of arrival: a batch shares one moment.
        """
        with self._lock:
            number = ticket if 0 < ticket <= self._arrived else self._arrived
            return number, max(number - 1 - self._left, 0)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a place while the body runs.

        Raises
        ------
        BusyError
            There is none.
        """
        with self._lock:
            taken = self._arrived - self._left
            if taken >= self._most:
                raise BusyError(f"{taken} images are before yours. Try again in a moment.")
            self._arrived += 1
        try:
            yield
        finally:
            with self._lock:
                self._left += 1


def add_queue_route(app: FastAPI, capacity: CapacityLimiter) -> None:
    """Add the route by which the page of somebody who waits asks how many images come first."""

    @app.get("/page/queue", include_in_schema=False)
    async def look(ticket: int = 0) -> dict[str, Any]:  # on the server's own thread: every other one may be taken
        number, before = capacity.look(ticket)
        return {"ticket": number, "detail": present_busy(before).detail}


class CapacityMiddleware:
    """Answer 503 with ``Retry-After`` to an image for which there is no place, before any of it is read."""

    def __init__(self, app: AsgiApp, capacity: CapacityLimiter) -> None:
        self._app, self._capacity = app, capacity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 503."""
        if scope["type"] != "http" or scope["method"] != "POST" or route_path(scope) not in _PATHS:
            await self._app(scope, receive, send)
            return
        try:
            with self._capacity.take():
                await self._app(scope, receive, send)
        except BusyError as error:
            headers = {"Retry-After": str(RETRY_AFTER_S), "Connection": "close"}
            await answer_error(str(error), 503, headers=headers)(scope, receive, send)
