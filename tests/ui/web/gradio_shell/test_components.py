"""Widgets of `gradio.HTML`, and the values that they send."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.data_classes import FileData

from inference import Catalogue
from tests.fakes import FakeClassifier, make_bundle
from ui.web.gradio_shell.components import FILE_SCHEMA, build_html, build_value_html, describe_value, find_upload_path
from ui.web.page.layout import build_page

HOSTILE = "${alert(1)} `x` {{ y }} \\ <b>"


@pytest.mark.parametrize("text", ["${alert(1)}", "`", "\\u0041", "{{value}}"])
def test_a_template_that_would_be_evaluated_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is evaluated"):
        build_html(f"<p>{text}</p>", "")
    assert build_value_html(f"<p>{text}</p>").value == f"<p>{text}</p>", "a value is not evaluated"


def test_no_template_of_the_page_holds_text_from_outside() -> None:
    """`tests/browser/test_templates.py` shows what a browser does with a template, and with a value."""
    bundle = make_bundle(name=HOSTILE, title=HOSTILE, subject=HOSTILE, about={"summary": HOSTILE})
    settings, uploads = (
        SimpleNamespace(max_file_bytes=2**20, convention="radiological"),
        SimpleNamespace(release=lambda _: None),
    )
    page = build_page(Catalogue.of(FakeClassifier(bundle=bundle)), settings, uploads)
    widgets = [block for block in page.blocks.values() if isinstance(block, gr.HTML)]
    assert len(widgets) > 12
    assert any("alert(1)" in str(widget.value) for widget in widgets)
    for widget in widgets:
        assert "alert(1)" not in widget.html_template
        assert widget.html_template == "${value}" or "${" not in widget.html_template
        assert "alert(1)" not in (widget.js_on_load or "")


def test_gradio_calls_every_value_a_string_unless_it_is_described() -> None:
    widget = build_html("<p></p>", "")
    assert widget.api_info() == {"type": "string"}, "once this fails, gradio.HTML may describe its value by itself"
    described = describe_value(widget, {"type": "integer"})
    assert described is widget
    assert described.api_info_as_input() == described.api_info_as_output() == {"type": "integer"}


def test_gradio_writes_beside_the_source_of_a_subclass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once this fails, a subclass can take the place of `describe_value`."""
    (tmp_path / "subclass_of_html.py").write_text("import gradio as gr\n\nclass Mine(gr.HTML):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("subclass_of_html")
    del sys.modules["subclass_of_html"]
    assert [path.name for path in tmp_path.glob("*.pyi")] == ["subclass_of_html.pyi"]


@pytest.mark.parametrize("value", [None, "", {}, [], 3, "x.png", {"path": "x.png"}, {"path": "x.png", "meta": {}}])
def test_only_a_marked_upload_has_a_path(value: object) -> None:
    assert find_upload_path(value) is None


def test_the_mark_is_checked_only_when_asked_for() -> None:
    assert FileData.model_validate({"path": "x.png"}).path == "x.png", "once this fails, the context can go"
    assert find_upload_path({"path": "x.png", "meta": {"_type": "gradio.FileData"}}) == "x.png"
    assert {"path", "meta"} <= set(FILE_SCHEMA["properties"])
