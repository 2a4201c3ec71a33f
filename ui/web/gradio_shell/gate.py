"""What of Gradio can be reached: an allow-list of its routes, and a check of the files that a call names.

Gradio brings some sixty routes; the page and its API clients need those of `_ALLOWED`. The others fetch addresses for a
visitor (``proxy=``, ``file=``), hand out files, keep a visitor's state on the disk (``deep_link``), call methods of
components, edit the page (``vibe-code``) or tell about the server; nobody can reach them here.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any
from urllib.parse import parse_qs

from fastapi import Response

from ui.request import find_id
from ui.web.http.asgi import AsgiApp, Message, Receive, Scope, Send, answer_error, route_path
from ui.web.http.uploads import Uploads

_LOG = logging.getLogger(__name__)

_READ = ("GET", "HEAD")

_NAME = r"[\w-]{1,100}"

_ALLOWED: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (methods, re.compile(pattern))
    for methods, pattern in (
        (_READ, r"/?"),
        (_READ, r"/config/?"),
        (_READ, r"/(theme\.css|favicon\.ico|robots\.txt|manifest\.json)"),
        (_READ, r"/(assets|static)/[\w./@+-]+"),
        (_READ, r"/gradio_api/(info|startup-events)/?"),
        (_READ, rf"/gradio_api/heartbeat/{_NAME}"),
        (_READ, r"/gradio_api/queue/(data|status)"),
        (_READ, rf"/gradio_api/call/(v2/)?{_NAME}/{_NAME}"),
        (("POST",), rf"/gradio_api/(run|api|call|call/v2)/{_NAME}/?"),
        (("POST",), r"/gradio_api/(queue/join|cancel|reset/?)"),
    )
)

_MAX_CALL_BYTES = 256 * 1024
"""Largest body of a call: a few names and paths. A picture is uploaded first and then named."""

_MAX_DEPTH = 50


class Gate:
    """Stand before Gradio: let through what the page needs, with bodies that name no files but uploads.

    Parameters
    ----------
    app : callable
        Gradio's ASGI application.
    uploads : Uploads
    """

    def __init__(self, app: AsgiApp, uploads: Uploads) -> None:
        self.app, self._uploads = app, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 4xx."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
        elif not _is_allowed(scope):
            await answer_error("There is nothing here.", 404)(scope, receive, send)
        elif scope["method"] != "POST":
            await self.app(scope, receive, send)
        else:
            await self._pass_call(scope, receive, send)

    async def _pass_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        checked = _refuse_size() if body is None else self._check_call(body)
        if isinstance(checked, Response):
            await checked(scope, receive, send)
            return
        # Gradio reads what was checked here, and not another reading of the same bytes.
        other_headers = [item for item in scope["headers"] if item[0] not in (b"content-length", b"transfer-encoding")]
        scope["headers"] = [*other_headers, (b"content-length", str(len(checked)).encode())]
        call = _CheckedCall(checked, receive, send)
        try:
            await self.app(scope, call.receive, call.send)
        except Exception as error:  # noqa: BLE001 - Gradio raises nearly anything on a call that it does not understand
            _LOG.warning("A call failed in Gradio: %s", type(error).__name__)
        if call.has_failed:
            sentence = f"There is no such call, or it takes other values{f' (id {find_id()})' if find_id() else ''}."
            await answer_error(sentence, 400)(scope, receive, send)

    def _check_call(self, body: bytes) -> bytes | Response:
        """The body as it was understood, or the answer to one that cannot be passed on."""
        try:
            return json.dumps(self._check_files(json.loads(body))).encode()
        except (ValueError, RecursionError):
            return answer_error("The body must be JSON.", 400)
        except _UnknownFileError:
            sentence = (
                "A file is named by the path that its upload was answered with; there is no such upload (any more)."
            )
            return answer_error(sentence, 404)

    def _check_files(self, value: Any, depth: int = 0) -> Any:
        """Check that each file in a value is an upload that is there; drop the addresses that Gradio would fetch."""
        if depth > _MAX_DEPTH:
            raise ValueError
        if isinstance(value, list):
            return [self._check_files(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        if "path" in value or "meta" in value:
            if not self._uploads.is_upload(value.get("path")):
                raise _UnknownFileError
            value = {key: item for key, item in value.items() if key != "url"}
        return {key: self._check_files(item, depth + 1) for key, item in value.items()}


class _UnknownFileError(Exception):
    """A body names a file that is no upload; never leaves `Gate`."""


class _CheckedCall:
    """The two ends of a call: Gradio reads the checked body, and its own words about a failure are held back.

    Attributes
    ----------
    has_failed : bool
        Gradio answered 500, of which nothing was sent.
    """

    def __init__(self, body: bytes, receive: Receive, send: Send) -> None:
        self._body, self._receive, self._send = body, receive, send
        self._is_read = self.has_failed = False

    async def receive(self) -> Message:
        """Give the body, once."""
        if self._is_read:
            return await self._receive()
        self._is_read = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Message) -> None:
        """Send on, unless it is a failure."""
        self.has_failed = self.has_failed or message.get("status") == 500
        if not self.has_failed:
            await self._send(message)


def _is_allowed(scope: Scope) -> bool:
    path, query = route_path(scope), parse_qs(bytes(scope.get("query_string", b"")).decode("latin-1"))
    if ".." in path or "deep_link" in query:
        return False
    return any(scope["method"] in methods and pattern.fullmatch(path) for methods, pattern in _ALLOWED)


def _refuse_size() -> Response:
    return answer_error(f"A call of at most {_MAX_CALL_BYTES // 1024} KB is accepted.", 413)


async def _read_body(receive: Receive) -> bytes | None:
    """Read the whole body; None if it is longer than a call is."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _MAX_CALL_BYTES:
            return None
        more = message["type"] == "http.request" and bool(message.get("more_body"))
    return body
