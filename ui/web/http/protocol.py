"""A hook into uvicorn's HTTP protocol: a limit of time for the head of a request, which uvicorn lacks.

Without it, whoever opens connections and sends nothing, or a head without an end, can hold every connection of the
server (an attack called Slowloris). Uvicorn only limits the pause between two requests (``timeout_keep_alive``). The
hook relies on ``conn``, ``loop`` and ``transport`` of uvicorn's ``H11Protocol``. The time of a body is
`ui.web.http.limits`' concern.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_LIMIT_S = 15.0
"""Longest time from a connection, or the first byte of a further request, to the end of the request's head."""


class HeadTimeoutProtocol(H11Protocol):
    """Closes a connection on which the head of a request does not come within `HEAD_LIMIT_S`."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer for the first head."""
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Take some bytes; the timer runs while a head is not whole."""
        if self._timer is None and self.conn.their_state is h11.IDLE:
            self._start_timer()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(HEAD_LIMIT_S, self._close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
