"""How a widget is made of `gradio.HTML`, and how its value is read; which widgets there are is `ui.web.page`'s."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

FILE_SCHEMA = {key: value for key, value in FileData.model_json_schema().items() if key != "description"}
"""What an API client sends for a file: the JSON schema of Gradio's ``FileData``."""

_EVALUATED = re.compile(r"\$\{|`|\\|\{\{")
"""What a JavaScript template string or Handlebars would evaluate."""


def build_html(template: str, script: str, **options: Any) -> gr.HTML:
    """Build a widget from HTML that never changes, and a script that fills it.

    Gradio evaluates the template of a `gradio.HTML` in the browser, as a Handlebars template and as a JavaScript
    template string, so that even escaped text could run there. The template must therefore be a constant; text from
    outside goes into the options, which the script writes with ``textContent``.

    Parameters
    ----------
    template : str
        HTML without anything that is evaluated.
    script : str
        JavaScript that runs with ``element``, ``props``, ``trigger``, ``upload`` and ``watch``.
    **options
        Of `gradio.HTML`; those that it does not know reach the script in ``props``.

    Raises
    ------
    ValueError
        The template holds something that would be evaluated.
    """
    if found := _EVALUATED.search(template):
        raise ValueError(f"A template is constant HTML, but this one holds {found[0]!r}, which is evaluated.")
    return gr.HTML(html_template=template, js_on_load=script, apply_default_css=False, **options)


def build_value_html(html: str, script: str | None = None, **options: Any) -> gr.HTML:
    """Build a widget whose HTML is its value, which may hold escaped text from outside.

    Gradio puts the value in the place of ``${value}`` after the template was evaluated, so that nothing in it runs.
    """
    return gr.HTML(html, html_template="${value}", js_on_load=script, apply_default_css=False, **options)


def describe_value(widget: gr.HTML, schema: Mapping[str, Any]) -> gr.HTML:
    """Tell API clients the JSON schema of a widget's value; `gradio.HTML` calls every value a string.

    It is set on the object and not in a subclass, because Gradio writes a ``.pyi`` file beside the source of every
    subclass of its components.
    """
    widget.api_info = lambda: dict(schema)  # type: ignore[method-assign]
    return widget


def find_upload_path(value: object) -> str | None:
    """Read the path of an upload from a value that a visitor sent; None if there is none.

    Gradio has checked, before an event's function runs, that a file which is marked as such is one that was uploaded.
    A value without the mark was not checked and counts as none, so that nobody can name a file of the server. That the
    mark is there is only checked with ``validate_meta``.
    """
    try:
        return FileData.model_validate(value, context={"validate_meta": True}).path if value else None
    except ValueError:
        return None
