"""What the demo link needs of Gradio."""

from __future__ import annotations

import inspect

import pytest
from gradio import networking

from ui.web.gradio_shell.tunnel import find_relay, open_tunnel


def test_the_relay_is_ones_own_or_that_of_gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networking, "GRADIO_SHARE_SERVER_ADDRESS", None)
    host, port = find_relay()
    assert host.startswith("api.")
    assert port == "443"
    monkeypatch.setattr(networking, "GRADIO_SHARE_SERVER_ADDRESS", "relay.example.org:7000")
    assert find_relay() == ("relay.example.org", "7000")


def test_the_function_behind_share_takes_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = inspect.signature(networking.setup_tunnel)
    assert list(signature.parameters) == [
        "local_host", "local_port", "share_token", "share_server_address", "share_server_tls_certificate",
    ]  # fmt: skip
    given: list[object] = []
    monkeypatch.setattr(networking, "setup_tunnel", lambda *values: given.extend(values) or "https://abc.example.org")
    monkeypatch.setattr(networking, "GRADIO_SHARE_SERVER_ADDRESS", "relay.example.org:7000")
    assert open_tunnel("127.0.0.1", 7860) == "https://abc.example.org"
    host, port, token, relay, certificate = given
    assert (host, port, relay, certificate) == ("127.0.0.1", 7860, "relay.example.org:7000", None)
    assert len(str(token)) >= 32
