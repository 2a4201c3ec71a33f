"""The Batch tab's part of the page: its template, its words and what its scripts are told; no events of Gradio's.

The scripts run one after the other in one function: ``batch_files.js`` (which files, in which requests),
``batch_table.js`` (rows that are shown) and ``batch.js`` (the run).
"""

from __future__ import annotations

import gradio as gr

from inference.limits import MAX_ARCHIVE_ENTRIES, MAX_BATCH_FILES
from ui.web.batch.intake import MAX_REQUEST_BYTES, MAX_REQUEST_FILES
from ui.web.batch.routes import PAGE_KEY
from ui.web.page.widgets import ASSETS
from ui.words.tone import BATCH_VERDICTS

_SCRIPTS = ("batch_files.js", "batch_table.js", "batch.js")

_COLUMNS = {"path": "File", "slice": "Slice", "answer": "Answer", "probability": "Probability", "tone": "Verdict"}
"""The table's columns by what they are sorted by."""

_HEADS = "".join(
    f'<th scope="col" role="columnheader" class="col-{key}"><button type="button" data-key="{key}">{name}</button></th>'
    for key, name in _COLUMNS.items()
)

_FILTERS = "".join(f'<option value="{tone.value}">{word}</option>' for tone, word in BATCH_VERDICTS.items())

_TEMPLATE = f"""
<section class="batch" aria-label="Batch">
<div class="batch-intake">
<input type="file" multiple id="batch-files" class="visually-hidden" aria-describedby="batch-hint">
<label for="batch-files" class="choose">Choose files</label>
<input type="file" webkitdirectory id="batch-folder" class="visually-hidden" aria-describedby="batch-hint">
<label for="batch-folder" class="choose">Choose a folder</label>
<p id="batch-hint" class="hint">or drop files, folders and zip archives anywhere on this page</p>
<p class="batch-limits"></p></div>
<div class="batch-actions">
<button type="button" id="batch-start" class="push primary" aria-disabled="true">Start</button>
<button type="button" id="batch-clear" class="push" aria-disabled="true">Clear</button></div>
<div class="batch-progress" hidden>
<div class="bar" role="progressbar" aria-label="Files answered" aria-valuemin="0"><span></span></div>
<p class="batch-status"></p></div>
<p class="batch-error" role="alert" hidden></p>
<p class="visually-hidden batch-spoken" role="status"></p>
<div class="batch-results" hidden>
<div class="batch-tools">
<div class="batch-show"><label for="batch-filter">Show</label>
<select id="batch-filter"><option value="">all verdicts</option>{_FILTERS}</select></div>
<label class="batch-each" hidden><input type="checkbox" id="batch-slices"> each slice of a volume</label>
<div class="batch-downloads" role="group" aria-label="Download"><span>Download</span>
<button type="button" class="push" data-download="csv">CSV</button>
<button type="button" class="push" data-download="jsonl">JSON Lines</button>
<button type="button" class="push" data-download="json">Summary</button></div></div>
<table role="table"><caption class="visually-hidden">Answers</caption>
<thead role="rowgroup"><tr role="row">{_HEADS}</tr></thead>
<tbody role="rowgroup"></tbody></table>
<p class="batch-more"><span></span> <button type="button" class="push" hidden>Show more</button></p></div>
</section>
"""


def build_batch(max_bytes: int) -> gr.HTML:
    """Build the part that answers many files; ``ui.web.batch.routes`` answers it.

    Parameters
    ----------
    max_bytes : int
        A larger file is not sent; its row says so.
    """
    limits = (
        f"At most {MAX_BATCH_FILES:,} files of {max_bytes / 2**20:.0f} MB each; in a zip archive at most "
        f"{MAX_ARCHIVE_ENTRIES:,}. The server deletes each as soon as it is answered; the rows stay in this page."
    )
    return gr.HTML(
        html_template=_TEMPLATE,
        js_on_load="\n".join((ASSETS / name).read_text(encoding="utf-8") for name in _SCRIPTS),
        apply_default_css=False,
        elem_id="batch",
        label="Batch",
        key_of_page=PAGE_KEY,
        limits=limits,
        max_bytes=max_bytes,
        max_files=MAX_BATCH_FILES,
        max_request_bytes=MAX_REQUEST_BYTES,
        max_request_files=MAX_REQUEST_FILES,
        verdicts={tone.value: word for tone, word in BATCH_VERDICTS.items()},
    )
