"""Which pictures of a folder repeat one another, in which folders, and where their labels contradict: plain numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.data.duplicates import DUPLICATE_CORRELATION, KINDS, Duplicates, join
from training.data.manifest import NO_TUMOUR, UNKNOWN_TUMOUR, Sample
from training.data.picture_statistics import STATISTICS
from training.data.survey import Survey

EXAMPLES = 12
"""Most pairs of twins in two parts that are given as examples."""


def find_clashes(samples: Sequence[Sample], twins: Duplicates) -> np.ndarray:
    """Which pairs of twins have labels that cannot both be right, shape (P,), bool.

    A tumour of unknown type and one of a known type can.
    """
    labels = np.array([sample.label for sample in samples])
    first, second = labels[twins.first], labels[twins.second]
    unknown = (first == UNKNOWN_TUMOUR) | (second == UNKNOWN_TUMOUR)
    none = (first == NO_TUMOUR) | (second == NO_TUMOUR)
    return (first != second) & (~unknown | none)


def measure_folders(survey: Survey, twins: Duplicates, clash: np.ndarray) -> list[dict[str, Any]]:
    """For each source, split and class: how many pictures, how many of them have a twin where, how they look."""
    count = len(survey.samples)
    keys = [(s.source, split, s.label) for s, split in zip(survey.samples, survey.splits, strict=True)]
    source, split = np.array([key[0] for key in keys]), np.array(survey.splits)
    codes = {key: code for code, key in enumerate(sorted(set(keys)))}
    place = np.array([codes[key] for key in keys])

    def differs(values: np.ndarray) -> np.ndarray:
        return values[twins.first] != values[twins.second]

    twin = {
        "anywhere": twins.touched(np.ones(len(twins.first), bool), count),
        "same_folder": twins.touched(~differs(place), count),
        "other_split": twins.touched(differs(split) & ~differs(source), count),
        "other_source": twins.touched(differs(source), count),
        "other_class": twins.touched(clash, count),
    }
    rows = []
    for (name, part, label), code in codes.items():
        inside = place == code
        row = {"source": name, "split": part, "label": label, "pictures": int(inside.sum())}
        row["with_twin"] = {where: int((flags & inside).sum()) for where, flags in twin.items()}
        row["median"] = dict(zip(STATISTICS, np.median(survey.statistics[inside], 0).tolist(), strict=True))
        row["histogram"] = survey.statistics[inside][:, -8:].mean(0).tolist()
        rows.append(row)
    return rows


def measure_copies(survey: Survey, twins: Duplicates) -> dict[str, Any]:
    """How many pictures there are besides their copies, and which part of the data repeats which.

    A part is a source, or a split of it; ``share_repeated[i][j]`` is the share of part i with a twin in part j.
    """
    count = len(survey.samples)
    sources = [sample.source for sample in survey.samples]
    where = [f"{source}/{split}".rstrip("/") for source, split in zip(sources, survey.splits, strict=True)]
    parts = sorted(set(where))
    place = np.array([parts.index(name) for name in where])
    repeated = np.zeros((len(parts), len(parts)))
    for column in range(len(parts)):
        has_twin = np.zeros(count, bool)
        has_twin[twins.first[place[twins.second] == column]] = True
        has_twin[twins.second[place[twins.first] == column]] = True
        repeated[:, column] = [has_twin[place == row].mean() for row in range(len(parts))]
    numbers = join(count, twins.first, twins.second)
    return {
        "different_pixels": len(set(survey.digests)),
        "different_pictures": int(numbers.max()) + 1,
        "correlation_above": DUPLICATE_CORRELATION,
        "pairs": {kind: int((twins.kind == place).sum()) for place, kind in enumerate(KINDS)},
        "parts": parts,
        "share_repeated": repeated.tolist(),
        "across": list_across(survey, twins, place, numbers),
    }


def list_across(survey: Survey, twins: Duplicates, place: np.ndarray, numbers: np.ndarray) -> list[dict[str, Any]]:
    """Some pairs of twins in two different parts, to look at: each picture once, from all parts and kinds in turn.

    ``place`` is the part of each picture and ``numbers`` its set of twins, shape (N,), int; the least alike come first.
    """
    queues: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
    for pair in np.argsort(twins.correlation, kind="stable").tolist():
        parts = sorted((int(place[twins.first[pair]]), int(place[twins.second[pair]])))
        if parts[0] != parts[1]:
            queues[(*parts, int(twins.kind[pair]))].setdefault(int(numbers[twins.first[pair]]), pair)
    turns = sorted((turn, key, pair) for key, queue in queues.items() for turn, pair in enumerate(queue.values()))
    once: dict[int, int] = {}
    for _, _, pair in turns:
        once.setdefault(int(numbers[twins.first[pair]]), pair)
    return [_describe_pair(survey, twins, pair) for pair in list(once.values())[:EXAMPLES]]


def _describe_pair(survey: Survey, twins: Duplicates, pair: int) -> dict[str, Any]:
    ends = (int(twins.first[pair]), int(twins.second[pair]))
    return {
        "paths": [survey.paths[end] for end in ends],
        "labels": [survey.samples[end].label for end in ends],
        "kind": KINDS[twins.kind[pair]],
        "correlation": round(float(twins.correlation[pair]), 4),
    }


def list_conflicts(survey: Survey, twins: Duplicates, clash: np.ndarray) -> list[dict[str, Any]]:
    """Sets of pictures that are the same and stand in different classes, surest first, each shown by its best pair."""
    numbers = join(len(survey.samples), twins.first[clash], twins.second[clash])
    best: dict[int, int] = {}
    for pair in np.flatnonzero(clash).tolist():
        number = int(numbers[twins.first[pair]])
        if number not in best or _surety(twins, pair) > _surety(twins, best[number]):
            best[number] = pair
    conflicts = []
    for number, pair in sorted(best.items(), key=lambda item: _surety(twins, item[1]), reverse=True):
        members = np.flatnonzero(numbers == number).tolist()
        files = [{"path": survey.paths[place], "label": survey.samples[place].label} for place in members]
        conflicts.append({**_describe_pair(survey, twins, pair), "files": files})
    return conflicts


def _surety(twins: Duplicates, pair: int) -> tuple[int, float]:
    return -int(twins.kind[pair]), float(twins.correlation[pair])
