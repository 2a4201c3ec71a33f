"""One server for page and API: how it is put together, and how the program that serves it starts.

Routes, middleware and hooks stand in the rooms beside this file; here they are only put in their order.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

import uvicorn
from fastapi_offline import FastAPIOffline
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from inference import Catalogue, SettingsError, __version__
from ui.web.api.routes import add_routes, describe_api
from ui.web.batch.routes import add_batch
from ui.web.gradio_shell.mount import end_streams, mount_page, use_upload_folder
from ui.web.gradio_shell.uploads import replace_upload_route
from ui.web.http.capacity import CapacityLimiter, CapacityMiddleware, add_queue_route
from ui.web.http.headers import add_headers
from ui.web.http.lifecycle import GracefulServer, Lifecycle, RequestMiddleware, keep_exit_status
from ui.web.http.limits import MULTIPART_OVERHEAD_BYTES, BodyLimitMiddleware
from ui.web.http.login import AccessMiddleware
from ui.web.http.logs import start_logging
from ui.web.http.memory import bound_memory
from ui.web.http.metrics import Metrics, add_metrics
from ui.web.http.protocol import HeadTimeoutProtocol
from ui.web.http.rate import FailureCounter, RateLimitMiddleware
from ui.web.http.session import Credentials
from ui.web.http.uploads import Uploads, add_keep_routes, open_private_folder
from ui.web.page.layout import build_page
from ui.web.page.theme import build_theme_options
from ui.web.page.upload_cache import UploadCache
from ui.web.page.vendor import add_vendor

if TYPE_CHECKING:
    from fastapi import FastAPI

    from inference.settings import Settings

MAX_CONNECTIONS = 500
"""Connections at once; a further one is answered 503. A browser opens six, and one that waits costs some 50 KB."""


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
    use_upload_folder(open_private_folder())
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
    add_routes(app, models, settings.convention)
    add_batch(app, models, settings)
    add_vendor(app)
    add_keep_routes(app, uploads)
    replace_upload_route(app, uploads, settings.max_file_bytes)
    metrics = Metrics(models) if settings.metrics else None
    if metrics is not None:
        add_metrics(app, metrics)
    capacity = CapacityLimiter()
    add_queue_route(app, capacity)
    app.add_middleware(CapacityMiddleware, capacity=capacity)
    theme_options = build_theme_options(models.default)
    mount_page(app, build_page(models, settings, uploads, capacity, cache), settings, theme_options, uploads)
    _add_middleware(app, settings, metrics, theme_options["head"])
    return app


def _add_middleware(app: FastAPI, settings: Settings, metrics: Metrics | None, head: str) -> None:
    """Add what every request passes; what is added last sees it first."""
    app.add_middleware(BodyLimitMiddleware, limit_bytes=settings.max_file_bytes + MULTIPART_OVERHEAD_BYTES)
    if settings.is_guarded:
        app.state.failures = FailureCounter()
        app.add_middleware(AccessMiddleware, credentials=Credentials(settings), failures=app.state.failures)
    if settings.rate_limit and (settings.trusted_proxies or not settings.is_local):
        app.add_middleware(RateLimitMiddleware, per_minute=settings.rate_limit)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    app.state.lifecycle = Lifecycle()
    app.add_middleware(RequestMiddleware, lifecycle=app.state.lifecycle, metrics=metrics)
    add_headers(app, settings.frame_ancestors, head)


def prepare(settings: Settings) -> socket.socket:
    """Do what comes before anything heavy is loaded: take the address, and start the log.

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
    """How uvicorn serves: it logs nothing by itself, and every wait has an end.

    What a proxy says of a visitor's address is left to the application, which knows the trusted ones.
    """
    return uvicorn.Config(
        app,
        http=HeadTimeoutProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )


def greet(settings: Settings) -> str:
    """Word what the operator is told at the start: the address and, if strangers may come in, what to do about it."""
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
    keep_exit_status()
    server = GracefulServer(build_config(app), app.state.lifecycle, lambda: end_streams(app))
    server.run(sockets=[listener])
    return 0


def reachable_host(settings: Settings) -> str:
    """The host under which this machine reaches the server: loopback when it listens everywhere."""
    return "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104


def describe_address(settings: Settings) -> str:
    """The page's address as a person on this machine types it; a proxy's path is not part of it."""
    host = reachable_host(settings)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
