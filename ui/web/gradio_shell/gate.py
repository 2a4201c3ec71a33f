"""What of Gradio can be reached: an allow-list of its routes, and a look at what their bodies name.

Gradio brings some sixty routes; the page and its API clients need those of `_ALLOWED`. The others fetch addresses for a
visitor (``proxy=``, ``file=``), hand out files, keep a visitor's state on the disk (``deep_link``), call methods of
components, edit the page (``vibe-code``) or tell about the server; nobody can ask them here.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any
from urllib.parse import parse_qs

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
"""Largest body of a call: a few names and paths. A picture is uploaded, not called with."""

_MAX_DEPTH = 50


class Gate:
    """Stand before Gradio: let through what the page needs, with bodies that name nothing but uploads that are there.

    Parameters
    ----------
    app : callable
        Gradio's ASGI application.
    uploads : Uploads
    """

    def __init__(self, app: AsgiApp, uploads: Uploads) -> None:
        self._app, self._uploads = app, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 4xx."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        path, query = route_path(scope), parse_qs(bytes(scope.get("query_string", b"")).decode("latin-1"))
        allowed = any(scope["method"] in methods and pattern.fullmatch(path) for methods, pattern in _ALLOWED)
        if not allowed or ".." in path or "deep_link" in query:
            await answer_error("There is nothing here.", 404)(scope, receive, send)
        elif scope["method"] != "POST":
            await self._app(scope, receive, send)
        else:
            await self._pass_call(scope, receive, send)

    async def _pass_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        try:
            call = self._check(json.loads(body)) if body is not None else None
        except (ValueError, RecursionError):
            await answer_error("The body must be JSON.", 400)(scope, receive, send)
            return
        except _UnknownFileError:
            sentence = (
                "A file is named by the path that its upload was answered with; there is no such upload (any more)."
            )
            await answer_error(sentence, 404)(scope, receive, send)
            return
        if call is None:
            await answer_error(f"A call of at most {_MAX_CALL_BYTES // 1024} KB is accepted.", 413)(
                scope, receive, send
            )
            return
        # Gradio reads what was checked here, and not another reading of the same bytes.
        checked = json.dumps(call).encode()
        headers = [item for item in scope["headers"] if item[0] not in (b"content-length", b"transfer-encoding")]
        scope["headers"] = [*headers, (b"content-length", str(len(checked)).encode())]
        sent = failed = False

        async def receive_checked() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": checked, "more_body": False}

        async def send_unless_failed(message: Message) -> None:
            nonlocal failed
            failed = failed or message.get("status") == 500
            if not failed:
                await send(message)

        try:
            await self._app(scope, receive_checked, send_unless_failed)
        except Exception as error:  # Gradio raises nearly anything on a call that it does not understand
            _LOG.warning("A call failed in Gradio: %s", type(error).__name__)
        if failed:
            await answer_error("There is no such call, or it takes other values.", 400)(scope, receive, send)

    def _check(self, value: Any, depth: int = 0) -> Any:
        """The value, if each file in it is an upload that is there; addresses to fetch a file from are left out."""
        if depth > _MAX_DEPTH:
            raise ValueError
        if isinstance(value, list):
            return [self._check(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        if "path" in value or "meta" in value:
            if not self._uploads.is_upload(value.get("path")):
                raise _UnknownFileError
            value = {key: item for key, item in value.items() if key != "url"}
        return {key: self._check(item, depth + 1) for key, item in value.items()}


class _UnknownFileError(Exception):
    """A body names a file that is no upload; never leaves `Gate`."""


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body; None if it is longer than a call is."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _MAX_CALL_BYTES:
            return None
        more = message["type"] == "http.request" and bool(message.get("more_body"))
    return body
