"""How often somebody may ask: wrong passwords and requests a minute, by address, in bounded memory."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Generic, TypeVar

from ui.web.http.asgi import AsgiApp, Receive, Scope, Send, answer_error, client_address, is_loopback, route_path

_LOG = logging.getLogger(__name__)

Value = TypeVar("Value")

OPEN_PATHS = ("/healthz", "/readyz")
"""What a supervisor asks, which has no password; they tell nothing else."""

_FREE_PATHS = (*OPEN_PATHS, "/assets/", "/static/", "/static-offline-docs/", "/theme.css", "/favicon.ico")
"""What is not counted by `RateLimitMiddleware`: probes, and the files that a page is made of."""

FREE_FAILURES = 5
"""Wrong passwords of one address that cost nothing but `FAILURE_DELAY_S`."""

MAX_BLOCK_S = 300.0
"""Longest time that an address must wait after wrong passwords, in seconds; each doubles it."""

_FORGET_FAILURES_S = 900.0

_MAX_ADDRESSES = 10_000
"""Addresses that are remembered at once; the one that was silent for longest is forgotten first."""


@dataclass
class _Failures:
    count: int = 0
    last_s: float = 0.0
    blocked_until_s: float = 0.0


class Remembered(Generic[Value]):
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
        self._failures = Remembered(_Failures)

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
        self._buckets = Remembered(lambda: [float(per_minute), clock()])

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
