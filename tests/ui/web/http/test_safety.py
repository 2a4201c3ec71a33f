"""What gets in and what goes out: Gradio's routes, uploads, bodies, headers, logs."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from gradio.data_classes import FileData
from starlette.routing import Mount

from inference import Catalogue
from inference.settings import Settings
from tests.clinical import build_dicom, encode_dicom
from tests.fakes import FakeClassifier
from tests.pictures import encode
from tests.serving import MAX_FILE_BYTES, serve_in_thread
from tests.ui.web.http.test_login import all_paths
from ui.web.http import protocol
from ui.web.http.headers import hash_scripts
from ui.web.http.limits import BodyLimitMiddleware
from ui.web.http.uploads import KEEP_S, Uploads, UploadsFullError, open_private_folder
from ui.web.server import build_app


@pytest.fixture(scope="module")
def app():
    return build_app(Catalogue.of(FakeClassifier()), Settings(max_file_bytes=MAX_FILE_BYTES, rate_limit=0))


@pytest.fixture
def client(app) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


def upload(client: TestClient, content: bytes | None = None, name: str = "slice.png") -> str:
    answer = client.post("/gradio_api/upload", files={"files": (name, content or encode())})
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


def named(path: Any, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def classify(client: TestClient, image: Any):
    """Call as the page does, and as curl would."""
    return client.post("/gradio_api/run/classify", json={"data": [image, "fruit", 1]})


class TestGate:
    """An allow-list of Gradio's routes."""

    NEEDED = {
        "/", "/assets/{path}", "/static/{path}", "/config", "/theme.css", "/favicon.ico", "/robots.txt",
        "/manifest.json",
        "/gradio_api/info", "/gradio_api/startup-events", "/gradio_api/heartbeat/{session_hash}",
        "/gradio_api/run/{api_name}", "/gradio_api/api/{api_name}", "/gradio_api/call/{api_name}",
        "/gradio_api/call/v2/{api_name}", "/gradio_api/call/{api_name}/{event_id}",
        "/gradio_api/call/v2/{api_name}/{event_id}", "/gradio_api/queue/join", "/gradio_api/queue/data",
        "/gradio_api/queue/status", "/gradio_api/cancel", "/gradio_api/reset",
    }  # fmt: skip

    def test_what_the_page_does_not_need_is_closed(self, client: TestClient, app) -> None:
        gradio = next(route.app._app for route in app.routes if isinstance(route, Mount) and route.path == "")
        needed = {path.replace("{path}", "1") for path in self.NEEDED}
        needed = {re.sub(r"\{\w+\}", "1", path) for path in needed}
        closed = 0
        for method, path in sorted(set(all_paths(gradio.routes))):
            if path.rstrip("/") in needed or path in ("/", "/gradio_api/upload"):  # of uploads the route is ours
                continue
            answer = client.request(method, path)
            assert answer.status_code == 404, (method, path)
            assert method == "HEAD" or answer.json()["error"] == "There is nothing here.", (method, path)
            closed += 1
        assert closed > 40

    @pytest.mark.parametrize(
        "path",
        [
            "/gradio_api/proxy=https://example.org/x", "/gradio_api/file=https://example.org/x",
            "/gradio_api/file=/etc/passwd", "/gradio_api/file/etc/passwd", "/file=/etc/passwd",
            "/gradio_api/file=../../etc/passwd", "/static/../../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd",
            "/assets/..%2f..%2f..%2froutes.py", "/static//etc/passwd", "/assets/%2fetc%2fpasswd",
            "/gradio_api/custom_component/x/client/component/../../a", "/gradio_api/stream/a/b/c/playlist.m3u8",
            "/gradio_api/upload_progress?upload_id=1", "/gradio_api/deep_link?session_hash=a", "/?deep_link=aaaa",
            "/config?deep_link=aaaa", "/gradio_api/openapi.json", "/monitoring", "/gradio_api/app_id",
            "/static-offline-docs/..%2f..%2f..%2fetc%2fpasswd",
        ],
    )  # fmt: skip
    def test_a_path_of_the_server_or_an_address_is_refused(self, client: TestClient, path: str) -> None:
        answer = client.get(path)
        assert 400 <= answer.status_code < 500, path
        assert "root:" not in answer.text

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
    def test_other_methods_are_refused(self, client: TestClient, method: str) -> None:
        assert client.request(method, "/").status_code in (404, 405)


