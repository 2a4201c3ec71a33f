"""One server for page and API: how it is put together, and the way it starts and stops."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
from types import FrameType
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.routing import Mount
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from inference import Catalogue, SettingsError, __version__
from inference.settings import Settings
from ui.web.api.routes import add_routes, describe_api
from ui.web.batch.routes import add_batch
from ui.web.gradio_shell.gate import Gate
from ui.web.gradio_shell.hooks import suppress_tracebacks
from ui.web.http.capacity import CapacityLimiter, CapacityMiddleware, add_queue_route
from ui.web.http.headers import HeadersMiddleware
from ui.web.http.lifecycle import Lifecycle, RequestMiddleware
from ui.web.http.limits import MULTIPART_OVERHEAD_BYTES, BodyLimitMiddleware
from ui.web.http.login import AccessMiddleware
from ui.web.http.logs import start_logging
from ui.web.http.memory import bound_memory
from ui.web.http.metrics import Metrics, add_metrics
from ui.web.http.protocol import PunctualProtocol
from ui.web.http.rate import FailureCounter, RateLimitMiddleware
from ui.web.http.session import Guard
from ui.web.http.uploads import Uploads, add_upload_routes, open_private_folder
from ui.web.page.layout import build_page
from ui.web.page.theme import mount_options
from ui.web.page.upload_cache import UploadCache
from ui.web.page.vendor import add_vendor

MAX_CONNECTIONS = 500
"""Connections at once; who comes then is answered 503. A browser opens six, and one that waits costs some 50 KB."""

_GRADIO_VERSION = "6.0.0"
"""What Gradio's configuration says of its version: enough for its clients to know how to talk to it."""

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
    cache = UploadCache()
    uploads = Uploads(open_private_folder(), cache=cache)
    app: FastAPI = FastAPIOffline(
        title="Gyrus",
        version=__version__,
        description=describe_api(models),
        static_url="/static-offline-docs",
        lifespan=uploads.lifespan,
    )
    app.root_path = settings.root_path
    add_routes(app, models)
    add_batch(app, models, settings)
    add_vendor(app)
    add_upload_routes(app, uploads, settings.max_file_bytes)
    metrics = Metrics(models) if settings.metrics else None
    if metrics is not None:
        add_metrics(app, metrics)
    capacity = CapacityLimiter()
    add_queue_route(app, capacity)
    app.add_middleware(CapacityMiddleware, capacity=capacity)
    options = mount_options(models.default)
    _mount_page(app, build_page(models, settings, uploads, capacity, cache), settings, options, uploads)
    _add_middleware(app, settings, metrics, options["head"])
    return app


def _mount_page(app: FastAPI, page: gr.Blocks, settings: Settings, options: dict[str, Any], uploads: Uploads) -> None:
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        root_path=settings.root_path or None,
        max_file_size=settings.max_file_bytes,
        **options,
    )
    page.config["version"] = _GRADIO_VERSION
    suppress_tracebacks()
    for route in app.routes:
        if isinstance(route, Mount) and route.path == "":
            app.state.gradio = route.app
            route.app = Gate(route.app, uploads)


def _add_middleware(app: FastAPI, settings: Settings, metrics: Metrics | None, head: str) -> None:
    """Put on what every request passes; what is added last sees it first."""
    app.add_middleware(BodyLimitMiddleware, limit_bytes=settings.max_file_bytes + MULTIPART_OVERHEAD_BYTES)
    if settings.is_guarded:
        app.state.failures = FailureCounter()
        app.add_middleware(AccessMiddleware, guard=Guard(settings), failures=app.state.failures)
    if settings.rate_limit and (settings.trusted_proxies or not settings.is_local):
        app.add_middleware(RateLimitMiddleware, per_minute=settings.rate_limit)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    app.state.lifecycle = Lifecycle()
    app.add_middleware(RequestMiddleware, lifecycle=app.state.lifecycle, metrics=metrics)
    build_stack = app.build_middleware_stack

    def build_with_headers() -> HeadersMiddleware:
        """Outside of Starlette's own answer to a defect, which no added middleware sees."""
        return HeadersMiddleware(build_stack(), settings.frame_ancestors, head)

    app.build_middleware_stack = build_with_headers  # type: ignore[method-assign]


def prepare(settings: Settings) -> socket.socket:
    """Do what comes before anything heavy is loaded: the address, and the log's form.

    Raises
    ------
    SettingsError
        See `open_socket`.
    """
    listener = open_socket(settings)
    start_logging(settings.log_format, settings.log_level)
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


def build_config(app: FastAPI) -> uvicorn.Config:
    """How uvicorn serves: quiet, and patient with nobody for ever. An address behind a proxy is the application's."""
    return uvicorn.Config(
        app,
        http=PunctualProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )


def greet(settings: Settings) -> str:
    """What the operator is told at the start: the address and, if strangers may come in, what to do about it."""
    address = f"Gyrus is at {describe_address(settings)}  (Ctrl+C stops it)"
    if settings.is_guarded or settings.is_local:
        return address
    return (
        f"{address}\nWarning: anyone who can reach port {settings.port} of this machine can use it, and nobody is "
        "asked for a password. Set one with GYRUS_AUTH=USER:PASSWORD (in a container: -e GYRUS_AUTH=USER:PASSWORD, or "
        "let only this machine in with -p 127.0.0.1:7860:7860), or listen on 127.0.0.1."
    )


def serve(app: FastAPI, listener: socket.socket) -> int:
    """Answer requests until SIGINT or SIGTERM; requests in flight are finished first. Returns the exit status."""
    bound_memory()
    config = build_config(app)
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
        if isinstance(stop := getattr(self._app.state.gradio, "stop_event", None), asyncio.Event):
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
