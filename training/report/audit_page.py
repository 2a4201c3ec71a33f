"""``audit.html``: one file with words, tables and small pictures of what an audit found; no script, no other host.

Nothing is measured here. Names of files and folders are escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from inference.imaging.load import load_image
from training.report.html import build_page, count_of, encode_preview, number, paragraphs, percent, table

_SHOWN = 24

_LISTED = 200

Figures = dict[str, Any]


def summarise(figures: Figures) -> list[tuple[str, str, bool]]:
    """What matters most: a figure, the sentence that goes on from it, and whether it is a reason to worry."""
    copies, conflicts, groups = figures["copies"], figures["conflicts"], figures["groups"]
    pictures = figures["pictures"]
    found = [
        (
            number(pictures),
            f"pictures, of which {number(copies['different_pictures'])} are different ones; the others repeat them.",
            copies["different_pictures"] < 0.9 * pictures,
        )
    ]
    for split, sentence, share in find_leaks(figures):
        found.append((percent(share), f"of {split} {sentence}", share > 0.01))
    files = sum(len(conflict["files"]) for conflict in conflicts)
    found.append((number(files), "files show a picture that is also in a class that contradicts theirs.", files > 0))
    found.append((number(groups["groups"]), "groups, each to be kept on one side of a split.", False))
    for found_probe in figures["probes"]:
        if found_probe["target"] in ("the class", "tumour or none") and "skipped" not in found_probe:
            found.append(
                (
                    percent(found_probe["balanced_accuracy"]),
                    f"right about {found_probe['target']} from brightness and size alone; guessing gives "
                    f"{percent(found_probe['chance'])}.",
                    found_probe["meaning"].startswith(("Much", "Nearly")),
                )
            )
    if figures["unreadable"]:
        found.append((number(len(figures["unreadable"])), "files cannot be read.", True))
    return found


def find_leaks(figures: Figures) -> list[tuple[str, str, float]]:
    """For each split but the training one: its part, words, and the share that stands in another split too."""
    rows = [row for row in figures["folders"] if row["split"] and not row["split"].casefold().startswith("train")]
    leaks = []
    for source, split in sorted({(row["source"], row["split"]) for row in rows}):
        chosen = [row for row in rows if (row["source"], row["split"]) == (source, split)]
        repeated = sum(row["with_twin"]["other_split"] for row in chosen)
        share = repeated / sum(row["pictures"] for row in chosen)
        leaks.append((f"{source}/{split}", "is the same picture as one in another split.", share))
    return leaks


def build_audit_page(figures: Figures, data_dir: Path) -> str:
    """The whole page; pictures are read again from ``data_dir``."""
    sections = [
        ("pictures", "Pictures", _pictures_section(figures)),
        ("copies", "Copies", _copies_section(figures, data_dir)),
        ("conflicts", "Conflicting labels", _conflicts_section(figures, data_dir)),
        ("groups", "Groups", _groups_section(figures)),
        ("shortcut", "The shortcut", _shortcut_section(figures)),
        ("sizes", "Sizes", _sizes_section(figures)),
        ("unreadable", "Unreadable files", _unreadable_section(figures)),
    ]
    cards = "".join(
        f"<li{' class=warn' if worry else ''}><b>{escape(value)}</b> {escape(words)}</li>"
        for value, words, worry in summarise(figures)
    )
    return build_page(
        title=f"Audit of {figures['data']}",
        kicker="Gyrus · audit of a folder of pictures",
        heading=figures["data"],
        sections=sections,
        lead=f'<ul class="findings">{cards}</ul>',
        footer="Made by <code>python -m training audit</code>, which changed nothing in the folder. This page holds "
        "small copies of its pictures: the data's licence applies to them. The same figures are in audit.json; "
        "groups.csv is what <code>fit</code>, <code>export</code> and <code>evaluate</code> take as "
        "<code>--groups</code>.",
    )


def _pictures_section(figures: Figures) -> str:
    folders = figures["folders"]
    labels = sorted({row["label"] for row in folders})
    places = sorted({(row["source"], row["split"]) for row in folders})
    counts = {(row["source"], row["split"], row["label"]): row["pictures"] for row in folders}
    rows: list[list[Any]] = []
    for place in places:
        line = [counts.get((*place, label), 0) for label in labels]
        rows.append([place[0], place[1] or "–", *line, sum(line)])
    total = [sum(row[column] for row in rows) for column in range(2, len(labels) + 3)]
    rows.append(["all", "", *total])
    origin = "from manifest.csv" if figures["has_manifest"] else "from the names of the folders"
    where = "that the manifest does not name" if figures["has_manifest"] else "outside any class folder"
    left_out = figures["left_out"]
    one_sided = [label for label in labels if len({row["source"] for row in folders if row["label"] == label}) == 1]
    several = len({row["source"] for row in folders}) > 1
    return paragraphs(
        f"Classes and sources are taken {origin}."
        + (f" {count_of(left_out, 'file')} {where} {'was' if left_out == 1 else 'were'} left out." if left_out else ""),
        f"From one source only: {escape(', '.join(one_sided))}. What tells that source from the others also tells the "
        "class."
        if several and one_sided
        else "",
    ) + table("Pictures by source, split and class", ["source", "split", *labels, "all"], rows, heads=2, sums=1)


def _copies_section(figures: Figures, data_dir: Path) -> str:
    copies = figures["copies"]
    pairs = copies["pairs"]
    parts = copies["parts"]
    intro = paragraphs(
        f"{number(figures['pictures'])} files hold {number(copies['different_pixels'])} different sets of pixels and "
        f"{number(copies['different_pictures'])} different pictures. Two files are twins when they have the same "
        f"pixels ({count_of(pairs['exact'], 'pair')}), when the head in them, at 32×32, correlates above "
        f"{copies['correlation_above']} ({count_of(pairs['near'], 'pair')}: re-encoded, resized, cropped, brightened), "
        f"or when it does so with left and right exchanged ({count_of(pairs['mirrored'], 'pair')}).",
        "A network that is tested on a twin of what it learnt from is asked what it remembers, not what it knows. "
        "Neighbouring slices of one volume may count as twins as well.",
    )
    matrix = table(
        "Share of the part in the row with a twin in the part of the column (in its own: besides itself)",
        ["part", *parts],
        [[part, *row] for part, row in zip(parts, copies["share_repeated"], strict=True)],
    )
    names = ("same_folder", "other_split", "other_source", "other_class", "anywhere")
    head = ["in the same folder", "in another split", "in another source", "in a contradicting class", "anywhere"]
    folders = table(
        "Share of the pictures with a twin, by where the twin is",
        ["source", "split", "class", "pictures", *head],
        [
            [row["source"], row["split"] or "–", row["label"], row["pictures"]]
            + [row["with_twin"][name] / row["pictures"] for name in names]
            for row in figures["folders"]
        ],
        heads=3,
    )
    shown = _pairs(copies["across"], data_dir)
    if shown:
        shown = (
            "<h3>Twins in two parts</h3>"
            + paragraphs("From each two parts in turn, the least alike first, so that you can judge the rule.")
            + shown
        )
    return intro + matrix + folders + shown


def _conflicts_section(figures: Figures, data_dir: Path) -> str:
    conflicts = figures["conflicts"]
    if not conflicts:
        return paragraphs("No picture is in two classes that contradict each other.")
    files = sum(len(conflict["files"]) for conflict in conflicts)
    more = f" The first {_SHOWN} are shown; audit.json lists all." if len(conflicts) > _SHOWN else ""
    return paragraphs(
        f"{count_of(len(conflicts), 'picture is', 'pictures are')} in more than one class, as {number(files)} files; "
        f"the surest come first. One label of each is wrong, unless two different slices only look alike.{more}",
        "groups.csv keeps the labels as they are, and keeps the files of each picture in one group.",
    ) + _pairs(conflicts[:_SHOWN], data_dir)


_KIND_WORDS = {"exact": "Same pixels", "near": "Correlation {:.3f}", "mirrored": "Mirrored, correlation {:.3f}"}


def _pairs(pairs: Sequence[dict[str, Any]], data_dir: Path) -> str:
    items = []
    for pair in pairs:
        halves = "".join(
            f'<figure><img src="{encode_preview(load_image(data_dir / path).pixels)}" alt="" loading="lazy">'
            f"<figcaption><b>{escape(label)}</b>{escape(path)}</figcaption></figure>"
            for path, label in zip(pair["paths"], pair["labels"], strict=True)
        )
        words = _KIND_WORDS[pair["kind"]].format(pair["correlation"])
        others = len(pair.get("files", ())) - 2
        words += f"; {count_of(others, 'more file')} of the same picture" if others > 0 else ""
        items.append(f'<li><div class="two">{halves}</div><p>{words}</p></li>')
    return f'<ul class="pairs">{"".join(items)}</ul>\n' if items else ""


_BINS = ((1, 1), (2, 5), (6, 20), (21, 50), (51, 10**9))


def _groups_section(figures: Figures) -> str:
    groups = figures["groups"]
    sizes = {int(size): count for size, count in groups["sizes"].items()}
    rows = []
    for low, high in _BINS:
        chosen = {size: count for size, count in sizes.items() if low <= size <= high}
        title = "1 picture" if high == 1 else f"{low} to {high} pictures" if high < 10**9 else f"more than {low - 1}"
        pictures = sum(size * count for size, count in chosen.items())
        rows.append([title, sum(chosen.values()), pictures, pictures / figures["pictures"]])
    largest = max(sizes)
    if groups["patients"]:
        several = groups["groups_of_several_patients"]
        patients = (
            f"{count_of(groups['patients'], 'patient is', 'patients are')} named, for "
            f"{number(groups['pictures_with_patient'])} of {number(figures['pictures'])} pictures. "
            + (count_of(several, "group holds", "groups hold") if several else "No group holds")
            + " more than one patient."
        )
        rest = "For the other pictures n" if groups["pictures_with_patient"] < figures["pictures"] else ""
    else:
        patients, rest = "", "N"
    caution = (
        f"{rest}o patient is known: slices of one patient are in one group only where they look alike, so a "
        "split by these groups may still put a patient on both sides."
        if rest
        else ""
    )
    return paragraphs(
        f"{count_of(groups['groups'], 'group')}: twins of each other, directly or through others"
        + (", and pictures of one patient" if groups["patients"] else "")
        + f". The largest has {count_of(largest, 'picture')}. Split by group, never by file.",
        patients,
        caution,
        _compare_words(groups.get("manifest")),
    ) + table("Groups by size", ["size", "groups", "pictures", "share of pictures"], rows)


def _compare_words(manifest: dict[str, Any] | None) -> str:
    if not manifest:
        return ""
    return (
        f"The manifest has {number(manifest['groups'])} groups of its own; twins and patients alone make "
        f"{number(manifest['own_groups'])} (adjusted Rand index {manifest['adjusted_rand_index']:.3f}, 1 is "
        f"agreement). groups.csv never parts a group of the manifest and keeps its names; it joins "
        f"{number(manifest['manifest_groups_joined'])} of them that hold twins of each other."
    )


def _shortcut_section(figures: Figures) -> str:
    rows = []
    meanings: dict[str, list[str]] = {}
    for found in figures["probes"]:
        meanings.setdefault(found["meaning"], []).append(found["target"])
        if "skipped" not in found:
            line = [found["target"], found["pictures"], found["majority"], found["chance"], found["balanced_accuracy"]]
            rows.append(
                [*line, found["balanced_accuracy_without_size"], f"{found['auc']:.2f}" if "auc" in found else "–"]
            )
    words = "".join(
        f"<li><b>{escape('; '.join(targets))}.</b> {escape(words)}</li>".replace("<b>t", "<b>T", 1)
        for words, targets in meanings.items()
    )
    head = ["the probe guesses", "pictures", "commonest label", "guessing", "the probe", "not told the size", "AUC"]
    looks = [
        [row["source"], row["split"] or "–", row["label"]]
        + [f"{row['median'][name]:.0f}" for name in ("width_px", "height_px", "mean", "spread", "border_mean")]
        + [("", _draw_bars(row["histogram"]))]
        for row in figures["folders"]
    ]
    return (
        paragraphs(
            "A probe is told 15 figures about a picture as a whole: width, height, their ratio, mean grey value, "
            "spread, mean and spread of the border, and an eight-step histogram. It cannot see a tumour. Each group "
            "is guessed by a probe that learnt from the other groups.",
            "What the probe gets right, a network can get right without looking at the brain. Results on such data "
            "mean little unless they are far above the probe, and hold on a source that was not trained on.",
        )
        + table("How much the look of a picture gives away (balanced accuracy: the mean over the labels)", head, rows)
        + f'<ul class="meanings">{words}</ul>\n'
        + table(
            "How the pictures look: medians; grey values from 0 (black) to 255; histogram from dark to bright",
            ["source", "split", "class", "width", "height", "mean", "spread", "border", "histogram"],
            looks,
            heads=3,
        )
    )


def _draw_bars(shares: Sequence[float]) -> str:
    """A histogram as eight bars; heights as square roots, or the black background would hide the rest."""
    bars = "".join(
        f'<rect x="{9 * place}" y="{22 - 22 * share**0.5:.1f}" width="8" height="{22 * share**0.5:.1f}"/>'
        for place, share in enumerate(shares)
    )
    words = ", ".join(percent(share) for share in shares)
    return f'<svg class="bars" role="img" width="72" height="22" aria-label="{escape(words, quote=True)}">{bars}</svg>'


def _sizes_section(figures: Figures) -> str:
    rows = [
        [row["source"], row["pictures"], row["sizes"]]
        + ["×".join(map(str, row["commonest"])), row["share_commonest"], row["share_square"]]
        + ["×".join(map(str, row[name])) for name in ("smallest", "largest")]
        for row in figures["sizes"]
    ]
    head = ["source", "pictures", "sizes", "commonest", "share of it", "square", "smallest", "largest"]
    return table("Width × height in pixels", head, rows)


def _unreadable_section(figures: Figures) -> str:
    files = figures["unreadable"]
    if not files:
        return paragraphs("Every file could be read.")
    more = f" The first {_LISTED} are listed; audit.json has all." if len(files) > _LISTED else ""
    return paragraphs(f"{count_of(len(files), 'file')} could not be read and are not in groups.csv.{more}") + table(
        "Files that could not be read, and why",
        ["file", ""],
        [[entry["path"], ("wrap", escape(entry["why"]))] for entry in files[:_LISTED]],
    )
