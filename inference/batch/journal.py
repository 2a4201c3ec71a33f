"""What a run has done, in SQLite: on the disk after each item, so that the run can go on after any stop.

The table and the sidecar call a work item a case; both are file formats, which older runs have written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.errors import OutputError

if TYPE_CHECKING:
    from inference.answer.rows import Row

_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cases (
    key TEXT PRIMARY KEY, ends_at INTEGER NOT NULL, files INTEGER NOT NULL, slices INTEGER NOT NULL,
    volumes INTEGER NOT NULL, errors INTEGER NOT NULL, copies INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verdicts (key TEXT, verdict TEXT NOT NULL, label TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (digest BLOB PRIMARY KEY, rows TEXT NOT NULL) WITHOUT ROWID;
"""


def count_item(files: int, rows: Sequence[Row], *, is_copy: bool = False) -> dict[str, int]:
    """What an item adds to the figures of the sidecar."""
    return {
        "cases": 1,
        "files": files,
        "slices": sum(row.slice is not None for row in rows),
        "volumes": sum(row.volume is not None for row in rows),
        "errors": sum(row.is_failed for row in rows),
        "duplicates": int(is_copy),
    }


def list_verdicts(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """Verdict and label of each picture and volume, for the figures of the sidecar; what was left out has no label."""
    return [(row.verdict, row.label or "") for row in rows if row.slice is None and row.verdict]


class Journal:
    """What is done, in SQLite: it is on the disk after each item, and memory does not grow with a run.

    Parameters
    ----------
    path : pathlib.Path or None
        None for a run without an output, which cannot go on.

    Examples
    --------
    >>> from inference.answer.rows import Row
    >>> journal = Journal(None)
    >>> journal.mark_done("a.png", 120, 1, [Row(path="a.png", error="The file is empty.")], is_copy=False)
    >>> journal.is_done("a.png"), journal.is_done("b.png"), journal.count()["errors"]
    (True, False, 1)
    >>> journal.close()
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
        """The settings with which the run was begun."""
        return dict(self._connection.execute("SELECT name, value FROM run"))

    def begin(self, settings: Mapping[str, str]) -> None:
        """Keep the settings with which the run is begun."""
        self._connection.executemany("INSERT INTO run VALUES (?, ?)", settings.items())

    def forget_after(self, size_bytes: int) -> int:
        """Forget items whose rows the output has lost; returns the byte at which the rows of the others end."""
        self._connection.execute(
            "DELETE FROM verdicts WHERE key IN (SELECT key FROM cases WHERE ends_at > ?)", (size_bytes,)
        )
        self._connection.execute("DELETE FROM cases WHERE ends_at > ?", (size_bytes,))
        return int(self._connection.execute("SELECT COALESCE(MAX(ends_at), 0) FROM cases").fetchone()[0])

    def is_done(self, key: str) -> bool:
        """Whether an item is done."""
        return self._connection.execute("SELECT 1 FROM cases WHERE key = ?", (_text(key),)).fetchone() is not None

    def cached(self, digest: bytes) -> str | None:
        """The rows that were stored under the digest of a content, as JSON; None if there are none."""
        found = self._connection.execute("SELECT rows FROM answers WHERE digest = ?", (digest,)).fetchone()
        return None if found is None else str(found[0])

    def mark_done(self, key: str, ends_at: int, files: int, rows: Sequence[Row], *, is_copy: bool) -> None:
        """Note that an item is done, and at which byte of the output its rows end."""
        _, *counts = count_item(files, rows, is_copy=is_copy).values()
        with self._transaction():
            self._connection.execute("INSERT INTO cases VALUES (?, ?, ?, ?, ?, ?, ?)", (_text(key), ends_at, *counts))
            self._connection.executemany(
                "INSERT INTO verdicts VALUES (?, ?, ?)",
                [(_text(key), verdict, label) for verdict, label in list_verdicts(rows)],
            )

    def store(self, digest: bytes, rows: str) -> None:
        """Keep the answer of a content for its copies.

        Raises
        ------
        OutputError
            There is no room for it.
        """
        try:
            self._connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (digest, rows))
        except sqlite3.Error as error:
            raise cannot_write("The journal", error) from error

    def count(self) -> dict[str, Any]:
        """The figures of the sidecar."""
        sums = self._connection.execute(
            "SELECT COUNT(*), TOTAL(files), TOTAL(slices), TOTAL(volumes), TOTAL(errors), TOTAL(copies) FROM cases"
        ).fetchone()
        names = ("cases", "files", "slices", "volumes", "errors", "duplicates")
        by_verdict = self._connection.execute("SELECT verdict, COUNT(*) FROM verdicts GROUP BY verdict ORDER BY 1")
        (others,) = self._connection.execute(
            "SELECT COUNT(*) FROM cases WHERE slices + volumes + errors = 0 AND key NOT IN (SELECT key FROM verdicts)"
        ).fetchone()
        by_label = self._connection.execute(
            "SELECT label, COUNT(*) FROM verdicts WHERE verdict = 'confident' GROUP BY label ORDER BY 1"
        )
        counts: dict[str, Any] = dict(zip(names, map(int, sums), strict=True))
        return {**counts, "not_images": others, "verdicts": dict(by_verdict), "confident_labels": dict(by_label)}

    def _transaction(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN")
        return self._connection  # commits when the block ends, rolls back when it raises


def _text(key: str) -> str:
    """A path whose bytes are no UTF-8, as SQLite takes it."""
    return key.encode(errors="surrogateescape").decode("latin-1")


def cannot_write(name: str, error: OSError | sqlite3.Error) -> OutputError:
    """The error of an output or a journal that cannot be written, and how to go on."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if "locked" in reason:
        reason = "another run is writing it"
    return OutputError(
        f"{name} cannot be written: {reason}. Whatever was written is kept; once there is room, the same command with "
        "--resume does the rest."
    )
