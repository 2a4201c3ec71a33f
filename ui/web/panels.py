"""The page's still parts as HTML: header, disclaimer, panel about the model, footer. Every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from inference import __version__
from inference.bundle import ModelBundle
from ui.presenter import Fact, describe_model, describe_purpose, present_about, word_disclaimer


def render_header(bundle: ModelBundle) -> str:
    """The name of the program, of the model, and what it answers."""
    return (
        '<header class="masthead"><h1>Gyrus</h1>'
        f'<p class="title">{escape(bundle.title)}</p><p class="purpose">{escape(describe_purpose(bundle))}</p></header>'
    )


def render_disclaimer(bundle: ModelBundle) -> str:
    """The sentence that stands beside the answer."""
    return f'<p class="disclaimer">{escape(word_disclaimer(bundle))}</p>'


def render_footer(bundle: ModelBundle) -> str:
    """The disclaimer again, and which model this is."""
    versions = f"Gyrus {__version__}. {describe_model(bundle)}."
    return f"<footer><p>{escape(word_disclaimer(bundle))}</p><p>{escape(versions)}</p></footer>"


def render_about(bundle: ModelBundle) -> str:
    """The panel "About this model": closed at first, and only the sections that the bundle fills."""
    about = present_about(bundle)
    sections = (
        _section("What it is", _paragraph(about.summary)),
        _section("Answers", _list(about.classes)),
        _section("How well it does", _facts(about.figures)),
        _section("What it learned from", _facts(about.data)),
        _section("What it cannot do", _list(about.limits)),
        _section("Licence", _paragraph(about.licence)),
        _section("Version", _paragraph(describe_model(bundle))),
    )
    return f'<details class="about"><summary>About this model</summary><div>{"".join(sections)}</div></details>'


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def _facts(facts: Iterable[Fact]) -> str:
    items = "".join(map(_fact, facts))
    return f"<dl>{items}</dl>" if items else ""


def _fact(fact: Fact) -> str:
    value = f'<span class="value">{escape(fact.value)}</span>' if fact.value else ""
    text = ", ".join(part for part in (value, escape(fact.detail)) if part)
    return f"<div><dt>{escape(fact.name)}</dt><dd>{text}</dd></div>"
