"""The headers of every answer that protect its reader: the Content-Security-Policy, caching, frames.

Nothing here refuses a request: limits are `ui.web.http.limits`', access is `ui.web.http.login`'s.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterable

import brotli
from fastapi import FastAPI

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
"""The policy of a page of HTML. The inline scripts of a page are allowed by their hashes, and no others.

Reasons for what is not strict: ``'unsafe-eval'``, because Gradio makes functions of the text of an event's ``js`` and
of the templates and scripts of `gradio.HTML`; ``'unsafe-inline'`` of styles, because Gradio and Swagger set ``style``
attributes and add style elements, and the login page has one; ``data:`` and ``blob:`` of images, for the picture, its
heat map and thumbnails; ``blob:`` of workers, for the volume viewer.

References
----------
Content Security Policy Level 3, https://www.w3.org/TR/CSP3/
"""

_PRIVATE_PATHS = ("/api/", "/batch/", "/page/", "/gradio_api/")
"""Routes whose answers no cache may keep."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}


def hash_scripts(html: str) -> list[str]:
    """List the sources that allow the inline scripts of a piece of HTML in a Content-Security-Policy, each once.

    Examples
    --------
    >>> hash_scripts("<script>go()</script><script src='x.js'></script>")
    ["'sha256-5KYv+PUboo5h+0+YAtGRPbwv5d/QxzHslP4YGnUaxRw='"]
    """
    digests = (hashlib.sha256(text.encode()).digest() for text in _INLINE_SCRIPT.findall(html))
    return list(dict.fromkeys(f"'sha256-{base64.b64encode(digest).decode('ascii')}'" for digest in digests))


def add_headers(app: FastAPI, frame_ancestors: Iterable[str], head: str = "") -> None:
    """Have every answer pass `HeadersMiddleware`, Starlette's own answer to a defect too.

    A hook into Starlette: that answer is made outside of everything that ``add_middleware`` adds, so the method that
    puts the layers together is replaced by one that adds this layer outside of it. The parameters are the middleware's.
    """
    build_stack = app.build_middleware_stack
    app.build_middleware_stack = lambda: HeadersMiddleware(build_stack(), frame_ancestors, head)  # type: ignore[method-assign]


class HeadersMiddleware:
    """Add to every answer the headers that protect its reader.

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
        self._app, self._ancestors, self._head_hashes = app, " ".join(frame_ancestors), hash_scripts(head)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held_start: Message | None = None  # a page's start is held back until its scripts are known
        body = b""

        async def send_with_headers(message: Message) -> None:
            nonlocal held_start, body
            if message["type"] == "http.response.start":
                media_type = read_header(message, b"content-type")
                message["headers"] = [*message.get("headers", []), *self._build_headers(scope, media_type)]
                if media_type.startswith("text/html"):
                    held_start = message
                    return
            elif held_start is not None:
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                policy = self._build_page_policy(_decode(held_start, body))
                held_start["headers"].append((b"content-security-policy", policy.encode()))
                await send(held_start)
                held_start, message = None, {"type": "http.response.body", "body": body}
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _build_headers(self, scope: Scope, media_type: str) -> list[tuple[bytes, bytes]]:
        headers = dict(_HEADERS)
        if self._ancestors in ("'self'", "'none'"):
            headers["X-Frame-Options"] = "DENY" if self._ancestors == "'none'" else "SAMEORIGIN"
        is_script = "javascript" in media_type  # a worker's policy is that of its script
        if not media_type.startswith("text/html") and not is_script:
            headers["Content-Security-Policy"] = f"default-src 'none'; frame-ancestors {self._ancestors}"
        if route_path(scope).startswith(_PRIVATE_PATHS):
            headers["Cache-Control"] = "no-store"
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    def _build_page_policy(self, html: str) -> str:
        policy = {**_PAGE_POLICY, "frame-ancestors": self._ancestors}
        scripts = " ".join((policy["script-src"], *hash_scripts(html), *self._head_hashes))
        return "; ".join(f"{name} {value}" for name, value in {**policy, "script-src": scripts}.items())


def _decode(start: Message, body: bytes) -> str:
    """The text of a page, which Gradio sends compressed."""
    encoding = read_header(start, b"content-encoding")
    if encoding == "br":
        body = brotli.decompress(body)
    elif encoding == "gzip":
        body = zlib.decompress(body, wbits=31)
    return body.decode(errors="replace")
