"""A head that never ends."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.fakes import FakeClassifier
from tests.serving import serve_in_thread
from ui.web.http import protocol

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(protocol, "HEAD_LIMIT_S", 0.5)
    with serve_in_thread(FakeClassifier()) as url:
        yield "127.0.0.1", int(url.rsplit(":", 1)[1].strip("/"))


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: "])
def test_a_head_that_does_not_come_is_closed(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(sent)
        assert connection.recv(1000) == b""


def test_each_request_of_a_connection_has_the_whole_time(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=20) as connection:
        for _ in range(2):
            connection.sendall(REQUEST)
            received = b""
            while b"alive" not in received:
                received += connection.recv(10_000) or pytest.fail("closed")
            time.sleep(0.7)


def test_uvicorn_alone_would_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once this fails, uvicorn may have a limit of its own, and `HeadTimeoutProtocol` can go."""
    build = uvicorn.Config.__init__
    monkeypatch.setattr(
        uvicorn.Config, "__init__", lambda self, app, **options: build(self, app, **{**options, "http": H11Protocol})
    )
    monkeypatch.setattr(protocol, "HEAD_LIMIT_S", 0.5)
    with serve_in_thread(FakeClassifier()) as url:
        address = ("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/")))
        with socket.create_connection(address, timeout=20) as connection:
            time.sleep(1.5)
            connection.sendall(REQUEST)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
