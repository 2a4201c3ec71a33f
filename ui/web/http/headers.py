"""What every request and every answer passes: limits of a body's size and time, and the headers that protect a reader.

Who may ask is `ui.web.http.login`'s, what of Gradio can be asked `ui.web.gradio_shell.gate`'s.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterable

import brotli

from ui.web.http.asgi import AsgiApp, Message, Receive, Scope, Send, read_header, route_path

_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)

_PAGE_POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'unsafe-eval' 'wasm-unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'self'",
}
"""The policy of a page of HTML. Inline scripts are allowed by their hash, each page's own, and no others.

``'unsafe-eval'``: Gradio makes functions of the text of an event's ``js`` and of the templates and scripts of
`gradio.HTML`. ``'unsafe-inline'`` of styles: Gradio and Swagger set ``style`` attributes and add style elements.
``data:`` and ``blob:`` of images: the picture, its heat map and thumbnails. Of workers: the volume viewer.
"""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}


def hash_scripts(html: str) -> list[str]:
    """The sources that allow the inline scripts of a piece of HTML in a Content-Security-Policy, each once."""
    digests = (hashlib.sha256(text.encode()).digest() for text in _INLINE_SCRIPT.findall(html))
    return list(dict.fromkeys(f"'sha256-{base64.b64encode(digest).decode('ascii')}'" for digest in digests))


class HeadersMiddleware:
    """Add to every answer the headers that protect who reads it.

    Parameters
    ----------
    app : callable
        The ASGI application behind it.
    frame_ancestors : iterable of str
        See `inference.settings.Settings`.
    head : str
        HTML that Gradio adds to the head in the browser; its scripts are allowed too.
    """

    def __init__(self, app: AsgiApp, frame_ancestors: Iterable[str], head: str = "") -> None:
        self._app, self._ancestors, self._head = app, " ".join(frame_ancestors), hash_scripts(head)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held: Message | None = None  # the start of a page, until its scripts are known
        body = b""

        async def send_with_headers(message: Message) -> None:
            nonlocal held, body
            if message["type"] == "http.response.start":
                kind = read_header(message, b"content-type")
                message["headers"] = [*message.get("headers", []), *self._headers(scope, kind)]
                if kind.startswith("text/html"):
                    held = message
                    return
            elif held is not None:
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                held["headers"].append((b"content-security-policy", self._page_policy(_decode(held, body)).encode()))
                await send(held)
                held, message = None, {"type": "http.response.body", "body": body}
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _headers(self, scope: Scope, kind: str) -> list[tuple[bytes, bytes]]:
        headers = dict(_HEADERS)
        if self._ancestors in ("'self'", "'none'"):
            headers["X-Frame-Options"] = "DENY" if self._ancestors == "'none'" else "SAMEORIGIN"
        if not kind.startswith("text/html") and "javascript" not in kind:  # a worker's policy is that of its file
            headers["Content-Security-Policy"] = f"default-src 'none'; frame-ancestors {self._ancestors}"
        if route_path(scope).startswith(("/api/", "/batch/", "/page/", "/gradio_api/")):
            headers["Cache-Control"] = "no-store"
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    def _page_policy(self, html: str) -> str:
        policy = {**_PAGE_POLICY, "frame-ancestors": self._ancestors}
        scripts = " ".join((policy["script-src"], *hash_scripts(html), *self._head))
        return "; ".join(f"{name} {value}" for name, value in {**policy, "script-src": scripts}.items())


def _decode(start: Message, body: bytes) -> str:
    """A page's text; Gradio compresses what it sends."""
    encoding = read_header(start, b"content-encoding")
    if encoding == "br":
        body = brotli.decompress(body)
    elif encoding == "gzip":
        body = zlib.decompress(body, wbits=31)
    return body.decode(errors="replace")
