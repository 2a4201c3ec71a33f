"""Which files of a folder are pictures of which class, source and split: from a manifest, or from the folders' names.

Nothing is decoded here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from inference.errors import InputError
from training.data.manifest import CLASS_LABELS, UNKNOWN_TUMOUR, Sample, read_table

SPLIT_NAMES = {"train", "training", "test", "testing", "val", "valid", "validation"}
"""Folder names, in lower case, that say how the data's author split it; such a folder is not a class."""

LAYOUTS = "DATA/CLASS/picture, DATA/Training/CLASS/picture, DATA/SOURCE/CLASS/picture, or a manifest.csv in DATA"
"""What `list_folder` understands, inside a sentence."""

_CLUTTER = {"__macosx", "thumbs.db", "desktop.ini"}


@dataclass(frozen=True, kw_only=True)
class FolderContents:
    """The pictures of a folder, not yet opened.

    Attributes
    ----------
    name : str
        The folder's own name.
    samples : list of Sample
        ``group`` is empty where no manifest gives one.
    splits : list of str
        For each sample the name of its split folder (see `SPLIT_NAMES`), or empty.
    left_out : int
        Files that are in no class folder, or not in the manifest.
    has_manifest : bool
    """

    name: str
    samples: list[Sample]
    splits: list[str]
    left_out: int
    has_manifest: bool


def list_folder(data_dir: Path, name_class: Callable[[str], str] | None = None) -> FolderContents:
    """List the pictures of a folder.

    A ``manifest.csv`` needs the columns ``path`` and ``label``; the others of `training.data.manifest.COLUMNS` are used
    where they are given, and files that it does not name are left out. Without one, a picture's class is its innermost
    folder that is no split, and its source is what stands above that.

    Parameters
    ----------
    data_dir : pathlib.Path
    name_class : callable or None
        Makes the label from a class folder's name; None for `read_label`.

    Raises
    ------
    InputError
        There is no such folder, nothing in it is in a class folder, or a manifest cannot be read.
    """
    if not data_dir.is_dir():
        raise InputError(f"A folder of pictures is expected; {data_dir} is not one.")
    name = data_dir.resolve().name
    paths = list(_walk(data_dir))
    has_manifest = (data_dir / "manifest.csv").is_file()
    if has_manifest:
        rows = read_table(data_dir / "manifest.csv", data_dir, required=("path", "label"))
        samples = [replace(row, source=row.source or name) for row in rows]
    else:
        samples = [
            sample for path in paths if (sample := _read_folders(path, data_dir, name, name_class or read_label))
        ]
    if not samples:
        raise InputError(f"There is no picture in {data_dir} that belongs to a class. Accepted are: {LAYOUTS}.")
    return FolderContents(
        name=name,
        samples=samples,
        splits=[_find_split(relative_path(sample.path, data_dir)) for sample in samples],
        left_out=len(set(paths) - {sample.path for sample in samples} - {data_dir / "manifest.csv"}),
        has_manifest=has_manifest,
    )


def relative_path(path: Path, data_dir: Path) -> str:
    """``path`` as seen from the data folder, with forward slashes."""
    return Path(os.path.relpath(path, data_dir)).as_posix()


def read_label(folder: str) -> str:
    """The manifest's label for a class folder, such as ``no`` for ``no_tumor`` or ``notumor``; else its own name."""
    words = re.sub(r"[\W_]+", " ", folder.casefold()).strip()
    bare = re.sub(r" ?tumou?r$", "", words)
    if bare in CLASS_LABELS:
        return bare
    return UNKNOWN_TUMOUR if words in {"tumor", "tumour"} else folder


def _read_folders(path: Path, data_dir: Path, name: str, name_class: Callable[[str], str]) -> Sample | None:
    folders = [name for name in path.relative_to(data_dir).parts[:-1] if name.casefold() not in SPLIT_NAMES]
    if not folders:
        return None
    return Sample(path=path, label=name_class(folders[-1]), source="/".join(folders[:-1]) or name, group="")


def _find_split(relative: str) -> str:
    return next((name for name in relative.split("/")[:-1] if name.casefold() in SPLIT_NAMES), "")


def _walk(data_dir: Path) -> Iterator[Path]:
    """Every file, links to folders followed once, clutter of desktops left out; in a fixed order."""
    seen: set[str] = set()
    for folder, subfolders, names in os.walk(data_dir, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(filter(_is_wanted, subfolders))
        yield from (Path(folder, name) for name in sorted(names) if _is_wanted(name))


def _is_wanted(name: str) -> bool:
    return not name.startswith(".") and name.casefold() not in _CLUTTER
