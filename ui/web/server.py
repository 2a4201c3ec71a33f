"""One server for page and API: how it is put together, and the way it starts and stops."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import tempfile
from pathlib import Path
from types import FrameType

import gradio as gr
import uvicorn
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from inference import Catalogue, SettingsError, __version__
from inference.settings import Settings
from ui.web.api import add_routes, describe_api
from ui.web.folders import claim_folder, remove_leftovers
from ui.web.logs import start_logging
from ui.web.metrics import Metrics, add_metrics
from ui.web.middleware import MULTIPART_OVERHEAD_BYTES, BodyLimitMiddleware, PasswordMiddleware
from ui.web.page import build_page
from ui.web.requests import Lifecycle, RequestMiddleware, answer_defect
from ui.web.theme import mount_options

_LOG = logging.getLogger(__name__)

_FINISH_LIMIT_S = 10.0
"""How long requests in flight may take once the server is told to stop."""


def build_app(models: Catalogue, settings: Settings) -> FastAPI:
    """Build the server: the page at ``/``, the API beside it. Nothing listens yet.

    Parameters
    ----------
    models : Catalogue
    settings : Settings

    Returns
    -------
    fastapi.FastAPI
    """
    app: FastAPI = FastAPIOffline(
        title="Gyrus",
        version=__version__,
        description=describe_api(models),
        static_url="/static-offline-docs",
    )
    app.root_path = settings.root_path
    add_routes(app, models)
    if settings.auth is not None:
        app.add_middleware(PasswordMiddleware, auth=settings.auth)
    app.add_middleware(BodyLimitMiddleware, limit_bytes=settings.max_file_bytes + MULTIPART_OVERHEAD_BYTES)
    metrics = Metrics(models) if settings.metrics else None
    if metrics is not None:
        add_metrics(app, metrics)
    app.state.lifecycle = Lifecycle()
    app.add_middleware(RequestMiddleware, lifecycle=app.state.lifecycle, metrics=metrics)  # the last is the outermost
    gr.mount_gradio_app(
        app,
        build_page(models, settings),
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        auth=settings.auth,
        root_path=settings.root_path or None,
        max_file_size=settings.max_file_bytes,
        **mount_options(models.default),
    )
    for route in app.routes:
        if isinstance(mounted := getattr(route, "app", None), FastAPI):  # else Gradio words its defects without the id
            mounted.add_exception_handler(Exception, answer_defect)
    return app


def prepare(settings: Settings) -> socket.socket:
    """Do what comes before anything heavy is loaded: the address, the log's form, the folder for uploads.

    Raises
    ------
    SettingsError
        See `open_socket`.
    """
    listener = open_socket(settings)
    start_logging(settings.log_format, settings.log_level)
    parent = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
    if count := remove_leftovers(parent):
        _LOG.warning("%d upload folders of processes that were killed have been removed", count)
    os.environ["GRADIO_TEMP_DIR"] = str(claim_folder(parent))
    return listener


def open_socket(settings: Settings) -> socket.socket:
    """Take the address before anything heavy is loaded, so that a taken port is told at once.

    Raises
    ------
    SettingsError
        The port is taken, or the host is not an address of this machine.
    """
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"Port {settings.port} on {settings.host} is taken by another program. "
                f"Stop that one, or choose another port: python app.py --port {settings.port % 65535 + 1}"
            ) from error
        raise SettingsError(f"{settings.host}:{settings.port} cannot be used: {error.strerror or error}.") from error
    return listener


def serve(app: FastAPI, listener: socket.socket) -> int:
    """Answer requests until SIGINT or SIGTERM; requests in flight are finished first. Returns the exit status."""
    config = uvicorn.Config(
        app, access_log=False, log_config=None, server_header=False, timeout_graceful_shutdown=1, ws="none"
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal again when it has stopped in good order
    _Server(config, app).run(sockets=[listener])
    return 0


class _Server(uvicorn.Server):
    """Uvicorn, which at a signal goes on listening, to refuse in words, until every request in flight is answered."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app, self._lifecycle = app, app.state.lifecycle

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Refuse from this moment on; a second Ctrl-C stops at once."""
        self._lifecycle.is_stopping = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for what is in flight, then for nothing."""
        await self._lifecycle.wait_until_idle(_FINISH_LIMIT_S, lambda: self.force_exit)
        for route in self._app.routes:
            if isinstance(stop := getattr(getattr(route, "app", None), "stop_event", None), asyncio.Event):
                stop.set()  # ends the streams by which Gradio's pages tell that they are open
        gave_up = self._lifecycle.in_flight > 0
        await super().shutdown(sockets)
        if gave_up:  # a thread cannot be stopped, and both the event loop and the interpreter would wait for it
            logging.shutdown()
            os._exit(0)


def reachable_host(settings: Settings) -> str:
    """The host under which this machine reaches the server: loopback when it listens everywhere."""
    return "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104


def describe_address(settings: Settings) -> str:
    """The page's address as a person on this machine types it; a proxy's path is not part of it."""
    host = reachable_host(settings)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
