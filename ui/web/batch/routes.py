"""The Batch tab's two routes: files in, rows out as they are ready; and the picture behind a row.

Why routes of their own, and neither ``/api/classify`` nor an event of Gradio's: an answer must come bit by bit (an
archive has thousands of rows), stop when the visitor stops, and be open to whoever has the page. Gradio's queue loses
messages and cancels nothing that runs (see `ui.web.page.layout`), its events without the queue answer only as a whole,
and ``/api`` asks for the password by HTTP Basic, which a page cannot send. The page is handed `PAGE_KEY` with its other
parts, behind the password if there is one, and sends it along; no other site can know it.

Nothing outlives a request. The browser sends a few files at a time, gets their rows, and keeps them; the files lie in
a folder of the request's own until it ends. To stop, the browser drops the connection: the reading ends at once, the
network after the pictures that it has in hand. A request takes its turn after every few rows, so that one visitor's
archive does not stand in the way of another's picture.

The rows are those of `inference.batch.outcomes`, their text that of `inference.batch.output`: the browser only puts the
pieces of a download in order.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.requests import ClientDisconnect

from inference import Catalogue, InputError, TooLargeError, UnknownModelError, __version__
from inference.answer.classifier import BATCH_SIZE
from inference.answer.rows import Row
from inference.answer.volume import SliceClassifier
from inference.batch.journal import count_item, list_verdicts
from inference.batch.outcomes import Outcome, classify_in_steps, classify_items
from inference.batch.output import describe_settings
from inference.batch.runner import pack, unpack
from inference.batch.tables import Table, format_header, format_rows
from inference.imaging.find import WorkItem
from inference.imaging.scans import open_scans
from inference.imaging.types import DEFAULT_OPTIONS, Convention, DecodedImage
from inference.model.bundle import ModelBundle
from inference.settings import Settings
from ui.pictures import draw_letters, encode_picture, face_picture
from ui.web.batch.intake import Manifest, build_items, receive, receive_file, strip_root
from ui.web.http.uploads import open_private_folder
from ui.words.answer import present_row
from ui.words.errors import present_error
from ui.words.table import list_columns, list_groups, name_filter

PAGE_KEY = secrets.token_urlsafe(24)
"""Sent by the page in the header ``Gyrus-Page``; made anew at each start."""

_AT_ONCE = 1
"""Requests that are answered at once, a few pictures each; the runtime itself uses all cores."""

_SIDE_PX = 512
"""Longest side of the picture that is shown behind a row."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the operating system says when nothing more can be written: an operator's concern, and no defect."""

_UNBUFFERED = {"X-Accel-Buffering": "no"}
"""Rows are passed on as they come, by a proxy too."""


