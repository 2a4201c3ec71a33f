"""The demo link: how it fails, and that nothing waits for it."""

from __future__ import annotations

import socket
import time

import pytest
from gradio import networking

from inference.settings import Settings
from ui.web.share import SHARE_LIMIT_S, start_sharing

SETTINGS = Settings(share=True, auth=("ann", "secret"), port=17863)


def tell_of(monkeypatch: pytest.MonkeyPatch, relay: str | None) -> tuple[str, float]:
    monkeypatch.setattr(networking, "GRADIO_SHARE_SERVER_ADDRESS", relay)
    told: list[str] = []
    started = time.monotonic()
    start_sharing(SETTINGS, told.append).join(SHARE_LIMIT_S + 2)
    assert len(told) == 1
    return told[0], time.monotonic() - started


def test_refused_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        relay = f"127.0.0.1:{unused.getsockname()[1]}"
    words, duration_s = tell_of(monkeypatch, relay)
    assert words.startswith("No demo link could be made: the relay 127.0.0.1 cannot be reached")
    assert "http://127.0.0.1:17863" in words
    assert "--host 0.0.0.0" in words
    assert "docs/service.md" in words
    assert duration_s < SHARE_LIMIT_S


def test_silent_relay_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object) -> str:
        time.sleep(60)
        return ""

    monkeypatch.setattr(networking, "setup_tunnel", hang)
    monkeypatch.setattr("ui.web.share.SHARE_LIMIT_S", 1.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        words, duration_s = tell_of(monkeypatch, f"127.0.0.1:{silent.getsockname()[1]}")
    assert "did not answer" in words
    assert duration_s < 5


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ConnectionResetError(104, "Connection reset by peer"),
            "the relay 127.0.0.1 broke off: Connection reset by peer.",
        ),
        (ValueError("token 0815"), "Something went wrong (id "),
    ],
)
def test_a_relay_that_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, words: str
) -> None:
    def fail(*_: object) -> str:
        raise error

    monkeypatch.setattr(networking, "setup_tunnel", fail)
    with socket.socket() as relay:
        relay.bind(("127.0.0.1", 0))
        relay.listen()
        told, _ = tell_of(monkeypatch, f"127.0.0.1:{relay.getsockname()[1]}")
    assert told.startswith(f"No demo link could be made: {words}")
    assert "0815" not in told
    logged = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert logged == ([error] if isinstance(error, ValueError) else [])


def test_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networking, "setup_tunnel", lambda *_: "https://abc.example.org")
    with socket.socket() as relay:
        relay.bind(("127.0.0.1", 0))
        relay.listen()
        words, _ = tell_of(monkeypatch, f"127.0.0.1:{relay.getsockname()[1]}")
    assert words.startswith("Demo link: https://abc.example.org")
    assert "asks for the password" in words
