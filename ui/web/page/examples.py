"""A bundle's example pictures: ``examples/examples.json`` and the files beside it; a bundle may have none.

The format is ``{"examples": [{"file", "caption", "promise", "verdict", "label"}]}``. ``verdict`` and ``label`` are the
answer that the caption promises; a test compares them with the real one. What happens when an example is pressed is
``assets/examples.js``.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inference.model.bundle import ModelBundle, is_inside
from ui.pictures import encode_picture
from ui.web.page.panels import render_panel

_LOG = logging.getLogger(__name__)

FOLDER = "examples"

INDEX_FILE = "examples.json"

_THUMBNAIL_SIDE_PX = 160


@dataclass(frozen=True, kw_only=True)
class Example:
    """A picture to try with one click.

    Attributes
    ----------
    path : pathlib.Path
    caption, promise : str
        What the picture shows, and the answer in two or three words; plain text, not yet escaped.
    verdict : str
        The promised `inference.answer.prediction.Verdict`.
    label : str or None
        The promised label, None when the picture is refused.
    """

    path: Path
    caption: str
    promise: str
    verdict: str
    label: str | None


def load_examples(bundle: ModelBundle) -> tuple[Example, ...]:
    """Read the bundle's examples; none if it is a bare model file or has no such folder.

    An index that cannot be used is logged and counts as none: the page works without examples.
    """
    folder = bundle.path / FOLDER
    index = folder / INDEX_FILE
    if not index.is_file():
        return ()
    try:
        document = json.loads(index.read_text(encoding="utf-8"))
        return tuple(_read_example(folder, item) for item in document["examples"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning("The examples in %s are left out: %s", index, error)
        return ()


def _read_example(folder: Path, item: Mapping[str, Any]) -> Example:
    path = folder / str(item["file"])
    if not is_inside(path, folder):
        raise ValueError(f"{item['file']!r} leads out of the folder")
    if not path.is_file():
        raise ValueError(f"{path.name} is missing")
    return Example(
        path=path,
        caption=str(item["caption"]),
        promise=str(item["promise"]),
        verdict=str(item["verdict"]),
        label=None if item["label"] is None else str(item["label"]),
    )


def render_examples(bundle: ModelBundle) -> str:
    """The row of example pictures, with the files themselves; nothing if the bundle has none."""
    examples = [
        {
            "name": example.path.name,
            "content": base64.b64encode(example.path.read_bytes()).decode("ascii"),
            "thumbnail": _draw_thumbnail(example.path),
            "caption": example.caption,
            "promise": example.promise,
        }
        for example in load_examples(bundle)
    ]
    return render_panel("examples", examples=examples) if examples else ""


def _draw_thumbnail(path: Path) -> str:
    with Image.open(path) as picture:
        return encode_picture(np.asarray(picture.convert("RGB")), _THUMBNAIL_SIDE_PX)
