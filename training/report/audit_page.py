"""``audit.html``: one file with words, tables and small pictures of what an audit found; no script, no other host.

Nothing is measured here: figures are put in order and pictures are read for the templates in ``templates/audit``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inference.imaging.load import load_image
from training.report.previews import encode_preview
from training.report.templating import render_template
from training.report.words import Finding, number, percent

_SHOWN = 24
"""Contradictions that the page shows."""

_LISTED = 200
"""Unreadable files that the page lists."""

_BINS = ((1, 1), (2, 5), (6, 20), (21, 50), (51, None))
"""Smallest and largest size of the groups that are counted together."""

_BAR_PX = 22
"""Height of the small histograms."""

Figures = dict[str, Any]


def summarise(figures: Figures) -> list[Finding]:
    """What matters most: each a figure and the sentence that goes on from it."""
    copies, pictures = figures["copies"], figures["pictures"]
    files = _count_conflicting(figures)
    words = f"pictures, of which {number(copies['different_pictures'])} are different ones; the others repeat them."
    found = [
        Finding(number(pictures), words, copies["different_pictures"] < 0.9 * pictures),
        *(_summarise_leak(split, share) for split, share in find_leaks(figures)),
        Finding(number(files), "files show a picture that is also in a class that contradicts theirs.", files > 0),
        Finding(number(figures["groups"]["groups"]), "groups, each to be kept on one side of a split."),
        *(_summarise_probe(probe) for probe in figures["probes"] if _is_headline(probe)),
    ]
    unreadable = len(figures["unreadable"])
    if unreadable:
        found.append(Finding(number(unreadable), f"{'file' if unreadable == 1 else 'files'} cannot be read.", True))
    return found


def _count_conflicting(figures: Figures) -> int:
    return sum(len(conflict["files"]) for conflict in figures["conflicts"])


def _summarise_leak(split: str, share: float) -> Finding:
    return Finding(percent(share), f"of {split} is the same picture as one in another split.", share > 0.01)


def _is_headline(probe: Figures) -> bool:
    return probe["target"] in ("the class", "tumour or none") and "skipped" not in probe


def _summarise_probe(probe: Figures) -> Finding:
    words = f"right about {probe['target']} from brightness and size alone; guessing gives {percent(probe['chance'])}."
    return Finding(percent(probe["balanced_accuracy"]), words, probe["meaning"].startswith(("Much", "Nearly")))


def find_leaks(figures: Figures) -> list[tuple[str, float]]:
    """For each split but the training one: its name, and the share of its pictures that another split has too."""
    rows = [row for row in figures["folders"] if row["split"] and not row["split"].casefold().startswith("train")]
    leaks = []
    for source, split in sorted({(row["source"], row["split"]) for row in rows}):
        chosen = [row for row in rows if (row["source"], row["split"]) == (source, split)]
        repeated = sum(row["with_twin"]["other_split"] for row in chosen)
        share = repeated / sum(row["pictures"] for row in chosen)
        leaks.append((f"{source}/{split}", share))
    return leaks


def build_audit_page(figures: Figures, data_dir: Path) -> str:
    """The whole page; pictures are read again from ``data_dir``."""
    conflicts = figures["conflicts"]
    return render_template(
        "audit/page.html",
        figures=figures,
        findings=summarise(figures),
        pictures=_count_pictures(figures["folders"]),
        across=_load_pairs(figures["copies"]["across"], data_dir),
        conflicts={
            "pictures": len(conflicts),
            "files": _count_conflicting(figures),
            "shown": _load_pairs(conflicts[:_SHOWN], data_dir),
        },
        sizes=_count_sizes(figures),
        manifest=figures["groups"].get("manifest"),
        meanings=_collect_meanings(figures["probes"]),
        looks=[(row, _measure_bars(row["histogram"])) for row in figures["folders"]],
        unreadable=figures["unreadable"][:_LISTED],
    )


def _count_pictures(folders: Sequence[Figures]) -> Figures:
    """Pictures by source, split and class, with their sums; and the classes that only one of several sources has."""
    labels = sorted({row["label"] for row in folders})
    counts = {(row["source"], row["split"], row["label"]): row["pictures"] for row in folders}
    rows = []
    for source, split in sorted({(row["source"], row["split"]) for row in folders}):
        line = [counts.get((source, split, label), 0) for label in labels]
        rows.append((source, split, [*line, sum(line)]))
    sources: dict[str, set[str]] = defaultdict(set)
    for row in folders:
        sources[row["label"]].add(row["source"])
    several = len(set().union(*sources.values())) > 1
    return {
        "labels": labels,
        "rows": rows,
        "total": [sum(column) for column in zip(*(line for _, _, line in rows), strict=True)],
        "one_sided": [label for label in labels if several and len(sources[label]) == 1],
    }


def _load_pairs(pairs: Sequence[Figures], data_dir: Path) -> list[Figures]:
    """Pairs with small copies of their pictures, and how many more files show the same picture."""
    return [
        {
            "kind": pair["kind"],
            "correlation": pair["correlation"],
            "others": len(pair.get("files", ())) - 2,
            "halves": [
                {"uri": encode_preview(load_image(data_dir / path).pixels), "path": path, "label": label}
                for path, label in zip(pair["paths"], pair["labels"], strict=True)
            ],
        }
        for pair in pairs
    ]


def _count_sizes(figures: Figures) -> Figures:
    """Groups by how many pictures they hold: a row for each of `_BINS`."""
    sizes = {int(size): count for size, count in figures["groups"]["sizes"].items()}
    rows = []
    for low, high in _BINS:
        chosen = {size: count for size, count in sizes.items() if low <= size and (high is None or size <= high)}
        pictures = sum(size * count for size, count in chosen.items())
        share = pictures / figures["pictures"]
        rows.append({"low": low, "high": high, "groups": sum(chosen.values()), "pictures": pictures, "share": share})
    return {"rows": rows, "largest": max(sizes)}


def _collect_meanings(probes: Sequence[Figures]) -> list[tuple[str, str]]:
    """What the probes' results mean, each with all that it holds for."""
    targets: dict[str, list[str]] = defaultdict(list)
    for probe in probes:
        targets[probe["meaning"]].append(probe["target"])
    return [(meaning, "; ".join(named)) for meaning, named in targets.items()]


def _measure_bars(shares: Sequence[float]) -> list[tuple[float, float, float]]:
    """Left, top and height of a histogram's bars; as square roots, or the black background would hide the rest."""
    heights = [_BAR_PX * share**0.5 for share in shares]
    return [(9 * index, _BAR_PX - height, height) for index, height in enumerate(heights)]
