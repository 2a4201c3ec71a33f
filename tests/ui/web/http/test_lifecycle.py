"""How the server starts and stops: real processes, real signals."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.pictures import encode
from tests.stress.server import Server, run_server
from tests.tiny import write_bundle

SLOW = """
import sys, time
from inference import Classifier
predict_many = Classifier.predict_many

def predict_slowly(self, *args, **options):
    print("begun", flush=True)
    time.sleep({seconds})
    return predict_many(self, *args, **options)

Classifier.predict_many = predict_slowly
import app
sys.exit(app.main())
"""
"""The program with a network that takes its time."""


@contextmanager
def serving(tmp_path: Path, *options: str, slow_s: float = 0.0) -> Iterator[Server]:
    bundle = write_bundle(tmp_path / "tiny")
    command = ("-c", SLOW.format(seconds=slow_s)) if slow_s else ("app.py",)
    uploads = tmp_path / "uploads"
    uploads.mkdir(exist_ok=True)
    with run_server(
        tmp_path / "log", "--model", str(bundle), *options, command=command, environ={"TMPDIR": str(uploads)}
    ) as server:
        yield server


def ask(server: Server, answers: list[httpx.Response]) -> None:
    answers.append(httpx.post(f"{server.url}/api/classify", files={"file": ("a.png", encode())}, timeout=60))


def ask_in_vain(server: Server) -> None:
    """Ask what is cut off: by a closed connection, or by an answer that the client still gets."""
    with suppress(httpx.HTTPError):
        ask(server, [])


def wait_for(server: Server, words: str) -> None:
    deadline_s = time.monotonic() + 30
    while words not in server.log.read_text() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert words in server.log.read_text()


class TestStopping:
    def test_what_is_in_flight_is_answered_and_nothing_new_is_begun(self, tmp_path: Path) -> None:
        answers: list[httpx.Response] = []
        with serving(tmp_path, slow_s=4.0) as server:
            asking = threading.Thread(target=ask, args=(server, answers))
            asking.start()
            wait_for(server, "begun")
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            ready = httpx.get(f"{server.url}/readyz", timeout=10)
            assert (ready.status_code, ready.json()) == (503, {"status": "stopping"})
            assert httpx.get(f"{server.url}/healthz", timeout=10).status_code == 200
            refused = httpx.post(f"{server.url}/api/classify", files={"file": ("b.png", encode())}, timeout=10)
            assert refused.status_code == 503
            assert refused.json()["error"] == "The server is being stopped. Ask again in a moment."
            assert refused.headers["Retry-After"] == "5"
            asking.join(30)
            assert server.process.wait(timeout=20) == 0
        assert [answer.status_code for answer in answers] == [200]
        assert answers[0].json()["verdict"]

    def test_what_takes_longer_than_is_waited_for_does_not_hold_it_up(self, tmp_path: Path) -> None:
        with serving(tmp_path, slow_s=120.0) as server:
            asking = threading.Thread(target=ask_in_vain, args=(server,), daemon=True)
            asking.start()
            wait_for(server, "begun")
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(timeout=60) == 0
            assert 9 < time.monotonic() - started < 40

    def test_an_open_page_does_not_hold_it_up(self, tmp_path: Path) -> None:
        with (
            serving(tmp_path) as server,
            httpx.stream("GET", f"{server.url}/gradio_api/heartbeat/abc", timeout=60) as stream,
        ):
            assert stream.status_code == 200
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(timeout=60) == 0
            assert time.monotonic() - started < 9
        assert "Cancel" not in server.log.read_text()


class TestKilling:
    def test_the_next_start_removes_what_was_left(self, tmp_path: Path) -> None:
        uploads = tmp_path / "uploads"
        with serving(tmp_path) as server:
            httpx.post(f"{server.url}/gradio_api/upload", files={"files": ("a.png", encode())}, timeout=30)
            server.process.kill()
            server.process.wait()
        (left,) = uploads.glob("gyrus-uploads-*")
        assert list(left.rglob("a.png"))
        with serving(tmp_path) as server:
            (mine,) = uploads.glob("gyrus-uploads-*")
            assert mine != left
            assert mine.stat().st_mode & 0o777 == 0o700
            answers: list[httpx.Response] = []
            ask(server, answers)
            assert answers[0].status_code == 200
        assert list(uploads.glob("gyrus-uploads-*")) == [], "one that stops in good order leaves nothing"

    def test_the_folder_of_one_that_lives_stays(self, tmp_path: Path) -> None:
        with serving(tmp_path), serving(tmp_path):
            assert len(list((tmp_path / "uploads").glob("gyrus-uploads-*"))) == 2


class TestLosing:
    def test_a_bundle_that_vanishes_costs_the_requests_that_need_it(self, tmp_path: Path) -> None:
        other = write_bundle(tmp_path / "other", name="other")
        with serving(tmp_path, "--model", str(other)) as server:
            shutil.rmtree(tmp_path / "tiny")
            shutil.rmtree(other)
            files = {"file": ("a.png", encode())}
            lost = httpx.post(f"{server.url}/api/classify?model=other", files=files, timeout=30)
            request_id = lost.headers["X-Request-ID"]
            assert lost.status_code == 500
            assert lost.json()["error"].endswith(f"(id {request_id}).")
            assert str(tmp_path) not in lost.text
            assert httpx.get(server.url, timeout=30).status_code == 200
            assert httpx.post(f"{server.url}/api/classify", files=files, timeout=30).status_code == 200
            assert re.search(rf"ERROR .*\[{request_id}\]", server.log.read_text())

    @pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="only root may mount a small disk")
    def test_a_disk_that_fills_costs_one_upload(self, tmp_path: Path) -> None:
        disk = tmp_path / "uploads"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "gyrus-test", disk], check=False).returncode:
            pytest.skip("nothing can be mounted here")
        try:
            with serving(tmp_path) as server:
                full = httpx.post(
                    f"{server.url}/gradio_api/upload", files={"files": ("big.png", bytes(2**20))}, timeout=30
                )
                assert full.status_code == 503
                assert full.json()["error"] == "There is no room for an image at the moment. Try again in a minute."
                answers: list[httpx.Response] = []
                ask(server, answers)
                assert answers[0].status_code == 200
        finally:
            subprocess.run(["umount", disk], check=False)
