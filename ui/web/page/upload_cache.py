"""What was opened of an upload, for as long as a page shows it: its scans, a volume's slices, the answers.

Looking at a series, answering it, showing its planes and saving it are four requests about the same files. Each file is
read for its header once and for its pixels once, whichever of them comes first. Pictures are not kept: they are decoded
in a moment. Everything goes with the upload, and is bounded here.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from inference.answer.answer import Answer, answer_scan
from inference.errors import InputError
from inference.imaging.scans import Scan, open_scans
from inference.imaging.types import DecodedImage, Slice, Volume

if TYPE_CHECKING:
    from inference import Classifier

MAX_LISTED = 20
"""So many scans of an archive may be chosen from."""

MAX_OPEN = 8
"""Uploads of which something is kept; of more, the one that was asked about longest ago is let go."""

MAX_KEPT_BYTES = 256 * 2**20
"""What is kept of all uploads together; volumes that a request is reading may be more."""

MAX_SLICES_BYTES = 64 * 2**20
"""What is kept of one volume's slices: 256 of 512×512 in grey."""

IDLE_S = 120.0
"""What nobody asked about for so long is let go; the upload itself stays."""

_MAX_NUMBERS = 200_000
"""Probabilities that a kept answer may have: 4,096 slices of 48 classes."""


class OpenUpload:
    """An upload and what was read of it so far; one request at a time uses it.

    Attributes
    ----------
    lock : threading.Lock
        Held by the request that reads it.
    users : int
        Requests that read it or wait for that; counted by `UploadCache`.
    used_s : float
        When the last of them ended.
    is_forgotten : bool
        It goes when the last of them ends.
    """

    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.used_s = 0.0
        self.is_forgotten = False
        self._path = path
        self._opened = ExitStack()
        self._answers: dict[tuple[int, str], Answer] = {}
        self._error = InputError(f"There is nothing in {path.name} that can be read.")

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    @cached_property
    def scans(self) -> list[Scan]:
        """What may be chosen, at most `MAX_LISTED`; nothing is decoded.

        Raises
        ------
        InputError
            The upload cannot be read.
        """
        scans: list[Scan] = []
        for scan in self._opened.enter_context(open_scans(self._path, name=self._path.name)):
            if scan.number:
                scans.append(replace(scan, read_content=partial(_read_and_remember, scan)))
            elif not scans and isinstance(scan.content, InputError):
                self._error = scan.content
            if len(scans) == MAX_LISTED:
                break
        return scans

    @property
    def titles(self) -> list[str]:
        """What scans of an archive, or kinds of images of a file, are chosen by; empty if there is no choice."""
        return [scan.title for scan in self.scans if scan.is_archived or len(self.scans) > 1]

    def pick(self, number: int) -> Scan:
        """The scan of a number, counted from 1.

        Raises
        ------
        InputError
            There is none, or nothing in the archive can be read.
        """
        if 1 <= number <= len(self.scans):
            return self.scans[number - 1]
        raise self._error if number <= 1 else InputError(f"There is no scan {number} in this archive.")

    def answer(self, classifier: Classifier, number: int) -> Answer:
        """The answer for a scan, with its heat map; computed once.

        Raises
        ------
        InputError
            There is no such scan, it cannot be read, or the model is not about it.
        EngineError
            The network failed.
        """
        key = (number, classifier.bundle.name)
        if key in self._answers:
            return self._answers[key]
        answer = answer_scan(classifier, self.pick(number), explain=True)
        if answer.volume and len(answer.volume.slices) * len(classifier.bundle.labels) <= _MAX_NUMBERS:
            self._answers[key] = answer
        return answer

    @property
    def kept_bytes(self) -> int:
        """What it holds in memory, at most; 0 for what is not worth keeping, because it is read in a moment."""
        scans = vars(self).get("scans", [])
        opened = [scan.opened for scan in scans if isinstance(scan.opened, Volume)]
        return sum(volume.memory_bytes + MAX_SLICES_BYTES for volume in opened)


class UploadCache:
    """Opened uploads by their paths. May be used from several threads.

    Parameters
    ----------
    clock : callable
        Gives seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._uploads: OrderedDict[str, OpenUpload] = OrderedDict()

    @property
    def paths(self) -> list[str]:
        """Of what something is kept, the one that was asked about last at the end."""
        with self._lock:
            return list(self._uploads)

    @contextmanager
    def open(self, path: Path) -> Iterator[OpenUpload]:
        """An upload, for one request; another one about the same upload waits.

        Raises
        ------
        InputError
            It is gone.
        """
        if not path.is_file():
            self.forget(str(path))
            raise InputError("The image is no longer here. Choose it again.")
        with self._lock:
            upload = self._uploads.setdefault(str(path), OpenUpload(path))
            self._uploads.move_to_end(str(path))
            upload.users += 1
        try:
            with upload.lock:
                yield upload
        finally:
            with self._lock:
                self._end_use(str(path), upload)
                self._let_go_of_oldest()

    def forget(self, path: str) -> None:
        """Let go of an upload that is removed; the requests that are about it are answered before."""
        with self._lock:
            self._drop(path)

    def sweep(self) -> None:
        """Let go of what nobody asked about for `IDLE_S`."""
        with self._lock:
            for path in self._list_unused():
                if self._clock() - self._uploads[path].used_s > IDLE_S:
                    self._drop(path)

    # What follows is called with the lock held.

    def _end_use(self, path: str, upload: OpenUpload) -> None:
        """End a request; the last one about an upload that is forgotten, or not worth keeping, closes it."""
        upload.users -= 1
        upload.used_s = self._clock()
        if upload.users:
            return
        if upload.is_forgotten:
            upload.close()
        elif not upload.kept_bytes:
            self._drop(path)

    def _let_go_of_oldest(self) -> None:
        """Keep within the limits; what a request reads just now stays."""
        kept_bytes = sum(upload.kept_bytes for upload in self._uploads.values())
        for path in self._list_unused():
            if len(self._uploads) <= MAX_OPEN and kept_bytes <= MAX_KEPT_BYTES:
                return
            kept_bytes -= self._uploads[path].kept_bytes
            self._drop(path)

    def _list_unused(self) -> list[str]:
        """Of what no request is, the one that was asked about longest ago first."""
        return [path for path, upload in self._uploads.items() if not upload.users]

    def _drop(self, path: str) -> None:
        upload = self._uploads.pop(path, None)
        if upload is None:
            return
        upload.is_forgotten = True
        if not upload.users:
            upload.close()


def _read_and_remember(scan: Scan) -> DecodedImage | Volume:
    content = scan.read_content()
    return remember_slices(content) if isinstance(content, Volume) else content


def remember_slices(volume: Volume) -> Volume:
    """The volume, of which each slice is decoded once as long as `MAX_SLICES_BYTES` hold them."""
    kept: dict[int, Slice] = {}
    used_bytes = 0

    def load(index: int) -> Slice:
        nonlocal used_bytes
        if index in kept:
            return kept[index]
        one = volume.load(index)
        pixels = one.image.pixels
        size_bytes = pixels[:, :, 0].size if pixels.strides[2] == 0 else pixels.nbytes
        if used_bytes + size_bytes <= MAX_SLICES_BYTES:
            kept[index] = one
            used_bytes += size_bytes
        return one

    return replace(volume, load=load)
