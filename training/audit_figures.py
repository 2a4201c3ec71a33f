"""What `training.audit` measures on the pictures it has read: plain numbers, names and paths, ready for JSON."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score

from training.dataset import NO_TUMOUR, TWIN_CORRELATION, UNKNOWN_TUMOUR, Sample
from training.probe import STATISTICS, judge, probe
from training.twins import KINDS, Progress, Twins, join, join_pictures, name_groups

EXAMPLES = 12
"""Most pairs of twins in two parts that are given as examples."""


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
        See `training.probe.STATISTICS`.
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


def find_groups(survey: Survey, twins: Twins) -> list[str]:
    """The group of each picture: twins, one patient's pictures, and what a manifest has joined already."""
    patients = [sample.patient for sample in survey.samples]
    given = [sample.group for sample in survey.samples]
    numbers = join_pictures(len(survey.samples), twins, patients, given)
    return name_groups(survey.samples, survey.digests, numbers)


def measure(survey: Survey, twins: Twins, groups: Sequence[str], progress: Progress) -> dict[str, Any]:
    """All figures of the report; see ``audit.json``."""
    clash = find_clashes(survey.samples, twins)
    return {
        "data": survey.name,
        "has_manifest": survey.has_manifest,
        "pictures": len(survey.samples),
        "left_out": survey.left_out,
        "unreadable": [{"path": path, "why": why} for path, why in survey.unreadable],
        "folders": measure_folders(survey, twins, clash),
        "copies": measure_copies(survey, twins),
        "conflicts": list_conflicts(survey, twins, clash),
        "groups": measure_groups(survey, twins, groups),
        "sizes": measure_sizes(survey),
        "probes": measure_shortcut(survey, groups, progress),
    }


def find_clashes(samples: Sequence[Sample], twins: Twins) -> np.ndarray:
    """Which pairs of twins have labels that cannot both be right, shape (P,), bool.

    A tumour of unknown type and one of a known type can.
    """
    labels = np.array([sample.label for sample in samples])
    first, second = labels[twins.first], labels[twins.second]
    unknown = (first == UNKNOWN_TUMOUR) | (second == UNKNOWN_TUMOUR)
    none = (first == NO_TUMOUR) | (second == NO_TUMOUR)
    return (first != second) & (~unknown | none)


def measure_folders(survey: Survey, twins: Twins, clash: np.ndarray) -> list[dict[str, Any]]:
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


def measure_copies(survey: Survey, twins: Twins) -> dict[str, Any]:
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
        "correlation_above": TWIN_CORRELATION,
        "pairs": {kind: int((twins.kind == place).sum()) for place, kind in enumerate(KINDS)},
        "parts": parts,
        "share_repeated": repeated.tolist(),
        "across": list_across(survey, twins, place, numbers),
    }


def list_across(survey: Survey, twins: Twins, place: np.ndarray, numbers: np.ndarray) -> list[dict[str, Any]]:
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


def _describe_pair(survey: Survey, twins: Twins, pair: int) -> dict[str, Any]:
    ends = (int(twins.first[pair]), int(twins.second[pair]))
    return {
        "paths": [survey.paths[end] for end in ends],
        "labels": [survey.samples[end].label for end in ends],
        "kind": KINDS[twins.kind[pair]],
        "correlation": round(float(twins.correlation[pair]), 4),
    }


def list_conflicts(survey: Survey, twins: Twins, clash: np.ndarray) -> list[dict[str, Any]]:
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


def _surety(twins: Twins, pair: int) -> tuple[int, float]:
    return -int(twins.kind[pair]), float(twins.correlation[pair])


def measure_groups(survey: Survey, twins: Twins, groups: Sequence[str]) -> dict[str, Any]:
    """Number and sizes of the groups, and how the library's own compare with the manifest's."""
    sizes = Counter(groups)
    patients = [sample.patient for sample in survey.samples]
    pairs = {(group, patient) for group, patient in zip(groups, patients, strict=True) if patient}
    found = {
        "groups": len(sizes),
        "sizes": {str(size): count for size, count in sorted(Counter(sizes.values()).items())},
        "largest": [{"group": group, "pictures": size} for group, size in sizes.most_common(5)],
        "patients": len(set(patients) - {""}),
        "pictures_with_patient": sum(map(bool, patients)),
        "groups_of_several_patients": sum(count > 1 for count in Counter(group for group, _ in pairs).values()),
    }
    given = [sample.group for sample in survey.samples]
    if any(given):
        found["manifest"] = _compare_groups(survey, twins, groups)
    return found


def _compare_groups(survey: Survey, twins: Twins, groups: Sequence[str]) -> dict[str, Any]:
    """The manifest's groups beside those that twins and patients alone make."""
    given = [sample.group for sample in survey.samples]
    own = join_pictures(len(given), twins, [sample.patient for sample in survey.samples]).tolist()
    members = defaultdict(set)
    for group, name in zip(groups, given, strict=True):
        members[group].add(name)
    return {
        "groups": len(set(given) - {""}),
        "own_groups": len(set(own)),
        "adjusted_rand_index": float(adjusted_rand_score(given, own)),
        "manifest_groups_joined": sum(len(names) for names in members.values() if len(names) > 1),
    }


def measure_sizes(survey: Survey) -> list[dict[str, Any]]:
    """For each source: how many sizes, the commonest, the smallest and the largest, in pixels."""
    by_source: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for sample, row in zip(survey.samples, survey.statistics[:, :2].astype(int).tolist(), strict=True):
        by_source[sample.source].append((row[0], row[1]))
    rows = []
    for source, sizes in sorted(by_source.items()):
        (common, count), *_ = Counter(sizes).most_common(1)
        rows.append(
            {
                "source": source,
                "pictures": len(sizes),
                "sizes": len(set(sizes)),
                "commonest": common,
                "share_commonest": count / len(sizes),
                "smallest": min(sizes, key=lambda size: (size[0] * size[1], size)),
                "largest": max(sizes, key=lambda size: (size[0] * size[1], size)),
                "share_square": sum(width == height for width, height in sizes) / len(sizes),
            }
        )
    return rows


def measure_shortcut(survey: Survey, groups: Sequence[str], progress: Progress) -> list[dict[str, Any]]:
    """`probe` for the class, for "tumour present" (all sources, and each that has both), and for the source."""
    labels = np.array([sample.label for sample in survey.samples])
    sources = np.array([sample.source for sample in survey.samples])
    tumour = np.where(labels == NO_TUMOUR, "none", "tumour")
    everything = np.ones(len(labels), bool)
    tasks = [("the class", labels, labels != UNKNOWN_TUMOUR)]
    if len(set(tumour)) == 2:
        tasks.append(("tumour or none", tumour, everything))
        both = [name for name in sorted(set(sources)) if len(set(tumour[sources == name])) == 2]
        if len(set(sources)) > 1:
            tasks += [(f"tumour or none, in {name} alone", tumour, sources == name) for name in both]
    if len(set(sources)) > 1:
        tasks.append(("the source", sources, everything))
    results = []
    for number, (target, truth, chosen) in enumerate(tasks):
        parts = np.asarray(groups)[chosen].tolist()
        found = probe(survey.statistics[chosen], truth[chosen].tolist(), parts)
        results.append({"target": target, **found, "meaning": judge(found)})
        progress("Probing for the shortcut", number + 1, len(tasks))
    return results
