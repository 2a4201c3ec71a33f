"""Who gets in, and how often: password, API tokens, the page's session cookie, wrong passwords, requests a minute.

Everything asks but `OPEN_PATHS`, so that a route that is added later is guarded without a word here. A program sends
the password by HTTP Basic (RFC 7617) or a token as Bearer (RFC 6750); a browser is shown the form of `_LOGIN_PAGE` and
gets a cookie. Gradio's own password is not used: its tokens never end, and its page tells strangers what the API takes.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from http.cookies import CookieError, SimpleCookie
from math import ceil
from typing import Generic, TypeVar
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from inference.settings import Settings
from ui.web.api import answer_error
from ui.web.asgi import AsgiApp, Receive, Scope, Send, client_address, is_loopback, read_header, route_path

_LOG = logging.getLogger(__name__)

Value = TypeVar("Value")

OPEN_PATHS = ("/healthz", "/readyz")
"""What a supervisor asks, which has no password; they tell nothing else."""

_FREE_PATHS = (*OPEN_PATHS, "/assets/", "/static/", "/static-offline-docs/", "/theme.css", "/favicon.ico")
"""What is not counted by `RateLimitMiddleware`: probes, and the files that a page is made of."""

SESSION_S = 12 * 3600
"""How long a browser stays logged in, in seconds."""

FREE_FAILURES = 5
"""Wrong passwords of one address that cost nothing but `FAILURE_DELAY_S`."""

FAILURE_DELAY_S = 0.5
"""How long the answer to a wrong password is held back, in seconds."""

MAX_BLOCK_S = 300.0
"""Longest time that an address must wait after wrong passwords, in seconds; each doubles it."""

_FORGET_FAILURES_S = 900.0

_MAX_ADDRESSES = 10_000
"""Addresses that are remembered at once; the one that was silent for longest is forgotten first."""

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


@dataclass
class _Failures:
    count: int = 0
    last_s: float = 0.0
    blocked_until_s: float = 0.0


class _Remembered(Generic[Value]):
    """One value an address, of a bounded number of addresses."""

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._values: OrderedDict[str, Value] = OrderedDict()

    def get(self, address: str) -> Value:
        """The address's value, made if it is new."""
        value = self._values.setdefault(address, self._make())
        self._values.move_to_end(address)
        if len(self._values) > _MAX_ADDRESSES:
            self._values.popitem(last=False)
        return value

    def forget(self, address: str) -> None:
        """Forget the address's value, if there is one."""
        self._values.pop(address, None)


