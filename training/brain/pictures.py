"""The pictures of a training run, divided into what is learnt from, what validates and what tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from training.data.grey import read_pictures
from training.data.manifest import Sample, read_manifest
from training.data.splits import TEST_FOLD, split_samples
from training.data.volumes import read_volumes

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class SplitPictures:
    """Samples by split, and their pictures.

    Attributes
    ----------
    splits : dict of str to list of Sample
        ``train``, ``validation`` and ``test``.
    pictures : dict of pathlib.Path to numpy.ndarray, shape (S, S), uint8
        See `training.data.grey.read_pictures`.
    brains : dict of pathlib.Path to numpy.ndarray, shape (S, S), bool
        Where in a healthy slice a tumour may be put; anywhere in the head when a slice is not in it.
    """

    splits: dict[str, list[Sample]]
    pictures: dict[Path, np.ndarray]
    brains: dict[Path, np.ndarray] = field(default_factory=dict)


def load_splits(
    data_dir: Path,
    *,
    volumes: bool = False,
    groups: Path | None = None,
    test_fold: str = TEST_FOLD,
    without: str = "",
) -> SplitPictures:
    """Read the manifest and the pictures, and divide them.

    Parameters
    ----------
    data_dir : pathlib.Path
    volumes : bool
        Learn from the slices of `training.data.volumes` too.
    groups : pathlib.Path, optional
        Read instead of the data's ``manifest.csv``.
    test_fold, without : str
        See `training.data.splits.split_samples`.
    """
    samples = read_manifest(data_dir, groups)
    pictures = read_pictures(samples)
    splits = split_samples(samples, pictures, test_fold=test_fold, without=without)
    if volumes:
        slices = read_volumes(data_dir)
        splits["train"] += [sample for sample, _ in slices]
        pictures |= {sample.path: picture for sample, picture in slices}
    return SplitPictures(splits=splits, pictures=pictures)
