"""The real ``python app.py`` in a process of its own, and its memory."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

_START_LIMIT_S = 300.0
"""Long, because the machine may be busy with other things."""

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes
    ----------
    url : str
        Without a slash at its end.
    process : subprocess.Popen
    log : pathlib.Path
        What it writes to its standard output and error.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def memory_bytes(self) -> int:
        """What is resident, of its children too."""
        process = psutil.Process(self.process.pid)
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def run_server(
    log: Path, *options: str, environ: Mapping[str, str] | None = None, command: Sequence[str] = ("app.py",)
) -> Iterator[Server]:
    """Start it, wait until it is ready, and stop it by SIGTERM at the end, if it still runs."""
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command, "--port", str(port), *options],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
        )
        try:
            server = Server(f"http://127.0.0.1:{port}", process, log)
            _wait_until_ready(server)
            yield server
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait_until_ready(server: Server) -> None:
    deadline_s = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline_s:
        if server.process.poll() is not None:
            raise RuntimeError(f"The server did not start: {server.log.read_text(errors='replace')}")
        try:
            if httpx.get(f"{server.url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise RuntimeError(f"The server was not ready within {_START_LIMIT_S:.0f} s.")
