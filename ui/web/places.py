"""How many images a server works on at once: who comes when all places are taken is told so at once, and waits nowhere.

A place is held from before the upload is read until the answer is sent, by the API's requests and by the page's alike.
In whose batch a request is computed is `inference.gather`'s matter.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from inference.errors import BusyError
from ui.web.api import answer_error
from ui.web.middleware import AsgiApp, Receive, Scope, Send, route_path

MOST_AT_ONCE = 36
"""Places. FastAPI and Gradio share 40 threads; those that are left answer what is quick."""

RETRY_AFTER_S = 2
"""What a refused client is told to wait: longer than 36 images take on one core."""

_PATHS = ("/api/classify",)
"""Routes whose every request takes a place."""


class Places:
    """Counts the images that are worked on. May be used from several threads."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many there are now."""
        return self._taken

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a place while the body runs.

        Raises
        ------
        BusyError
            There is none.
        """
        with self._lock:
            if self._taken >= self._most:
                raise BusyError(f"{self._taken} images are before yours. Try again in a moment.")
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1


class PlacesMiddleware:
    """Answer 503 with ``Retry-After`` to an image for which there is no place, before any of it is read."""

    def __init__(self, app: AsgiApp, places: Places) -> None:
        self._app, self._places = app, places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 503."""
        if scope["type"] != "http" or scope["method"] != "POST" or route_path(scope) not in _PATHS:
            await self._app(scope, receive, send)
            return
        try:
            with self._places.take():
                await self._app(scope, receive, send)
        except BusyError as error:
            headers = {"Retry-After": str(RETRY_AFTER_S), "Connection": "close"}
            await answer_error(str(error), 503, headers=headers)(scope, receive, send)
