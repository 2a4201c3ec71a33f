"""Where a run's rows go: a CSV or JSON Lines file, the journal that lets it go on after a stop, and the sidecar.

A case's rows are written first and entered in the journal after that, with the place where they end. Whatever stands
behind the last place that the journal knows was being written when the run was stopped, and is written again.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from inference.batch import Row
from inference.bundle import ModelBundle
from inference.errors import OutputError
from inference.images import Identifiers, ReadOptions
from inference.spreadsheet import guard_cell

SUFFIXES = (".csv", ".jsonl")
"""What an output's name may end in."""

_MARK = "gyrus"
"""The sidecar's ``program``; a JSON file without it is not written over."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cases (
    key TEXT PRIMARY KEY, ends_at INTEGER NOT NULL, files INTEGER NOT NULL, slices INTEGER NOT NULL,
    volumes INTEGER NOT NULL, errors INTEGER NOT NULL, copies INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verdicts (key TEXT, verdict TEXT NOT NULL, label TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (digest BLOB PRIMARY KEY, rows TEXT NOT NULL) WITHOUT ROWID;
"""


def output_paths(path: Path) -> tuple[Path, Path, Path]:
    """The output, its sidecar and its journal."""
    return path, path.with_suffix(".json"), path.with_name(f"{path.name}.state")


@dataclass(frozen=True, kw_only=True)
class Table:
    """How rows become lines of a table.

    Attributes
    ----------
    labels : sequence of str
        The model's; a column each.
    identifiers : bool
        Columns that say whose a DICOM file is.
    """

    labels: Sequence[str] = ()
    identifiers: bool = False

    @property
    def columns(self) -> list[str]:
        """The columns' names."""
        about = ("series", "slices", "best_slice", "suspicious")
        whose = [field.name for field in fields(Identifiers)] if self.identifiers else []
        return ["path", "slice", "verdict", "label", *self.labels, "candidates", "novelty", "error", *about, *whose]

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
        values = [row.path, row.slice, row.verdict, row.label, *numbers, candidates, row.novelty, row.error, *about]
        if self.identifiers:
            values += [getattr(row.identifiers, field.name, None) for field in fields(Identifiers)]
        return values


