"""How often one address may ask."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from inference import Catalogue
from inference.settings import Settings
from tests.fakes import FakeClassifier
from ui.web.http import rate
from ui.web.http.rate import FailureCounter, RateLimitMiddleware
from ui.web.server import build_app

STRANGER = ("203.0.113.9", 50_000)


def build(**settings: object):
    return build_app(Catalogue.of(FakeClassifier()), Settings(**settings))  # type: ignore[arg-type]


def test_each_wrong_password_doubles_the_wait_of_its_address() -> None:
    now = 0.0
    failures = FailureCounter(lambda: now)
    waits = []
    for _ in range(20):
        failures.add("a")
        waits.append(failures.wait_s("a"))
    assert waits[:8] == [0, 0, 0, 0, 1, 2, 4, 8]
    assert waits[-1] == 300
    assert (failures.wait_s("b"), failures.total) == (0, 20)
    now = 1000.0
    assert failures.wait_s("a") == 0
    failures.add("a")
    assert failures.wait_s("a") == 0, "after a quarter of an hour it begins anew"


def test_addresses_are_remembered_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "_MAX_ADDRESSES", 10)
    failures = FailureCounter()
    for number in range(100):
        failures.add(str(number))
    assert len(failures.addresses) == 10


class TestRate:
    """Requests a minute of one address."""

    @staticmethod
    def client(app, host: str) -> TestClient:
        return TestClient(app, client=(host, 1))

    def test_too_many_are_429_with_a_sentence(self) -> None:
        app = build(rate_limit=5, host="0.0.0.0")
        client = self.client(app, "203.0.113.9")
        assert [client.get("/version").status_code for _ in range(6)] == [200] * 5 + [429]
        answer = client.get("/version")
        assert answer.headers["Retry-After"] == "12"
        assert answer.json()["error"].startswith("At most 5 requests a minute")
        assert client.get("/healthz").status_code == 200
        assert self.client(app, "203.0.113.10").get("/version").status_code == 200
        assert all(self.client(app, "127.0.0.1").get("/version").status_code == 200 for _ in range(20))
        assert all(self.client(app, "::1").get("/version").status_code == 200 for _ in range(20))

    def test_one_visitors_ipv6_network_counts_once(self) -> None:
        app = build(rate_limit=2, host="0.0.0.0")
        codes = [self.client(app, f"2001:db8::{n}").get("/version").status_code for n in range(3)]
        assert codes == [200, 200, 429]

    def test_a_forwarded_address_counts_only_if_the_proxy_is_trusted(self) -> None:
        def ask(app, forwarded: str) -> int:
            client = self.client(app, "10.0.0.1")
            return client.get("/version", headers={"X-Forwarded-For": forwarded}).status_code

        trusting = build(rate_limit=2, trusted_proxies=("10.0.0.0/8",))
        assert [ask(trusting, "198.51.100.1") for _ in range(3)] == [200, 200, 429]
        assert ask(trusting, "198.51.100.2") == 200
        assert ask(trusting, "127.0.0.1, 198.51.100.1") == 429, (
            "what a visitor makes up stands first and counts nothing"
        )
        wary = build(rate_limit=2, host="0.0.0.0")
        assert [ask(wary, f"198.51.100.{n}") for n in range(3)] == [200, 200, 429]

    def test_none_when_off(self) -> None:
        for settings in ({"rate_limit": 0, "host": "0.0.0.0"}, {"rate_limit": 5, "host": "127.0.0.1"}):
            client = self.client(build(**settings), "203.0.113.9")
            assert all(client.get("/version").status_code == 200 for _ in range(20))

    def test_the_bucket_fills_again(self) -> None:
        now = 0.0
        sent: list[int] = []

        async def app(scope, receive, send) -> None:
            sent.append(200)

        async def send(message) -> None:
            if message["type"] == "http.response.start":
                sent.append(message["status"])

        limited = RateLimitMiddleware(app, 60, lambda: now)
        scope = {"type": "http", "client": STRANGER, "path": "/", "headers": [], "method": "GET"}
        for moment in [0.0] * 61 + [1.0, 1.0]:
            now = moment
            with ThreadPoolExecutor(1) as pool:  # beside the loop that the browser tests leave running
                pool.submit(asyncio.run, limited(scope, None, send)).result()  # type: ignore[arg-type]
        assert sent == [200] * 60 + [429, 200, 429]
