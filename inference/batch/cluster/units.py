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
"""Files of a unit; its shard has a row for each, and more if there are volumes among them."""

_FOLDER_FILES = 2048
"""Files whose heads a task reads. A folder is never divided, because series are told apart by all of its files."""


@dataclass(frozen=True)
class Work:
    """An object for a task or an actor; Ray sends it as it is, not as a column of numbers.

    Examples
    --------
    >>> Work(("any", "object")).content
    ('any', 'object')
    """

    content: Any


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The folders and files of a run, listed by name; nothing is opened.

    Attributes
    ----------
    tasks : tuple of Work
        Folders for a task each.
    files : int
        How many files there are.
    sha256 : str
        Of all names, hexadecimal: a run goes on only with the same.

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
    for index, folder in enumerate(find_folders(paths, leave_out=[out])):
        if folder.path in seen:
            continue
        seen.add(folder.path)
        digest.update("\0".join((folder.path, *folder.files, "\n")).encode(errors="surrogateescape"))
        files += folder.count
        weight += folder.count
        waiting.append((index, folder))
        if weight >= _FOLDER_FILES:
            tasks.append(Work(waiting))
            waiting, weight = [], 0
    if waiting:
        tasks.append(Work(waiting))
    return Listing(tasks=tuple(tasks), files=files, sha256=digest.hexdigest())


def enter_folder(working_folder: str) -> None:
    """Make relative paths mean what they mean to the command, if this machine has its working folder."""
    if Path(working_folder).is_dir():
        os.chdir(working_folder)


def find_units(batch: Mapping[str, np.ndarray], working_folder: str) -> Iterator[dict[str, list[Any]]]:
    """Find the items of folders and put them together to units; what a task of Ray does.

    Parameters
    ----------
    batch : Mapping of str to numpy.ndarray, shape (1,)
        ``index`` of the task and its ``folders``.
    working_folder : str
        See `enter_folder`.

    Yields
    ------
    dict
        ``name`` of the unit's shard, and its ``items`` with their keys.
    """
    enter_folder(working_folder)
    for index, unit in enumerate(build_units(batch["folders"][0].content)):
        yield {"name": [f"part-{batch['index'][0]:06}-{index:05}"], "items": [Work(unit)]}


def build_units(folders: Iterable[tuple[int, Folder]]) -> Iterator[list[tuple[str, WorkItem]]]:
    """The items of numbered folders, each with a key that sorts as a run on one machine goes, in units."""
    unit: list[tuple[str, WorkItem]] = []
    weight = 0
    for folder_index, folder in folders:
        for item_index, item in enumerate(find_in_folder(folder)):
            unit.append((f"{folder_index:08}-{item_index:08}", item))
            weight += max(len(item.files), 1)
            if weight >= UNIT_FILES:
                yield unit
                unit, weight = [], 0
    if unit:
        yield unit
