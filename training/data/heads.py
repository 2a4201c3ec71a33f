"""Heads without a tumour: the rows of a ``more.csv`` beside the manifest, pictures and whole volumes.

Its columns are path, label (``no`` or ``not_brain``), source, patient, sequence and plane; others are passed over.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from inference import load_image, load_scans
from inference.errors import InputError
from inference.imaging.types import Volume
from training.data.manifest import NO_TUMOUR, Sample
from training.data.splits import hash_fraction

if TYPE_CHECKING:
    from inference.imaging.types import DecodedImage

EMPTY_BELOW = 0.1
"""A volume's slice is empty if its strength is a smaller share of the strongest slice's, as when it is answered."""

SPLIT_SOURCES = ("ms_tabriz", "nichart")
"""Sources of several persons, which are dealt to the splits; all of any other source is for training."""


def read_heads(data_dir: Path) -> Iterator[tuple[Sample, DecodedImage]]:
    """Each picture, and each slice of each volume, of a head without a tumour, decoded as it is when it is served.

    Groups are persons. A volume's slice is called ``VOLUME#number``, counted from 0; its empty slices are left out, and
    so are pictures that cannot be answered, such as a sheet of several slices.

    Raises
    ------
    InputError
        There is no ``more.csv``, or something that it names cannot be read.
    """
    table = data_dir / "more.csv"
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.DictReader(file) if row["label"] == NO_TUMOUR]
    except (OSError, KeyError, csv.Error) as error:
        raise InputError(f"There is no readable {table} with the columns path, label, source and patient.") from error
    for row in rows:
        path, group = data_dir / row["path"], f"{row['source']}:{row['patient']}"
        for name, image in _read(path):
            yield (
                Sample(
                    path=name,
                    label=NO_TUMOUR,
                    source=row["source"],
                    group=group,
                    patient=row["patient"],
                    sequence=row["sequence"],
                ),
                image,
            )


def _read(path: Path) -> Iterator[tuple[Path, DecodedImage]]:
    if ".nii" not in path.suffixes:
        with suppress(InputError):
            yield path, load_image(path)
        return
    for scan in load_scans(path):
        content = scan.open()
        if not isinstance(content, Volume):
            raise InputError(f"{path} is no volume.")
        slices = [content.load(index) for index in range(content.count)]
        strongest = max(one.strength for one in slices)
        for index, one in enumerate(slices):
            if one.strength > EMPTY_BELOW * strongest:
                yield Path(f"{path}#{index}"), one.image


def choose_split(sample: Sample) -> Literal["train", "validation", "test"]:
    """On which side of a training run a head is: of `SPLIT_SOURCES` half of the persons train, a fifth validate."""
    if sample.source not in SPLIT_SOURCES:
        return "train"
    fraction = hash_fraction("persons", sample.group)
    if fraction < 0.5:
        return "train"
    return "validation" if fraction < 0.7 else "test"
