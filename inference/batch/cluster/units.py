"""How a run is divided: folders into tasks, what they hold into units of some hundred slices."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.imaging.find import Folder, WorkItem, find_folders, find_in_folder

if TYPE_CHECKING:
    import numpy as np


UNIT_FILES = 256
"""Files of a unit; a part has as many rows, or more if there are volumes among them."""

_FOLDER_FILES = 2048
"""Files that a task looks through; a folder is never divided, because its series are told apart together."""


@dataclass(frozen=True)
class Work:
    """What a task or an actor is handed: an object of Python, which Ray carries as it is.

    Examples
    --------
    >>> Work(("any", "object")).content
    ('any', 'object')
    """

    content: Any


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a run is to answer, as far as names tell.

    Attributes
    ----------
    tasks : tuple of Work
        Folders for a task each.
    files : int
    sha256 : str
        Of all names: a run goes on only with the same.

    Examples
    --------
    >>> listing = list_inputs(["models/brain_tumor/examples"], "answers.parquet")
    >>> listing.files, len(listing.tasks), len(listing.sha256)
    (5, 1, 64)
    """

    tasks: tuple[Work, ...]
    files: int
    sha256: str


def list_inputs(paths: Sequence[str], out: str) -> Listing:
    """Walk ``paths`` and divide their folders into tasks."""
    digest, files, seen = hashlib.sha256(), 0, set()
    tasks: list[Work] = []
    waiting: list[tuple[int, Folder]] = []
    weight = 0
    for number, folder in enumerate(find_folders(paths, leave_out=[out])):
        if folder.path in seen:
            continue
        seen.add(folder.path)
        digest.update("\0".join((folder.path, *folder.files, "\n")).encode(errors="surrogateescape"))
        files += folder.count
        weight += folder.count
        waiting.append((number, folder))
        if weight >= _FOLDER_FILES:
            tasks.append(Work(waiting))
            waiting, weight = [], 0
    if waiting:
        tasks.append(Work(waiting))
    return Listing(tasks=tuple(tasks), files=files, sha256=digest.hexdigest())


def settle(home: str) -> None:
    """Relative paths mean the same in each process, as far as its machine has the folder."""
    if Path(home).is_dir():
        os.chdir(home)


def find_units(batch: Mapping[str, np.ndarray], home: str) -> Iterator[dict[str, list[Any]]]:
    """Find the items of folders and put them together to units; a task."""
    settle(home)
    for number, unit in enumerate(build_units(batch["folders"][0].content)):
        yield {"name": [f"part-{batch['number'][0]:06}-{number:05}"], "cases": [Work(unit)]}


def build_units(folders: Iterable[tuple[int, Folder]]) -> Iterator[list[tuple[str, WorkItem]]]:
    """The items of numbered folders, each with a key that sorts as a run on one machine goes, in units."""
    unit: list[tuple[str, WorkItem]] = []
    weight = 0
    for folder_number, folder in folders:
        for item_number, item in enumerate(find_in_folder(folder)):
            unit.append((f"{folder_number:08}-{item_number:08}", item))
            weight += max(len(item.files), 1)
            if weight >= UNIT_FILES:
                yield unit
                unit, weight = [], 0
    if unit:
        yield unit
