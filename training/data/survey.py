"""Every picture of a folder decoded once: what is kept of each, and which belong together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.errors import GyrusError, InputError
from inference.imaging.load import load_image
from training.data.duplicates import Duplicates, join_pictures, name_groups
from training.data.grey import thumbnail, to_grey
from training.data.layout import LAYOUTS, FolderContents, list_folder, relative_path
from training.data.manifest import Sample
from training.data.picture_statistics import measure_statistics
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
    listing = list_folder(data_dir, name_class)
    _check_classes(listing.samples, data_dir)
    kept, digests, thumbs, statistics, unreadable = [], [], [], [], []
    for place, sample in enumerate(listing.samples):
        try:
            pixels = load_image(sample.path).pixels
        except GyrusError as error:
            unreadable.append((relative_path(sample.path, data_dir), str(error)))
        else:
            kept.append(place)
            digests.append(hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest())
            thumbs.append(thumbnail(to_grey(pixels)))
            statistics.append(measure_statistics(pixels))
        progress("Reading pictures", place + 1, len(listing.samples))
    if not kept:
        path, sentence = unreadable[0]
        raise InputError(f"None of {len(unreadable)} files in {data_dir} can be read. The first, {path}: {sentence}")
    _check_classes([listing.samples[place] for place in kept], data_dir)
    return _build_survey(listing, data_dir, kept, digests, np.stack(thumbs), np.stack(statistics), unreadable)


def _check_classes(samples: Sequence[Sample], data_dir: Path) -> None:
    labels = {sample.label for sample in samples}
    if len(labels) == 1:
        raise InputError(
            f"All {len(samples)} readable pictures in {data_dir} are of one class ({labels.pop()}); two or "
            f"more are needed. Accepted are: {LAYOUTS}."
        )


def _build_survey(
    listing: FolderContents, data_dir: Path, kept: list[int], digests, thumbs, statistics, unreadable
) -> Survey:
    samples = [listing.samples[place] for place in kept]
    return Survey(
        name=listing.name,
        samples=samples,
        paths=[relative_path(sample.path, data_dir) for sample in samples],
        splits=[listing.splits[place] for place in kept],
        digests=digests,
        thumbs=thumbs,
        statistics=statistics,
        unreadable=unreadable,
        left_out=listing.left_out,
        has_manifest=listing.has_manifest,
    )


def find_groups(survey: Survey, twins: Duplicates) -> list[str]:
    """The group of each picture: twins, one patient's pictures, and what a manifest has joined already."""
    patients = [sample.patient for sample in survey.samples]
    given = [sample.group for sample in survey.samples]
    numbers = join_pictures(len(survey.samples), twins, patients, given)
    return name_groups(survey.samples, survey.digests, numbers)
