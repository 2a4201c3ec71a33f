"""Who is known: the password, the API tokens, and the cookie of a browser that is logged in."""

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


class Guard:
    """Knows the password and the tokens, and makes and reads the cookie of a browser that is logged in.

    Parameters
    ----------
    settings : Settings
        With a password, tokens, or both.
    """

    def __init__(self, settings: Settings) -> None:
        self._passwords: list[bytes] = []
        if settings.auth is not None:
            user, password = settings.auth
            self._passwords.append(f"{user}:{password.get_secret_value()}".encode())
        self._tokens = [token.get_secret_value().encode() for token in settings.api_tokens]
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
