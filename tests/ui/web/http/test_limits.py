"""A body that is too large or trickles in."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ui.web.http.limits import BodyLimitMiddleware


class TestSlowBodies:
    """A body that trickles in."""

    @staticmethod
    def ask(messages: list[tuple[float, dict[str, Any]]], **limits: float) -> int:
        async def app(scope, receive, send) -> None:
            while (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        waiting, statuses = iter(messages), []

        async def receive() -> dict[str, Any]:
            pause_s, message = next(waiting)
            await asyncio.sleep(pause_s)
            return {"type": "http.request", **message}

        async def send(message: dict[str, Any]) -> None:
            statuses.append(message.get("status"))

        limited = BodyLimitMiddleware(app, 1000, **limits)
        scope = {"type": "http", "path": "/api/classify", "headers": [], "method": "POST"}
        with ThreadPoolExecutor(1) as pool:  # beside the loop that the browser tests leave running
            pool.submit(asyncio.run, limited(scope, receive, send)).result()  # type: ignore[arg-type]
        return statuses[0]

    def test_a_pause_is_408(self) -> None:
        part = {"body": b"x", "more_body": True}
        assert self.ask([(0, part), (0, {"body": b"x"})], pause_s=1.0, limit_s=1.0) == 200
        assert self.ask([(0, part), (5, part)], pause_s=0.05, limit_s=9.0) == 408
        assert self.ask([(0.02, part)] * 99, pause_s=5.0, limit_s=0.2) == 408
        assert self.ask([(0, {"body": bytes(600), "more_body": True})] * 2, pause_s=1.0, limit_s=1.0) == 413
