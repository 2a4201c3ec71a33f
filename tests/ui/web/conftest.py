"""What tests of the web front share: a server with a fake model, and its log."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from inference import Catalogue
from inference.settings import Settings
from tests.fakes import FakeClassifier
from tests.serving import MAX_FILE_BYTES
from ui.web.http.logs import start_logging
from ui.web.server import build_app


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return build_app(Catalogue.of(FakeClassifier()), Settings(max_file_bytes=MAX_FILE_BYTES, rate_limit=0))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log as JSON, from ``info`` on; everything is put back at the end."""
    root, show_warning = logging.getLogger(), warnings.showwarning
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    start_logging("json", "info", stream)
    yield stream
    warnings.showwarning = show_warning
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("inference", "ui", "PIL", "pydicom", "nibabel", "python_multipart", "multipart", "gdcm"):
        logging.getLogger(name).setLevel(logging.NOTSET)
