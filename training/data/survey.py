"""Every picture of a folder decoded once: what is kept of each, and which belong together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.errors import GyrusError, InputError
from inference.imaging.load import load_image
from training.data.duplicates import Duplicates, join_pictures, name_groups
from training.data.grey import thumbnail, to_grey
from training.data.layout import LAYOUTS, list_folder, relative_path
from training.data.picture_statistics import measure_statistics

if TYPE_CHECKING:
    from training.data.manifest import Sample
    from training.data.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Survey:
    """All pictures of a folder that could be read, N of them, and what was kept of each.

    Attributes
    ----------
    name : str
    samples : list of Sample
    paths, splits, digests : list of str
        Path as seen from the folder; name of the split folder or empty; SHA-256 of size and pixels.
    thumbs : numpy.ndarray, shape (N, 1024), float32
    statistics : numpy.ndarray, shape (N, 15), float32
        See `training.data.picture_statistics.STATISTICS`.
    unreadable : list of tuple of str
        Path and sentence of each file that could not be read.
    left_out : int
    has_manifest : bool
    """

    name: str
    samples: list[Sample]
    paths: list[str]
    splits: list[str]
    digests: list[str]
    thumbs: np.ndarray
    statistics: np.ndarray
    unreadable: list[tuple[str, str]]
    left_out: int
    has_manifest: bool


def read_survey(
    data_dir: Path, progress: Progress = lambda *_: None, name_class: Callable[[str], str] | None = None
) -> Survey:
    """Decode every picture once, as the serving code would; about 4 kB of each stay in memory.

    ``name_class`` is handed to `training.data.layout.list_folder`.
    """
    contents = list_folder(data_dir, name_class)
    _check_classes(contents.samples, data_dir)
    facts: dict[int, _PictureFacts] = {}
    unreadable: list[tuple[str, str]] = []
    for index, sample in enumerate(contents.samples):
        try:
            facts[index] = _measure_picture(load_image(sample.path).pixels)
        except GyrusError as error:
            unreadable.append((relative_path(sample.path, data_dir), str(error)))
        progress("Reading pictures", index + 1, len(contents.samples))
    if not facts:
        path, sentence = unreadable[0]
        raise InputError(f"None of {len(unreadable)} files in {data_dir} can be read. The first, {path}: {sentence}")
    samples = [contents.samples[index] for index in facts]
    _check_classes(samples, data_dir)
    return Survey(
        name=contents.name,
        samples=samples,
        paths=[relative_path(sample.path, data_dir) for sample in samples],
        splits=[contents.splits[index] for index in facts],
        digests=[fact.digest for fact in facts.values()],
        thumbs=np.stack([fact.thumb for fact in facts.values()]),
        statistics=np.stack([fact.statistics for fact in facts.values()]),
        unreadable=unreadable,
        left_out=contents.left_out,
        has_manifest=contents.has_manifest,
    )


@dataclass(frozen=True, kw_only=True)
class _PictureFacts:
    """What a survey keeps of a picture; see `Survey`."""

    digest: str
    thumb: np.ndarray
    statistics: np.ndarray


def _measure_picture(pixels: np.ndarray) -> _PictureFacts:
    return _PictureFacts(
        digest=hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest(),
        thumb=thumbnail(to_grey(pixels)),
        statistics=measure_statistics(pixels),
    )


def _check_classes(samples: Sequence[Sample], data_dir: Path) -> None:
    labels = {sample.label for sample in samples}
    if len(labels) == 1:
        raise InputError(
            f"All {len(samples)} readable pictures in {data_dir} are of one class ({labels.pop()}); two or "
            f"more are needed. Accepted are: {LAYOUTS}."
        )


def find_groups(survey: Survey, duplicates: Duplicates) -> list[str]:
    """The group of each picture: its duplicates, one patient's pictures, and what a manifest has joined already."""
    patients = [sample.patient for sample in survey.samples]
    given = [sample.group for sample in survey.samples]
    numbers = join_pictures(len(survey.samples), duplicates, patients, given)
    return name_groups(survey.samples, survey.digests, numbers)
