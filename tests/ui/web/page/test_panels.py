"""What the panels show of a bundle, and that its text is escaped."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from tests.fakes import BREEDS, make_breeds, make_bundle
from ui.web.page.panels import (
    render_about,
    render_classes,
    render_disclaimer,
    render_each,
    render_footer,
    render_header,
    render_panel,
)
from ui.web.page.theme import build_head

HOSTILE = '"><img src=x onerror=alert(1)>'


def test_panels_escape_the_bundles_text() -> None:
    bundle = make_bundle(
        title=HOSTILE,
        subject=HOSTILE,
        name=HOSTILE,
        version=HOSTILE,
        labels=(HOSTILE, "b"),
        label_texts=(HOSTILE, "b"),
        about={
            "summary": HOSTILE,
            "figures": [{"name": HOSTILE, "value": HOSTILE, "detail": HOSTILE}],
            "data": [{"name": HOSTILE, "licence": HOSTILE, "detail": HOSTILE}],
            "limits": [HOSTILE],
            "licence": HOSTILE,
            "disclaimer": HOSTILE,
        },
    )
    html = "".join(
        render(bundle) for render in (render_header, render_about, render_disclaimer, render_footer, build_head)
    )
    assert html.count("alert(1)") >= 12
    assert "<img" not in html


def test_about_leaves_out_what_the_bundle_does_not_say() -> None:
    html = render_about(make_bundle(about={}))
    assert "How well it does" not in html
    assert "Pear Fruit" in html


def test_each_model_has_its_panel_and_only_the_first_shows() -> None:
    bundles = [make_bundle(name='a"b'), make_bundle(name="c", about={})]
    html = render_each(bundles, render_header)
    assert html.count("<header") == 2
    assert html.count(" hidden>") == 1
    assert 'data-of-model="a&#34;b">' in html
    assert render_each(bundles[1:], render_disclaimer) == "", "nothing without a disclaimer"


def test_many_classes_have_a_panel_and_few_do_not() -> None:
    assert render_classes(make_bundle()) == ""
    html = render_classes(make_breeds().bundle)
    assert html.count("<li>") == len(BREEDS)
    assert "&lt;b&gt;breton&lt;/b&gt;" in html
    assert "Breed 7" not in render_about(make_breeds().bundle)


def test_a_value_and_a_remark_are_parted_by_a_comma_only_where_both_are() -> None:
    facts = [
        {"name": "a", "value": "1", "detail": "of 2"},
        {"name": "b", "value": "1"},
        {"name": "c", "detail": "of 2"},
        {"name": "d"},
    ]
    html = render_about(make_bundle(about={"figures": facts}))
    for expected in (
        '<dt>a</dt><dd><span class="value">1</span>, of 2</dd>',
        '<dt>b</dt><dd><span class="value">1</span></dd>',
        "<dt>c</dt><dd>of 2</dd>",
        "<dt>d</dt><dd></dd>",
    ):
        assert expected in html


def test_a_template_whose_value_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="purpose"):
        render_panel("header", title="x")