def add_batch(app: FastAPI, models: Catalogue, settings: Settings) -> None:
    """Add ``POST /batch/rows`` and ``POST /batch/picture``; before the page is mounted, which takes what is left."""
    turns = CapacityLimiter(_AT_ONCE)
    limit_bytes = settings.max_file_bytes
    described_by_name: dict[str, dict[str, str]] = {}

    def describe(bundle: ModelBundle) -> dict[str, str]:
        if bundle.name not in described_by_name:
            described_by_name[bundle.name] = describe_settings(bundle, DEFAULT_OPTIONS)  # reads the network's file
        return described_by_name[bundle.name]

    @app.post("/batch/rows", include_in_schema=False)
    async def answer(request: Request, model: str | None = None) -> Response:
        """Answer the files of a request (`ui.web.batch.intake`) with lines of JSON.

        The first is ``head``: what the sidecar says of the run, the first line of a CSV file, and the table's columns
        and groups in words. Then one for each `_word_step`, and ``end`` or, where the program failed, ``failed`` with
        a sentence.
        """
        if not _has_key(request):
            return _refuse_stranger()
        folder = tempfile.TemporaryDirectory(dir=open_private_folder(), ignore_cleanup_errors=True)
        root = Path(folder.name)
        try:
            manifest = await receive(request.stream(), root, limit_bytes)
            classifier = await to_thread.run_sync(models.load, model)
            described = await to_thread.run_sync(describe, classifier.bundle)
            run = BatchRun(classifier, described, build_items(root, manifest, limit_bytes), manifest, folder)
        except BaseException as error:  # a connection that is gone cancels this
            folder.cleanup()
            if not isinstance(error, Exception):
                raise
            return _answer_error(error)
        return StreamingResponse(_stream(run, turns), media_type="application/x-ndjson", headers=_UNBUFFERED)

    @app.post("/batch/picture", include_in_schema=False)
    async def show(
        request: Request, inside: str = "", slice: int | None = None, convention: Convention = settings.convention
    ) -> Response:
        """Answer a file with the picture in it: of an archive the entry ``inside``, of a volume the slice."""
        if not _has_key(request):
            return _refuse_stranger()
        with tempfile.TemporaryDirectory(dir=open_private_folder(), ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "file"
            try:
                await receive_file(request.stream(), path, limit_bytes)
                src = await to_thread.run_sync(_show_picture, path, inside, slice, convention, limiter=turns)
            except Exception as error:  # noqa: BLE001
                return _answer_error(error)
        return JSONResponse({"src": src})


def _has_key(request: Request) -> bool:
    return secrets.compare_digest(request.headers.get("gyrus-page", "").encode(), PAGE_KEY.encode())


def _refuse_stranger() -> Response:
    return JSONResponse({"error": "The program was started anew. Load the page again."}, status_code=401)


def _answer_error(error: Exception) -> Response:
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)  # nobody reads it
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return JSONResponse({"error": f"The files cannot be kept here: {error.strerror}."}, status_code=507)
    status = 500
    if isinstance(error, InputError):
        status = 413 if isinstance(error, TooLargeError) else 422
    elif isinstance(error, UnknownModelError):
        status = 404
    return JSONResponse({"error": present_error(error).sentence}, status_code=status)


def _show_picture(path: Path, inside: str, slice_number: int | None, convention: Convention) -> str:
    """A ``data:`` URL of the picture, with letters at its edges where they are known."""
    with open_scans(path, name=path.name) as scans:
        scan = next((one for one in scans if inside in ("", *one.files)), None)
        if scan is None:
            raise InputError(f"There is no {inside} in the archive.")
        content = scan.open()
        if isinstance(content, DecodedImage):
            return _encode_faced(content, convention)
        if inside in content.paths:
            slice_number = content.paths.index(inside) + 1
        if slice_number is None or not 1 <= slice_number <= content.count:
            raise InputError(f"The volume has the slices 1 to {content.count}.")
        return _encode_faced(content.load(slice_number - 1).image, convention)


def _encode_faced(image: DecodedImage, convention: Convention) -> str:
    shown = face_picture(image, convention)
    return encode_picture(draw_letters(shown.pixels, shown.orientation), _SIDE_PX)


async def _stream(run: BatchRun, turns: CapacityLimiter) -> AsyncIterator[bytes]:
    try:
        yield _to_line(run.head)
        while (answered := await to_thread.run_sync(run.step, abandon_on_cancel=True, limiter=turns)) is not None:
            yield _to_line(answered)
        yield _to_line({"end": True})
    except Exception as error:  # noqa: BLE001
        yield _to_line({"failed": present_error(error).sentence})
    finally:  # also when the connection is gone, which cancels this; what still computes is waited for elsewhere
        asyncio.get_running_loop().run_in_executor(None, run.stop)


def _to_line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode() + b"\n"


class _StoppedError(BaseException):
    """The visitor has stopped the run; not an `Exception`, which would become the row of a picture."""


