"""What is counted."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from inference import Catalogue
from inference.settings import Settings
from tests.fakes import MAGENTA, FakeClassifier
from tests.pictures import encode
from tests.serving import post_picture
from ui.web.server import build_app


@pytest.fixture
def app() -> FastAPI:
    return build_app(Catalogue.of(FakeClassifier()), Settings(metrics=True))


class TestMetrics:
    def test_counts(self, client: TestClient) -> None:
        post_picture(client, encode())
        post_picture(client, encode((20, 220, 20)))
        post_picture(client, b"text")
        post_picture(client, encode(MAGENTA))
        client.get("/no/such/Mustermann")
        client.request("MUSTERMANN", "/healthz")
        text = client.get("/metrics").text
        assert 'gyrus_requests_total{method="POST",route="/api/classify",status="200"} 2.0' in text
        assert 'gyrus_requests_total{method="POST",route="/api/classify",status="422"} 1.0' in text
        assert 'gyrus_requests_total{method="POST",route="/api/classify",status="500"} 1.0' in text
        assert 'gyrus_request_seconds_count{route="/api/classify"} 4.0' in text
        assert 'gyrus_answers_total{model="fruit",verdict="confident"} 1.0' in text
        assert 'gyrus_answers_total{model="fruit",verdict="rejected"} 1.0' in text
        assert 'gyrus_errors_total{kind="InputError"} 1.0' in text
        assert 'gyrus_errors_total{kind="RuntimeError"} 1.0' in text
        assert "gyrus_requests_in_flight 1.0" in text, "the one that asks"
        assert 'gyrus_model_loaded{model="fruit",version="1.2.3"} 1.0' in text
        assert "process_resident_memory_bytes" in text
        assert "mustermann" not in text.lower()

    def test_the_page_counts_too(self, client: TestClient) -> None:
        path = client.post("/gradio_api/upload", files={"files": ("slice.png", encode())}).json()[0]
        value = {"path": path, "meta": {"_type": "gradio.FileData"}}
        assert client.post("/gradio_api/run/classify", json={"data": [value, None, 1]}).status_code == 200
        assert 'gyrus_answers_total{model="fruit",verdict="confident"} 1.0' in client.get("/metrics").text

    def test_they_are_only_there_when_asked_for(self) -> None:
        with TestClient(build_app(Catalogue.of(FakeClassifier()), Settings())) as client:
            assert client.get("/metrics").status_code == 404
