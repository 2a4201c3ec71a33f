"""The documentation site: `make docs` builds it in ``site/``, and fails on any warning.

Checked on the way: every link inside the site and into the repository, every path of the house in a page's inline code,
and every name of Gyrus' own in a docstring (`inference.errors`). Nothing in the site calls another host.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LOG = logging.getLogger(__name__)

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

_VERSION = re.search(r'^__version__ = "(.+)"', (ROOT / "inference" / "__init__.py").read_text(), re.MULTILINE)

project = "Gyrus"
author = "The Gyrus authors"
version = release = _VERSION[1] if _VERSION else ""
copyright = "The Gyrus authors, Apache-2.0"

extensions = ["autoapi.extension", "myst_parser", "sphinx.ext.napoleon"]
exclude_patterns = ["adr/template.md"]

html_theme = "furo"
html_title = "Gyrus"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["static"]
html_js_files = ["mermaid.js"]

# `make docs` fetches the library that draws the picture in architecture.md, if npm is there; without it the picture is
# shown as its text. Kept out of the repository, since GitHub needs none: 2.6 MB for one picture.
_MERMAID = ROOT / "build" / "mermaid.tiny.js"
if _MERMAID.is_file():
    html_static_path.append(str(_MERMAID))
    html_js_files.insert(0, "mermaid.tiny.js")

myst_heading_anchors = 3
suppress_warnings = [
    "autoapi.python_import_resolution",  # AutoAPI does not see the names of `A, B = …`; mypy checks imports
    "misc.highlighting_failure",  # Pygments does not know Mermaid
    "ref.python",  # a bare name such as `Folder` that two rooms have: either is right in its own room
]

# The reference is read from the source and imports nothing, so that it needs no Tk and no TensorFlow.
autoapi_dirs = [str(ROOT / room) for room in ("inference", "ui", "training")]
autoapi_ignore = ["*/__main__.py"]
autoapi_root = "api"
autoapi_options = ["members", "undoc-members", "imported-members", "show-inheritance"]
autoapi_member_order = "bysource"
autoapi_add_toctree_entry = False

napoleon_google_docstring = False
# As text: else each word of "shape (H, W, 3), uint8" is taken for a name, and attributes stand there twice.
napoleon_use_param = napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]

add_module_names = False

# In a docstring a name between single backticks is a link. One that begins with a room must lead somewhere; others may
# be arguments, names of the module itself, or of another library.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!(inference|ui|training)\.).*"),
    (r"py:.*", r".*\.__main__\..*"),  # a program has no page in the reference
]

linkcheck_ignore = [r"http://(127\.0\.0\.1|localhost).*", r"https://gyrus\.example\.org.*"]

_INCLUDED = {
    "about/contributing": "CONTRIBUTING.md",
    "about/security": "SECURITY.md",
    "about/conduct": "CODE_OF_CONDUCT.md",
    "about/changelog": "CHANGELOG.md",
    "about/cost": "bench/RESULTS.md",
    "about/endurance": "bench/SOAK.md",
    "about/model": "models/brain_tumor/MODEL_CARD.md",
}
"""Pages of the site that are files elsewhere in the repository."""

_HISTORY = ("about/changelog",)
"""Pages that may name what is no longer there."""

_PATH = re.compile(r"(?:inference|ui|training|tests|packaging|bench|docs)/[\w./-]*\w")


def setup(app: Sphinx) -> None:
    """Connect the checks."""
    app.connect("doctree-read", link_to_repository)
    app.connect("doctree-read", check_paths)


def link_to_repository(app: Sphinx, doctree: nodes.document) -> None:
    """Turn links between files of the repository into links between pages.

    A file that the site has no page for, such as a folder of pictures, is named and not linked. One that does not exist
    is left to MyST's warning.
    """
    page = app.env.docname
    folder = (ROOT / _INCLUDED[page] if page in _INCLUDED else Path(app.env.doc2path(page))).parent
    pages = {ROOT / path: name for name, path in _INCLUDED.items()}
    for link in list(doctree.findall(pending_xref)):
        if link.get("reftype") != "myst" or link["reftarget"] in app.env.found_docs:
            continue
        target, _, anchor = link["reftarget"].partition("#")
        path = (folder / target).resolve()
        if link["refdomain"] == "doc":  # MyST has taken the suffix away
            path, anchor = path.with_suffix(".md"), link["reftargetid"]
        if not path.is_relative_to(ROOT) or not path.exists():
            continue
        found = pages.get(path) or app.env.path2doc(str(path))
        if found in app.env.found_docs:
            link["refdomain"], link["reftarget"], link["reftargetid"] = "doc", found, anchor or None
        else:
            link.replace_self(link.children)


def check_paths(app: Sphinx, doctree: nodes.document) -> None:
    """Warn of inline code that names a file or folder of the house which is not there."""
    if app.env.docname in _HISTORY or app.env.docname.startswith("api/"):
        return
    for literal in doctree.findall(nodes.literal):
        path = literal.astext().rstrip("/")
        if _PATH.fullmatch(path) and not (ROOT / path).exists():
            _LOG.warning("there is no %s", path, location=literal)