class FailureCounter:
    """Counts wrong passwords by address, and says how long one has to wait.

    Parameters
    ----------
    clock : callable
        Gives seconds that never go back.

    Attributes
    ----------
    total : int
        Wrong passwords and tokens since the start, of all addresses.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = 0
        self._clock = clock
        self._failures = _Remembered(_Failures)

    def wait_s(self, address: str) -> float:
        """Seconds until the address may try again; 0 if it may now."""
        failures = self._failures.get(address)
        if self._clock() - failures.last_s > _FORGET_FAILURES_S:
            failures.count = 0
        return max(0.0, failures.blocked_until_s - self._clock())

    def add(self, address: str) -> None:
        """Note a wrong password."""
        failures, now = self._failures.get(address), self._clock()
        self.total += 1
        failures.count, failures.last_s = failures.count + 1, now
        excess = failures.count - FREE_FAILURES
        if excess >= 0:
            failures.blocked_until_s = now + min(2.0 ** min(excess, 10), MAX_BLOCK_S)
            _LOG.warning("%d wrong passwords or tokens from %s", failures.count, address)

    def clear(self, address: str) -> None:
        """Forget an address that knew the password."""
        self._failures.forget(address)


class Guard:
    """Knows the password and the tokens, and makes and reads the cookie of a browser that is logged in.

    Parameters
    ----------
    settings : Settings
        With a password, tokens, or both.
    """

    def __init__(self, settings: Settings) -> None:
        self._passwords = [":".join(settings.auth).encode()] if settings.auth else []
        self._tokens = [token.encode() for token in settings.api_tokens]
        self._secret = secrets.token_bytes(32)
        self.cookie = f"gyrus-{settings.port}"  # a browser does not tell cookies of two ports apart
        self.takes_password = settings.auth is not None
        self._embedded = any(source not in ("'self'", "'none'") for source in settings.frame_ancestors)

    def knows_password(self, received: bytes) -> bool:
        """Whether ``user:password`` is right, in a time that does not tell how much of it is."""
        return _is_one_of(received, self._passwords)

    def knows_header(self, header: str) -> bool:
        """Whether an ``Authorization`` header is right."""
        kind, _, value = header.partition(" ")
        if kind.lower() == "bearer":
            return _is_one_of(value.strip().encode(), self._tokens)
        try:
            return kind.lower() == "basic" and self.knows_password(base64.b64decode(value.strip(), validate=True))
        except (binascii.Error, ValueError):
            return False

    def knows_cookie(self, header: str) -> bool:
        """Whether a ``Cookie`` header has a session of ours that has not ended."""
        try:
            cookie = SimpleCookie(header).get(self.cookie)
        except CookieError:
            return False
        end, _, seal = cookie.value.partition(".") if cookie else ("", "", "")
        if not (end.isascii() and end.isdecimal()) or not hmac.compare_digest(seal.encode(), self._seal(end).encode()):
            return False
        return int(end) > time.time()

    def give_cookie(self, answer: Response, *, secure: bool) -> None:
        """Log a browser in; in a foreign frame it keeps only a cookie that is ``Secure`` and ``SameSite=None``."""
        end = str(int(time.time()) + SESSION_S)
        answer.set_cookie(
            self.cookie,
            f"{end}.{self._seal(end)}",
            max_age=SESSION_S,
            httponly=True,
            secure=secure,
            samesite="none" if secure and self._embedded else "lax",
        )

    def _seal(self, end: str) -> str:
        return hmac.digest(self._secret, end.encode(), hashlib.sha256).hex()


def _is_one_of(received: bytes, expected: list[bytes]) -> bool:
    """Compare with each of ``expected``; of equal length as hashes, so that not even the length is told."""
    digest = hashlib.sha256(received).digest()
    found = [hmac.compare_digest(digest, hashlib.sha256(item).digest()) for item in expected]  # always all of them
    return any(found)


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


class RateLimitMiddleware:
    """Answer 429 to an address that asks too often; this machine's own may ask as it likes.

    Each address has a bucket of ``per_minute`` requests that fills again evenly.

    Parameters
    ----------
    app : callable
        The ASGI application behind it.
    per_minute : int
        1 at least.
    clock : callable
        Gives seconds that never go back.
    """

    def __init__(self, app: AsgiApp, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._per_minute, self._clock = app, per_minute, clock
        self._buckets = _Remembered(lambda: [float(per_minute), clock()])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        address = client_address(scope) if scope["type"] == "http" else ""
        if not address or is_loopback(address) or route_path(scope).startswith(_FREE_PATHS) or self._take(address):
            await self._app(scope, receive, send)
            return
        wait_s = ceil(60 / self._per_minute)
        answer = answer_error(
            f"At most {self._per_minute} requests a minute are answered for one address. Try again in {wait_s} s.",
            429,
            headers={"Retry-After": str(wait_s), "Connection": "close"},
        )
        await answer(scope, receive, send)

    def _take(self, address: str) -> bool:
        bucket, now = self._buckets.get(address), self._clock()
        left, last_s = bucket
        left = min(float(self._per_minute), left + (now - last_s) * self._per_minute / 60)
        bucket[:] = (left - 1 if left >= 1 else left), now
        return left >= 1


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
