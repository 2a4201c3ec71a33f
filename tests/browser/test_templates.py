"""What a browser does with the template and the value of a `gradio.HTML`; the page's widgets are built on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import gradio as gr
import pytest
import uvicorn
from fastapi import FastAPI

from tests.browser.conftest import TIMEOUT_MS

sync_api = pytest.importorskip("playwright.sync_api", reason="the PyPI package playwright is not installed")

TEMPLATE = '<p id="string">${1 + 1}</p><p id="bars">{{three}}</p><p id="value">${value}</p>'

VALUE = "${1 + 1} {{three}} `x` \\n &lt;b&gt;"


@pytest.fixture
def address() -> Iterator[str]:
    with gr.Blocks(analytics_enabled=False) as page:
        gr.HTML(VALUE, html_template=TEMPLATE, js_on_load=None, three=3)
    app = gr.mount_gradio_app(FastAPI(), page, path="/", run_history=False, footer_links=[])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def test_a_template_is_evaluated_and_a_value_is_not(browser: sync_api.Browser, address: str) -> None:
    """The first half is why a template holds no text from outside, the second why escaped text may be a value."""
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(address)
    expect = sync_api.expect
    expect(page.locator("#string")).to_have_text("2")
    expect(page.locator("#bars")).to_have_text("3")
    expect(page.locator("#value")).to_have_text("${1 + 1} {{three}} `x` \\n <b>")
    page.close()
