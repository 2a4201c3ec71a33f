"""Shards are written whole, and a run goes on only with what it began."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from inference.answer.rows import Row, VolumeSummary
from inference.batch.cluster.shards import Shards
from inference.batch.tables import Table
from inference.errors import OutputError

pytest.importorskip("pyarrow", reason="pyarrow is not installed; pip install -r requirements-cluster.txt")

LABELS = ("Glioma", "None")
ROWS = [
    ("1-0", Row(path="a,b.png", verdict="confident", label="None", probabilities={"Glioma": 0.25, "None": 0.75})),
    ("1-1", Row(path="v.nii", slice=1, verdict="uncertain", label="Glioma", candidates=["Glioma", "None"])),
    (
        "1-2",
        Row(
            path="v.nii",
            verdict="uncertain",
            label="Glioma",
            volume=VolumeSummary(series="", slices=1, empty=0, best_slice=1, suspicious=[1, 3]),
        ),
    ),
    ("2-0", Row(path="x\udcff", error="No picture.")),
]
COUNTS = {
    "slices": 1,
    "volumes": 1,
    "errors": 1,
    "verdicts": {"confident": 1, "uncertain": 1},
    "confident_labels": {"None": 1},
}


def make(folder: Path) -> Shards:
    return Shards(str(folder), Table(labels=LABELS))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_is_written_is_counted_when_it_is_found_again(tmp_path: Path, suffix: str) -> None:
    shards = make(tmp_path / f"rows.{suffix}")
    shards.begin({"model": "a"}, resume=False)
    assert shards.count("part-1") is None
    assert shards.write("part-1", ROWS) == COUNTS
    assert shards.count("part-1") == COUNTS
    assert sorted(path.name for path in (tmp_path / f"rows.{suffix}").iterdir()) == ["_gyrus.json", f"part-1.{suffix}"]


def test_parquet_and_csv_hold_the_same(tmp_path: Path) -> None:
    from pyarrow import parquet

    for suffix in ("csv", "parquet"):
        shards = make(tmp_path / f"rows.{suffix}")
        shards.begin({}, resume=False)
        shards.write("p", ROWS[:3])
    with (tmp_path / "rows.csv" / "p.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    table = parquet.read_table(tmp_path / "rows.parquet" / "p.parquet").to_pylist()
    assert [{key: "" if value is None else str(value) for key, value in row.items()} for row in table] == lines
    assert [row["key"] for row in table] == ["1-0", "1-1", "1-2"]
    assert (table[0]["Glioma"], table[2]["suspicious"], table[1]["slice"]) == (0.25, "1|3", 1)


def test_a_folder_that_holds_something(tmp_path: Path) -> None:
    folder = tmp_path / "rows.csv"
    make(folder).begin({"model": "a", "plane": "axial"}, resume=False)
    with pytest.raises(OutputError, match=r"does not write into a folder that holds something.*--resume goes on"):
        make(folder).begin({"model": "a", "plane": "axial"}, resume=False)
    make(folder).begin({"model": "a", "plane": "axial"}, resume=True)
    with pytest.raises(OutputError, match="was begun with another identifiers, model;"):
        make(folder).begin({"model": "b", "plane": "axial", "identifiers": "included"}, resume=True)
    (folder / "_gyrus.json").write_text(json.dumps({"program": "another"}), encoding="utf-8")
    with pytest.raises(OutputError, match=r"holds no _gyrus.json of Gyrus"):
        make(folder).begin({"model": "a", "plane": "axial"}, resume=True)


def test_names_and_places_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"ends in .parquet or .csv; received .*rows.jsonl"):
        make(tmp_path / "rows.jsonl")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        make(tmp_path / "file" / "rows.csv").begin({}, resume=False)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = make(tmp_path / "rows.csv")
    shards.begin({}, resume=False)

    def write_bytes(path: Path, content: bytes) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(OutputError, match=r"No space left on device.*--resume does the rest"):
        shards.write("p", ROWS)
    assert [path.name for path in (tmp_path / "rows.csv").iterdir()] == ["_gyrus.json"]


def test_notes_are_removed_when_a_run_goes_on(tmp_path: Path) -> None:
    shards = make(tmp_path / "rows.csv")
    shards.begin({}, resume=False)
    for name in ("a", "b"):
        shards.write_note(name, {"at": None, "stopped": {}})
    assert shards.read_note("a") == {"at": None, "stopped": {}}
    shards.remove_notes("a")
    assert (shards.read_note("a"), shards.read_note("b") is None) == (None, False)
    shards.begin({}, resume=True)
    assert shards.read_note("b") is None