class TestFilesInCalls:
    """A call names nothing but uploads."""

    @pytest.fixture
    def outside(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Every host that is looked up or connected to."""
        asked: list[Any] = []
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: asked.append(args) or [])
        connect = socket.socket.connect
        monkeypatch.setattr(socket.socket, "connect", lambda s, address: asked.append(address) or connect(s, address))
        return asked

    @pytest.mark.parametrize(
        "path",
        [
            "http://example.org/a.png", "https://example.org/a.png", "//example.org/a.png", "file:///etc/passwd",
            "/etc/passwd", "../../etc/passwd", "app.py", "", None, 7, ["/etc/passwd"], "{folder}", "{folder}/.lock",
            "{mine}/../../x", "{mine}/", "{mine}\u0000", "{folder}/x/../{tail}",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize(
        "route", ["run/classify", "api/classify", "call/classify", "queue/join", "call/v2/classify"]
    )
    def test_anything_else_is_404(self, client: TestClient, outside: list[Any], path: Any, route: str) -> None:
        mine = upload(client)
        folder, tail = str(open_private_folder()), "/".join(Path(mine).parts[-2:])
        if isinstance(path, str):
            path = path.replace("{folder}", folder).replace("{mine}", mine).replace("{tail}", tail)
        files = [named(path), named(path, url="http://example.org/a.png"), {"path": path}, [named(path)]]
        before = sorted(open_private_folder().rglob("*"))
        for image in files:
            body: dict[str, Any] = {"data": [image, "fruit", 1], "fn_index": 1, "session_hash": "abc"}
            if route == "call/v2/classify":
                body = {"image": image, "model": "fruit"}
            answer = client.post(f"/gradio_api/{route}", json=body)
            assert answer.status_code == 404, (path, answer.text)
            assert "no such upload" in answer.json()["error"]
        for body in ({"data": [None, named(path)]}, {"data": [], "event_data": {"a": named(path)}}):
            assert client.post("/gradio_api/run/classify", json=body).status_code == 404
        assert outside == []
        assert sorted(open_private_folder().rglob("*")) == before

    def test_a_link_in_place_of_an_upload_is_not_followed(self, client: TestClient, tmp_path: Path) -> None:
        (tmp_path / "secret.png").write_bytes(encode())
        link = open_private_folder() / "link.png"
        link.symlink_to(tmp_path / "secret.png")
        try:
            assert classify(client, named(str(link))).status_code == 404
        finally:
            link.unlink()

    def test_an_address_beside_an_upload_is_dropped(self, client: TestClient, outside: list[Any]) -> None:
        answer = classify(client, named(upload(client), url="http://example.org/a.png"))
        assert answer.json()["data"][1]["sentence"] == "Pear, 94 %."
        assert outside == []

    def test_the_body_is_read_once(self, client: TestClient) -> None:
        """Two readings of the same bytes could differ: the last of two equal names counts, for both."""
        good = json.dumps(named(upload(client)))
        twice = f'{{"data": [{json.dumps(named("/etc/passwd"))}, "fruit", 1], "data": [{good}, "fruit", 1]}}'
        answer = client.post("/gradio_api/run/classify", content=twice, headers={"Content-Type": "application/json"})
        assert answer.json()["data"][1]["sentence"] == "Pear, 94 %."

    @pytest.mark.parametrize("route", ["run/nothing", "run/classify", "run/predict", "call/nothing", "call/v2/nothing"])
    def test_a_call_that_gradio_does_not_know_is_a_sentence(self, client: TestClient, route: str) -> None:
        answer = client.post(f"/gradio_api/{route}", json={"data": [named(upload(client))], "fn_index": 999})
        assert (answer.status_code // 100, bool(answer.text), "slice.png" in answer.text) == (4, True, False)

    @pytest.mark.parametrize(("body", "status"), [(b"x", 400), (b"[" * 100_000, 400), (b" " * 2**19, 413)])
    def test_other_bodies_are_sentences(self, client: TestClient, body: bytes, status: int) -> None:
        answer = client.post("/gradio_api/run/classify", content=body)
        assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


def files() -> list[Path]:
    return [path for path in open_private_folder().rglob("*") if path.is_file() and path.name != ".lock"]


class TestUploads:
    """Where an upload lies, who can name it, and when it goes."""

    def test_the_folder_is_private(self, client: TestClient) -> None:
        path = Path(upload(client))
        for folder in (open_private_folder(), path.parent):
            found = folder.stat()
            assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o700, os.geteuid())
        assert path.parent.parent == open_private_folder()

    def test_the_same_picture_of_two_visitors_is_two(self, client: TestClient) -> None:
        first, second = Path(upload(client)), Path(upload(client))
        assert first.parent != second.parent
        assert min(len(first.parent.name), len(second.parent.name)) >= 43
        client.post("/page/forget", content=str(first))
        assert (first.exists(), second.exists()) == (False, True)
        assert classify(client, named(str(first))).status_code == 404
        assert classify(client, named(str(second))).status_code == 200

    def test_it_goes_when_it_was_answered(self, client: TestClient) -> None:
        before = len(files())
        for content in (encode(), b"no picture"):
            path = upload(client, content)
            assert len(files()) == before + 1
            assert classify(client, named(path)).status_code == 200
            assert len(files()) == before
            assert classify(client, named(path)).status_code == 404

    def test_a_page_keeps_it_until_it_forgets_it(self, client: TestClient) -> None:
        before, path = len(files()), upload(client)
        assert client.post("/page/keep", content=path).json() == {"kept": True}
        for _ in range(3):
            assert classify(client, named(path)).status_code == 200
        assert len(files()) == before + 1
        assert client.post("/page/forget", content=path).status_code == 200
        assert len(files()) == before
        assert client.post("/page/keep", content=path).json() == {"kept": False}

    @pytest.mark.parametrize("path", ["", "/etc/passwd", "..", "x" * 10_000, "\u0000"])
    def test_forgetting_touches_nothing_else(self, client: TestClient, path: str) -> None:
        mine = upload(client)
        client.post("/page/forget", content=path.encode())
        client.post("/page/forget", content=str(Path(mine).parent))
        client.post("/page/forget", content=str(open_private_folder()))
        assert Path(mine).is_file()

    def test_the_api_leaves_none(self, client: TestClient) -> None:
        before = len(files())
        client.post("/api/classify", files={"file": encode()})
        client.post("/api/classify?explain=1", files={"file": b"no picture"})
        assert len(files()) == before

    def test_the_end_of_the_server_is_theirs(self, app) -> None:
        with TestClient(app) as client:
            path = Path(upload(client))
            assert path.is_file()
        assert not path.parent.exists()

    def test_one_that_nobody_speaks_of_goes(self, tmp_path: Path) -> None:
        now = 0.0
        uploads = Uploads(tmp_path, clock=lambda: now)
        quiet, spoken = (uploads.store(name, io.BytesIO(b"x"), 1) for name in ("a", "b"))
        for moment in (KEEP_S / 2, KEEP_S, KEEP_S * 1.4):
            now = moment
            uploads.keep(spoken)
            uploads.sweep()
        assert (Path(quiet).exists(), Path(spoken).exists()) == (False, True)
        assert len(list(tmp_path.iterdir())) == 1

    def test_there_is_a_limit_for_all_together(self, tmp_path: Path) -> None:
        uploads = Uploads(tmp_path, limit_bytes=10)
        first = uploads.store("a", io.BytesIO(b"12345678"), 8)
        with pytest.raises(UploadsFullError, match="at the moment"):
            uploads.store("b", io.BytesIO(b"123"), 3)
        uploads.forget(first)
        uploads.store("b", io.BytesIO(b"123"), 3)

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\a\\b.png", "b.png"),
            ("..", "image"),
            ("a\n\x1b[2J", "a[2J"),
            ("", "image"),
        ],
    )
    def test_a_name_is_only_a_name(self, tmp_path: Path, name: str, kept: str) -> None:
        path = Path(Uploads(tmp_path).store(name, io.BytesIO(b"x"), 1))
        assert (path.name, path.parent.parent) == (kept, tmp_path)
        assert len(Path(Uploads(tmp_path).store("é" * 300, io.BytesIO(b"x"), 1)).name.encode()) <= 200

    def test_it_is_limited_and_alone(self, client: TestClient) -> None:
        before = len(files())
        large = client.post("/gradio_api/upload", files={"files": bytes(MAX_FILE_BYTES + 1)})
        assert (large.status_code, "2 MB" in large.json()["error"]) == (413, True)
        two = client.post("/gradio_api/upload", files=[("files", ("a", b"x")), ("files", ("b", b"x"))])
        assert (two.status_code, "one file" in two.json()["error"]) == (400, True)
        assert client.post("/gradio_api/upload", data={"files": "text"}).status_code == 400
        assert len(files()) == before

    def test_what_a_killed_process_left_is_removed(self, tmp_path: Path) -> None:
        code = (
            "import os, sys, pathlib; from ui.web.http.uploads import open_private_folder as o; f = o();"
            "(f / 'left').write_bytes(b'x'); print(f, flush=True);"
            "os._exit(9) if sys.argv[1] == 'kill' else print(*pathlib.Path(sys.argv[2]).iterdir(), flush=True)"
        )

        def run(how: str) -> list[str]:
            done = subprocess.run(
                [sys.executable, "-c", code, how, str(tmp_path)],
                env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[4])},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            return done.stdout.split()

        (killed,) = run("kill")
        assert Path(killed, "left").is_file()
        assert killed not in run("live")[1:]
        assert list(tmp_path.iterdir()) == []


class TestSlowBodies:
    """A body that trickles in, and a head that never ends."""

    @staticmethod
    def ask(messages: list[tuple[float, dict[str, Any]]], **limits: float) -> int:
        async def app(scope, receive, send) -> None:
            while (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        waiting, statuses = iter(messages), []

        async def receive() -> dict[str, Any]:
            pause_s, message = next(waiting)
            await asyncio.sleep(pause_s)
            return {"type": "http.request", **message}

        async def send(message: dict[str, Any]) -> None:
            statuses.append(message.get("status"))

        limited = BodyLimitMiddleware(app, 1000, **limits)
        scope = {"type": "http", "path": "/api/classify", "headers": [], "method": "POST"}
        with ThreadPoolExecutor(1) as pool:  # beside the loop that the browser tests leave running
            pool.submit(asyncio.run, limited(scope, receive, send)).result()  # type: ignore[arg-type]
        return statuses[0]

    def test_a_pause_is_408(self) -> None:
        part = {"body": b"x", "more_body": True}
        assert self.ask([(0, part), (0, {"body": b"x"})], pause_s=1.0, limit_s=1.0) == 200
        assert self.ask([(0, part), (5, part)], pause_s=0.05, limit_s=9.0) == 408
        assert self.ask([(0.02, part)] * 99, pause_s=5.0, limit_s=0.2) == 408
        assert self.ask([(0, {"body": bytes(600), "more_body": True})] * 2, pause_s=1.0, limit_s=1.0) == 413

    def test_a_head_that_does_not_come_is_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(protocol, "HEAD_LIMIT_S", 0.5)
        with serve_in_thread(FakeClassifier()) as url:
            address = ("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/")))
            for sent in (b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: "):
                with socket.create_connection(address, timeout=20) as connection:
                    connection.sendall(sent)
                    assert connection.recv(1000) == b""
            with socket.create_connection(address, timeout=20) as connection:
                for _ in range(2):
                    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                    received = b""
                    while b"alive" not in received:
                        received += connection.recv(10_000) or pytest.fail("closed")
                    time.sleep(0.7)


class TestHeaders:
    """What protects who reads an answer."""

    @pytest.mark.parametrize(
        "path",
        ["/", "/docs", "/redoc", "/healthz", "/api/models", "/config", "/nothing", "/gradio_api/proxy=x", "/api/x"],
    )
    def test_every_answer_has_them(self, client: TestClient, path: str) -> None:
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert "camera=()" in headers["Permissions-Policy"]
        assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert not {"server", "x-powered-by"} & set(headers)

    def test_a_defect_and_a_body_that_is_too_large_have_them_too(self, client: TestClient, monkeypatch) -> None:
        large = client.post("/api/classify", content=b"", headers={"Content-Length": str(10**9)})
        monkeypatch.setattr(Catalogue, "load", lambda *_: 1 / 0)
        defect = client.post("/api/classify", files={"file": encode()})
        assert (large.status_code, defect.status_code) == (413, 500)
        for answer in (large, defect):
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Traceback" not in answer.text
            assert "ZeroDivision" not in answer.text

    @pytest.mark.parametrize("encoding", ["identity", "br", "gzip"])
    def test_the_page_allows_its_own_scripts_and_no_others(self, client: TestClient, encoding: str) -> None:
        answer = client.get("/", headers={"Accept-Encoding": encoding})
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert "'unsafe-inline'" not in policy["script-src"]
        assert "http" not in policy["script-src"]
        assert policy["connect-src"] == "'self'"
        scripts = hash_scripts(answer.text)
        assert len(scripts) >= 4
        assert all(script in policy["script-src"] for script in scripts)
        assert policy["script-src"].count("sha256-") > len(scripts), "those that Gradio adds to the head in the browser"

    def test_no_version_is_told(self, client: TestClient) -> None:
        import gradio

        for path in ("/", "/config", "/gradio_api/info"):
            assert f'"{gradio.__version__}"' not in client.get(path).text

    def test_who_may_show_it_in_a_frame(self) -> None:
        def headers(*sources: str) -> Any:
            app = build_app(Catalogue.of(FakeClassifier()), Settings(frame_ancestors=sources))
            return TestClient(app).get("/").headers

        embedded = headers("'self'", "https://example.org")
        assert "frame-ancestors 'self' https://example.org" in embedded["Content-Security-Policy"]
        assert "X-Frame-Options" not in embedded
        assert headers("'none'")["X-Frame-Options"] == "DENY"


def test_no_log_knows_a_file(
    client: TestClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch
) -> None:
    """Names, headers and pixels of uploads, good and bad, by every way in."""
    caplog.set_level(logging.INFO)
    secret = "Mustermann"
    dataset = build_dicom(PatientName=f"{secret}^Erika", PatientID=f"{secret}-4711", StudyDate="19611224")
    content = encode_dicom(dataset)
    broken = content[: len(content) // 2]
    for name in (f"{secret}.dcm", f"{secret}.png"):
        for body in (content, broken, encode(), b"no picture", b""):
            client.post("/api/classify", files={"file": (name, body)})
            client.post("/api/classify?explain=1", files={"file": (name, body)})
            if body:
                path = upload(client, body, name)
                client.post("/page/keep", content=path)
                image = FileData(path=path, orig_name=name).model_dump()
                classify(client, image)
                client.post("/gradio_api/run/predict", json={"data": [image], "fn_index": 5, "session_hash": "a"})
                client.post("/gradio_api/run/classify", json={"data": [image]})
                client.post("/gradio_api/run/nothing", json={"data": [image]})
                Path(path).unlink()
                classify(client, image)
            classify(client, named(f"/etc/{secret}"))
    monkeypatch.setattr(Catalogue, "load", lambda *_: 1 / 0)
    client.post("/api/classify", files={"file": (f"{secret}.dcm", content)})
    classify(client, named(upload(client, content, f"{secret}.dcm")))
    out, err = capfd.readouterr()
    logged = "".join((out, err, caplog.text, *(str(record.args) for record in caplog.records)))
    assert "ZeroDivisionError" in logged, "the log is looked at"
    for text in (secret, "4711", "19611224", "Erika"):
        assert text not in logged


def test_limits_hold_for_many_at_once(client: TestClient) -> None:
    """Uploads of several threads neither share a folder nor leave one behind."""
    before, paths = len(files()), []

    def run() -> None:
        path = upload(client)
        paths.append(path)
        classify(client, named(path))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 8
    assert len(files()) == before
