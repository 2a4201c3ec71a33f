"""Who gets in, and how often."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount

from inference import Catalogue, SettingsError
from inference.settings import Settings
from tests.fakes import FakeClassifier
from tests.pictures import encode
from ui.web.http import login, rate, session
from ui.web.http.rate import FailureCounter, RateLimitMiddleware
from ui.web.http.session import Guard
from ui.web.server import build_app, greet

TOKEN = "a-token-of-a-program-1"
STRANGER = ("203.0.113.9", 50_000)


def build(**settings: object):
    return build_app(Catalogue.of(FakeClassifier()), Settings(**settings))  # type: ignore[arg-type]


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "FAILURE_DELAY_S", 0.0)


@pytest.fixture(scope="module")
def app():
    return build(auth=("ann", "pâss:word"), api_tokens=(TOKEN, "another-token-of-ours"))


@pytest.fixture
def guarded(app) -> Iterator[TestClient]:
    app.state.failures.clear(STRANGER[0])
    with TestClient(app, client=STRANGER, follow_redirects=False) as client:
        yield client


def all_paths(routes: list) -> Iterator[tuple[str, str]]:
    """Method and path of every route, those that Gradio brings too; with a word in the place of each parameter."""
    for route in routes:
        if isinstance(route, Mount) and route.path == "":
            yield from all_paths(route.app._app.routes)
        elif isinstance(route, Mount):
            yield "GET", f"{route.path}/any"
        elif hasattr(route, "original_router"):  # FastAPI's include_router
            yield from all_paths(route.original_router.routes)
        elif isinstance(route, APIRoute):
            path = route.path_format
            for name in route.param_convertors:
                path = path.replace(f"{{{name}}}", "1")
            yield from ((method, path) for method in route.methods)


def test_every_route_asks(guarded: TestClient, app) -> None:
    paths = set(all_paths(app.routes)) | {("GET", "/metrics"), ("GET", "/nothing"), ("GET", "/docs")}
    assert len(paths) > 60
    for method, path in sorted(paths):
        if path in ("/healthz", "/readyz"):
            assert guarded.request(method, path).status_code == 200
        elif path.rstrip("/") != "/logout" and (method, path.rstrip("/")) != ("POST", "/login"):
            answer = guarded.request(method, path)
            assert answer.status_code == 401, (method, path)
            assert "fruit" not in answer.text.lower()


def test_the_right_ones_get_in(guarded: TestClient) -> None:
    for headers in (basic("ann", "pâss:word"), bearer(TOKEN), bearer("another-token-of-ours")):
        assert guarded.get("/", headers=headers).status_code == 200
        assert guarded.get("/openapi.json", headers=headers).status_code == 200
        answer = guarded.post("/api/classify", files={"file": encode()}, headers=headers)
        assert answer.json()["label"] == "Pear Fruit"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        f"Basic {TOKEN}",
        "Basic !!!",
        "Basic é",
        f"Token {TOKEN}",
        "Bearer ann:pâss",
    ],
)
def test_the_wrong_ones_do_not(guarded: TestClient, header: str) -> None:
    assert guarded.get("/version", headers={"Authorization": header.encode()}).status_code == 401


def test_the_form_logs_a_browser_in_and_out(guarded: TestClient) -> None:
    browser = {"Accept": "text/html"}
    form = guarded.get("/", headers=browser)
    assert (form.status_code, "Log in" in form.text, "script" in form.text) == (401, True, False)
    wrong = guarded.post("/login", data={"username": "ann", "password": "<b>no</b>"}, headers=browser)
    assert (wrong.status_code, "User or password is wrong." in wrong.text, "<b>" in wrong.text) == (401, True, False)
    right = guarded.post("/login", data={"username": "ann", "password": "pâss:word"}, headers=browser)
    assert (right.status_code, right.headers["location"]) == (303, "/")
    assert {"httponly", "samesite=lax"} <= set(right.headers["set-cookie"].lower().split("; "))
    assert guarded.get("/").status_code == 200
    assert guarded.get("/docs").status_code == 200
    assert guarded.post("/api/classify", files={"file": encode()}).status_code == 200
    assert guarded.get("/logout").status_code == 303
    assert guarded.get("/docs").status_code == 401


def test_gradios_client_logs_in(guarded: TestClient) -> None:
    answer = guarded.post("/login", data={"username": "ann", "password": "pâss:word"})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert guarded.get("/config").status_code == 200


@pytest.mark.parametrize("change", ["{end}.{other}", "9999999999.{seal}", "{end}.", "x.{seal}", ".", "²9.{seal}"])
def test_a_made_up_cookie_is_none(change: str) -> None:
    from starlette.responses import Response

    guard, answer = Guard(Settings(auth=("a", "b"))), Response()
    guard.give_cookie(answer, secure=False)
    name, value = answer.headers["set-cookie"].split(";")[0].split("=")
    assert guard.knows_cookie(f"{name}={value}")
    end, seal = value.split(".")
    made_up = change.format(end=end, seal=seal, other="0" * 64)
    assert not guard.knows_cookie(f"{name}={made_up}")
    assert not Guard(Settings(auth=("a", "b"))).knows_cookie(f"{name}={value}"), "a restart ends every session"


def test_a_session_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.responses import Response

    guard, answer = Guard(Settings(auth=("a", "b"))), Response()
    monkeypatch.setattr(session, "SESSION_S", -1)
    guard.give_cookie(answer, secure=True)
    assert not guard.knows_cookie(answer.headers["set-cookie"].split(";")[0])


def test_in_a_foreign_frame_the_cookie_is_kept() -> None:
    from starlette.responses import Response

    answer = Response()
    Guard(Settings(auth=("a", "b"), frame_ancestors=("https://x.org",))).give_cookie(answer, secure=True)
    assert "SameSite=none; Secure" in answer.headers["set-cookie"]


def test_wrong_passwords_are_counted_and_slowed(guarded: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert guarded.get("/version", headers=basic("ann", "guess")).status_code == 401
    for _ in range(2):
        assert guarded.post("/login", data={"username": "ann", "password": "guess"}).status_code == 401
    for answer in (
        guarded.get("/version", headers=basic("ann", "pâss:word")),
        guarded.get("/version", headers=bearer(TOKEN)),
        guarded.post("/login", data={"username": "ann", "password": "pâss:word"}),
    ):
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) >= 1
        assert "Try again in" in answer.json()["error"]
    assert "5 wrong passwords or tokens from 203.0.113.9" in caplog.text
    assert "guess" not in caplog.text


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


def test_a_wrong_password_is_held_back(monkeypatch: pytest.MonkeyPatch, guarded: TestClient) -> None:
    monkeypatch.setattr(login, "FAILURE_DELAY_S", 0.3)
    started = time.monotonic()
    guarded.get("/version", headers=basic("ann", "guess"))
    assert time.monotonic() - started >= 0.3


def test_addresses_are_remembered_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "_MAX_ADDRESSES", 10)
    failures = FailureCounter()
    for number in range(100):
        failures.add(str(number))
    assert len(failures._failures._values) == 10


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


def test_who_opens_it_to_strangers_is_told_what_to_do() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.5", "gyrus.example.org"):
        assert "GYRUS_AUTH=USER:PASSWORD" in greet(Settings(host=host))
        assert "Warning" not in greet(Settings(host=host, auth=("a", "b")))
        assert "Warning" not in greet(Settings(host=host, api_tokens=(TOKEN,)))
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        assert "Warning" not in greet(Settings(host=host))
    with pytest.raises(SettingsError, match="demo link"):
        Settings(share=True)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("GYRUS_API_TOKEN", "short", "16 plain letters"),
        ("GYRUS_RATE_LIMIT", "-1", "whole number"),
        ("GYRUS_RATE_LIMIT", "many", "whole number"),
        ("GYRUS_TRUSTED_PROXIES", "nginx", "addresses or networks"),
        ("GYRUS_FRAME_ANCESTORS", "https://a.org; script-src *", "names origins"),
        ("GYRUS_FRAME_ANCESTORS", "'none' https://a.org", "names origins"),
    ],
)
def test_a_wrong_setting_is_a_sentence(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings.from_env({name: value})


def test_settings_are_read() -> None:
    settings = Settings.from_env(
        {
            "GYRUS_API_TOKEN": f"{TOKEN},another-token-of-ours",
            "GYRUS_RATE_LIMIT": "0",
            "GYRUS_TRUSTED_PROXIES": "127.0.0.1 10.0.0.0/8",
            "GYRUS_FRAME_ANCESTORS": "'self' https://*.example.org",
        }
    )
    assert [token.get_secret_value() for token in settings.api_tokens] == [TOKEN, "another-token-of-ours"]
    assert (settings.rate_limit, settings.trusted_proxies) == (0, ("127.0.0.1", "10.0.0.0/8"))
    assert settings.frame_ancestors == ("'self'", "https://*.example.org")
    space = Settings.from_env({"SPACE_ID": "a/b"})
    assert (space.frame_ancestors, space.trusted_proxies) == (("'self'", "https://huggingface.co"), ("10.0.0.0/8",))
