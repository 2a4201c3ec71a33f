"""The output of a run on a cluster: a folder of shards, Parquet or CSV, here or elsewhere, and its sidecar.

A shard is written whole or not at all, and is named by the work whose rows it holds. So whoever does the same work
again, after a worker was lost or with ``--resume``, writes the same shard and no row twice.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.answer.rows import LEFT_OUT
from inference.batch.tables import Table, format_csv
from inference.errors import OutputError
from inference.imaging.storage import connect, is_remote

if TYPE_CHECKING:
    from inference.answer.rows import Row

SHARD_SUFFIXES = (".parquet", ".csv")
"""What the folder's name may end in; shards end in it too."""

_SIDECAR = "_gyrus.json"
"""Names that begin with an underscore are passed over by whatever reads a folder of Parquet files."""

_MARK = "gyrus"

_INTEGERS = ("slice", "slices", "best_slice")


class Shards:
    """A folder of shards. May be sent to another process.

    Parameters
    ----------
    folder : str
        Path or address; ends in one of `SHARD_SUFFIXES`.
    table : Table

    Raises
    ------
    OutputError
        The name ends in something else.

    Examples
    --------
    >>> from inference.batch.tables import Table
    >>> Shards("s3://bucket/answers.parquet", Table(labels=("Apple", "Pear"))).folder
    's3://bucket/answers.parquet'
    >>> Shards("answers.txt", Table())
    Traceback (most recent call last):
    inference.errors.OutputError: With --cluster, --out takes a folder whose name ends in .parquet or .csv; ...
    """

    def __init__(self, folder: str, table: Table) -> None:
        self._suffix = Path(folder.rstrip("/")).suffix.lower()
        if self._suffix not in SHARD_SUFFIXES:
            raise OutputError(
                f"With --cluster, --out takes a folder whose name ends in .parquet or .csv; received {folder}."
            )
        self.folder = folder if is_remote(folder) else str(Path(folder).resolve())
        self._table = table

    def begin(self, settings: Mapping[str, str], *, resume: bool) -> None:
        """Make the folder, or see that a run can go on with it.

        Raises
        ------
        OutputError
            It is not empty, and is not to be gone on with or was begun with other settings; or it cannot be written.
        """
        try:
            filesystem, path = connect(self.folder)
            held = filesystem.exists(path) and bool(filesystem.ls(path, detail=False))
            if not held:
                filesystem.makedirs(path, exist_ok=True)
                self.write_sidecar({"complete": False, "settings": dict(settings)})
                return
            if not resume:
                raise OutputError(
                    f"--out does not write into a folder that holds something; received {self.folder}. "
                    "--resume goes on with it."
                )
            begun = self._read_sidecar()
        except OutputError:
            raise
        except Exception as error:
            raise self._word(error) from error
        names = sorted(begun.keys() | settings.keys())
        other = ", ".join(name for name in names if begun.get(name) != settings.get(name))
        if other:
            raise OutputError(f"{self.folder} was begun with another {other}; --resume goes on only with the same.")
        self.remove_notes()

    def _read_sidecar(self) -> dict[str, str]:
        try:
            document = json.loads(self._read(_SIDECAR) or b"")
            if document["program"] == _MARK:
                return dict(document["settings"])
        except (ValueError, KeyError, TypeError):
            pass
        raise OutputError(f"--resume goes on with what it began; {self.folder} holds no {_SIDECAR} of Gyrus.")

    def write_sidecar(self, document: Mapping[str, Any]) -> None:
        """Write what the run was and what it counted."""
        text = json.dumps({"program": _MARK, **document}, indent=2, ensure_ascii=False)
        self._write(_SIDECAR, f"{text}\n".encode())

    def write(self, name: str, rows: Sequence[tuple[str, Row]]) -> dict[str, Any]:
        """Write a shard.

        Parameters
        ----------
        name : str
            Without the suffix.
        rows : sequence of (str, Row)
            Each row with its key: sorted by it, the rows of all shards stand in the order of a run on one machine.

        Returns
        -------
        dict
            As `count` returns.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        columns = ["key", *self._table.columns]
        lines = [[key, *self._table.list_values(row)] for key, row in rows]
        content = (
            format_csv([columns, *lines])
            if self._suffix == ".csv"
            else _format_parquet(columns, lines, self._table.labels)
        )
        self._write(name + self._suffix, content)
        return _count([dict(zip(columns, line, strict=True)) for line in lines])

    def count(self, name: str) -> dict[str, Any] | None:
        """Count a shard's slices, volumes, errors, verdicts and confident labels; None if there is no such shard."""
        content = self._read(name + self._suffix)
        if content is None:
            return None
        if self._suffix == ".csv":
            text = io.StringIO(content.decode(errors="surrogateescape"), newline="")
            return _count([{key: value or None for key, value in row.items()} for row in csv.DictReader(text)])
        from pyarrow import parquet

        return _count(parquet.read_table(io.BytesIO(content)).to_pylist())

    def read_note(self, name: str) -> dict[str, Any] | None:
        """The note that an earlier try left with `write_note`; None if there is none."""
        try:
            return dict(json.loads(self._read(_note(name)) or b""))
        except ValueError:
            return None

    def write_note(self, name: str, note: Mapping[str, Any]) -> None:
        """Note how far the work on a shard is, in case its process dies."""
        self._write(_note(name), json.dumps(note).encode())

    def remove_notes(self, name: str = "") -> None:
        """Remove a shard's note, or all."""
        filesystem, path = connect(self.folder)
        try:
            names = [_note(name)] if name else [one.rpartition("/")[2] for one in filesystem.ls(path, detail=False)]
            for one in names:
                if one.endswith(_note("")[1:]):
                    filesystem.rm_file(f"{path}/{one}")
        except FileNotFoundError:
            pass
        except Exception as error:
            raise self._word(error) from error

    def _read(self, name: str) -> bytes | None:
        filesystem, path = connect(self.folder)
        try:
            return bytes(filesystem.cat_file(f"{path}/{name}"))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._word(error) from error

    def _write(self, name: str, content: bytes) -> None:
        """All at once: by a new name on a disk, and as one object in a store."""
        filesystem, path = connect(self.folder)
        try:
            if is_remote(self.folder) and not self.folder.startswith(("file://", "local://")):
                filesystem.pipe_file(f"{path}/{name}", content)
                return
            beside = Path(path, f".{name}.{os.getpid()}")
            try:
                beside.write_bytes(content)
                beside.replace(Path(path, name))
            finally:
                beside.unlink(missing_ok=True)
        except Exception as error:
            raise self._word(error) from error

    def _word(self, error: Exception) -> OutputError:
        reason = str(getattr(error, "strerror", None) or type(error).__name__)
        return OutputError(
            f"{self.folder} cannot be written: {reason}. Whatever was written is kept; the same command with --resume "
            "does the rest."
        )


