"""The page's parts about whole volumes and about keeping an answer; how parts work is said in `ui.web.page.widgets`."""

from __future__ import annotations

from typing import Any

import gradio as gr

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

_VIEWER = f"""
<div class="viewer" hidden><div class="planes"><canvas role="img" aria-label="{PLANES_LABEL}"></canvas></div></div>
<p class="viewer-message" role="status" hidden></p>
"""

_SLICES = f"""
<section class="slices" hidden><h2></h2><p class="summary"></p>
<div class="plot"><div class="scale" aria-hidden="true"><span>100 %</span><span>50 %</span><span>0 %</span></div>
<div class="field"><svg role="img" preserveAspectRatio="none"></svg>
<span class="best-mark" aria-hidden="true">{BEST_MARK}</span><span class="mark"></span></div>
<input type="range" min="1" step="1" aria-label="{SLICE_SLIDER}">
<p class="here" aria-hidden="true"></p></div>
<h3 class="strip-title"></h3><ul class="strip"></ul>
<details class="slice-table"><summary>{SLICE_TABLE[0]}</summary><div tabindex="0" role="region"
aria-label="{SLICE_TABLE[0]}"><table><thead><tr>{"".join(f'<th scope="col">{name}</th>' for name in SLICE_TABLE[1:])}
</tr></thead><tbody></tbody></table></div></details></section>
"""

_SCAN = f"""
<div class="scan" hidden><label for="scan-picker">{SCAN_PICKER}</label><select id="scan-picker"></select></div>
"""

_DOWNLOADS = f"""
<div class="downloads" hidden role="group" aria-label="{SAVE_TITLE}"><span>{SAVE_TITLE}</span>
{"".join(f'<button type="button" data-kind="{kind}">{name}</button>' for kind, name in SAVE_NAMES.items())}
<p class="saved" role="status"></p></div>
"""


def build_viewer() -> gr.HTML:
    """Build the three planes over the picture; the value is a `viewer_value`."""
    words = {"none": NO_PLANES, "unplaced": NOT_PLACED}
    return build_widget("viewer", _VIEWER, value=viewer_value(), source=VIEWER_PATH, words=words, elem_id="viewer")


def viewer_value(image: str = "", scan: int = 1, **voxels: Any) -> dict[str, Any]:
    """Lay out the value of `build_viewer`: of which upload and scan, and `ui.web.page.viewer.voxels_value` or
    nothing.
    """
    return {"image": image, "scan": scan, **voxels}


def build_slices() -> gr.HTML:
    """Build plot, slider, strip and table; they show what an answer has under ``volume``."""
    return build_widget("slices", _SLICES, best=BEST_MARK, elem_id="slices")


def build_scan() -> gr.HTML:
    """Build the list of an archive's scans; the value is the chosen one's number. Event: ``choose``."""
    part = build_widget("scan", _SCAN, value=1, label="Scan", elem_id="scan")
    part.api_info = lambda: {"type": "integer", "minimum": 1}  # type: ignore[method-assign]
    return part


def build_downloads() -> gr.HTML:
    """Build the buttons that save an answer; the value is a `download_value`. Event: ``save``."""
    words = {
        "busy": present_saving(),
        "saved": {kind.file_name: present_saved(kind.file_name) for kind in KINDS.values()},
    }
    return build_widget("downloads", _DOWNLOADS, value=download_value(), words=words, elem_id="downloads")


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