class BatchRun:
    """One request: its work items, its folder, and how far it is. May be stepped and stopped in different threads."""

    def __init__(
        self,
        classifier: SliceClassifier,
        described: Mapping[str, str],
        items: Iterator[WorkItem],
        manifest: Manifest,
        folder: tempfile.TemporaryDirectory[str],
    ) -> None:
        self._folder, self._root = folder, Path(folder.name)
        self._names = {
            str(self._root / item.names[0]): (index, item.names) for index, item in enumerate(manifest.items)
        }
        self._stopped, self._lock = threading.Event(), threading.Lock()
        self._bundle, self._described = classifier.bundle, described
        self._steps = self._answer(classifier, items)

    @property
    def head(self) -> dict[str, Any]:
        """The first line of the answer."""
        return {
            "version": __version__,
            "settings": self._described,
            "csv_header": format_header(".csv", Table(labels=self._bundle.labels)).decode(),
            "columns": list(list_columns(self._bundle).items()),
            "groups": list(list_groups(self._bundle).items()),
            "filter": name_filter(self._bundle),
        }

    def step(self) -> dict[str, Any] | None:
        """The next line of the answer; None after the last."""
        with self._lock:
            try:
                return None if self._stopped.is_set() else next(self._steps, None)
            except _StoppedError:
                return None

    def stop(self) -> None:
        """Take no further picture, wait for what is being computed, and delete the folder."""
        self._stopped.set()
        with self._lock:
            self._steps.close()
            self._folder.cleanup()

    def _check(self) -> None:
        """Take no further picture once the run is stopped."""
        if self._stopped.is_set():
            raise _StoppedError

    def _answer(self, classifier: SliceClassifier, items: Iterator[WorkItem]) -> Generator[dict[str, Any], None, None]:
        begun: set[str] = set()
        for item, outcome in _classify(classifier, items, self._check):
            item_index, names = self._names[item.files[0] if item.files else item.path]
            for name_index, name in enumerate(names):
                its = item if name_index == 0 else replace(item, path=str(self._root / name))
                rows = outcome if name_index == 0 else unpack(its, pack(item, outcome))
                line = self._word_step(its, rows, is_first=its.key not in begun, is_copy=name_index > 0)
                begun.add(its.key)
                yield {"item": item_index, "name": name_index, **line}

    def _word_step(self, item: WorkItem, outcome: Outcome, *, is_first: bool, is_copy: bool) -> dict[str, Any]:
        """The next rows of an item: as text, for the table, and as figures that the browser adds up."""
        rows = [self._strip(row) for row in outcome.rows]
        table = Table(labels=self._bundle.labels)
        figures: dict[str, Any] = count_item(max(len(item.files), 1), rows, is_copy=is_copy)
        if not is_first:
            figures.update(cases=0, files=0, duplicates=0)
        figures["not_images"] = int(not rows)
        figures["verdicts"], figures["confident_labels"] = {}, {}
        for verdict, label in list_verdicts(rows):
            _add_one(figures["verdicts"], verdict)
            if verdict == "confident":
                _add_one(figures["confident_labels"], label)
        return {
            "rows": [_word_row(row, self._bundle) for row in rows],
            "csv": format_rows(rows, ".csv", table).decode(errors="replace"),
            "jsonl": format_rows(rows, ".jsonl", table).decode(errors="replace"),
            "notes": [[strip_root(self._root, path), note] for path, note in outcome.notes],
            "counts": figures,
        }

    def _strip(self, row: Row) -> Row:
        error = row.error.replace(f"{self._root}{os.sep}", "") if row.error else row.error
        return replace(row, path=strip_root(self._root, row.path), error=error)


def _add_one(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def _classify(
    classifier: SliceClassifier, items: Iterator[WorkItem], check: Callable[[], None]
) -> Iterator[tuple[WorkItem, Outcome]]:
    """Answer items in order: pictures together, volumes and archives by themselves and bit by bit."""
    waiting: list[WorkItem] = []

    def flush() -> Iterator[tuple[WorkItem, Outcome]]:
        together, waiting[:] = list(waiting), []
        yield from zip(together, classify_items(classifier, together, check=check), strict=True)

    for item in items:
        if item.is_large:
            yield from flush()
            yield from ((item, step) for step in classify_in_steps(classifier, item, check=check))
            continue
        waiting.append(item)
        if len(waiting) == BATCH_SIZE:
            yield from flush()
    yield from flush()


def _word_row(row: Row, bundle: ModelBundle) -> dict[str, Any]:
    """A row of the table; its download is made of `format_rows`."""
    shown = present_row(row, bundle)
    return {
        "path": row.path,
        "slice": row.slice,
        "volume": None if row.volume is None else {"slices": row.volume.slices, "best_slice": row.volume.best_slice},
        "series": "" if row.volume is None else row.volume.series,
        "tone": shown.tone.value,
        "group": shown.group,
        "answer": shown.answer,
        "percent": shown.percent,
        "probability": shown.probability,
        "finding_probability": row.finding_probability,
        "sentence": shown.sentence,
        "detail": shown.detail,
    }
