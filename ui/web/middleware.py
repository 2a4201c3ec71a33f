"""What every request passes before a route sees it: the password, and the limit of its size."""

from __future__ import annotations

import base64
import binascii
import contextlib
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ui.web.api import answer_error

OWN_PATHS = ("/api/", "/docs", "/redoc", "/openapi.json", "/version", "/static-offline-docs")
"""Paths of ours that ask for the password by HTTP Basic; the page asks for it with Gradio's own form."""

MULTIPART_OVERHEAD_BYTES = 64 * 1024
"""What a form may add to the file: boundaries and headers."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def route_path(scope: Scope) -> str:
    """The path that routes are matched by: without the root path, which a request may carry or leave out."""
    path, root_path = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root_path) if path.startswith(f"{root_path}/") else path


class PasswordMiddleware:
    """Ask for the password on `OWN_PATHS` by HTTP Basic (RFC 7617)."""

    def __init__(self, app: AsgiApp, auth: tuple[str, str]) -> None:
        self._app = app
        self._expected = ":".join(auth).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] != "http" or not route_path(scope).startswith(OWN_PATHS) or self._may_enter(scope):
            await self._app(scope, receive, send)
            return
        answer = answer_error(
            "This server asks for a user and a password.",
            401,
            headers={"WWW-Authenticate": 'Basic realm="Gyrus", charset="UTF-8"'},
        )
        await answer(scope, receive, send)

    def _may_enter(self, scope: Scope) -> bool:
        header = dict(scope["headers"]).get(b"authorization", b"")
        kind, _, value = header.partition(b" ")
        try:
            received = base64.b64decode(value.strip(), validate=True)
        except binascii.Error:
            return False
        return kind.lower() == b"basic" and secrets.compare_digest(received, self._expected)


class BodyLimitMiddleware:
    """Answer 413 to a body above the limit before it is read to the end; Gradio's uploads have their own limit."""

    def __init__(self, app: AsgiApp, limit_bytes: int) -> None:
        self._app, self._limit_bytes = app, limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] != "http" or not route_path(scope).startswith("/api/"):
            await self._app(scope, receive, send)
            return
        if int(dict(scope["headers"]).get(b"content-length", b"0")) > self._limit_bytes:
            await self._answer_too_large(scope, receive, send)
            return
        received_bytes = 0

        async def receive_limited() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > self._limit_bytes:
                raise _BodyTooLargeError
            return message

        async def send_unless_too_large(message: Message) -> None:
            if received_bytes <= self._limit_bytes:  # FastAPI words what it catches while reading a body as a 400
                await send(message)

        with contextlib.suppress(_BodyTooLargeError):
            await self._app(scope, receive_limited, send_unless_too_large)
        if received_bytes > self._limit_bytes:
            await self._answer_too_large(scope, receive, send)

    async def _answer_too_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit_mb = (self._limit_bytes - MULTIPART_OVERHEAD_BYTES) / 2**20
        sentence = f"A file of at most {limit_mb:.0f} MB is accepted; the one received is larger."
        await answer_error(sentence, 413, headers={"Connection": "close"})(scope, receive, send)


class _BodyTooLargeError(Exception):
    """A body without a length went over the limit; never leaves `BodyLimitMiddleware`."""
