"""How often one address may ask: wrong passwords and requests a minute, counted in bounded memory.

Whether a password is right is decided in `ui.web.http.session`, how many images are worked on at once in
`ui.web.http.capacity`.
"""

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
"""What a supervisor without a password asks; the answers tell nothing else."""

_UNCOUNTED_PATHS = (*OPEN_PATHS, "/assets/", "/static/", "/static-offline-docs/", "/theme.css", "/favicon.ico")
"""What `RateLimitMiddleware` does not count: probes, and the files that a page is made of."""

FREE_FAILURES = 5
"""Wrong passwords of one address after which it has to wait."""

MAX_BLOCK_S = 300.0
"""Longest time that an address has to wait after wrong passwords, in seconds; each doubles it."""

_FORGET_FAILURES_S = 900.0

_MAX_ADDRESSES = 10_000
"""Addresses that are remembered at once; the one that was silent for longest is forgotten first."""


@dataclass
class _Failures:
    count: int = 0
    last_s: float = 0.0
    blocked_until_s: float = 0.0


class AddressTable(Generic[Value]):
    """One value for each address, of a bounded number of addresses.

    Examples
    --------
    >>> table = AddressTable(list)
    >>> table.get("203.0.113.9").append(1)
    >>> table.get("203.0.113.9")
    [1]
    """

    def __init__(self, build_value: Callable[[], Value]) -> None:
        self._build_value = build_value
        self._values: OrderedDict[str, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, address: str) -> Value:
        """The address's value, made if it is new."""
        value = self._values.setdefault(address, self._build_value())
        self._values.move_to_end(address)
        if len(self._values) > _MAX_ADDRESSES:
            self._values.popitem(last=False)
        return value

    def forget(self, address: str) -> None:
        """Forget the address's value, if there is one."""
        self._values.pop(address, None)


class FailureCounter:
    """Counts wrong passwords by address, and tells how long an address has to wait.

    Parameters
    ----------
    clock : callable
        Gives seconds that never go back.

    Attributes
    ----------
    total : int
        Wrong passwords and tokens since the start, of all addresses.
    addresses : AddressTable

    Examples
    --------
    >>> failures = FailureCounter(clock=lambda: 0.0)
    >>> for _ in range(6):
    ...     failures.add("203.0.113.9")
    >>> failures.wait_s("203.0.113.9"), failures.wait_s("203.0.113.10")
    (2.0, 0.0)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = 0
        self._clock = clock
        self.addresses = AddressTable(_Failures)

    def wait_s(self, address: str) -> float:
        """Seconds until the address may try again; 0 if it may now."""
        failures = self.addresses.get(address)
        if self._clock() - failures.last_s > _FORGET_FAILURES_S:
            failures.count = 0
        return max(0.0, failures.blocked_until_s - self._clock())

    def add(self, address: str) -> None:
        """Count a wrong password."""
        failures, now_s = self.addresses.get(address), self._clock()
        self.total += 1
        failures.count, failures.last_s = failures.count + 1, now_s
        excess = failures.count - FREE_FAILURES
        if excess >= 0:
            failures.blocked_until_s = now_s + min(2.0 ** min(excess, 10), MAX_BLOCK_S)
            _LOG.warning("%d wrong passwords or tokens from %s", failures.count, address)

    def clear(self, address: str) -> None:
        """Forget an address that knew the password."""
        self.addresses.forget(address)


class RateLimitMiddleware:
    """Answer 429 to an address that asks too often; this machine's own may ask as often as it likes.

    Each address has a bucket of ``per_minute`` tokens that fills again evenly; a request takes one ("token bucket").

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
        self._buckets = AddressTable(lambda: [float(per_minute), clock()])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if scope["type"] != "http" or self._is_allowed(client_address(scope), route_path(scope)):
            await self._app(scope, receive, send)
            return
        wait_s = ceil(60 / self._per_minute)
        answer = answer_error(
            f"At most {self._per_minute} requests a minute are answered for one address. Try again in {wait_s} s.",
            429,
            headers={"Retry-After": str(wait_s), "Connection": "close"},
        )
        await answer(scope, receive, send)

    def _is_allowed(self, address: str, path: str) -> bool:
        return is_loopback(address) or path.startswith(_UNCOUNTED_PATHS) or self._take_token(address)

    def _take_token(self, address: str) -> bool:
        bucket, now_s = self._buckets.get(address), self._clock()
        tokens, last_s = bucket
        tokens = min(float(self._per_minute), tokens + (now_s - last_s) * self._per_minute / 60)
        is_taken = tokens >= 1
        bucket[:] = tokens - is_taken, now_s
        return is_taken
