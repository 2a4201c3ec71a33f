"""Who gets in: the middleware that asks for a password or a token, the login form, and the answers to wrong ones.

Every route asks but `OPEN_PATHS`, so that one that is added later is guarded too. A program sends the password by HTTP
Basic (RFC 7617) or a token as Bearer (RFC 6750); a browser is shown ``templates/login.html`` and gets a cookie. What is
right is decided in `ui.web.http.session`, how often one may try in `ui.web.http.rate`. Gradio's own password is not
used: its tokens never end, and its page tells strangers what the API takes.
"""

from __future__ import annotations

import asyncio
from math import ceil
from pathlib import Path
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from ui.web.http.asgi import AsgiApp, Receive, Scope, Send, answer_error, client_address, read_header, route_path
from ui.web.http.rate import OPEN_PATHS, FailureCounter
from ui.web.http.session import Credentials
from ui.web.templates import load_templates

FAILURE_DELAY_S = 0.5
"""How long the answer to a wrong password is held back, in seconds."""

_MAX_FORM_BYTES = 4096

_TEMPLATES = load_templates(Path(__file__).parent / "templates")


class AccessMiddleware:
    """Let in whoever knows the password or a token; everybody else gets 401 and, after many wrong ones, 429.

    Parameters
    ----------
    app : callable
        The ASGI application behind it.
    credentials : Credentials
    failures : FailureCounter
    """

    def __init__(self, app: AsgiApp, credentials: Credentials, failures: FailureCounter) -> None:
        self._app, self._credentials, self._failures = app, credentials, failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            refusal = await self._check_access(scope, receive)
            await (refusal or self._app)(scope, receive, send)

    async def _check_access(self, scope: Scope, receive: Receive) -> Response | None:
        """Find the answer that keeps somebody out; None lets in."""
        path = route_path(scope)
        if path in OPEN_PATHS:
            return None
        if path.rstrip("/") == "/login" and scope["method"] == "POST":
            return await self._log_in(scope, receive)
        if path.rstrip("/") == "/logout":
            return self._log_out(scope)
        header = read_header(scope, b"authorization")
        if header:
            return await self._count_attempt(scope, self._credentials.match_header(header))
        if self._credentials.match_cookie(read_header(scope, b"cookie")):
            return None
        if path in ("/", "") and scope["method"] in ("GET", "HEAD") and self._credentials.takes_password:
            return _show_form(scope)
        return _refuse(scope, takes_password=self._credentials.takes_password)

    async def _count_attempt(self, scope: Scope, is_right: bool) -> Response | None:
        """Count a password or token against its address; None lets in."""
        address = client_address(scope)
        wait_s = ceil(self._failures.wait_s(address))
        if wait_s > 0:
            sentence = f"Too many wrong passwords came from your address. Try again in {wait_s} s."
            return answer_error(sentence, 429, headers={"Retry-After": str(wait_s)})
        if is_right:
            self._failures.clear(address)
            return None
        self._failures.add(address)
        await asyncio.sleep(FAILURE_DELAY_S)
        return _refuse(scope, takes_password=self._credentials.takes_password)

    async def _log_in(self, scope: Scope, receive: Receive) -> Response:
        """Answer the form: a browser is sent to the page, `gradio_client` gets Gradio's JSON; both get the cookie."""
        fields = await _read_form(receive)
        received = f"{fields.get('username', '')}:{fields.get('password', '')}".encode()
        refusal = await self._count_attempt(scope, self._credentials.match_password(received))
        is_browser = "text/html" in read_header(scope, b"accept")
        if refusal is not None:
            return _show_form(scope, refusal) if is_browser else refusal
        answer = RedirectResponse(_page_path(scope), 303) if is_browser else JSONResponse({"success": True})
        self._credentials.set_cookie(answer, is_https=scope.get("scheme") == "https")
        return answer

    def _log_out(self, scope: Scope) -> Response:
        answer = RedirectResponse(_page_path(scope), 303)
        answer.delete_cookie(self._credentials.cookie_name)
        return answer


def _show_form(scope: Scope, refusal: Response | None = None) -> Response:
    """Show the login page; after a wrong password with a sentence, and with the status of the refusal."""
    message = ""
    if refusal is not None:
        message = "User or password is wrong."
        if refusal.status_code == 429:
            message = f"Too many wrong passwords. Try again in {refusal.headers['Retry-After']} s."
    page = _TEMPLATES.get_template("login.html").render(action=f"{_page_path(scope)}login", message=message)
    status = 401 if refusal is None else refusal.status_code
    return HTMLResponse(page, status, headers={"Cache-Control": "no-store"})


def _page_path(scope: Scope) -> str:
    """The path of the page, with a slash at its end."""
    return f"{scope.get('root_path', '')}/"


async def _read_form(receive: Receive) -> dict[str, str]:
    """Read the fields of a short form; none if it is longer than a user and a password are."""
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


def _refuse(scope: Scope, *, takes_password: bool) -> Response:
    """Answer 401. A browser shows its own password window to "Basic", so that is sent only where a page is opened."""
    is_opened = read_header(scope, b"sec-fetch-mode") in ("", "navigate")
    challenge = 'Basic realm="Gyrus", charset="UTF-8"' if takes_password and is_opened else "Bearer"
    sentence = "This server asks for a user and a password."
    if not takes_password:
        sentence = "This server asks for an API token."
    return answer_error(sentence, 401, headers={"WWW-Authenticate": challenge})