def format_csv(lines: Iterable[Sequence[Any]]) -> bytes:
    """Lines of a CSV file; text that a spreadsheet would run as a formula has an apostrophe in front.

    See `inference.spreadsheet`.
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


def describe_settings(bundle: ModelBundle, reading: ReadOptions) -> dict[str, str]:
    """What rows depend on, as journal and sidecar hold it."""
    return {
        "model": f"{bundle.name} {bundle.version}",
        "model_sha256": bundle.compute_sha256(),
        "plane": reading.plane,
        "window": reading.window,
        **({"identifiers": "included"} if reading.identifiers else {}),
    }


def count_case(files: int, rows: Sequence[Row], *, is_copy: bool = False) -> dict[str, int]:
    """What a case adds to the figures of the sidecar."""
    return {
        "cases": 1,
        "files": files,
        "slices": sum(row.slice is not None for row in rows),
        "volumes": sum(row.volume is not None for row in rows),
        "errors": sum(row.error is not None for row in rows),
        "duplicates": int(is_copy),
    }


def list_verdicts(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """Verdict and label of each picture and volume that was answered, for the figures of the sidecar."""
    return [(row.verdict, row.label) for row in rows if row.slice is None and row.verdict and row.label]


class Journal:
    """What is done, in SQLite: it is on the disk after each case, and memory does not grow with a run.

    Parameters
    ----------
    path : pathlib.Path or None
        None for a run without an output, which cannot go on.
    """

    def __init__(self, path: Path | None) -> None:
        self._connection = sqlite3.connect("" if path is None else path, isolation_level=None, timeout=1.0)
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # a second run with the same output is told
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Fold everything into one file."""
        self._connection.close()

    def settings(self) -> dict[str, str]:
        """What the run was begun with."""
        return dict(self._connection.execute("SELECT name, value FROM run"))

    def begin(self, settings: Mapping[str, str]) -> None:
        """Keep what the run is begun with."""
        self._connection.executemany("INSERT INTO run VALUES (?, ?)", settings.items())

    def forget_after(self, size_bytes: int) -> int:
        """Forget cases whose rows the output has lost; returns where the rows of the others end."""
        self._connection.execute(
            "DELETE FROM verdicts WHERE key IN (SELECT key FROM cases WHERE ends_at > ?)", (size_bytes,)
        )
        self._connection.execute("DELETE FROM cases WHERE ends_at > ?", (size_bytes,))
        return int(self._connection.execute("SELECT COALESCE(MAX(ends_at), 0) FROM cases").fetchone()[0])

    def has(self, key: str) -> bool:
        """Whether a case is done."""
        return self._connection.execute("SELECT 1 FROM cases WHERE key = ?", (_text(key),)).fetchone() is not None

    def answer(self, digest: bytes) -> str | None:
        """What was kept under the digest of a content."""
        found = self._connection.execute("SELECT rows FROM answers WHERE digest = ?", (digest,)).fetchone()
        return None if found is None else str(found[0])

    def enter(self, key: str, ends_at: int, files: int, rows: Sequence[Row], *, is_copy: bool) -> None:
        """Note that a case is done."""
        _, *counts = count_case(files, rows, is_copy=is_copy).values()
        with self._transaction():
            self._connection.execute("INSERT INTO cases VALUES (?, ?, ?, ?, ?, ?, ?)", (_text(key), ends_at, *counts))
            self._connection.executemany(
                "INSERT INTO verdicts VALUES (?, ?, ?)",
                [(_text(key), verdict, label) for verdict, label in list_verdicts(rows)],
            )

    def keep(self, digest: bytes, rows: str) -> None:
        """Keep the answer of a content for its copies.

        Raises
        ------
        OutputError
            There is no room for it.
        """
        try:
            self._connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (digest, rows))
        except sqlite3.Error as error:
            raise _cannot_write("The journal", error) from error

    def count(self) -> dict[str, Any]:
        """The figures of the sidecar."""
        sums = self._connection.execute(
            "SELECT COUNT(*), TOTAL(files), TOTAL(slices), TOTAL(volumes), TOTAL(errors), TOTAL(copies) FROM cases"
        ).fetchone()
        names = ("cases", "files", "slices", "volumes", "errors", "duplicates")
        by_verdict = self._connection.execute("SELECT verdict, COUNT(*) FROM verdicts GROUP BY verdict ORDER BY 1")
        by_label = self._connection.execute(
            "SELECT label, COUNT(*) FROM verdicts WHERE verdict = 'confident' GROUP BY label ORDER BY 1"
        )
        counts: dict[str, Any] = dict(zip(names, map(int, sums), strict=True))
        return {**counts, "verdicts": dict(by_verdict), "confident_labels": dict(by_label)}

    def _transaction(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN")
        return self._connection  # commits when the block ends, rolls back when it raises


def _text(key: str) -> str:
    """A path whose bytes are no UTF-8, as SQLite takes it."""
    return key.encode(errors="surrogateescape").decode("latin-1")


class Output:
    """A run's files, open.

    Parameters
    ----------
    path : pathlib.Path
        Ends in one of `SUFFIXES`.
    table : Table
    settings : Mapping of str to str
        What rows depend on: model, plane, window. A run goes on only with the same.
    resume : bool
        Go on with what is there.

    Raises
    ------
    OutputError
        The name ends in something else, the file exists and is not to be gone on with, or it cannot be written.
    """

    def __init__(self, path: Path, table: Table, settings: Mapping[str, str], *, resume: bool) -> None:
        self._table, self._suffix = table, path.suffix.lower()
        self.path, self._sidecar, journal_path = output_paths(path)
        if self._suffix not in SUFFIXES:
            raise OutputError(f"--out takes a file that ends in .csv or .jsonl; received {path}.")
        goes_on = _check_existing(path, self._sidecar, journal_path, resume=resume)
        with ExitStack() as opened:
            try:
                if not goes_on:
                    journal_path.unlink(missing_ok=True)
                    journal_path.with_name(f"{journal_path.name}-wal").unlink(missing_ok=True)
                self.journal = Journal(journal_path)
                opened.callback(self.journal.close)
                self._stream: BinaryIO = opened.enter_context(path.open("r+b" if goes_on else "wb", buffering=0))
                self._go_on(settings) if goes_on else self._begin(settings)
            except (OSError, sqlite3.Error) as error:
                raise self._word(error) from error
            opened.pop_all()  # all is well: they stay open

    def _begin(self, settings: Mapping[str, str]) -> None:
        self.journal.begin(settings)
        self._append(format_header(self._suffix, self._table))

    def _go_on(self, settings: Mapping[str, str]) -> None:
        begun = self.journal.settings()
        if begun != dict(settings):
            names = [*settings, *(begun.keys() - settings.keys())]
            named = ", ".join(name for name in names if begun.get(name) != settings.get(name))
            raise OutputError(f"{self.path} was begun with another {named}; --resume goes on only with the same.")
        size_bytes = self._stream.seek(0, os.SEEK_END)
        header = format_header(self._suffix, self._table)
        ends_at = self.journal.forget_after(size_bytes)
        self._stream.truncate(min(size_bytes, max(ends_at, len(header))))
        if self._stream.seek(0, os.SEEK_END) < len(header):
            self._stream.truncate(0)
            self._stream.seek(0)
            self._append(header)

    def write(self, key: str, files: int, rows: Sequence[Row], *, is_copy: bool = False) -> None:
        """Write a case's rows, then enter it in the journal.

        Raises
        ------
        OutputError
            The disk is full, or gone.
        """
        try:
            self._append(format_rows(rows, self._suffix, self._table))
            self.journal.enter(key, self._stream.tell(), files, rows, is_copy=is_copy)
        except (OSError, sqlite3.Error) as error:
            raise self._word(error) from error

    def _append(self, content: bytes) -> None:
        remaining = memoryview(content)
        while remaining:
            remaining = remaining[self._stream.write(remaining) :]

    def write_sidecar(self, document: Mapping[str, Any]) -> None:
        """Write what the run was and what it counted, all at once."""
        beside = self._sidecar.with_name(f"{self._sidecar.name}.part")
        text = json.dumps({"program": _MARK, **document, "counts": self.journal.count()}, indent=2, ensure_ascii=False)
        try:
            beside.write_text(f"{text}\n", encoding="utf-8")
            beside.replace(self._sidecar)
        except OSError as error:
            raise self._word(error) from error

    def close(self) -> None:
        """Close both files."""
        self._stream.close()
        self.journal.close()

    def _word(self, error: OSError | sqlite3.Error) -> OutputError:
        return _cannot_write(str(self.path), error)


def _cannot_write(name: str, error: OSError | sqlite3.Error) -> OutputError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if "locked" in reason:
        reason = "another run is writing it"
    return OutputError(
        f"{name} cannot be written: {reason}. Whatever was written is kept; once there is room, the same command with "
        "--resume does the rest."
    )


def _check_existing(path: Path, sidecar: Path, journal: Path, *, resume: bool) -> bool:
    """True if there is a run to go on with."""
    if sidecar.exists() and not _is_ours(sidecar):
        raise OutputError(f"{sidecar} exists and is no sidecar of Gyrus; choose another name for --out.")
    if not path.exists() or not path.stat().st_size:
        return False
    if not resume:
        raise OutputError(f"--out does not write over a file that exists; received {path}. --resume goes on with it.")
    if not journal.exists():
        raise OutputError(f"--resume needs {journal.name} beside {path}, which says what is done; it is not there.")
    return True


def _is_ours(sidecar: Path) -> bool:
    try:
        document = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("program") == _MARK
