"""Other programs, started as a user starts them and stopped again; what they take of time and memory."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
READY_WITHIN_S = 300


def find_port() -> int:
    """A free port of the loopback interface."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def start(command: Sequence[str], ready: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python program until the block ends; it is there when ``ready``, an address, answers."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    program = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(ready, program)
        yield program
    finally:
        program.terminate()
        try:
            program.wait(20)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


def wait_for(address: str, program: subprocess.Popen[bytes]) -> None:
    """Return as soon as an address answers."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and program.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise RuntimeError(f"{program.args!r} did not answer at {address}.")


@contextmanager
def serve_gyrus() -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The server as ``python app.py`` starts it; gives its port."""
    port = find_port()
    with start(["app.py", "--port", str(port)], f"http://127.0.0.1:{port}/readyz") as program:
        yield port, program


@contextmanager
def serve_article(kind: str) -> Iterator[int]:
    """`bench.article`'s ``api`` or ``page``; gives its port."""
    port = find_port()
    ready = f"http://127.0.0.1:{port}/" + ("docs" if kind == "api" else "")
    with start(["-m", "bench.article", kind, str(port)], ready):
        yield port


def memory_mb(program: subprocess.Popen[bytes]) -> float:
    """Resident memory of a program and its children, in 10⁶ bytes."""
    process = psutil.Process(program.pid)
    total_bytes: int = sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])
    return total_bytes / 1e6


_WATCH = """
import json, os, subprocess, sys, time
started = time.perf_counter()
program = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(program.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), time.perf_counter() - started, usage.ru_maxrss]))
"""
"""A small process that starts another: Linux counts what the starting process has in memory as the started one's."""


def run_measured(command: Sequence[str]) -> tuple[float, float]:
    """Run a Python program to its end: seconds, and the largest resident memory in 10⁶ bytes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    watched = [sys.executable, "-S", "-c", _WATCH, sys.executable, *command]
    said = subprocess.run(watched, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    code, seconds, peak_kib = json.loads(said)
    if code:
        raise RuntimeError(f"{command} ended with {code}.")
    return seconds, peak_kib * 1024 / 1e6
