"""The panels of the page that show what a bundle says of itself: header, disclaimer, classes, about, footer.

Each is a template in ``templates/panels``, which escapes the bundle's text. What the words are is `ui.words.model`'s;
the widgets that react to a visitor are in `ui.web.page.widgets`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference import __version__
from ui.web.templates import load_templates
from ui.words.labels import CLASSES_SEARCH, CLASSES_TITLE
from ui.words.model import (
    describe_model,
    describe_purpose,
    has_many_classes,
    list_classes,
    present_about,
    word_disclaimer,
)

if TYPE_CHECKING:
    from inference.model.bundle import ModelBundle

_FOLDER = Path(__file__).parent / "templates" / "panels"


def render_panel(name: str, **values: Any) -> str:
    """Fill ``templates/panels/<name>.html``; every value is escaped."""
    return load_templates(_FOLDER).get_template(f"{name}.html").render(values)


def render_each(bundles: Iterable[ModelBundle], render: Callable[[ModelBundle], str]) -> str:
    """Render a panel for each model; the page shows the chosen one's (``picker.js``), at first the first one's."""
    panels = [
        {"name": bundle.name, "html": html, "is_hidden": index > 0}
        for index, bundle in enumerate(bundles)
        if (html := render(bundle))
    ]
    return render_panel("each_model", panels=panels)


def render_header(bundle: ModelBundle) -> str:
    """The name of the program, of the model, and what it answers."""
    return render_panel("header", title=bundle.title, purpose=describe_purpose(bundle))


def render_disclaimer(bundle: ModelBundle) -> str:
    """The sentence that stands beside the answer; nothing if the bundle has none."""
    disclaimer = word_disclaimer(bundle)
    return render_panel("disclaimer", disclaimer=disclaimer) if disclaimer else ""


def render_footer(bundle: ModelBundle) -> str:
    """The disclaimer again, and which model this is."""
    model = describe_model(bundle)
    return render_panel("footer", disclaimer=word_disclaimer(bundle), version=__version__, model=model)


def render_page_footer(bundles: Iterable[ModelBundle]) -> str:
    """The page's footer, with `render_footer` of each model."""
    return render_panel("page_footer", models=render_each(bundles, render_footer))


def render_classes(bundle: ModelBundle) -> str:
    """The panel with every class and a field to search them (``classes.js``); nothing if the model has few."""
    if not has_many_classes(bundle):
        return ""
    labels, count = list_classes(bundle), f"{len(bundle.labels):,}"
    return render_panel("classes", title=CLASSES_TITLE, search=CLASSES_SEARCH, labels=labels, count=count)


def render_about(bundle: ModelBundle) -> str:
    """The panel "About this model": closed at first, and only the sections that the bundle fills."""
    return render_panel(
        "about",
        about=present_about(bundle),
        has_many_classes=has_many_classes(bundle),
        model=describe_model(bundle),
    )
