"""What is known of each picture: the rows of a ``manifest.csv``.

The file lies beside the pictures; its columns are path, label, source, patient_id, cheng_fold, group and the tumour's
box as fractions of width and height. Nothing is written into the data folder.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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

COLUMNS = (
    *("path", "label", "source", "patient_id", "cheng_fold", "group"),
    *("box_x_center", "box_y_center", "box_width", "box_height"),
)
"""Of ``manifest.csv``, and of the ``groups.csv`` that an audit writes."""


Box = tuple[float, float, float, float]
"""(x_center, y_center, width, height) as fractions of the picture's width and height."""


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
    box : Box or None
        Of the tumour.
    sequence : str
        Such as ``FLAIR``, or empty.
    """

    path: Path
    label: str
    source: str
    group: str
    fold: str = ""
    patient: str = ""
    box: Box | None = None
    sequence: str = ""

    @property
    def has_tumour(self) -> bool:
        """True for any label but ``no``."""
        return self.label != NO_TUMOUR


def read_manifest(data_dir: Path, groups: Path | None = None) -> list[Sample]:
    """Read ``manifest.csv``, or the file of groups that an audit wrote (see `training.audit.folder`).

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
    box = tuple(float(row[name]) for name in COLUMNS if name.startswith("box_") and row[name])
    return Sample(
        path=data_dir / row["path"],
        label=row["label"],
        source=row["source"],
        group=row["group"],
        fold=row["cheng_fold"],
        patient=row["patient_id"],
        box=box if len(box) == 4 else None,
    )
