"""The widget of the Batch tab: its limits and what its scripts are told; it has no events of Gradio's.

The scripts run one after the other in one function: ``batch_files.js`` (which files, in which requests),
``batch_table.js`` (rows that are shown) and ``batch.js`` (the run). They ask `ui.web.batch.routes`, whose answer begins
with the words of the table: they are the model's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.limits import MAX_ARCHIVE_ENTRIES, MAX_BATCH_FILES
from ui.web.batch.intake import MAX_REQUEST_BYTES, MAX_REQUEST_FILES
from ui.web.batch.routes import PAGE_KEY
from ui.web.page.widgets import build_widget

if TYPE_CHECKING:
    import gradio as gr

_SCRIPTS = ("batch_files.js", "batch_table.js", "batch.js")


def build_batch(max_bytes: int) -> gr.HTML:
    """Build the widget that has many files answered.

    Parameters
    ----------
    max_bytes : int
        A larger file is not sent; its row says so.
    """
    limits = (
        f"At most {MAX_BATCH_FILES:,} files of {max_bytes / 2**20:.0f} MB each; in an archive at most "
        f"{MAX_ARCHIVE_ENTRIES:,}. The server deletes each as soon as it is answered; the rows stay in this page."
    )
    return build_widget(
        "batch",
        scripts=_SCRIPTS,
        elem_id="batch",
        label="Batch",
        key_of_page=PAGE_KEY,
        limits=limits,
        max_bytes=max_bytes,
        max_files=MAX_BATCH_FILES,
        max_request_bytes=MAX_REQUEST_BYTES,
        max_request_files=MAX_REQUEST_FILES,
    )
