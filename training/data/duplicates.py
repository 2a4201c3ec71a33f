"""Which pictures are the same picture, and which files must therefore stay on one side of any split.

Pictures are compared by the thumbnails of `training.data.grey.thumbnail`, all pairs, as blocks of matrix products.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from training.data.manifest import Sample
    from training.data.progress import Progress

DUPLICATE_CORRELATION = 0.96
"""Two pictures whose thumbnails correlate above it are near-duplicates: no two of Cheng's patients do."""

KINDS = ("exact", "near", "mirrored")
"""How two pictures are the same: every pixel; the thumbnail; the thumbnail, left and right exchanged."""

EXACT, NEAR, MIRRORED = range(len(KINDS))

_BLOCK = 1024
"""Thumbnails a block: two products of 1024×1024 float32 take 8 MB, however many pictures there are."""

_THUMB_SIDE = 32


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Pairs of pictures that are the same picture.

    Attributes
    ----------
    first, second : numpy.ndarray, shape (P,), int
        Positions in the list of pictures, ``first < second``; each pair once.
    correlation : numpy.ndarray, shape (P,), float32
        Of the two thumbnails, the better of direct and mirrored; 1 for exact copies.
    kind : numpy.ndarray, shape (P,), int
        Index in `KINDS`.
    """

    first: np.ndarray
    second: np.ndarray
    correlation: np.ndarray
    kind: np.ndarray

    def touched(self, pairs: np.ndarray, count: int) -> np.ndarray:
        """Which of ``count`` pictures are in one of the chosen pairs; ``pairs`` and the answer are boolean."""
        flags = np.zeros(count, bool)
        flags[self.first[pairs]] = True
        flags[self.second[pairs]] = True
        return flags


def find_duplicates(thumbs: np.ndarray, digests: Sequence[str], progress: Progress = lambda *_: None) -> Duplicates:
    """Compare all pairs of pictures.

    Parameters
    ----------
    thumbs : numpy.ndarray, shape (N, 1024), float32
        From `training.data.grey.thumbnail`.
    digests : sequence of str
        A hash of each picture's pixels; equal ones are exact copies.
    progress : callable
        Told how many thumbnails have been compared with all others.

    Returns
    -------
    Duplicates
        Memory is `_BLOCK` squared plus the pairs that are found.
    """
    mirrored = thumbs.reshape(-1, _THUMB_SIDE, _THUMB_SIDE)[:, :, ::-1].reshape(thumbs.shape)
    codes = np.unique(np.asarray(digests), return_inverse=True)[1]
    found = [_find_exact(codes)]
    for top in range(0, len(thumbs), _BLOCK):
        rows = thumbs[top : top + _BLOCK]
        for left in range(top, len(thumbs), _BLOCK):
            columns = slice(left, left + _BLOCK)
            direct, turned = rows @ thumbs[columns].T, rows @ mirrored[columns].T
            first, second = np.nonzero(np.maximum(direct, turned) > DUPLICATE_CORRELATION)
            new = (first + top < second + left) & (codes[first + top] != codes[second + left])
            first, second = first[new], second[new]
            direct, turned = direct[first, second], turned[first, second]
            kind = np.where(direct > DUPLICATE_CORRELATION, NEAR, MIRRORED)
            found.append((first + top, second + left, np.maximum(direct, turned), kind))
        progress("Comparing pictures", min(top + _BLOCK, len(thumbs)), len(thumbs))
    first, second, correlation, kind = (np.concatenate(column) for column in zip(*found, strict=True))
    return Duplicates(first=first, second=second, correlation=np.minimum(correlation, 1.0), kind=kind)


def _find_exact(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    indices = defaultdict(list)
    for index, code in enumerate(codes.tolist()):
        indices[code].append(index)
    pairs = [pair for same in indices.values() for pair in combinations(same, 2)]
    first, second = np.array(pairs, int).reshape(-1, 2).T
    return first, second, np.ones(len(pairs), np.float32), np.full(len(pairs), EXACT)


def join(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Number the connected sets of ``count`` things linked in pairs; shape (count,), int from 0."""
    links = coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1])


def join_pictures(count: int, duplicates: Duplicates, *keys: Sequence[Hashable]) -> np.ndarray:
    """Join duplicates, and pictures with an equal key; see `join`.

    Parameters
    ----------
    count : int
    duplicates : Duplicates
    *keys : sequence of hashable
        One key a picture, such as its patient; an empty one joins nothing.
    """
    firsts, seconds = [duplicates.first], [duplicates.second]
    for column in keys:
        last: dict[Hashable, int] = {}
        links = []
        for index, key in enumerate(column):
            if key:
                links.append((last.get(key, index), index))
                last[key] = index
        first, second = np.array(links, int).reshape(-1, 2).T
        firsts.append(first)
        seconds.append(second)
    return join(count, np.concatenate(firsts), np.concatenate(seconds))


def name_groups(samples: Sequence[Sample], digests: Sequence[str], numbers: np.ndarray) -> list[str]:
    """A name for each sample's group that stays when other pictures are added, since splits are a hash of it.

    The manifest's name (the commonest in the group), else the patient's, else one made of the pixels.
    """
    members = defaultdict(list)
    for index, number in enumerate(numbers.tolist()):
        members[number].append(index)
    names = [""] * len(samples)
    for indices in members.values():
        given = Counter(samples[index].group for index in indices if samples[index].group)
        patients = [samples[index].patient for index in indices if samples[index].patient]
        if given:
            name = min(given, key=lambda group: (-given[group], group))
        elif patients:
            name = f"patient-{min(patients)}"
        else:
            name = f"picture-{min(digests[index] for index in indices)[:12]}"
        for index in indices:
            names[index] = name
    return names
