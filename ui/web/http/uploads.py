"""Where an upload lies, who can name it, and when it goes.

An upload gets a folder of its own with a name that nobody can guess, below a folder of this process that nobody else
may enter. Only the one who uploaded it is told the path, and only a path that was told is ever opened: nothing is
computed from what a request names, so that no ``../``, link or other path of the server leads anywhere.

The page keeps its upload for as long as it shows the picture (``/page/keep``) and gives it up when the picture is
replaced or the reader leaves (``/page/forget``); the upload of a browser that just vanishes is removed after `KEEP_S`.
An upload that no page ever shows, such as one of `gradio_client`, goes as soon as it was answered.

The route that takes uploads replaces one of Gradio's and is `ui.web.gradio_shell.uploads`'; what a file holds is
`inference.imaging`'s.
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

from fastapi import FastAPI, Request
from filelock import FileLock, Timeout

from inference import InputError

KEEP_S = 900.0
"""An upload that was not used for so long, in seconds, is removed; a page that shows one says so every few minutes."""

_SWEEP_S = 60.0

MAX_UPLOADS_BYTES = 2**30
"""Most bytes that all uploads may take together; a further one is refused until others are gone."""

_PREFIX = "gyrus-uploads-"

_LOCK_FILE = ".lock"

_MAX_NAME_BYTES = 200

_MAX_PATH_BYTES = 4096


_NO_ROOM = "There is no room for another image at the moment. Try again in a minute."


class UploadsFullError(InputError):
    """There is no room for another upload at the moment."""


@functools.cache
def open_private_folder() -> Path:
    """Make the folder of this process, once, and remove those of processes that were killed.

    It goes when the process ends.

    Raises
    ------
    InputError
        The folder is open to others.
    """
    parent = Path(tempfile.gettempdir()).resolve()
    for earlier in parent.glob(f"{_PREFIX}*"):
        _remove_if_dead(earlier)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    _check_private(folder)
    lock = FileLock(folder / _LOCK_FILE)
    lock.acquire(timeout=0)
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # a forked child ends too
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _check_private(folder: Path) -> None:
    status = folder.lstat()
    if os.name == "posix" and (
        status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) != 0o700 or not stat.S_ISDIR(status.st_mode)
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
    last_used_s: float
    is_shown: bool = False


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
        """Write an upload, and give the path that names it from now on.

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
                raise UploadsFullError(_NO_ROOM)
        folder = self._folder / secrets.token_urlsafe(32)
        path = folder / _clean_name(name)
        try:
            folder.mkdir(mode=0o700)
            with path.open("xb") as file:
                shutil.copyfileobj(content, file)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise UploadsFullError(_NO_ROOM) from error
        with self._lock:
            self._uploads[str(path)] = _Upload(path, size_bytes, self._clock())
        return str(path)

    def is_upload(self, path: object) -> bool:
        """Whether this is, letter for letter, a path that `store` gave and whose upload is still there."""
        return self._touch(path) is not None

    def keep(self, path: object) -> bool:
        """Note that a page shows this upload. Returns whether it is still there."""
        upload = self._touch(path)
        if upload is not None:
            upload.is_shown = True
        return upload is not None

    def release(self, path: object) -> None:
        """Note that an upload was answered: it goes, unless a page shows it."""
        upload = self._touch(path)
        if upload is not None and not upload.is_shown:
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
        """Remove the uploads that were not used for `KEEP_S`."""
        with self._lock:
            unused = [path for path, upload in self._uploads.items() if self._clock() - upload.last_used_s > KEEP_S]
        for path in unused:
            self.forget(path)
        if self._cache is not None:
            self._cache.sweep()

    def clear(self) -> None:
        """Remove every upload."""
        for path in list(self._uploads):
            self.forget(path)

    def _touch(self, path: object) -> _Upload | None:
        """Find an upload by its path, and note that it is in use."""
        with self._lock:
            upload = self._uploads.get(path) if isinstance(path, str) else None
            if upload is not None:
                upload.last_used_s = self._clock()
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
    """The last part of a name, without what a file system or a terminal could misread."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(letter for letter in last if letter.isprintable()).strip(" .")
    return kept.encode()[-_MAX_NAME_BYTES:].decode(errors="ignore") or "image"


def add_keep_routes(app: FastAPI, uploads: Uploads) -> None:
    """Add the routes by which the page keeps an upload and gives it up."""

    @app.post("/page/keep", include_in_schema=False)
    async def keep(request: Request) -> dict[str, Any]:
        return {"kept": uploads.keep(await _read_path(request))}

    @app.post("/page/forget", include_in_schema=False)
    async def forget(request: Request) -> dict[str, Any]:
        path = await _read_path(request)
        await asyncio.to_thread(uploads.forget, path)
        return {}


async def _read_path(request: Request) -> str:
    """Read a body that is a path; empty if it is longer than a path can be."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_PATH_BYTES:
            return ""
    return body.decode(errors="replace")
