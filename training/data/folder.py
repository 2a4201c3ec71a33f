"""Any folder of class folders: which pictures it has, and which of them are the same.

The author's own ``train`` and ``test`` folders are not kept. Nothing here knows what is in the pictures.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.errors import InputError
from training.data.duplicates import Duplicates, find_duplicates
from training.data.survey import find_groups, read_survey

if TYPE_CHECKING:
    from training.data.progress import Progress

MIN_PICTURES = 4
"""Different pictures that a class needs: one to test, one to validate, two to learn from."""

MIN_CORRELATION = 0.99
"""Of two thumbnails, for pictures of any kind to count as the same. `DUPLICATE_CORRELATION`, for brain MRI, is less
strict: a drawing or a digit is alike at 32×32 pixels without being a copy."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The readable pictures of a folder, N of them, not held in memory.

    Attributes
    ----------
    name : str
    labels : tuple of str
        Class names, sorted; the order of the network's outputs.
    paths : list of pathlib.Path
    classes : numpy.ndarray, shape (N,), int
        Indices in ``labels``.
    groups : list of str
        Pictures with the same one are the same picture, or joined by a manifest.
    unreadable : list of tuple of str
        Path and sentence of each file that was skipped.
    left_out : int
        Files in no class folder.
    """

    name: str
    labels: tuple[str, ...]
    paths: list[Path]
    classes: np.ndarray
    groups: list[str]
    unreadable: list[tuple[str, str]]
    left_out: int

    def counts(self, indices: np.ndarray | None = None) -> dict[str, int]:
        """Pictures of each class, of all or of those at ``indices``."""
        classes = self.classes if indices is None else self.classes[indices]
        return dict(zip(self.labels, np.bincount(classes, minlength=len(self.labels)).tolist(), strict=True))


def read_folder(data_dir: Path, progress: Progress = lambda *_: None) -> Folder:
    """Decode every picture once and find those that are the same.

    Parameters
    ----------
    data_dir : pathlib.Path
        In one of the layouts of `training.data.layout`. A class is called what its folder is called.
    progress : callable

    Raises
    ------
    InputError
        There are no pictures, they are all of one class, or a class has too few.
    """
    survey = read_survey(data_dir, progress, name_class=str)
    groups = find_groups(survey, _keep_alike(find_duplicates(survey.thumbs, survey.digests, progress)))
    names = [sample.label for sample in survey.samples]
    labels = tuple(sorted(set(names)))
    folder = Folder(
        name=survey.name,
        labels=labels,
        paths=[sample.path for sample in survey.samples],
        classes=np.array([labels.index(name) for name in names]),
        groups=groups,
        unreadable=survey.unreadable,
        left_out=survey.left_out,
    )
    _check_sizes(folder)
    return folder


def _keep_alike(duplicates: Duplicates) -> Duplicates:
    kept = duplicates.correlation >= MIN_CORRELATION
    return replace(
        duplicates,
        first=duplicates.first[kept],
        second=duplicates.second[kept],
        correlation=duplicates.correlation[kept],
        kind=duplicates.kind[kept],
    )


def _check_sizes(folder: Folder) -> None:
    different = Counter(index for index, _ in set(zip(folder.classes.tolist(), folder.groups, strict=True)))
    for index, label in enumerate(folder.labels):
        if different[index] < MIN_PICTURES:
            raise InputError(
                f"The class {label} has too few pictures: {MIN_PICTURES} different ones are needed, "
                f"{different[index]} can be read (copies count once). Add pictures, or take the folder away."
            )
