"""From a request's arrival to its end, and the server's: ids, log lines, counts, and stopping without losing an answer.

The middleware here sees every request first and every answer last. The form of a log line is `ui.web.http.logs`', the
counters are `ui.web.http.metrics`', and the words of a defect are `ui.words.errors`'.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi.responses import JSONResponse

from inference.failures import build_id
from ui.request import RequestRecord, open_request
from ui.web.http.asgi import AsgiApp, Message, Receive, Scope, Send, answer_error
from ui.web.http.metrics import Metrics
from ui.words.errors import present_error

_LOG = logging.getLogger(__name__)

_INBOUND_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
"""An ``X-Request-ID`` that a proxy may give; anything else is replaced."""

_STREAM = "/gradio_api/heartbeat/"
"""The stream by which Gradio's page tells that it is open. It lasts as long as the page; nobody waits for its end."""

_STOPPING = "The server is being stopped. Ask again in a moment."

_FINISH_LIMIT_S = 10.0
"""How long requests in flight may take once the server is told to stop, in seconds."""

_CLIENT_CLOSED = 499
"""Nginx' status for a visitor who left before the answer was begun; the standard has none."""


class Lifecycle:
    """Whether the server is stopping, and how many requests it is answering. It is only used in the event loop.

    Attributes
    ----------
    is_stopping : bool
    in_flight : int
    """

    def __init__(self) -> None:
        self.is_stopping = False
        self.in_flight = 0

    async def wait_until_idle(self, limit_s: float, is_forced: Callable[[], bool]) -> None:
        """Wait until every request is answered, at most so many seconds, or until the operator insists."""
        deadline_s = time.monotonic() + limit_s
        while self.in_flight and time.monotonic() < deadline_s and not is_forced():
            await asyncio.sleep(0.02)


class RequestMiddleware:
    """Give each request an id, log and count how it ended, and turn a defect into a sentence with the id.

    Parameters
    ----------
    app : callable
        The ASGI application behind it.
    lifecycle : Lifecycle
    metrics : Metrics or None
        None counts nothing.
    """

    def __init__(self, app: AsgiApp, lifecycle: Lifecycle, metrics: Metrics | None) -> None:
        self._app, self._lifecycle, self._metrics = app, lifecycle, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        inbound = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        with open_request(inbound.decode() if _INBOUND_ID.fullmatch(inbound) else build_id()) as record:
            is_stream = _STREAM in scope["path"]
            self._lifecycle.in_flight += not is_stream
            if self._metrics:
                self._metrics.in_flight.inc()
            try:
                await self._answer(record, scope, receive, send)
            finally:
                self._lifecycle.in_flight -= not is_stream
                if self._metrics:
                    self._metrics.in_flight.dec()

    async def _answer(self, record: RequestRecord, scope: Scope, receive: Receive, send: Send) -> None:
        started_s = time.perf_counter()
        response = _TrackedResponse(send, record.id)
        app = self._refuse if self._lifecycle.is_stopping else self._app
        try:
            await app(scope, receive, response.send)
        except Exception as error:
            sentence = present_error(error).sentence  # logs it
            if response.status is None:
                await answer_error(sentence, 500)(scope, receive, response.send)
            elif not response.is_complete:
                raise  # the connection is closed in the middle, so that nobody takes the piece for the whole
        finally:
            status = _CLIENT_CLOSED if response.status is None else response.status
            self._note(record, scope, status, time.perf_counter() - started_s)

    def _note(self, record: RequestRecord, scope: Scope, status: int, duration_s: float) -> None:
        """Log and count a request that has come to its end."""
        method, route = scope["method"], find_route(scope)
        fields = {"method": method, "route": route, "status": status, "duration_ms": round(1000 * duration_s, 1)}
        _LOG.info("%s %s %d", method if method.isalpha() else "?", route, status, extra=fields)
        if self._metrics and _STREAM not in scope["path"]:
            self._metrics.count(record, method, route, status, duration_s)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 503 while the server stops; that the process lives is still told."""
        path = scope["path"]
        if path.endswith("/healthz"):
            await self._app(scope, receive, send)
            return
        headers = {"Retry-After": "5", "Connection": "close"}
        if path.endswith("/readyz"):
            await JSONResponse({"status": "stopping"}, 503, headers)(scope, receive, send)
        else:
            await answer_error(_STOPPING, 503, headers=headers)(scope, receive, send)


class _TrackedResponse:
    """The answer to one request while it is sent: its id is added, and how far it came is kept.

    Attributes
    ----------
    status : int or None
        None before it was begun.
    is_complete : bool
    """

    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self._request_id = send, request_id.encode()
        self.status: int | None = None
        self.is_complete = False

    async def send(self, message: Message) -> None:
        """Send on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", self._request_id)]}
        self.is_complete |= message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)


def find_route(scope: Scope) -> str:
    """The route's template, which holds none of a visitor's words; ``other`` if there is no route."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "other"


class GracefulServer(uvicorn.Server):
    """Uvicorn, except that it goes on listening after a signal until every request in flight is answered.

    A hook into uvicorn, whose own ``shutdown`` closes the sockets first: a new request is then refused without a word,
    and a supervisor cannot ask whether the process still lives. ``handle_exit`` and ``shutdown`` are replaced.

    Parameters
    ----------
    config : uvicorn.Config
    lifecycle : Lifecycle
        Tells `RequestMiddleware` to refuse what is new.
    end_streams : callable
        Called when nothing is in flight any more, to end what would stay open for ever.
    """

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._lifecycle, self._end_streams = lifecycle, end_streams

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Refuse new requests from now on; a second Ctrl-C stops at once."""
        self._lifecycle.is_stopping = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for what is in flight, then stop."""
        await self._lifecycle.wait_until_idle(_FINISH_LIMIT_S, lambda: self.force_exit)
        self._end_streams()
        gave_up = self._lifecycle.in_flight > 0
        await super().shutdown(sockets)
        if gave_up:  # a thread cannot be stopped, and both the event loop and the interpreter would wait for it
            logging.shutdown()
            os._exit(0)


def keep_exit_status() -> None:
    """Let a signal end the process with status 0.

    A hook into uvicorn: once it has stopped in good order it raises the signal again, which would kill the process.
    """
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: None)
