"""What of Gradio can be reached, and what a call may name."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.routing import Mount

from tests.pictures import encode
from tests.serving import call_classify, file_value, list_routes, upload
from ui.web.http.uploads import open_private_folder


class TestGate:
    """An allow-list of Gradio's routes."""

    NEEDED = frozenset({
        "/", "/assets/{path}", "/static/{path}", "/config", "/theme.css", "/favicon.ico", "/robots.txt",
        "/manifest.json",
        "/gradio_api/info", "/gradio_api/startup-events", "/gradio_api/heartbeat/{session_hash}",
        "/gradio_api/run/{api_name}", "/gradio_api/api/{api_name}", "/gradio_api/call/{api_name}",
        "/gradio_api/call/v2/{api_name}", "/gradio_api/call/{api_name}/{event_id}",
        "/gradio_api/call/v2/{api_name}/{event_id}", "/gradio_api/queue/join", "/gradio_api/queue/data",
        "/gradio_api/queue/status", "/gradio_api/cancel", "/gradio_api/reset",
    })  # fmt: skip

    def test_what_the_page_does_not_need_is_closed(self, client: TestClient, app) -> None:
        gradio = next(route.app.app for route in app.routes if isinstance(route, Mount) and route.path == "")
        needed = {path.replace("{path}", "1") for path in self.NEEDED}
        needed = {re.sub(r"\{\w+\}", "1", path) for path in needed}
        closed = 0
        for method, path in sorted(set(list_routes(gradio.routes))):
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
        files = [file_value(path), file_value(path, url="http://example.org/a.png"), {"path": path}, [file_value(path)]]
        before = sorted(open_private_folder().rglob("*"))
        for image in files:
            body: dict[str, Any] = {"data": [image, "fruit", 1], "fn_index": 1, "session_hash": "abc"}
            if route == "call/v2/classify":
                body = {"image": image, "model": "fruit"}
            answer = client.post(f"/gradio_api/{route}", json=body)
            assert answer.status_code == 404, (path, answer.text)
            assert "no such upload" in answer.json()["error"]
        for body in ({"data": [None, file_value(path)]}, {"data": [], "event_data": {"a": file_value(path)}}):
            assert client.post("/gradio_api/run/classify", json=body).status_code == 404
        assert outside == []
        assert sorted(open_private_folder().rglob("*")) == before

    def test_a_link_in_place_of_an_upload_is_not_followed(self, client: TestClient, tmp_path: Path) -> None:
        (tmp_path / "secret.png").write_bytes(encode())
        link = open_private_folder() / "link.png"
        link.symlink_to(tmp_path / "secret.png")
        try:
            assert call_classify(client, file_value(str(link))).status_code == 404
        finally:
            link.unlink()

    def test_an_address_beside_an_upload_is_dropped(self, client: TestClient, outside: list[Any]) -> None:
        answer = call_classify(client, file_value(upload(client), url="http://example.org/a.png"))
        assert answer.json()["data"][1]["sentence"] == "Pear, 94 %."
        assert outside == []

    def test_the_body_is_read_once(self, client: TestClient) -> None:
        """Two readings of the same bytes could differ: the last of two equal names counts, for both."""
        good = json.dumps(file_value(upload(client)))
        twice = f'{{"data": [{json.dumps(file_value("/etc/passwd"))}, "fruit", 1], "data": [{good}, "fruit", 1]}}'
        answer = client.post("/gradio_api/run/classify", content=twice, headers={"Content-Type": "application/json"})
        assert answer.json()["data"][1]["sentence"] == "Pear, 94 %."

    @pytest.mark.parametrize("route", ["run/nothing", "run/classify", "run/predict", "call/nothing", "call/v2/nothing"])
    def test_a_call_that_gradio_does_not_know_is_a_sentence(self, client: TestClient, route: str) -> None:
        answer = client.post(f"/gradio_api/{route}", json={"data": [file_value(upload(client))], "fn_index": 999})
        assert (answer.status_code // 100, bool(answer.text), "slice.png" in answer.text) == (4, True, False)

    @pytest.mark.parametrize(("body", "status"), [(b"x", 400), (b"[" * 100_000, 400), (b" " * 2**19, 413)])
    def test_other_bodies_are_sentences(self, client: TestClient, body: bytes, status: int) -> None:
        answer = client.post("/gradio_api/run/classify", content=body)
        assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
