"""Which images there are, what is known about each, and which part of the data it belongs to.

Reads a ``manifest.csv`` beside the images (columns: path, label, source, patient_id, cheng_fold, group and the
tumour's box as fractions of width and height). Splits are made by ``group``, never by file; near-duplicates are left
out. Nothing is written into the data folder.
"""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from inference.batch.spreadsheet import unguard_text
from inference.errors import InputError

TUMOUR_TYPES = ("glioma", "meningioma", "pituitary")
"""Manifest labels of the tumour types, in the order of the network's type logits."""

NO_TUMOUR = "no"
UNKNOWN_TUMOUR = "tumor"
"""Manifest label of a tumour whose type is not stated."""

CLASS_LABELS = {
    "glioma": "Glioma Tumor",
    "no": "No Tumor",
    "meningioma": "Meningioma Tumor",
    "pituitary": "Pituitary Tumor",
}
"""Manifest label → the shipped bundle's label, in the bundle's order."""

STORED_SIZE_PX = 256
"""Side to which a picture is stretched when it is kept in memory for augmentation."""

TEST_FOLD = "1"
"""Cheng's patient-level fold that no training part of the shipped network may touch."""

FOLDS = ("1", "2", "3", "4", "5")
"""Of Cheng's patients, as the data set's authors drew them; groups without a Cheng slice are dealt to them by hash."""

COLUMNS = (
    *("path", "label", "source", "patient_id", "cheng_fold", "group"),
    *("box_x_center", "box_y_center", "box_width", "box_height"),
)
"""Of ``manifest.csv``, and of the ``groups.csv`` that an audit writes."""

TWIN_CORRELATION = 0.96
"""Two pictures whose thumbnails correlate above it are near-duplicates: no two of Cheng's patients do."""

_TWIN_SOURCES_FIRST = ("cheng", "br35h", "sartaj")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One row of the manifest.

    Attributes
    ----------
    path : pathlib.Path
    label : str
        ``glioma``, ``meningioma``, ``pituitary``, ``no``, or ``tumor`` (type unknown).
    source : str
    group : str
        Files that share it must stay on one side of any split.
    fold : str
        Cheng's patient-level fold ``"1"``–``"5"``, or empty.
    patient : str
        Published pseudonym, or empty.
    box : tuple of float, or None
        (x_center, y_center, width, height) of the tumour as fractions of the picture's width and height.
    """

    path: Path
    label: str
    source: str
    group: str
    fold: str = ""
    patient: str = ""
    box: tuple[float, float, float, float] | None = None

    @property
    def has_tumour(self) -> bool:
        """True for any label but ``no``."""
        return self.label != NO_TUMOUR


def read_manifest(data_dir: Path, groups: Path | None = None) -> list[Sample]:
    """Read ``manifest.csv``, or the file of groups that an audit wrote (see `training.audit`).

    Parameters
    ----------
    data_dir : pathlib.Path
        What the paths in the file are relative to.
    groups : pathlib.Path, optional
        Read this file instead of ``data_dir/manifest.csv``.

    Raises
    ------
    InputError
        There is no such file, or a column is missing.
    """
    return read_table(groups or data_dir / "manifest.csv", data_dir, required=COLUMNS)


def read_table(table: Path, data_dir: Path, *, required: Iterable[str]) -> list[Sample]:
    """Read the columns of `COLUMNS` that a CSV file has; those that are not `required` may be missing or empty."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            for column in required:
                if column not in (reader.fieldnames or ()):
                    raise InputError(f"{table} lacks the column {column!r}.")
            return [
                _read_row(data_dir, {name: unguard_text(row.get(name) or "") for name in COLUMNS}) for row in reader
            ]
    except OSError as error:
        raise InputError(
            f"There is no readable {table}; training needs one. For images in class folders, python -m training audit "
            "writes groups.csv, which --groups takes instead."
        ) from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{table} is not a table of images that can be read: {error}.") from error


def _read_row(data_dir: Path, row: dict[str, str]) -> Sample:
    box = tuple(float(row[f"box_{part}"]) for part in ("x_center", "y_center", "width", "height") if row[f"box_{part}"])
    return Sample(
        path=data_dir / row["path"],
        label=row["label"],
        source=row["source"],
        group=row["group"],
        fold=row["cheng_fold"],
        patient=row["patient_id"],
        box=box if len(box) == 4 else None,
    )


def split_by_group(samples: Sequence[Sample], test_fold: str = TEST_FOLD) -> dict[str, list[Sample]]:
    """Part the samples into ``train``, ``validation`` and ``test``, whole groups at a time.

    A group with a slice of Cheng's fold ``test_fold`` is in the test part; of the groups without any Cheng slice a
    fifth are; of all that remain about a tenth are in the validation part. The choice is a hash of the group's name, so
    it does not change when images are added.
    """
    folds: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        folds[sample.group].add(sample.fold)
    parts: dict[str, list[Sample]] = {"train": [], "validation": [], "test": []}
    for sample in samples:
        of_group = folds[sample.group] - {""} or {_deal_fold(sample.group)}
        if test_fold in of_group:
            part = "test"
        else:
            part = "validation" if _hash_fraction("validation", sample.group) < 0.1 else "train"
        parts[part].append(sample)
    return parts


