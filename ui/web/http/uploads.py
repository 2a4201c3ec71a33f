"""Where an upload lies, who can name it, and when it goes.

An upload gets a folder of its own with a name that nobody can guess, below a folder of this process that nobody else
may enter. Only who uploaded it is told the path, and only a path that was told is ever opened: nothing is computed from
what a request names, so that no ``../``, link or other path of the server leads anywhere. (Gradio's own folders are
called after the content, so that two visitors with the same file would share one.)

The page keeps its upload for as long as it shows the picture (``/page/keep``) and gives it up when the picture is
replaced or the reader leaves (``/page/forget``); of a browser that just vanishes it is removed after `KEEP_S`. One of
which no page ever said that it shows it, as those of `gradio_client`, goes as soon as it was answered.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from fastapi import FastAPI, Request, Response
from filelock import FileLock, Timeout
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse

from inference import InputError
from ui.web.http.asgi import answer_error

KEEP_S = 900.0
"""An upload of which nothing was heard for so long is removed; a page that shows one says so every few minutes."""

_SWEEP_S = 60.0

MAX_UPLOADS_BYTES = 2**30
"""Most bytes that uploads may take together; further ones are turned away until others are gone."""

_PREFIX = "gyrus-uploads-"

_LOCK_FILE = ".lock"

_MAX_NAME_BYTES = 200

_MAX_PATH_BYTES = 4096


class UploadsFullError(InputError):
    """There is no room for another upload at the moment."""


@functools.cache
def open_private_folder() -> Path:
    """Make the folder of this process, once, and remove those of processes that were killed.

    Gradio is told to use it too (``GRADIO_TEMP_DIR``). It goes when the process ends.
    """
    parent = Path(tempfile.gettempdir()).resolve()
    for left in parent.glob(f"{_PREFIX}*"):
        _remove_if_dead(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    _check_private(folder)
    lock = FileLock(folder / _LOCK_FILE)
    lock.acquire(timeout=0)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # a forked child ends too
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _check_private(folder: Path) -> None:
    found = folder.lstat()
    if os.name == "posix" and (
        found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) != 0o700 or not stat.S_ISDIR(found.st_mode)
    ):
        raise InputError(f"The folder for uploads, {folder}, is open to others.")


def _remove_if_dead(folder: Path) -> None:
    """Remove a folder of a process that ended without doing so: nobody holds its lock any more."""
    with contextlib.suppress(OSError, InputError, Timeout):
        _check_private(folder)
        if not (folder / _LOCK_FILE).is_file():
            return  # not one of ours, or one that is just being made
        with FileLock(folder / _LOCK_FILE).acquire(timeout=0):
            shutil.rmtree(folder, ignore_errors=True)


@dataclass
class _Upload:
    path: Path
    size_bytes: int
    heard_s: float
    kept: bool = False


class CacheLike(Protocol):
    """What keeps something of an upload elsewhere, such as `ui.web.page.upload_cache.UploadCache`."""

    def forget(self, path: str) -> None:
        """An upload is removed."""

    def sweep(self) -> None:
        """Let go of what nobody asked about for a while."""


class Uploads:
    """The uploads of one server. May be used from several threads.

    Parameters
    ----------
    folder : pathlib.Path
        A private one, see `open_private_folder`.
    clock : callable
        Gives seconds that never go back.
    limit_bytes : int
        See `MAX_UPLOADS_BYTES`.
    cache : CacheLike or None
        Told what goes.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        limit_bytes: int = MAX_UPLOADS_BYTES,
        cache: CacheLike | None = None,
    ) -> None:
        self._cache = cache
        self._folder, self._clock, self._limit_bytes = folder, clock, limit_bytes
        self._uploads: dict[str, _Upload] = {}
        self._lock = threading.Lock()

    def store(self, name: str, content: BinaryIO, size_bytes: int) -> str:
        """Write an upload, and tell the path that names it from now on.

        Parameters
        ----------
        name : str
            What the visitor calls it; only its last part is used.
        content : binary file
        size_bytes : int

        Raises
        ------
        UploadsFullError
            The uploads take too much room together, or the disk is full.
        """
        with self._lock:
            if size_bytes + sum(upload.size_bytes for upload in self._uploads.values()) > self._limit_bytes:
                raise UploadsFullError("Too many images are looked at at the moment. Try again in a minute.")
        folder = self._folder / secrets.token_urlsafe(32)
        path = folder / _clean_name(name)
        try:
            folder.mkdir(mode=0o700)
            with path.open("xb") as file:
                shutil.copyfileobj(content, file)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise UploadsFullError("There is no room for an image at the moment. Try again in a minute.") from error
        with self._lock:
            self._uploads[str(path)] = _Upload(path, size_bytes, self._clock())
        return str(path)

    def is_upload(self, path: object) -> bool:
        """Whether this is, letter for letter, a path that `store` told and that is still there."""
        return self._hear(path) is not None

    def keep(self, path: object) -> bool:
        """A page says that it shows this upload. Returns whether it is still there."""
        upload = self._hear(path)
        if upload is not None:
            upload.kept = True
        return upload is not None

    def release(self, path: object) -> None:
        """An upload was answered: it goes, unless a page shows it."""
        upload = self._hear(path)
        if upload is not None and not upload.kept:
            self.forget(path)

    def forget(self, path: object) -> None:
        """Remove an upload; nothing happens if there is none of this path."""
        with self._lock:
            upload = self._uploads.pop(path, None) if isinstance(path, str) else None
        if upload is not None:
            if self._cache is not None:
                self._cache.forget(str(upload.path))
            shutil.rmtree(upload.path.parent, ignore_errors=True)

    def sweep(self) -> None:
        """Remove the uploads of which nothing was heard for `KEEP_S`."""
        with self._lock:
            old = [path for path, upload in self._uploads.items() if self._clock() - upload.heard_s > KEEP_S]
        for path in old:
            self.forget(path)
        if self._cache is not None:
            self._cache.sweep()

    def clear(self) -> None:
        """Remove every upload."""
        for path in list(self._uploads):
            self.forget(path)

    def _hear(self, path: object) -> _Upload | None:
        with self._lock:
            upload = self._uploads.get(path) if isinstance(path, str) else None
            if upload is not None:
                upload.heard_s = self._clock()
            return upload

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Sweep for as long as the server runs; at its end every upload goes."""

        async def sweep_for_ever() -> None:
            while True:
                await asyncio.sleep(_SWEEP_S)
                await asyncio.to_thread(self.sweep)

        task = asyncio.create_task(sweep_for_ever())
        try:
            yield
        finally:
            task.cancel()
            self.clear()


def _clean_name(name: str) -> str:
    """The last part of a name, without what a file system or a terminal takes amiss."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(letter for letter in last if letter.isprintable()).strip(" .")
    return kept.encode()[-_MAX_NAME_BYTES:].decode(errors="ignore") or "image"


