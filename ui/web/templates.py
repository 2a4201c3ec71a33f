"""Where HTML comes from: Jinja2 templates that escape every text. No HTML is put together by hand.

Templates lie in a folder ``templates`` beside the modules that fill them. The few values that are HTML already are
marked with ``| safe`` in the template, where one sees it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


@cache
def load_templates(folder: Path) -> Environment:
    """Open a folder of templates, once.

    A value that a template names and nobody gives is an error (``StrictUndefined``), and a line with a tag alone leaves
    no empty line behind.
    """
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