def leave_out_source(samples: Sequence[Sample], source: str) -> dict[str, list[Sample]]:
    """Part the samples so that a whole source is the test part, and no group that it shares is learnt from.

    Raises
    ------
    InputError
        No sample is of this source.
    """
    known = sorted({sample.source for sample in samples})
    if source not in known:
        raise InputError(f"There is no source {source!r} to leave out; there are {', '.join(known)}.")
    shared = {sample.group for sample in samples if sample.source == source}
    parts: dict[str, list[Sample]] = {"train": [], "validation": [], "test": []}
    for sample in samples:
        if sample.source == source:
            parts["test"].append(sample)
        elif sample.group not in shared:
            held_out = _hash_fraction("validation", sample.group) < 0.1
            parts["validation" if held_out else "train"].append(sample)
    return parts


def _deal_fold(group: str) -> str:
    return FOLDS[int(_hash_fraction("test", group) * len(FOLDS))]


def _hash_fraction(salt: str, text: str) -> float:
    digest = hashlib.sha256(f"{salt}:{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def read_grey(path: Path) -> np.ndarray:
    """Decode one picture as the serving code would, then keep its grey values at `STORED_SIZE_PX`.

    Returns
    -------
    numpy.ndarray, shape (STORED_SIZE_PX, STORED_SIZE_PX), uint8, 0–255
    """
    from inference.imaging.load import load_image

    return to_grey(load_image(path).pixels)


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """Grey values at `STORED_SIZE_PX` of a decoded picture, shape (H, W, 3), uint8, RGB."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (STORED_SIZE_PX, STORED_SIZE_PX), interpolation=cv2.INTER_AREA)


def head_box(grey: np.ndarray) -> tuple[int, int, int, int]:
    """Find the head: the box of what is brighter than the background.

    Parameters
    ----------
    grey : numpy.ndarray, shape (H, W), uint8

    Returns
    -------
    tuple of int
        (left, top, right, bottom) in pixels, right and bottom exclusive; the whole picture when nothing stands out.
    """
    height, width = grey.shape
    bright = cv2.medianBlur(grey, 5) > max(12, int(grey.mean() * 0.35))
    columns, rows = np.flatnonzero(bright.mean(0) > 0.02), np.flatnonzero(bright.mean(1) > 0.02)
    if len(columns) < width // 4 or len(rows) < height // 4:
        return (0, 0, width, height)
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def thumbnail(grey: np.ndarray) -> np.ndarray:
    """The head at 32×32 with mean 0 and length 1, so that a dot product of two is their correlation."""
    left, top, right, bottom = head_box(grey)
    small = cv2.resize(grey[top:bottom, left:right], (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)


def drop_twins(samples: Sequence[Sample], pictures: dict[Path, np.ndarray]) -> list[Sample]:
    """Keep one of each set of near-duplicates: Cheng's slice rather than a re-encoded copy of it.

    All Cheng slices are kept, since neighbours in one patient look alike without being copies. A copy whose label
    contradicts the picture it duplicates therefore goes too.
    """
    groups: dict[str, list[Sample]] = defaultdict(list)
    ranks = {source: rank for rank, source in enumerate(_TWIN_SOURCES_FIRST)}
    for sample in sorted(samples, key=lambda sample: ranks.get(sample.source, len(ranks))):
        groups[sample.group].append(sample)
    kept: list[Sample] = []
    for group in groups.values():
        seen: list[np.ndarray] = []
        for sample in group:
            thumb = thumbnail(pictures[sample.path])
            is_twin = bool(seen) and float(np.max(np.stack(seen) @ thumb)) > TWIN_CORRELATION
            if sample.source == "cheng" or not is_twin:
                kept.append(sample)
                seen.append(thumb)
    return kept


def part_samples(
    samples: Sequence[Sample], pictures: dict[Path, np.ndarray], *, test_fold: str = TEST_FOLD, without: str = ""
) -> dict[str, list[Sample]]:
    """Drop twins, split by group, and make sure that no held-out picture has a copy among the training pictures.

    The manifest's groups do not join mirrored copies; what they would leak is left out of the held-out parts.

    Parameters
    ----------
    samples, pictures
        See `read_manifest` and `read_pictures`.
    test_fold : str
        One of `FOLDS`; see `split_by_group`.
    without : str
        A source that is the test part instead, see `leave_out_source`; or empty.
    """
    distinct = drop_twins(samples, pictures)
    parts = leave_out_source(distinct, without) if without else split_by_group(distinct, test_fold)
    held_out = {
        "validation": drop_copies(parts["validation"], parts["train"], pictures),
        "test": drop_copies(parts["test"], parts["train"] + parts["validation"], pictures),
    }
    return {"train": parts["train"], **held_out}


def drop_copies(samples: Sequence[Sample], known: Sequence[Sample], pictures: dict[Path, np.ndarray]) -> list[Sample]:
    """Leave out the samples of which a copy, mirrored or not, is among ``known``."""
    thumbs = np.stack([thumbnail(pictures[sample.path]) for sample in known])

    def is_copied(sample: Sample) -> bool:
        grey = pictures[sample.path]
        views = np.stack([thumbnail(grey), thumbnail(np.ascontiguousarray(grey[:, ::-1]))])
        return bool((views @ thumbs.T).max() > TWIN_CORRELATION)

    return [sample for sample in samples if not is_copied(sample)]


def read_pictures(samples: Iterable[Sample]) -> dict[Path, np.ndarray]:
    """Decode all pictures (see `read_grey`); about 65 kB of memory each."""
    return {sample.path: read_grey(sample.path) for sample in samples}
