"""Templates: what they show is escaped, what they miss is an error, and an installed package has them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import jinja2
import pytest

from training.report.templating import _build_environment, render_template
from training.report.words import Finding, code_markdown, plain_markdown

TEMPLATES = sorted(
    path
    for folder in Path(str(files("training"))).rglob("templates")
    for path in folder.rglob("*")
    if path.suffix in (".html", ".svg", ".md")
)


def render_findings(found: object) -> str:
    environment = _build_environment("training.report")
    template = environment.from_string("{% from 'macros.html' import finding_list %}{{ finding_list([found]) }}")
    return template.render(found=found)


def test_values_are_escaped_in_macros_too() -> None:
    page = render_findings(Finding("<b>", "\"'&", worry=True, baseline="<i>"))
    assert "&lt;b&gt;" in page
    assert "&#34;&#39;&amp;" in page
    assert "&lt;i&gt;" in page
    assert 'class="warn"' in page


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="figures"):
        render_template("audit/page.html")
    with pytest.raises(jinja2.UndefinedError, match="worry"):
        render_findings({"value": "1"})


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_nothing_is_marked_as_safe(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "| safe" not in text
    assert "autoescape" not in text


def test_markdown_says_the_text_and_nothing_else() -> None:
    assert plain_markdown("a|b\n# <script> *x* [y](z) &lt; up & down") == (
        "a\\|b # \\<script> \\*x\\* \\[y\\](z) \\&lt; up & down"
    )
    assert code_markdown("a`|b\nc") == "a'\\|b c"
