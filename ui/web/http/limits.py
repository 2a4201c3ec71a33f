"""Limits of a request's body: its size and its time."""

from __future__ import annotations

import asyncio
import contextlib
import math

from ui.web.http.asgi import AsgiApp, Message, Receive, Scope, Send, answer_error, read_header, route_path

MULTIPART_OVERHEAD_BYTES = 64 * 1024
"""What a form may add to the file: boundaries and headers."""

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
        received_bytes, more, fault, started = 0, True, 0, False
        deadline_s = asyncio.get_running_loop().time() + self._limit_s

        async def receive_limited() -> Message:
            nonlocal received_bytes, more, fault
            if not more:
                return await receive()  # waits for the visitor to leave
            left_s = deadline_s - asyncio.get_running_loop().time()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, min(self._pause_s, left_s)))
            except TimeoutError:
                fault = 408
                raise _BodyError from None
            received_bytes += len(message.get("body", b""))
            more = message["type"] == "http.request" and bool(message.get("more_body"))
            if received_bytes > limit_bytes:
                fault = 413
                raise _BodyError
            return message

        async def send_unless_faulty(message: Message) -> None:
            nonlocal started
            if not fault or started:  # FastAPI words what it catches while reading a body as a 400
                started = True
                await send(message)

        with contextlib.suppress(_BodyError):
            await self._app(scope, receive_limited, send_unless_faulty)
        if fault and not started:
            await self._answer(fault, scope, receive, send)

    async def _answer(self, status: int, scope: Scope, receive: Receive, send: Send) -> None:
        limit_mb = (self._limit_bytes - MULTIPART_OVERHEAD_BYTES) / 2**20
        sentence = f"A file of at most {limit_mb:.0f} MB is accepted; the one received is larger."
        if status == 408:
            sentence = "The rest of the file did not arrive in time."
        await answer_error(sentence, status, headers={"Connection": "close"})(scope, receive, send)


class _BodyError(Exception):
    """A body went over a limit; never leaves `BodyLimitMiddleware`."""
