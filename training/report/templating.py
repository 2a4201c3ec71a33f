"""Pages and model cards from Jinja2 templates. Neither words nor markup here, and nothing is measured.

A template holds the words and the markup; loops, conditions and the filters of `training.report.words` are all its
logic. In a page every value is escaped; in a card, which is Markdown, text from a file or a folder goes through the
filter ``plain`` or ``code``. A value that is missing is an error.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from training.report import words

_FILTERS = {
    "code": words.code_markdown,
    "count_of": words.count_of,
    "decimals": words.decimals,
    "key_values": words.key_values,
    "number": words.number,
    "one_line": words.one_line,
    "percent": words.percent,
    "plain": words.plain_markdown,
    "short": words.short,
}


def render_template(template: str, package: str = "training.report", **values: Any) -> str:
    """A page (``.html``), a figure (``.svg``) or a card (``.md``).

    Parameters
    ----------
    template : str
        Path below the package's folder ``templates``. In ``.html`` and ``.svg`` every value is escaped.
    package : str
    **values
        What the template names.

    Raises
    ------
    jinja2.UndefinedError
        The template names a value that is not given.
    """
    return _build_environment(package).get_template(template).render(values)


@cache
def _build_environment(package: str) -> Environment:
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(("html", "svg"), default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= _FILTERS
    return environment
