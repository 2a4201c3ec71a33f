"""What the Batch tab sends, on its way to work items: files under the names that they have in the browser.

A request's body is one line of JSON, a `Manifest`, and behind it the contents, one after the other, nothing in between.
So every limit is checked before a content is read, none is held in memory, and a name reaches the row as it is, which
the file names of a multipart form do not.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO

from pydantic import BaseModel, Field, ValidationError

from inference.errors import InputError, TooLargeError
from inference.imaging.find import WorkItem, find_items
from inference.limits import MAX_DIRECTORY_BYTES, MAX_SLICES, MAX_VOLUME_BYTES, check_file_size

MAX_REQUEST_BYTES = MAX_VOLUME_BYTES
"""Most bytes of contents in one request: the DICOM files of one folder come together, and may be one volume."""

MAX_REQUEST_FILES = MAX_SLICES
"""Most files in one request, for the same reason."""

_BROKEN = "What the page sent is not complete. Load the page again."


class Item(BaseModel):
    """One content.

    Attributes
    ----------
    names : list of str
        Its path in the browser, relative to what was chosen, and those of its copies.
    size_bytes : int
    sent : bool
        False: the browser keeps it back, because it knows that it is refused; the row must say why.
    files : int
        More than one: it stands for the DICOM files of a folder that are too large together, and is not sent.
    problem : str
        Why it could not be kept here; set by `receive`.
    """

    names: Annotated[list[str], Field(min_length=1)]
    size_bytes: Annotated[int, Field(ge=0)]
    sent: bool = True
    files: Annotated[int, Field(ge=1)] = 1
    problem: str = ""


class Manifest(BaseModel):
    """The first line of a request."""

    items: Annotated[list[Item], Field(max_length=MAX_REQUEST_FILES)]


async def receive(body: AsyncIterator[bytes], root: Path, limit_bytes: int) -> Manifest:
    """Read a request and put its contents into a folder, each under its first name.

    Parameters
    ----------
    body : async iterator of bytes
    root : pathlib.Path
        An empty folder.
    limit_bytes : int
        Largest file.

    Raises
    ------
    InputError
        It is not what the page sends, or larger than it may be.
    OSError
        The disk is full.
    """
    reader = _Reader(body)
    try:
        manifest = Manifest.model_validate_json(await reader.read_line())
    except ValidationError as error:
        raise InputError(_BROKEN) from error
    sent = [item for item in manifest.items if item.sent]
    for item in sent:
        check_file_size(item.size_bytes, limit_bytes)
    check_file_size(sum(item.size_bytes for item in sent), MAX_REQUEST_BYTES)
    for item in manifest.items:
        paths = [_resolve_path(root, name) for name in item.names]
        if item.sent:
            await _save(reader, item, paths[0])
    await reader.expect_end()
    return manifest


async def _save(reader: _Reader, item: Item, path: Path) -> None:
    """Put a content where its path says, or read over it: a name that no folder takes costs its own row only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("xb")
    except (OSError, ValueError):
        item.sent, item.problem = False, f"{item.names[0]} cannot be read here: its name is too long, or not a name."
        await reader.copy(item.size_bytes, None)
        return
    with file:
        await reader.copy(item.size_bytes, file)


async def receive_file(body: AsyncIterator[bytes], path: Path, limit_bytes: int) -> None:
    """Read a request that is one file.

    Raises
    ------
    TooLargeError
        It has more bytes than are accepted.
    """
    received_bytes = 0
    with path.open("wb") as file:
        async for piece in body:
            received_bytes += len(piece)
            check_file_size(received_bytes, limit_bytes)
            file.write(piece)


def build_items(root: Path, manifest: Manifest, limit_bytes: int) -> Iterator[WorkItem]:
    """The work of a request: what was kept back with its error, then what lies in the folder, in no certain order."""
    for item in manifest.items:
        if not item.sent:
            yield WorkItem(path=str(_resolve_path(root, item.names[0])), error=str(_refuse(item, limit_bytes)))
    yield from find_items([root])


def strip_root(root: Path, path: str) -> str:
    """A path below the folder as ``python -m inference .`` names it; the folder itself is ``.``."""
    return "." if path == str(root) else path.removeprefix(f"{root}{os.sep}")


def _resolve_path(root: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if (
        not parts
        or name.startswith("/")
        or ".." in parts
        or "\0" in name
        or (os.name == "nt" and set(name) & set(":\\"))
    ):
        raise InputError(f"{name} is no path of a file in a folder.")
    return root.joinpath(*parts)


def _refuse(item: Item, limit_bytes: int) -> InputError:
    if item.files > 1:
        return TooLargeError(
            f"The DICOM files of one folder are read together: at most {MAX_REQUEST_FILES:,} of them with "
            f"{MAX_REQUEST_BYTES / 2**20:.0f} MB are accepted here; received {item.files:,} with "
            f"{item.size_bytes / 2**20:,.0f} MB."
        )
    try:
        check_file_size(item.size_bytes, limit_bytes)
    except TooLargeError as error:
        return error
    return InputError(item.problem or "The browser could not read this file.")


class _Reader:
    """A body that comes in pieces of any size."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    async def read_line(self) -> bytes:
        while b"\n" not in self._rest:
            if len(self._rest) > MAX_DIRECTORY_BYTES:
                raise InputError(_BROKEN)
            self._rest += await self._next()
        line, self._rest = self._rest.split(b"\n", 1)
        return line

    async def copy(self, size_bytes: int, file: BinaryIO | None) -> None:
        while size_bytes:
            piece = self._rest or await self._next()
            if file is not None:
                file.write(piece[:size_bytes])
            self._rest = piece[size_bytes:]
            size_bytes -= min(len(piece), size_bytes)

    async def expect_end(self) -> None:
        if self._rest or await anext(self._pieces, b""):
            raise InputError(_BROKEN)

    async def _next(self) -> bytes:
        async for piece in self._pieces:
            if piece:
                return piece
        raise InputError(_BROKEN)
