"""The real server with models of the test's choice, in a thread of the test process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from inference import Catalogue, Classifier
from inference.settings import Settings
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
