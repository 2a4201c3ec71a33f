"""The hooks by which the page is mounted: each is still needed, and still works."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio import utils

from tests.fakes import make_bundle
from tests.serving import file_value, list_routes
from tests.ui.web.gradio_shell.conftest import Mount
from ui.web.gradio_shell import mount as shell
from ui.web.gradio_shell.gate import Gate
from ui.web.http.uploads import Uploads
from ui.web.page.theme import build_theme_options


def read_file(app: FastAPI, path: Path) -> Any:
    with TestClient(app, raise_server_exceptions=False) as client:
        return client.post("/gradio_api/run/read", json={"data": [file_value(str(path))]})


@pytest.mark.parametrize("is_hooked", [True, False])
def test_a_file_that_was_not_uploaded_is_read_only_without_the_check(
    mount: Mount, reader: gr.Blocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_hooked: bool
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    if is_hooked:
        shell.check_named_files(reader)
    answer = read_file(mount(reader), secret)
    assert answer.status_code == (500 if is_hooked else 200)
    assert ("it was not uploaded by a user" in answer.text) is is_hooked


@pytest.mark.parametrize("is_hooked", [True, False])
def test_the_folder_for_uploads_is_ours_only_with_the_hook(
    mount: Mount, reader: gr.Blocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_hooked: bool
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    shell.check_named_files(reader)
    uploaded = tmp_path / "a.txt"
    uploaded.write_text("x")
    if is_hooked:
        shell.use_upload_folder(tmp_path)
    assert (utils.get_upload_folder() == str(tmp_path)) is is_hooked
    assert read_file(mount(reader), uploaded).status_code == (200 if is_hooked else 500)


def test_the_version_is_told_only_without_the_hook(mount: Mount, reader: gr.Blocks) -> None:
    with TestClient(mount(reader)) as client:
        assert client.get("/config").json()["version"] == gr.__version__
        shell.hide_version(reader)
        assert client.get("/config").json()["version"] == "6.0.0"
        assert f'"version":"{gr.__version__}"' not in client.get("/").text


def test_every_route_is_open_only_without_the_gate(mount: Mount, reader: gr.Blocks, tmp_path: Path) -> None:
    app = mount(reader)
    with TestClient(app) as client:
        assert client.get("/gradio_api/openapi.json").status_code == 200
        shell.close_routes(app, Uploads(tmp_path))
        assert client.get("/gradio_api/openapi.json").status_code == 404
        assert client.get("/config").status_code == 200
    assert [type(route.app) for route in app.routes if getattr(route, "path", None) == ""] == [Gate]


def test_nothing_is_served_where_the_gate_cannot_be_put(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not enough values"):
        shell.close_routes(FastAPI(), Uploads(tmp_path))


def test_an_open_page_s_stream_ends_only_by_the_hook(mount: Mount, reader: gr.Blocks, tmp_path: Path) -> None:
    app = mount(reader)
    shell.close_routes(app, Uploads(tmp_path))

    async def watch() -> tuple[bool, bool]:
        """Whether the stream has ended after a moment, and after the hook."""
        sent = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message.get("body"):
                sent.set()

        scope = {
            "type": "http", "method": "GET", "path": "/gradio_api/heartbeat/abc", "raw_path": b"", "query_string": b"",
            "headers": [(b"host", b"x")], "scheme": "http", "server": ("x", 80), "client": ("y", 1), "root_path": "",
            "http_version": "1.1", "asgi": {"version": "3.0", "spec_version": "2.3"},
        }  # fmt: skip
        stream = asyncio.create_task(app(scope, receive, send))
        await asyncio.wait_for(sent.wait(), 20)
        await asyncio.wait([stream], timeout=0.5)
        was_over = stream.done()
        shell.end_streams(app)
        await asyncio.wait([stream], timeout=10)
        is_over = stream.done()
        stream.cancel()
        return was_over, is_over

    with ThreadPoolExecutor(1) as pool:  # beside the loop that the browser tests leave running
        assert pool.submit(asyncio.run, watch()).result() == (False, True)


def test_the_options_are_gradios_and_their_defaults_are_others() -> None:
    parameters = inspect.signature(gr.mount_gradio_app).parameters
    theme_options = build_theme_options(make_bundle())
    assert set(theme_options) | set(shell._SWITCHED_OFF) <= set(parameters)
    assert Path(theme_options["favicon_path"]).is_file()
    assert not any(str(font).startswith("http") for font in theme_options["theme"]._stylesheets)
    for name, value in shell._SWITCHED_OFF.items():
        assert parameters[name].default != value, "an option whose default is this already can go"


def test_gradio_has_the_paths_that_the_server_counts_on(mount: Mount, reader: gr.Blocks, tmp_path: Path) -> None:
    """`ui.web.http` knows these by name: streams, what is not counted, what is replaced."""
    app = mount(reader)
    shell.close_routes(app, Uploads(tmp_path))
    paths = {path for _, path in list_routes(app.routes)}
    assert {"/gradio_api/heartbeat/1", "/gradio_api/upload", "/assets/1", "/static/1", "/theme.css"} <= paths
