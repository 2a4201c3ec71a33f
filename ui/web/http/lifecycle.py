"""The outermost layer of the server: each request's id, its line in the log, its counting; and how the server stops."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable

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
"""By this the page tells that it is open: it lasts as long as the page, and nobody waits for it."""

_STOPPING = "The server is being stopped. Ask again in a moment."


class Lifecycle:
    """Whether the server is stopping, and how many requests it is answering. Everything runs in the event loop."""

    def __init__(self) -> None:
        self.is_stopping = False
        self.in_flight = 0

    async def wait_until_idle(self, limit_s: float, is_forced: Callable[[], bool]) -> None:
        """Wait until every request is answered; at most so many seconds, or until the operator insists."""
        deadline_s = time.monotonic() + limit_s
        while self.in_flight and time.monotonic() < deadline_s and not is_forced():
            await asyncio.sleep(0.02)


class RequestMiddleware:
    """Give each request an id, tell how it ended, and turn a defect into a sentence with the id."""

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
                await self._answer(record, scope, receive, send, is_stream)
            finally:
                self._lifecycle.in_flight -= not is_stream
                if self._metrics:
                    self._metrics.in_flight.dec()

    async def _answer(self, record: RequestRecord, scope: Scope, receive: Receive, send: Send, is_stream: bool) -> None:
        started = time.perf_counter()
        reply = _Reply(send, record.id)
        app = self._refuse if self._lifecycle.is_stopping else self._app
        try:
            await app(scope, receive, reply.send)
        except Exception as error:
            sentence = present_error(error).sentence  # logs it
            if reply.status is None:
                await answer_error(sentence, 500)(scope, receive, reply.send)
            elif not reply.is_complete:
                raise  # the connection is closed in the middle, so that nobody takes the piece for the whole
        finally:
            duration_s = time.perf_counter() - started
            status = 499 if reply.status is None else reply.status  # nginx' number for a visitor who has gone
            method, route = scope["method"], find_route(scope)
            _LOG.info(
                "%s %s %d",
                method if method.isalpha() else "?",
                route,
                status,
                extra={"method": method, "route": route, "status": status, "duration_ms": round(1000 * duration_s, 1)},
            )
            if self._metrics and not is_stream:
                self._metrics.count(record, method, route, status, duration_s)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 503 while the server stops; only whether it lives is still told."""
        path = scope["path"]
        if path.endswith("/healthz"):
            await self._app(scope, receive, send)
            return
        headers = {"Retry-After": "5", "Connection": "close"}
        if path.endswith("/readyz"):
            answer = JSONResponse({"status": "stopping"}, 503, headers)
        else:
            answer = answer_error(_STOPPING, 503, headers=headers)  # type: ignore[assignment]
        await answer(scope, receive, send)


class _Reply:
    """What is sent for one request, with the header that names it."""

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
    """The route's template, in which a visitor's words do not stand; ``other`` if there is none."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "other"
