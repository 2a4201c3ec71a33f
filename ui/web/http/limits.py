"""Limits of a request's body, its size and its time; the limit of its head is `ui.web.http.protocol`'s.

How many requests an address may make belongs into `ui.web.http.rate`, how many images at once into
`ui.web.http.capacity`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math

from ui.web.http.asgi import AsgiApp, Message, Receive, Scope, Send, answer_error, read_header, route_path

MULTIPART_OVERHEAD_BYTES = 64 * 1024
"""What a form may add to the file, in bytes: boundaries and headers."""

_COUNTED_BY_FILE = ("/batch/",)
"""Routes whose bodies hold many files; `ui.web.batch.intake` counts the bytes of each."""

BODY_PAUSE_S = 20.0
"""Longest pause inside a body, in seconds."""

BODY_LIMIT_S = 300.0
"""Longest time for a whole body, in seconds: 64 MB at 2 Mbit/s take 270."""


class BodyLimitMiddleware:
    """Answer 413 to a body above the limit before it is read to the end, and 408 to one that trickles in.

    Parameters
    ----------
    app : callable
        The ASGI application behind it.
    limit_bytes : int
        Of the whole body, with what a form adds.
    pause_s, limit_s : float
        See `BODY_PAUSE_S` and `BODY_LIMIT_S`.
    """

    def __init__(
        self, app: AsgiApp, limit_bytes: int, pause_s: float = BODY_PAUSE_S, limit_s: float = BODY_LIMIT_S
    ) -> None:
        self._app, self._limit_bytes, self._pause_s, self._limit_s = app, limit_bytes, pause_s, limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413 or 408."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit_bytes = math.inf if route_path(scope).startswith(_COUNTED_BY_FILE) else self._limit_bytes
        length = read_header(scope, b"content-length")
        if length.isdecimal() and int(length) > limit_bytes:
            await self._answer(413, scope, receive, send)
            return
        deadline_s = asyncio.get_running_loop().time() + self._limit_s
        body = _LimitedBody(receive, send, limit_bytes, self._pause_s, deadline_s)
        with contextlib.suppress(_BodyError):
            await self._app(scope, body.receive, body.send)
        if body.error_status and not body.is_answered:
            await self._answer(body.error_status, scope, receive, send)

    async def _answer(self, status: int, scope: Scope, receive: Receive, send: Send) -> None:
        limit_mb = (self._limit_bytes - MULTIPART_OVERHEAD_BYTES) / 2**20
        sentence = f"A file of at most {limit_mb:.0f} MB is accepted; the one received is larger."
        if status == 408:
            sentence = "The rest of the file did not arrive in time."
        await answer_error(sentence, status, headers={"Connection": "close"})(scope, receive, send)


class _BodyError(Exception):
    """A body went over a limit; never leaves `BodyLimitMiddleware`."""


class _LimitedBody:
    """The two ends of one request whose body is measured while it is read.

    Attributes
    ----------
    error_status : int
        413 or 408 once a limit is passed; 0 before.
    is_answered : bool
        Whether an answer was begun.
    """

    def __init__(self, receive: Receive, send: Send, limit_bytes: float, pause_s: float, deadline_s: float) -> None:
        self._receive, self._send = receive, send
        self._limit_bytes, self._pause_s, self._deadline_s = limit_bytes, pause_s, deadline_s
        self._received_bytes, self._is_whole = 0, False
        self.error_status, self.is_answered = 0, False

    async def receive(self) -> Message:
        """Receive the next piece, or stop the application with `_BodyError`."""
        if self._is_whole:
            return await self._receive()  # waits until the visitor has gone
        left_s = self._deadline_s - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, min(self._pause_s, left_s)))
        except TimeoutError:
            self.error_status = 408
            raise _BodyError from None
        self._received_bytes += len(message.get("body", b""))
        self._is_whole = message["type"] != "http.request" or not message.get("more_body")
        if self._received_bytes > self._limit_bytes:
            self.error_status = 413
            raise _BodyError
        return message

    async def send(self, message: Message) -> None:
        """Send on, unless a limit was passed: FastAPI answers 400 to any exception that it meets in a body."""
        if not self.error_status or self.is_answered:
            self.is_answered = True
            await self._send(message)
