"""Where a run's rows go: a CSV or JSON Lines file, the journal that lets it go on after a stop, and the sidecar.

An item's rows are written first. Then the item is entered in the journal, with the byte at which its rows end. What is
behind the last such byte was being written when the run was stopped, and is written again.
"""

from __future__ import annotations

import datetime
import json
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from inference import __version__
from inference.batch.journal import Journal, cannot_write
from inference.batch.tables import SUFFIXES, Table, format_header, format_rows
from inference.errors import OutputError

if TYPE_CHECKING:
    from inference.answer.rows import Row
    from inference.imaging.types import ReadOptions
    from inference.model.bundle import ModelBundle

_MARK = "gyrus"
"""The sidecar's ``program``; a JSON file without it is not written over."""


def output_paths(path: Path) -> tuple[Path, Path, Path]:
    """The output, its sidecar and its journal."""
    return path, path.with_suffix(".json"), path.with_name(f"{path.name}.state")


def describe_settings(bundle: ModelBundle, reading: ReadOptions) -> dict[str, str]:
    """What rows depend on, as journal and sidecar hold it."""
    return {
        "model": f"{bundle.name} {bundle.version}",
        "model_sha256": bundle.compute_sha256(),
        "plane": reading.plane,
        "window": reading.window,
        **({"identifiers": "included"} if reading.identifiers else {}),
    }


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

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from inference.answer.rows import Row
    >>> table = Table(labels=("Apple", "Pear"))
    >>> with TemporaryDirectory() as folder:
    ...     output = Output(Path(folder, "rows.csv"), table, {"model": "fruit 1"}, resume=False)
    ...     output.write("a.png", 1, [Row(path="a.png", error="The file is empty.")])
    ...     output.close()
    ...     print(Path(folder, "rows.csv").read_text(encoding="utf-8"))
    path,slice,verdict,label,Apple,Pear,candidates,finding,finding_probability,types,novelty,error,series,slices,best_slice,suspicious
    a.png,,,,,,,,,,,The file is empty.,,,,
    <BLANKLINE>
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
        """Write an item's rows, then enter it in the journal.

        Raises
        ------
        OutputError
            The disk is full, or gone.
        """
        try:
            self._append(format_rows(rows, self._suffix, self._table))
            self.journal.mark_done(key, self._stream.tell(), files, rows, is_copy=is_copy)
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
        return cannot_write(str(self.path), error)


class RunClock:
    """When a run began.

    Examples
    --------
    >>> told = RunClock().describe({"plane": "axial"}, complete=True)
    >>> told["complete"], told["settings"], told["started"] <= told["ended"]
    (True, {'plane': 'axial'}, True)
    """

    def __init__(self) -> None:
        self._started, self._began = time.monotonic(), datetime.datetime.now(datetime.UTC)

    def describe(self, settings: Mapping[str, Any], *, complete: bool) -> dict[str, Any]:
        """What a sidecar says beside its counts."""
        return {
            "version": __version__,
            "complete": complete,
            "settings": settings,
            "started": self._began.isoformat(timespec="seconds"),
            "ended": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "duration_s": round(time.monotonic() - self._started, 3),
        }


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