def add_upload_routes(app: FastAPI, uploads: Uploads, max_file_bytes: int) -> None:
    """Add the route that takes uploads, in the place of Gradio's, and those by which the page keeps and forgets one."""

    @app.post("/gradio_api/upload", include_in_schema=False)
    async def upload(request: Request) -> Response:
        try:
            form = await request.form(max_files=1, max_fields=1)
        except (MultiPartException, HTTPException):
            return answer_error("Send one file as the field “files” of a multipart form.", 400)
        try:
            file = next((value for value in form.values() if isinstance(value, UploadFile)), None)
            if file is None:
                return answer_error("Send one file as the field “files” of a multipart form.", 400)
            size_bytes = file.size or 0
            if size_bytes > max_file_bytes:
                return answer_error(f"A file of at most {max_file_bytes / 2**20:.0f} MB is accepted.", 413)
            path = await asyncio.to_thread(uploads.store, file.filename or "", file.file, size_bytes)
        except UploadsFullError as error:
            return answer_error(str(error), 503, headers={"Retry-After": "60"})
        finally:
            await form.close()
        return JSONResponse([path])

    @app.post("/page/keep", include_in_schema=False)
    async def keep(request: Request) -> dict[str, Any]:
        return {"kept": uploads.keep(await _read_path(request))}

    @app.post("/page/forget", include_in_schema=False)
    async def forget(request: Request) -> dict[str, Any]:
        path = await _read_path(request)
        await asyncio.to_thread(uploads.forget, path)
        return {}


async def _read_path(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_PATH_BYTES:
            return ""
    return body.decode(errors="replace")
