"""What the log tells, and that nothing of an upload is in it."""

from __future__ import annotations

import io
import logging
import warnings
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from gradio.data_classes import FileData

from inference import Catalogue, EngineError, InputError, SettingsError
from tests.clinical import build_dicom, encode_dicom
from tests.fakes import MAGENTA
from tests.pictures import encode
from tests.serving import call_classify, file_value, post_picture, read_log, upload
from ui.request import find_id, open_request
from ui.web.http.logs import LogFormatter
from ui.web.options import read_settings

NAME = "Mustermann.png"


class TestLog:
    def test_a_request_is_one_line_of_what_it_was(self, client: TestClient, log: io.StringIO) -> None:
        answer = post_picture(client, encode())
        (line,) = read_log(log)
        assert (line["method"], line["route"], line["status"]) == ("POST", "/api/classify", 200)
        assert line["request_id"] == answer.headers["X-Request-ID"]
        assert 0 < line["duration_ms"] < 60_000

    def test_nothing_of_the_visitor_is_in_it(self, client: TestClient, log: io.StringIO) -> None:
        for content in (encode(), encode(MAGENTA), b"Mustermann is no picture", encode()[:60]):
            post_picture(client, content, NAME, headers={"User-Agent": "Mustermann"})
        client.get("/Mustermann/../x?name=Mustermann")
        client.get("/gradio_api/file=/home/Mustermann")
        client.post("/gradio_api/upload", files={"files": (NAME, encode())})
        client.post("/gradio_api/run/classify", json={"data": [{"path": "/home/Mustermann"}, "Mustermann"]})
        assert len(read_log(log)) >= 8
        assert "Mustermann" not in log.getvalue()

    def test_warnings_and_others_write_the_same_form(self, log: io.StringIO) -> None:
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.getLogger("uvicorn.error").error("first\nsecond")
        logging.getLogger("PIL.PngImagePlugin").critical("Mustermann")
        with open_request("abc"):
            logging.getLogger("ui.web").info("told")
        first, second, third = read_log(log)
        assert first["message"].startswith("DeprecationWarning in web/http/test_logs.py")
        assert (second["logger"], second["message"]) == ("uvicorn.error", "first")
        assert (third["level"], third["request_id"], third["message"]) == ("info", "abc", "told")

    def test_a_reader_s_warning_is_told_without_its_words(self, log: io.StringIO) -> None:
        warnings.showwarning("Mustermann", UserWarning, "/x/site-packages/pydicom/valuerep.py", 440)
        (line,) = read_log(log)
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
            SettingsError, match=r"GYRUS_LOG_LEVEL is one of debug, info, warning, error; received loud."
        ):
            read_settings(["--log-level", "loud"], {})


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
                call_classify(client, image)
                client.post("/gradio_api/run/predict", json={"data": [image], "fn_index": 5, "session_hash": "a"})
                client.post("/gradio_api/run/classify", json={"data": [image]})
                client.post("/gradio_api/run/nothing", json={"data": [image]})
                Path(path).unlink()
                call_classify(client, image)
            call_classify(client, file_value(f"/etc/{secret}"))
    monkeypatch.setattr(Catalogue, "load", lambda *_: 1 / 0)
    client.post("/api/classify", files={"file": (f"{secret}.dcm", content)})
    call_classify(client, file_value(upload(client, content, f"{secret}.dcm")))
    out, err = capfd.readouterr()
    logged = "".join((out, err, caplog.text, *(str(record.args) for record in caplog.records)))
    assert "ZeroDivisionError" in logged, "the defect itself is logged"
    for text in (secret, "4711", "19611224", "Erika"):
        assert text not in logged
