"""How the page is mounted under the server: what of Gradio's own is switched off, and the gate before it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.routing import Mount

from inference.settings import Settings
from ui.web.gradio_shell.gate import Gate
from ui.web.gradio_shell.tracebacks import suppress_tracebacks
from ui.web.http.uploads import Uploads

_SWITCHED_OFF: dict[str, Any] = {
    "footer_links": [],
    "run_history": False,
    "show_error": False,
    "enable_monitoring": False,
    "ssr_mode": False,
    "pwa": False,
    "mcp_server": False,
}
"""Options of `gradio.mount_gradio_app` whose defaults show, keep or open more than this page needs."""

_TOLD_VERSION = "6.0.0"
"""The version that Gradio's configuration tells: enough for its clients to know how to talk to it."""


def mount_page(
    app: FastAPI, page: gr.Blocks, settings: Settings, theme_options: Mapping[str, Any], uploads: Uploads
) -> None:
    """Mount the page at ``/``, behind everything that was added to the application before.

    Parameters
    ----------
    app : fastapi.FastAPI
    page : gradio.Blocks
    settings : Settings
    theme_options : mapping
        Options of `gradio.mount_gradio_app`, see `ui.web.page.theme.build_theme_options`.
    uploads : Uploads
        What a call may name.
    """
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        root_path=settings.root_path or None,
        max_file_size=settings.max_file_bytes,
        **_SWITCHED_OFF,
        **theme_options,
    )
    hide_version(page)
    suppress_tracebacks()
    close_routes(app, uploads)


def check_named_files(page: gr.Blocks) -> None:
    """Have Gradio check that a file which a call names was uploaded.

    It does so only once ``has_launched`` is set, and a mounted page never sets it: anyone could have any file of the
    server read. The gate checks the same before; each would do alone.
    """
    page.has_launched = True


def hide_version(page: gr.Blocks) -> None:
    """Keep the exact version of Gradio from visitors, whom it would tell which holes to try."""
    page.config["version"] = _TOLD_VERSION


def close_routes(app: FastAPI, uploads: Uploads) -> None:
    """Put the gate before Gradio's own application, which `gradio.mount_gradio_app` does not hand out.

    Raises
    ------
    ValueError
        There is no such application, or several: nothing may be served without the gate.
    """
    (mounted,) = (route for route in app.routes if isinstance(route, Mount) and route.path == "")
    app.state.gradio = mounted.app
    mounted.app = Gate(mounted.app, uploads)


def end_streams(app: FastAPI) -> None:
    """End the streams by which open pages tell that they are open; otherwise the server waits for them in vain.

    Gradio sets its ``stop_event`` when a page that it serves itself is closed; for a mounted page nobody does.
    """
    stop_event: asyncio.Event = app.state.gradio.stop_event
    stop_event.set()


def use_upload_folder(folder: Path) -> None:
    """Have Gradio keep its files in a folder: only what lies in it counts as uploaded (see `check_named_files`).

    Gradio reads the variable each time, and has no option for it.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
