"""The page's still parts as HTML: header, disclaimer, panels, footer. Every text is escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape

from inference import __version__
from inference.model.bundle import ModelBundle
from ui.words.labels import CLASSES_SEARCH, CLASSES_TITLE
from ui.words.model import (
    Fact,
    describe_model,
    describe_purpose,
    has_many_classes,
    list_classes,
    present_about,
    word_disclaimer,
)


def render_each(bundles: Iterable[ModelBundle], render: Callable[[ModelBundle], str]) -> str:
    """Render a part for each model; the page shows the chosen one's (``picker.js``), at first the first one's."""
    return "".join(
        f'<div data-of-model="{escape(bundle.name)}"{" hidden" if index else ""}>{html}</div>'
        for index, bundle in enumerate(bundles)
        if (html := render(bundle))
    )


def render_header(bundle: ModelBundle) -> str:
    """The name of the program, of the model, and what it answers."""
    return (
        '<header class="masthead"><h1>Gyrus</h1>'
        f'<p class="title">{escape(bundle.title)}</p><p class="purpose">{escape(describe_purpose(bundle))}</p></header>'
    )


def render_disclaimer(bundle: ModelBundle) -> str:
    """The sentence that stands beside the answer; nothing if the bundle has none."""
    disclaimer = word_disclaimer(bundle)
    return f'<p class="disclaimer">{escape(disclaimer)}</p>' if disclaimer else ""


def render_footer(bundle: ModelBundle) -> str:
    """The disclaimer again, and which model this is."""
    versions = f"Gyrus {__version__}. {describe_model(bundle)}."
    return f'<div class="footer">{_paragraph(word_disclaimer(bundle))}{_paragraph(versions)}</div>'


def render_classes(bundle: ModelBundle) -> str:
    """The panel with every class and a field to search them (``classes.js``); nothing if the model has few."""
    if not has_many_classes(bundle):
        return ""
    items = "".join(f"<li>{escape(label)}</li>" for label in list_classes(bundle))
    count = f"{len(bundle.labels):,}"
    return (
        f'<details class="about classes"><summary>{CLASSES_TITLE}</summary><div>'
        f'<label>{CLASSES_SEARCH} <input type="search" autocomplete="off" spellcheck="false"></label>'
        f'<p class="found" role="status">{count} of {count}</p>'
        f'<ul tabindex="0" aria-label="{CLASSES_TITLE}">{items}</ul></div></details>'
    )


def render_about(bundle: ModelBundle) -> str:
    """The panel "About this model": closed at first, and only the sections that the bundle fills."""
    about = present_about(bundle)
    sections = (
        _section("What it is", _paragraph(about.summary)),
        _section("Answers", "" if has_many_classes(bundle) else _list(about.classes)),
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
