"""One server for page and API: how it is put together, and the way it starts and stops."""

from __future__ import annotations

import errno
import signal
import socket

import gradio as gr
import uvicorn
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from inference import Catalogue, SettingsError, __version__
from inference.settings import Settings
from ui.web.api import add_routes, describe_api
from ui.web.memory import bound_memory
from ui.web.middleware import MULTIPART_OVERHEAD_BYTES, BodyLimitMiddleware, PasswordMiddleware
from ui.web.page import build_page
from ui.web.places import Places, PlacesMiddleware
from ui.web.theme import mount_options


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
    places = Places()
    app.add_middleware(PlacesMiddleware, places=places)
    if settings.auth is not None:
        app.add_middleware(PasswordMiddleware, auth=settings.auth)
    app.add_middleware(BodyLimitMiddleware, limit_bytes=settings.max_file_bytes + MULTIPART_OVERHEAD_BYTES)
    gr.mount_gradio_app(
        app,
        build_page(models, settings, places),
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        auth=settings.auth,
        root_path=settings.root_path or None,
        max_file_size=settings.max_file_bytes,
        **mount_options(models.default),
    )
    return app


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
    bound_memory()
    config = uvicorn.Config(
        app, access_log=False, log_level="warning", server_header=False, timeout_graceful_shutdown=10, ws="none"
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal again when it has stopped in good order
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def reachable_host(settings: Settings) -> str:
    """The host under which this machine reaches the server: loopback when it listens everywhere."""
    return "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104


def describe_address(settings: Settings) -> str:
    """The page's address as a person on this machine types it; a proxy's path is not part of it."""
    host = reachable_host(settings)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
