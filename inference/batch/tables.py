"""Rows as lines of CSV or JSON Lines: one form for the command line, the page and the cluster."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from inference.batch.spreadsheet import guard_cell
from inference.imaging.types import Identifiers

if TYPE_CHECKING:
    from inference.answer.rows import Row

SUFFIXES = (".csv", ".jsonl")
"""What an output's name may end in."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """How rows become lines of a table.

    Attributes
    ----------
    labels : sequence of str
        The model's; a column each.
    identifiers : bool
        Whether there are columns that say whose a DICOM file is.

    Examples
    --------
    >>> from inference.answer.rows import Row
    >>> table = Table(labels=("Apple", "Pear"))
    >>> row = Row(path="a.png", verdict="confident", label="Pear", probabilities={"Apple": 0.1, "Pear": 0.9})
    >>> dict(zip(table.columns, table.list_values(row)))["Pear"]
    0.9
    """

    labels: Sequence[str] = ()
    identifiers: bool = False

    @property
    def columns(self) -> list[str]:
        """The columns' names."""
        about = ("series", "slices", "best_slice", "suspicious")
        identifier_columns = [field.name for field in fields(Identifiers)] if self.identifiers else []
        return [
            "path",
            "slice",
            "verdict",
            "label",
            *self.labels,
            "candidates",
            "finding",
            "finding_probability",
            "types",
            "novelty",
            "error",
            *about,
            *identifier_columns,
        ]

    def list_values(self, row: Row) -> list[Any]:
        """A row's values, one for each column; None where it has none."""
        numbers = [(row.probabilities or {}).get(label) for label in self.labels]
        candidates = "|".join(row.candidates or ())
        volume = row.volume
        about = (
            [volume.series, volume.slices, volume.best_slice, "|".join(map(str, volume.suspicious))]
            if volume is not None
            else [None] * 4
        )
        found = [row.finding, row.finding_probability, "|".join(row.types or ())]
        answer = [row.verdict, row.label, *numbers, candidates, *found, row.novelty]
        values = [row.path, row.slice, *answer, row.error, *about]
        if self.identifiers:
            values += [getattr(row.identifiers, field.name, None) for field in fields(Identifiers)]
        return values


def format_csv(lines: Iterable[Sequence[Any]]) -> bytes:
    """Lines of a CSV file; text that a spreadsheet would run as a formula has an apostrophe in front.

    See `inference.batch.spreadsheet`.
    """
    text = io.StringIO()
    csv.writer(text).writerows([guard_cell(value) for value in line] for line in lines)
    return text.getvalue().encode(errors="surrogateescape")


def format_rows(rows: Iterable[Row], suffix: str, table: Table, *, top: int | None = None) -> bytes:
    """Rows as a file of this kind holds them; in JSON Lines, with ``top``, of more classes only so many."""
    if suffix == ".jsonl":
        lines = (json.dumps(row.to_dict(top=top), ensure_ascii=False) for row in rows)
        return "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")
    return format_csv(table.list_values(row) for row in rows)


def format_header(suffix: str, table: Table) -> bytes:
    """The first line of a CSV file; JSON Lines has none."""
    return b"" if suffix == ".jsonl" else format_csv([table.columns])
