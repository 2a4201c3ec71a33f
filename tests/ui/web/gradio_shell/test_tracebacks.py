"""What Gradio prints past the log."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Iterator

import gradio as gr
import pytest
from fastapi.testclient import TestClient

from tests.ui.web.gradio_shell.conftest import Mount
from ui.web.gradio_shell.tracebacks import suppress_tracebacks

MODULES = ("routes", "queueing", "route_utils", "utils")
"""Where Gradio prints what it catches, as far as this server comes there."""


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[gr.Blocks]:
    """A page whose call fails, on a Gradio without the hook."""
    for name in MODULES:
        monkeypatch.setattr(importlib.import_module(f"gradio.{name}"), "traceback", traceback)

    def fail(name: str) -> str:
        raise RuntimeError(f"no patient {name}")

    with gr.Blocks(analytics_enabled=False) as page:
        name, button = gr.Textbox(), gr.Button()
        button.click(fail, name, name, api_name="fail", queue=False)
    yield page


def call(mount: Mount, page: gr.Blocks) -> None:
    with TestClient(mount(page)) as client:
        client.post("/gradio_api/run/fail", json={"data": ["Mustermann"]})


def test_without_the_hook_a_trace_is_printed(
    mount: Mount, failing: gr.Blocks, capfd: pytest.CaptureFixture[str]
) -> None:
    call(mount, failing)
    assert "no patient Mustermann" in capfd.readouterr().err, "once this fails, Gradio may print no traces any more"


def test_with_it_only_the_kind_is_logged(
    mount: Mount, failing: gr.Blocks, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    suppress_tracebacks()
    call(mount, failing)
    out, err = capfd.readouterr()
    assert "Mustermann" not in out + err + caplog.text
    assert "A call failed in Gradio: RuntimeError" in caplog.messages
    for name in MODULES:
        assert importlib.import_module(f"gradio.{name}").traceback is not traceback
        assert importlib.import_module(f"gradio.{name}").traceback.format_exc is traceback.format_exc
