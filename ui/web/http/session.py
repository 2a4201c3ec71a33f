"""Whom the server knows: the password, the API tokens, and the cookie of a browser that is logged in.

Nothing here reads a request or answers one; that is `ui.web.http.login`'s.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from http.cookies import CookieError, SimpleCookie

from starlette.responses import Response

from inference.settings import Settings

SESSION_S = 12 * 3600
"""How long a browser stays logged in, in seconds."""


class Credentials:
    """The password and the tokens of a server, and the signed cookies that it gives to browsers.

    Parameters
    ----------
    settings : Settings
        With a password, tokens, or both.

    Attributes
    ----------
    cookie_name : str
        With the port in it, because a browser sends a cookie to every port of a host.
    takes_password : bool
        False where only tokens let in.

    Examples
    --------
    >>> credentials = Credentials(Settings(auth=("ann", "secret")))
    >>> credentials.match_password(b"ann:secret"), credentials.match_header("Bearer secret")
    (True, False)
    """

    def __init__(self, settings: Settings) -> None:
        self._passwords: list[bytes] = []
        if settings.auth is not None:
            user, password = settings.auth
            self._passwords.append(f"{user}:{password.get_secret_value()}".encode())
        self._tokens = [token.get_secret_value().encode() for token in settings.api_tokens]
        self._signing_key = secrets.token_bytes(32)
        self.cookie_name = f"gyrus-{settings.port}"  # a browser does not tell cookies of two ports apart
        self.takes_password = settings.auth is not None
        self._may_be_framed = any(source not in ("'self'", "'none'") for source in settings.frame_ancestors)

    def match_password(self, received: bytes) -> bool:
        """Whether ``user:password`` is right; the time taken does not tell how much of it is."""
        return _is_one_of(received, self._passwords)

    def match_header(self, header: str) -> bool:
        """Whether an ``Authorization`` header is right: Basic (RFC 7617) or Bearer (RFC 6750)."""
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer":
            return _is_one_of(value.strip().encode(), self._tokens)
        try:
            return scheme.lower() == "basic" and self.match_password(base64.b64decode(value.strip(), validate=True))
        except (binascii.Error, ValueError):
            return False

    def match_cookie(self, header: str) -> bool:
        """Whether a ``Cookie`` header has a session that this server gave and that has not ended."""
        try:
            cookie = SimpleCookie(header).get(self.cookie_name)
        except CookieError:
            return False
        end, _, signature = cookie.value.partition(".") if cookie else ("", "", "")
        if not (end.isascii() and end.isdecimal()):
            return False
        return hmac.compare_digest(signature.encode(), self._sign(end).encode()) and int(end) > time.time()

    def set_cookie(self, response: Response, *, is_https: bool) -> None:
        """Log a browser in. In the frame of another site it keeps only a cookie that is Secure and SameSite=None."""
        end = str(int(time.time()) + SESSION_S)
        response.set_cookie(
            self.cookie_name,
            f"{end}.{self._sign(end)}",
            max_age=SESSION_S,
            httponly=True,
            secure=is_https,
            samesite="none" if is_https and self._may_be_framed else "lax",
        )

    def _sign(self, end: str) -> str:
        return hmac.digest(self._signing_key, end.encode(), hashlib.sha256).hex()


def _is_one_of(received: bytes, expected: list[bytes]) -> bool:
    """Compare with each of ``expected`` as hashes of equal length, so that the time does not tell the length either."""
    digest = hashlib.sha256(received).digest()
    matches = [hmac.compare_digest(digest, hashlib.sha256(item).digest()) for item in expected]  # always all of them
    return any(matches)
