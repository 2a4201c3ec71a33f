"""The figures of an audit, ready for JSON; copies are counted in `training.audit.copies`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import adjusted_rand_score

from training.audit.copies import find_clashes, list_conflicts, measure_copies, measure_folders
from training.data.duplicates import Duplicates, join_pictures
from training.data.manifest import NO_TUMOUR, UNKNOWN_TUMOUR
from training.measure.shortcut import judge_shortcut, score_shortcut

if TYPE_CHECKING:
    from training.data.progress import Progress
    from training.data.survey import Survey


def measure_survey(survey: Survey, duplicates: Duplicates, groups: Sequence[str], progress: Progress) -> dict[str, Any]:
    """All figures of the report; see ``audit.json``."""
    clash = find_clashes(survey.samples, duplicates)
    return {
        "data": survey.name,
        "has_manifest": survey.has_manifest,
        "pictures": len(survey.samples),
        "left_out": survey.left_out,
        "unreadable": [{"path": path, "why": why} for path, why in survey.unreadable],
        "folders": measure_folders(survey, duplicates, clash),
        "copies": measure_copies(survey, duplicates),
        "conflicts": list_conflicts(survey, duplicates, clash),
        "groups": measure_groups(survey, duplicates, groups),
        "sizes": measure_sizes(survey),
        "probes": measure_shortcut(survey, groups, progress),
    }


def measure_groups(survey: Survey, duplicates: Duplicates, groups: Sequence[str]) -> dict[str, Any]:
    """Number and sizes of the groups, and how those found here compare with the manifest's."""
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
        found["manifest"] = _compare_groups(survey, duplicates, groups)
    return found


def _compare_groups(survey: Survey, duplicates: Duplicates, groups: Sequence[str]) -> dict[str, Any]:
    """The manifest's groups beside those that duplicates and patients alone make."""
    given = [sample.group for sample in survey.samples]
    own = join_pictures(len(given), duplicates, [sample.patient for sample in survey.samples]).tolist()
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
    """`score_shortcut` for the class, for "tumour present" (all sources, each that has both), and for the source."""
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
        chosen_groups = np.asarray(groups)[chosen].tolist()
        found = score_shortcut(survey.statistics[chosen], truth[chosen].tolist(), chosen_groups)
        results.append({"target": target, **found, "meaning": judge_shortcut(found)})
        progress("Probing for the shortcut", number + 1, len(tasks))
    return results
