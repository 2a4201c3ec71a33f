"""Uvicorn's HTTP protocol with a limit that it lacks: the time in which the head of a request must have come."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_LIMIT_S = 15.0
"""Longest time from a connection, or the first byte of a further request, to the end of the request's head."""


class PunctualProtocol(H11Protocol):
    """Closes a connection on which the head of a request does not come within `HEAD_LIMIT_S`."""

    _alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for the first head."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take some bytes; once a head is whole, its body is `ui.web.http.limits.BodyLimitMiddleware`'s."""
        if self._alarm is None and self.conn.their_state is h11.IDLE:
            self._watch()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_watching()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._alarm = self.loop.call_later(HEAD_LIMIT_S, self._give_up)

    def _stop_watching(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _give_up(self) -> Any:
        if not self.transport.is_closing():
            self.transport.close()
