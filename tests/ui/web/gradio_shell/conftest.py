"""A small page mounted under a server, with as many hooks as a test wants."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
import pytest
from fastapi import FastAPI

Mount = Callable[[gr.Blocks], FastAPI]


@pytest.fixture
def mount() -> Mount:
    """Mount a page without any hook."""

    def mount_bare(page: gr.Blocks) -> FastAPI:
        app = FastAPI()
        gr.mount_gradio_app(app, page, path="/", run_history=False, footer_links=[])
        return app

    return mount_bare


@pytest.fixture
def reader() -> gr.Blocks:
    """A page with one call, ``read``, that gives back the path of the file which it names."""
    with gr.Blocks(analytics_enabled=False) as page:
        file, path, button = gr.File(), gr.Textbox(), gr.Button()
        button.click(lambda file: str(file), file, path, api_name="read", queue=False)
    return page
