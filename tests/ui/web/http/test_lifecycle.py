"""What each request leaves behind; and how the server starts and stops: real processes, real signals."""

from __future__ import annotations

import asyncio
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from PIL import Image

from inference import Catalogue, EngineError
from inference.settings import Settings
from tests.fakes import MAGENTA, FakeClassifier
from tests.pictures import encode
from tests.serving import post_picture, read_log
from tests.stress.server import Server, run_server
from tests.tiny import write_bundle
from ui.web.server import build_app

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


class TestId:
    def test_every_answer_has_its_own(self, client: TestClient) -> None:
        paths = ("/healthz", "/", "/nothing/here", "/docs")
        ids = [client.get(path).headers["X-Request-ID"] for path in paths]
        assert len(set(ids)) == len(paths)
        assert all(len(one) == 16 for one in ids)

    def test_one_that_a_proxy_gives_is_kept(self, client: TestClient) -> None:
        assert client.get("/healthz", headers={"X-Request-ID": "proxy-1.a_B"}).headers["X-Request-ID"] == "proxy-1.a_B"

    @pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<b>", '"}', "ä"])
    def test_one_that_is_none_is_replaced(self, client: TestClient, given: str) -> None:
        received = client.get("/healthz", headers={"X-Request-ID": given.encode()}).headers["X-Request-ID"]
        assert received != given
        assert len(received) == 16

    def test_the_sentence_of_a_defect_has_the_id_of_its_answer_and_of_the_log(
        self, client: TestClient, log: io.StringIO
    ) -> None:
        answer = post_picture(client, encode(MAGENTA))
        request_id = answer.headers["X-Request-ID"]
        assert answer.status_code == 500
        assert answer.json()["error"] == f"Something went wrong (id {request_id})."
        defect, access = read_log(log)
        assert defect["request_id"] == access["request_id"] == request_id
        assert defect["error"][-1] == "RuntimeError", "the type, and no text that may quote the upload"
        assert any("tests/fakes.py" in location for location in defect["error"]), "and where it lies"
        assert "secret" not in log.getvalue()

    def test_an_engine_that_fails_costs_one_request(self, log: io.StringIO) -> None:
        class Failing(FakeClassifier):
            def predict(self, image: Any, /, *, explain: bool = False) -> Any:
                if len(self.calls) == 1:
                    self.calls.append(image)
                    raise EngineError("The network could not be run: out of luck.")
                return super().predict(image, explain=explain)

        with TestClient(build_app(Catalogue.of(Failing()), Settings())) as client:
            answers = [post_picture(client, encode()) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 500, 200]
        request_id = answers[1].headers["X-Request-ID"]
        assert answers[1].json()["error"] == f"The network could not be run: out of luck (id {request_id})."
        assert any(line["level"] == "error" and line["request_id"] == request_id for line in read_log(log))


def test_a_full_disk_costs_one_request(client: TestClient, log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload of more than a megabyte is put aside on the disk while it arrives."""
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 99, (800, 800, 3), np.uint8)).save(stream, "PNG")
    assert len(stream.getvalue()) > 2**20
    real = tempfile.TemporaryFile

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/tmp/Mustermann")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    answer = post_picture(client, stream.getvalue())
    monkeypatch.setattr(tempfile, "TemporaryFile", real)
    assert answer.status_code == 500
    assert answer.json()["error"] == f"Something went wrong (id {answer.headers['X-Request-ID']})."
    assert "OSError: No space left on device" in log.getvalue()
    assert "Mustermann" not in log.getvalue()
    assert post_picture(client, stream.getvalue()).status_code == 200


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


class TestUvicornAlone:
    """What the hooks are for; once one of these fails, uvicorn has changed, and its hook may go."""

    def test_it_closes_its_socket_before_the_last_answer_is_sent(self) -> None:
        begun, may_end = threading.Event(), threading.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            begun.set()
            while not may_end.is_set():
                await asyncio.sleep(0.02)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"late"})

        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            address = listener.getsockname()
            server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
            serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            serving.start()
            with ThreadPoolExecutor(1) as pool:
                while not server.started:
                    time.sleep(0.01)
                answer = pool.submit(httpx.get, f"http://127.0.0.1:{address[1]}", timeout=30)
                assert begun.wait(30)
                server.should_exit = True
                deadline_s = time.monotonic() + 30
                is_refused = False
                while not is_refused and time.monotonic() < deadline_s:
                    with socket.socket() as other:
                        is_refused = other.connect_ex(address) != 0
                assert is_refused, "and nobody is told why"
                may_end.set()
                assert answer.result().text == "late"
            serving.join(30)

    def test_it_raises_the_signal_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        raised: list[int] = []
        monkeypatch.setattr(uvicorn.server.signal, "raise_signal", raised.append)
        server = uvicorn.Server(uvicorn.Config(lambda *_: None, log_config=None))
        with server.capture_signals():
            os.kill(os.getpid(), signal.SIGTERM)
        assert server.should_exit
        assert raised == [signal.SIGTERM]


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
                assert (
                    full.json()["error"] == "There is no room for another image at the moment. Try again in a minute."
                )
                answers: list[httpx.Response] = []
                ask(server, answers)
                assert answers[0].status_code == 200
        finally:
            subprocess.run(["umount", disk], check=False)