def _note(name: str) -> str:
    return f"_{name}.begun"


def _format_parquet(columns: Sequence[str], lines: Sequence[Sequence[Any]], labels: Sequence[str]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    def kind(name: str) -> Any:
        if name in _INTEGERS:
            return pyarrow.int32()
        return pyarrow.float64() if name in labels or name == "novelty" else pyarrow.string()

    def clean(value: Any) -> Any:  # a path whose bytes are no UTF-8; Parquet's text must be
        return value.encode(errors="surrogateescape").decode(errors="replace") if isinstance(value, str) else value

    schema = pyarrow.schema([(name, kind(name)) for name in columns])
    values = [[clean(line[column]) for line in lines] for column in range(len(columns))]
    content = io.BytesIO()
    parquet.write_table(pyarrow.table(dict(zip(columns, values, strict=True)), schema=schema), content)
    return content.getvalue()


def _count(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    whole = [row for row in rows if row["slice"] is None and row["verdict"] is not None]
    return {
        "slices": sum(row["slice"] is not None for row in rows),
        "volumes": sum(row["slices"] is not None for row in rows),
        "errors": sum(row["error"] is not None and row["verdict"] != LEFT_OUT for row in rows),
        "verdicts": Counter(str(row["verdict"]) for row in whole),
        "confident_labels": Counter(str(row["label"]) for row in whole if row["verdict"] == "confident"),
    }
