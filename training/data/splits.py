"""Which samples are learnt from, which validate and which test.

Splits are made by ``group``, never by file, and near-duplicates are left out.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.errors import InputError
from training.data.duplicates import DUPLICATE_CORRELATION
from training.data.grey import thumbnail

if TYPE_CHECKING:
    from training.data.manifest import Sample

TEST_FOLD = "1"
"""Cheng's patient-level fold that the shipped network must not learn from."""

FOLDS = ("1", "2", "3", "4", "5")
"""Of Cheng's patients, as the data set's authors drew them; groups without a Cheng slice are dealt to them by hash."""

_KEPT_SOURCES = ("cheng", "br35h", "sartaj")


def split_by_group(samples: Sequence[Sample], test_fold: str = TEST_FOLD) -> dict[str, list[Sample]]:
    """Divide the samples into ``train``, ``validation`` and ``test``, whole groups at a time.

    A group with a slice of Cheng's fold ``test_fold`` is in the test split; of the groups without any Cheng slice a
    fifth are; of all that remain about a tenth are in the validation split. The choice is a hash of the group's
    name, so it does not change when images are added.
    """
    folds: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        folds[sample.group].add(sample.fold)
    splits: dict[str, list[Sample]] = {"train": [], "validation": [], "test": []}
    for sample in samples:
        of_group = folds[sample.group] - {""} or {_deal_fold(sample.group)}
        if test_fold in of_group:
            split = "test"
        else:
            split = "validation" if hash_fraction("validation", sample.group) < 0.1 else "train"
        splits[split].append(sample)
    return splits


def leave_out_source(samples: Sequence[Sample], source: str) -> dict[str, list[Sample]]:
    """Divide the samples so that a whole source is the test split, and no group that it shares is learnt from.

    Raises
    ------
    InputError
        No sample is of this source.
    """
    known = sorted({sample.source for sample in samples})
    if source not in known:
        raise InputError(f"There is no source {source!r} to leave out; there are {', '.join(known)}.")
    shared = {sample.group for sample in samples if sample.source == source}
    splits: dict[str, list[Sample]] = {"train": [], "validation": [], "test": []}
    for sample in samples:
        if sample.source == source:
            splits["test"].append(sample)
        elif sample.group not in shared:
            held_out = hash_fraction("validation", sample.group) < 0.1
            splits["validation" if held_out else "train"].append(sample)
    return splits


def _deal_fold(group: str) -> str:
    return FOLDS[int(hash_fraction("test", group) * len(FOLDS))]


def hash_fraction(salt: str, text: str) -> float:
    """A number in [0, 1) that is the same for the same text in each run, on each machine; another for another salt."""
    digest = hashlib.sha256(f"{salt}:{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def drop_duplicates(samples: Sequence[Sample], pictures: dict[Path, np.ndarray]) -> list[Sample]:
    """Keep one of each set of near-duplicates: Cheng's slice rather than a re-encoded copy of it.

    All Cheng slices are kept, since neighbours in one patient look alike without being copies. A copy whose label
    contradicts the picture it duplicates therefore goes too.
    """
    groups: dict[str, list[Sample]] = defaultdict(list)
    ranks = {source: rank for rank, source in enumerate(_KEPT_SOURCES)}
    for sample in sorted(samples, key=lambda sample: ranks.get(sample.source, len(ranks))):
        groups[sample.group].append(sample)
    kept: list[Sample] = []
    for group in groups.values():
        seen: list[np.ndarray] = []
        for sample in group:
            thumb = thumbnail(pictures[sample.path])
            is_duplicate = bool(seen) and float(np.max(np.stack(seen) @ thumb)) > DUPLICATE_CORRELATION
            if sample.source == "cheng" or not is_duplicate:
                kept.append(sample)
                seen.append(thumb)
    return kept


def split_samples(
    samples: Sequence[Sample], pictures: dict[Path, np.ndarray], *, test_fold: str = TEST_FOLD, without: str = ""
) -> dict[str, list[Sample]]:
    """Drop duplicates, split by group, and make sure that no held-out picture has a copy among the training pictures.

    The manifest's groups do not join mirrored copies; what they would leak is left out of the held-out splits.

    Parameters
    ----------
    samples, pictures
        See `read_manifest` and `read_pictures`.
    test_fold : str
        One of `FOLDS`; see `split_by_group`.
    without : str
        A source that is the test split instead, see `leave_out_source`; or empty.
    """
    distinct = drop_duplicates(samples, pictures)
    splits = leave_out_source(distinct, without) if without else split_by_group(distinct, test_fold)
    held_out = {
        "validation": drop_copies(splits["validation"], splits["train"], pictures),
        "test": drop_copies(splits["test"], splits["train"] + splits["validation"], pictures),
    }
    return {"train": splits["train"], **held_out}


def drop_copies(samples: Sequence[Sample], known: Sequence[Sample], pictures: dict[Path, np.ndarray]) -> list[Sample]:
    """Leave out the samples of which a copy, mirrored or not, is among ``known``."""
    thumbs = np.stack([thumbnail(pictures[sample.path]) for sample in known])

    def is_copied(sample: Sample) -> bool:
        grey = pictures[sample.path]
        views = np.stack([thumbnail(grey), thumbnail(np.ascontiguousarray(grey[:, ::-1]))])
        return bool((views @ thumbs.T).max() > DUPLICATE_CORRELATION)

    return [sample for sample in samples if not is_copied(sample)]
