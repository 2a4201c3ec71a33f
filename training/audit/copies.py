"""Which pictures of a folder repeat one another, in which folders, and where their labels contradict: plain numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from training.data.duplicates import DUPLICATE_CORRELATION, KINDS, Duplicates, join
from training.data.manifest import NO_TUMOUR, UNKNOWN_TUMOUR, Sample
from training.data.picture_statistics import STATISTICS

if TYPE_CHECKING:
    from training.data.survey import Survey

EXAMPLES = 12
"""Most pairs of duplicates across origins that are given as examples."""


def find_clashes(samples: Sequence[Sample], duplicates: Duplicates) -> np.ndarray:
    """Which pairs of duplicates have labels that cannot both be right, shape (P,), bool.

    A tumour of unknown type and one of a known type can.
    """
    labels = np.array([sample.label for sample in samples])
    first, second = labels[duplicates.first], labels[duplicates.second]
    unknown = (first == UNKNOWN_TUMOUR) | (second == UNKNOWN_TUMOUR)
    none = (first == NO_TUMOUR) | (second == NO_TUMOUR)
    return np.asarray((first != second) & (~unknown | none))


def measure_folders(survey: Survey, duplicates: Duplicates, clash: np.ndarray) -> list[dict[str, Any]]:
    """For each source, split and class: how many pictures, how many of them have a duplicate where, their medians."""
    count = len(survey.samples)
    keys = [(s.source, split, s.label) for s, split in zip(survey.samples, survey.splits, strict=True)]
    source, split = np.array([key[0] for key in keys]), np.array(survey.splits)
    codes = {key: code for code, key in enumerate(sorted(set(keys)))}
    folder = np.array([codes[key] for key in keys])

    def differs(values: np.ndarray) -> np.ndarray:
        return np.asarray(values[duplicates.first] != values[duplicates.second])

    repeated = {
        "anywhere": duplicates.touched(np.ones(len(duplicates.first), bool), count),
        "same_folder": duplicates.touched(~differs(folder), count),
        "other_split": duplicates.touched(differs(split) & ~differs(source), count),
        "other_source": duplicates.touched(differs(source), count),
        "other_class": duplicates.touched(clash, count),
    }
    rows = []
    for (source_name, split_name, label), code in codes.items():
        inside = folder == code
        row: dict[str, Any] = {"source": source_name, "split": split_name, "label": label}
        row["pictures"] = int(inside.sum())
        row["with_twin"] = {where: int((flags & inside).sum()) for where, flags in repeated.items()}
        row["median"] = dict(zip(STATISTICS, np.median(survey.statistics[inside], 0).tolist(), strict=True))
        row["histogram"] = survey.statistics[inside][:, -8:].mean(0).tolist()
        rows.append(row)
    return rows


def measure_copies(survey: Survey, duplicates: Duplicates) -> dict[str, Any]:
    """How many pictures there are besides their copies, and which origin repeats which.

    An origin is a source, or a split of it. They are the ``parts`` of the result; ``share_repeated[i][j]`` is the share
    of part i with a duplicate in part j.
    """
    count = len(survey.samples)
    sources = [sample.source for sample in survey.samples]
    where = [f"{source}/{split}".rstrip("/") for source, split in zip(sources, survey.splits, strict=True)]
    names = sorted(set(where))
    origin = np.array([names.index(name) for name in where])
    repeated = np.zeros((len(names), len(names)))
    for column in range(len(names)):
        is_repeated = np.zeros(count, bool)
        is_repeated[duplicates.first[origin[duplicates.second] == column]] = True
        is_repeated[duplicates.second[origin[duplicates.first] == column]] = True
        repeated[:, column] = [is_repeated[origin == row].mean() for row in range(len(names))]
    numbers = join(count, duplicates.first, duplicates.second)
    return {
        "different_pixels": len(set(survey.digests)),
        "different_pictures": int(numbers.max()) + 1,
        "correlation_above": DUPLICATE_CORRELATION,
        "pairs": {kind: int((duplicates.kind == index).sum()) for index, kind in enumerate(KINDS)},
        "parts": names,
        "share_repeated": repeated.tolist(),
        "across": list_across(survey, duplicates, origin, numbers),
    }


def list_across(
    survey: Survey, duplicates: Duplicates, origin: np.ndarray, numbers: np.ndarray
) -> list[dict[str, Any]]:
    """Some pairs of duplicates from two origins, as examples: each picture once, all origins and kinds in turn.

    ``origin`` is a number for where each picture comes from and ``numbers`` its set of duplicates, both (N,), int. The
    least alike come first.
    """
    queues: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
    for pair in np.argsort(duplicates.correlation, kind="stable").tolist():
        ends = sorted((int(origin[duplicates.first[pair]]), int(origin[duplicates.second[pair]])))
        if ends[0] != ends[1]:
            queues[(*ends, int(duplicates.kind[pair]))].setdefault(int(numbers[duplicates.first[pair]]), pair)
    turns = sorted((turn, key, pair) for key, queue in queues.items() for turn, pair in enumerate(queue.values()))
    once: dict[int, int] = {}
    for _, _, pair in turns:
        once.setdefault(int(numbers[duplicates.first[pair]]), pair)
    return [_describe_pair(survey, duplicates, pair) for pair in list(once.values())[:EXAMPLES]]


def _describe_pair(survey: Survey, duplicates: Duplicates, pair: int) -> dict[str, Any]:
    ends = (int(duplicates.first[pair]), int(duplicates.second[pair]))
    return {
        "paths": [survey.paths[end] for end in ends],
        "labels": [survey.samples[end].label for end in ends],
        "kind": KINDS[duplicates.kind[pair]],
        "correlation": round(float(duplicates.correlation[pair]), 4),
    }


def list_conflicts(survey: Survey, duplicates: Duplicates, clash: np.ndarray) -> list[dict[str, Any]]:
    """Sets of pictures that are the same and stand in different classes, surest first, each shown by its best pair."""
    numbers = join(len(survey.samples), duplicates.first[clash], duplicates.second[clash])
    best: dict[int, int] = {}
    for pair in np.flatnonzero(clash).tolist():
        number = int(numbers[duplicates.first[pair]])
        if number not in best or _surety(duplicates, pair) > _surety(duplicates, best[number]):
            best[number] = pair
    conflicts = []
    for number, pair in sorted(best.items(), key=lambda item: _surety(duplicates, item[1]), reverse=True):
        members = np.flatnonzero(numbers == number).tolist()
        files = [{"path": survey.paths[index], "label": survey.samples[index].label} for index in members]
        conflicts.append({**_describe_pair(survey, duplicates, pair), "files": files})
    return conflicts


def _surety(duplicates: Duplicates, pair: int) -> tuple[int, float]:
    return -int(duplicates.kind[pair]), float(duplicates.correlation[pair])
