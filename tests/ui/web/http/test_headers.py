"""What protects who reads an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from inference import Catalogue
from inference.settings import Settings
from tests.fakes import FakeClassifier
from tests.pictures import encode
from ui.web.http.headers import HeadersMiddleware, add_headers, hash_scripts
from ui.web.server import build_app


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


@pytest.mark.parametrize(
    ("add", "is_protected"),
    [
        (lambda app: add_headers(app, ["'self'"]), True),
        (lambda app: app.add_middleware(HeadersMiddleware, ["'self'"]), False),
    ],
    ids=["the hook", "add_middleware"],
)
def test_starlettes_own_answer_has_them_only_by_the_hook(add: Callable[[FastAPI], None], is_protected: bool) -> None:
    app = FastAPI()
    app.add_api_route("/defect", lambda: 1 / 0)
    add(app)
    answer = TestClient(app, raise_server_exceptions=False).get("/defect")
    assert (answer.status_code, "X-Content-Type-Options" in answer.headers) == (500, is_protected)
