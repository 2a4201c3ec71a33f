"""Who gets in, and how often: password, API tokens, the page's session cookie, wrong passwords, requests a minute.

Everything asks but `OPEN_PATHS`, so that a route that is added later is guarded without a word here. A program sends
the password by HTTP Basic (RFC 7617) or a token as Bearer (RFC 6750); a browser is shown the form of `_LOGIN_PAGE` and
gets a cookie. Gradio's own password is not used: its tokens never end, and its page tells strangers what the API takes.
"""

from __future__ import annotations

import asyncio
from html import escape
from math import ceil
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from ui.web.http.asgi import AsgiApp, Receive, Scope, Send, answer_error, client_address, read_header, route_path
from ui.web.http.rate import OPEN_PATHS, FailureCounter
from ui.web.http.session import Guard

FAILURE_DELAY_S = 0.5
"""How long the answer to a wrong password is held back, in seconds."""

_MAX_FORM_BYTES = 4096

_LOGIN_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Gyrus</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; display: grid; place-content: center; min-height: 90vh; margin: 0 1rem }}
form {{ display: grid; gap: .75rem; width: min(20rem, 90vw) }}
label {{ display: grid; gap: .25rem }}
input, button {{ font: inherit; padding: .6rem .75rem; border-radius: 8px; border: 1px solid #8b8f94 }}
button {{ background: #0b6e69; color: #fff; border-color: transparent; font-weight: 600 }}
p {{ margin: 0; min-height: 1.5em }}
</style></head>
<body><main><h1>Gyrus</h1><form method="post" action="{action}">
<label>User <input name="username" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button><p role="alert">{message}</p></form></main></body></html>
"""


class AccessMiddleware:
    """Let in who knows the password or a token; everybody else gets 401 and, after many wrong ones, 429.

    Parameters
    ----------
    app : callable
        The ASGI application behind it.
    guard : Guard
    failures : FailureCounter
    """

    def __init__(self, app: AsgiApp, guard: Guard, failures: FailureCounter) -> None:
        self._app, self._guard, self._failures = app, guard, failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            answer = await self._check(scope, receive)
            await (answer or self._app)(scope, receive, send)

    async def _check(self, scope: Scope, receive: Receive) -> Response | None:
        """The answer that keeps somebody out, or None."""
        path = route_path(scope)
        if path in OPEN_PATHS:
            return None
        if path.rstrip("/") == "/login" and scope["method"] == "POST":
            return await self._log_in(scope, receive)
        if path.rstrip("/") == "/logout":
            goodbye = RedirectResponse(_root(scope), 303)
            goodbye.delete_cookie(self._guard.cookie)
            return goodbye
        header = read_header(scope, b"authorization")
        if header:
            return await self._judge(scope, self._guard.knows_header(header))
        if self._guard.knows_cookie(read_header(scope, b"cookie")):
            return None
        if path in ("/", "") and scope["method"] in ("GET", "HEAD") and self._guard.takes_password:
            return self._ask(scope)
        return _refuse(scope, basic=self._guard.takes_password)

    async def _judge(self, scope: Scope, is_right: bool) -> Response | None:
        """Count what somebody claimed to know; None lets in."""
        address = client_address(scope)
        wait_s = self._failures.wait_s(address)
        if wait_s > 0:
            return answer_error(
                f"Too many wrong passwords came from your address. Try again in {ceil(wait_s)} s.",
                429,
                headers={"Retry-After": str(ceil(wait_s))},
            )
        if is_right:
            self._failures.clear(address)
            return None
        self._failures.add(address)
        await asyncio.sleep(FAILURE_DELAY_S)
        return _refuse(scope, basic=self._guard.takes_password)

    async def _log_in(self, scope: Scope, receive: Receive) -> Response:
        """Answer the form: a browser is sent to the page, `gradio_client` gets Gradio's JSON; both get the cookie."""
        fields = await _read_form(receive)
        user, password = fields.get("username", ""), fields.get("password", "")
        refused = await self._judge(scope, self._guard.knows_password(f"{user}:{password}".encode()))
        in_browser = "text/html" in read_header(scope, b"accept")
        if refused is not None:
            sentence = "User or password is wrong."
            if refused.status_code == 429:
                sentence = f"Too many wrong passwords. Try again in {refused.headers['Retry-After']} s."
            return self._ask(scope, sentence, refused.status_code) if in_browser else refused
        answer = RedirectResponse(_root(scope), 303) if in_browser else JSONResponse({"success": True})
        self._guard.give_cookie(answer, secure=scope.get("scheme") == "https")
        return answer

    def _ask(self, scope: Scope, message: str = "", status: int = 401) -> Response:
        page = _LOGIN_PAGE.format(action=escape(f"{_root(scope)}login"), message=escape(message))
        return HTMLResponse(page, status, headers={"Cache-Control": "no-store"})


def _root(scope: Scope) -> str:
    """The page's own address, with a slash at its end."""
    return f"{scope.get('root_path', '')}/"


async def _read_form(receive: Receive) -> dict[str, str]:
    """The fields of a short form; none if it is longer than a form with a password is."""
    body = b""
    while len(body) <= _MAX_FORM_BYTES:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if len(body) > _MAX_FORM_BYTES:
        return {}
    try:
        return {name: values[-1] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    except ValueError:
        return {}


def _refuse(scope: Scope, *, basic: bool) -> Response:
    """401; a browser asks its reader by itself only where a page is opened, not where a script fetches something."""
    asks = basic and read_header(scope, b"sec-fetch-mode") in ("", "navigate")
    challenge = 'Basic realm="Gyrus", charset="UTF-8"' if asks else "Bearer"
    sentence = "This server asks for a user and a password." if basic else "This server asks for an API token."
    return answer_error(sentence, 401, headers={"WWW-Authenticate": challenge})
