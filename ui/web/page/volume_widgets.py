"""The widgets about whole volumes and about saving an answer; how a widget works is said in `ui.web.page.widgets`.

What the browser is given of a volume is laid out in `ui.web.page.viewer`, what can be saved in `ui.web.page.downloads`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ui.web.gradio_shell.components import describe_value
from ui.web.page.downloads import KINDS
from ui.web.page.vendor import VIEWER_PATH
from ui.web.page.widgets import build_widget
from ui.words.labels import (
    BEST_MARK,
    NO_PLANES,
    NOT_PLACED,
    PLANES_LABEL,
    SAVE_NAMES,
    SAVE_TITLE,
    SCAN_PICKER,
    SLICE_SLIDER,
    SLICE_TABLE,
)
from ui.words.states import present_not_saved, present_saved, present_saving

if TYPE_CHECKING:
    import gradio as gr


def build_viewer() -> gr.HTML:
    """Build the three planes over the picture; the value is a `viewer_value`."""
    words = {"none": NO_PLANES, "unplaced": NOT_PLACED}
    return build_widget(
        "viewer",
        labels={"label": PLANES_LABEL},
        value=viewer_value(),
        source=VIEWER_PATH,
        words=words,
        elem_id="viewer",
    )


def viewer_value(image: str = "", scan: int = 1, **voxels: Any) -> dict[str, Any]:
    """Lay out the value of `build_viewer`: of which upload and scan, and `ui.web.page.viewer.voxels_value` or
    nothing.
    """
    return {"image": image, "scan": scan, **voxels}


def build_slices() -> gr.HTML:
    """Build plot, slider, strip and table; they show what an answer has under ``volume``."""
    title, *columns = SLICE_TABLE
    labels = {"slider": SLICE_SLIDER, "best_mark": BEST_MARK, "table_title": title, "columns": columns}
    return build_widget("slices", labels=labels, best=BEST_MARK, elem_id="slices")


def build_scan() -> gr.HTML:
    """Build the list of an archive's scans; the value is the chosen one's number. Event: ``choose``."""
    widget = build_widget("scan", labels={"label": SCAN_PICKER}, value=1, label="Scan", elem_id="scan")
    return describe_value(widget, {"type": "integer", "minimum": 1})


def build_downloads() -> gr.HTML:
    """Build the buttons that save an answer; the value is a `download_value`. Event: ``save``."""
    words = {
        "busy": present_saving(),
        "saved": {kind.file_name: present_saved(kind.file_name) for kind in KINDS.values()},
    }
    labels = {"title": SAVE_TITLE, "names": SAVE_NAMES}
    return build_widget("downloads", labels=labels, value=download_value(), words=words, elem_id="downloads")


def download_value(image: str = "", kind: str = "", content: str = "", sentence: str = "") -> dict[str, str]:
    """Lay out the value of `build_downloads`: for which upload, the file in base64, or a sentence why there is none."""
    known = KINDS.get(kind)
    return {
        "image": image,
        "kind": kind,
        "content": content,
        "sentence": sentence,
        "file_name": known.file_name if known else "",
        "media_type": known.media_type if known else "",
    }


def not_saved_value() -> dict[str, str]:
    """Lay out the value of `build_downloads` when the server does not answer."""
    return download_value(sentence=present_not_saved())
