"""Who gets in, and how often."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from inference import Catalogue, SettingsError
from inference.settings import Settings
from tests.fakes import FakeClassifier
from tests.pictures import encode
from tests.serving import list_routes
from ui.web.http import login
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


def test_every_route_asks(guarded: TestClient, app) -> None:
    paths = set(list_routes(app.routes)) | {("GET", "/metrics"), ("GET", "/nothing"), ("GET", "/docs")}
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


def test_a_wrong_password_is_held_back(monkeypatch: pytest.MonkeyPatch, guarded: TestClient) -> None:
    monkeypatch.setattr(login, "FAILURE_DELAY_S", 0.3)
    started = time.monotonic()
    guarded.get("/version", headers=basic("ann", "guess"))
    assert time.monotonic() - started >= 0.3


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
