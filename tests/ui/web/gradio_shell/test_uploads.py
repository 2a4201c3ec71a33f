"""The route that takes the place of Gradio's."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.serving import upload
from tests.ui.web.gradio_shell.conftest import Mount
from ui.web.gradio_shell.uploads import replace_upload_route
from ui.web.http.uploads import Uploads


def upload_twice(app: FastAPI) -> tuple[Path, Path]:
    with TestClient(app) as client:
        return Path(upload(client)), Path(upload(client))


def test_without_it_two_visitors_share_a_file(
    mount: Mount, reader: gr.Blocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    first, second = upload_twice(mount(reader))
    assert first == second, "once this fails, Gradio may keep uploads apart by itself"


def test_with_it_each_has_their_own(reader: gr.Blocks, tmp_path: Path) -> None:
    app = FastAPI()
    replace_upload_route(app, Uploads(tmp_path), 2**20)
    gr.mount_gradio_app(app, reader, path="/")
    first, second = upload_twice(app)
    assert first.parent != second.parent
    assert first.parent.parent == second.parent.parent == tmp_path


def test_it_has_to_be_there_before_the_page(mount: Mount, reader: gr.Blocks, tmp_path: Path) -> None:
    app = mount(reader)
    replace_upload_route(app, Uploads(tmp_path), 2**20)
    first, _ = upload_twice(app)
    assert tmp_path not in first.parents
