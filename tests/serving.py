"""The real server with models of the test's choice, and how tests speak with it."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount

from inference import Catalogue, Classifier
from inference.settings import Settings
from tests.pictures import encode
from ui.web.http.uploads import open_private_folder
from ui.web.server import build_app, build_config

MAX_FILE_BYTES = 2 * 2**20
"""Small, so that a file that is too large is quickly made."""


@contextmanager
def serve_in_thread(*models: Classifier | Catalogue, settings: Settings | None = None) -> Iterator[str]:
    """Serve classifiers, or one catalogue, on a free port of the loopback interface; gives ``http://127.0.0.1:…/``."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    catalogue = models[0] if isinstance(models[0], Catalogue) else Catalogue.of(*models)  # type: ignore[arg-type]
    bound = (settings or Settings()).model_copy(update={"port": port, "max_file_bytes": MAX_FILE_BYTES})
    app = build_app(catalogue, bound)
    config = build_config(app)
    config.timeout_graceful_shutdown = 2
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline_s = time.monotonic() + 60
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline_s:
            raise RuntimeError("The test server did not start.")
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()


def list_routes(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Method and path of every route, those that Gradio brings too; with a word in the place of each parameter."""
    for route in routes:
        if isinstance(route, Mount) and route.path == "":
            yield from list_routes(route.app.app.routes)
        elif isinstance(route, Mount):
            yield "GET", f"{route.path}/any"
        elif hasattr(route, "original_router"):  # FastAPI's include_router
            yield from list_routes(route.original_router.routes)
        elif isinstance(route, APIRoute):
            path = route.path_format
            for name in route.param_convertors:
                path = path.replace(f"{{{name}}}", "1")
            yield from ((method, path) for method in route.methods)


def stored_uploads() -> list[Path]:
    """Every upload that lies on the disk; a folder that is removed meanwhile has none."""
    walked = os.walk(open_private_folder())
    return [Path(folder, name) for folder, _, names in walked for name in names if name != ".lock"]


def upload(client: TestClient, content: bytes | None = None, name: str = "slice.png") -> str:
    """Upload a picture as the page does; gives its path."""
    answer = client.post("/gradio_api/upload", files={"files": (name, content or encode())})
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


def post_picture(client: TestClient, content: bytes, name: str = "slice.png", **options: Any) -> Any:
    """Ask the API for an answer."""
    return client.post("/api/classify", files={"file": (name, content)}, **options)


def file_value(path: Any, **more: Any) -> dict[str, Any]:
    """How a call names a file."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def call_classify(client: TestClient, image: Any) -> Any:
    """Ask for an answer as the page does, and as curl would."""
    return client.post("/gradio_api/run/classify", json={"data": [image, "fruit", 1]})


def read_log(log: Any) -> list[dict[str, Any]]:
    """The lines of a log of JSON."""
    return [json.loads(line) for line in log.getvalue().splitlines()]
