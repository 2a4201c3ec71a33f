"""What each request leaves behind: an id, a line in the log, a count; and nothing of what was sent."""

from __future__ import annotations

import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from inference import Catalogue, EngineError, InputError, SettingsError
from inference.settings import Settings
from tests.fakes import FakeClassifier
from tests.pictures import encode
from ui.request import find_id, open_request
from ui.web.http.logs import LogFormatter, start_logging
from ui.web.options import read_settings
from ui.web.server import build_app

MAGENTA = (255, 0, 255)
"""What `FakeClassifier` stumbles over."""

NAME = "Mustermann.png"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The log as JSON, from ``info`` on; everything is put back at the end."""
    root, shown, printed = logging.getLogger(), warnings.showwarning, __import__("traceback").print_exc
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    start_logging("json", "info", stream)
    yield stream
    warnings.showwarning, __import__("traceback").print_exc = shown, printed
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("inference", "ui", "PIL", "pydicom", "nibabel", "python_multipart", "multipart", "gdcm"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = build_app(Catalogue.of(FakeClassifier()), Settings(metrics=True))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def post(client: TestClient, content: bytes, **options: Any) -> Any:
    return client.post("/api/classify", files={"file": (NAME, content)}, **options)


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
        answer = post(client, encode(MAGENTA))
        request_id = answer.headers["X-Request-ID"]
        assert answer.status_code == 500
        assert answer.json()["error"] == f"Something went wrong (id {request_id})."
        defect, access = lines(log)
        assert defect["request_id"] == access["request_id"] == request_id
        assert defect["error"][-1] == "RuntimeError", "the type, and no text that may quote the upload"
        assert any("tests/fakes.py" in place for place in defect["error"]), "and where it lies"
        assert "secret" not in log.getvalue()

    def test_an_engine_that_fails_costs_one_request(self, log: io.StringIO) -> None:
        class Failing(FakeClassifier):
            def predict(self, image: Any, /, *, explain: bool = False) -> Any:
                if len(self.calls) == 1:
                    self.calls.append(image)
                    raise EngineError("The network could not be run: out of luck.")
                return super().predict(image, explain=explain)

        with TestClient(build_app(Catalogue.of(Failing()), Settings())) as client:
            answers = [post(client, encode()) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 500, 200]
        request_id = answers[1].headers["X-Request-ID"]
        assert answers[1].json()["error"] == f"The network could not be run: out of luck (id {request_id})."
        assert any(line["level"] == "error" and line["request_id"] == request_id for line in lines(log))


class TestLog:
    def test_a_request_is_one_line_of_what_it_was(self, client: TestClient, log: io.StringIO) -> None:
        answer = post(client, encode())
        (line,) = lines(log)
        assert (line["method"], line["route"], line["status"]) == ("POST", "/api/classify", 200)
        assert line["request_id"] == answer.headers["X-Request-ID"]
        assert 0 < line["duration_ms"] < 60_000

    def test_nothing_of_the_visitor_is_in_it(self, client: TestClient, log: io.StringIO) -> None:
        for content in (encode(), encode(MAGENTA), b"Mustermann is no picture", encode()[:60]):
            post(client, content, headers={"User-Agent": "Mustermann"})
        client.get("/Mustermann/../x?name=Mustermann")
        client.get("/gradio_api/file=/home/Mustermann")
        client.post("/gradio_api/upload", files={"files": (NAME, encode())})
        client.post("/gradio_api/run/classify", json={"data": [{"path": "/home/Mustermann"}, "Mustermann"]})
        assert len(lines(log)) >= 8
        assert "Mustermann" not in log.getvalue()

    def test_warnings_and_others_write_the_same_form(self, log: io.StringIO) -> None:
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.getLogger("uvicorn.error").error("first\nsecond")
        logging.getLogger("PIL.PngImagePlugin").critical("Mustermann")
        with open_request("abc"):
            logging.getLogger("ui.web").info("told")
        first, second, third = lines(log)
        assert first["message"].startswith("DeprecationWarning in web/http/test_requests.py")
        assert (second["logger"], second["message"]) == ("uvicorn.error", "first")
        assert (third["level"], third["request_id"], third["message"]) == ("info", "abc", "told")

    def test_a_reader_s_warning_is_told_without_its_words(self, log: io.StringIO) -> None:
        warnings.showwarning("Mustermann", UserWarning, "/x/site-packages/pydicom/valuerep.py", 440)
        (line,) = lines(log)
        assert line["message"] == "UserWarning in pydicom/valuerep.py:440"

    def test_text(self) -> None:
        record = logging.LogRecord("ui.web", logging.INFO, __file__, 1, "GET %s", ("/",), None)
        with open_request("abc"):
            text = LogFormatter(as_json=False).format(record)
        assert text.endswith("Z INFO    ui.web [abc] GET /")
        assert find_id() == ""

    def test_an_exception_s_text_stays_out_unless_it_is_the_machine_s(self) -> None:
        def tell(error: Exception) -> str:
            record = logging.LogRecord("ui", logging.ERROR, __file__, 1, "x", (), (type(error), error, None))
            return LogFormatter(as_json=False).format(record)

        assert tell(OSError(28, "No space left on device", "/tmp/Mustermann")).endswith(
            "OSError: No space left on device"
        )
        assert tell(EngineError("It broke.")).endswith("EngineError: It broke.")
        assert tell(InputError("There is no file Mustermann.")).endswith("    InputError")

    def test_options(self) -> None:
        settings = read_settings(["--log-format", "json", "--log-level", "info", "--metrics"], {})
        assert (settings.log_format, settings.log_level, settings.metrics) == ("json", "info", True)
        settings = read_settings([], {"GYRUS_LOG_FORMAT": "JSON", "GYRUS_LOG_LEVEL": "debug", "GYRUS_METRICS": "1"})
        assert (settings.log_format, settings.log_level, settings.metrics) == ("json", "debug", True)
        assert (read_settings([], {}).log_format, read_settings([], {}).metrics) == ("text", False)
        with pytest.raises(
            SettingsError, match="GYRUS_LOG_LEVEL is one of debug, info, warning, error; received loud."
        ):
            read_settings(["--log-level", "loud"], {})


class TestMetrics:
    def test_counts(self, client: TestClient) -> None:
        post(client, encode())
        post(client, encode((20, 220, 20)))
        post(client, b"text")
        post(client, encode(MAGENTA))
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
        path = client.post("/gradio_api/upload", files={"files": (NAME, encode())}).json()[0]
        value = {"path": path, "meta": {"_type": "gradio.FileData"}}
        assert client.post("/gradio_api/run/classify", json={"data": [value, None, 1]}).status_code == 200
        assert 'gyrus_answers_total{model="fruit",verdict="confident"} 1.0' in client.get("/metrics").text

    def test_they_are_only_there_when_asked_for(self) -> None:
        with TestClient(build_app(Catalogue.of(FakeClassifier()), Settings())) as client:
            assert client.get("/metrics").status_code == 404


def test_a_full_disk_costs_one_request(client: TestClient, log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload of more than a megabyte is put aside on the disk while it arrives."""
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 99, (800, 800, 3), np.uint8)).save(stream, "PNG")
    assert len(stream.getvalue()) > 2**20
    real = tempfile.TemporaryFile

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/tmp/Mustermann")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    answer = post(client, stream.getvalue())
    monkeypatch.setattr(tempfile, "TemporaryFile", real)
    assert answer.status_code == 500
    assert answer.json()["error"] == f"Something went wrong (id {answer.headers['X-Request-ID']})."
    assert "OSError: No space left on device" in log.getvalue()
    assert "Mustermann" not in log.getvalue()
    assert post(client, stream.getvalue()).status_code == 200


def test_a_form_that_breaks_off_is_a_sentence(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    answer = client.post("/api/classify", content=b"--x", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (
        422,
        "Send one picture as the field “file” of a multipart form.",
    )
