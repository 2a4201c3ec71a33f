"""No CSV file of Gyrus is run by a spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from PIL import Image

from inference.__main__ import main
from inference.answer.rows import Row
from inference.batch.spreadsheet import guard_cell, unguard_text
from inference.batch.tables import Table, format_header, format_rows
from tests.tiny import striped, write_bundle

DANGEROUS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1")


@pytest.mark.parametrize("text", DANGEROUS)
def test_text_that_would_be_run_is_marked_and_read_back(text: str) -> None:
    assert guard_cell(text) == f"'{text}"
    assert unguard_text(f"'{text}") == text


@pytest.mark.parametrize("value", ["a=1", "", "'quoted'", "slice -1.png", -1, -0.5, None])
def test_all_else_stays(value: object) -> None:
    assert guard_cell(value) == value
    assert not isinstance(value, str) or unguard_text(value) == value


def test_every_column_of_text_and_the_header() -> None:
    row = Row(path="=path", verdict="confident", label="@label", probabilities={"@label": 1.0}, candidates=["@label"])
    failed = Row(path="p", error="+error")
    table = Table(labels=["@label"])
    text = (format_header(".csv", table) + format_rows([row, failed], ".csv", table)).decode()
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert {"'=path", "'@label", "'+error"} <= set(cells)
    assert b'"=path"' in format_rows([row], ".jsonl", table), "JSON Lines has it as it is"


def test_resume_goes_on_behind_guarded_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("=cmd|' !A0.png", "-2.png"):
        Image.fromarray(striped((9, 90, 200))).save(folder / name)
    arguments = ["=cmd|' !A0.png", "--model", str(bundle), "--out", "../rows.csv"]
    assert main(arguments) == 0
    assert main([arguments[0], "./-2.png", *arguments[1:], "--resume"]) == 0
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        assert [row["path"] for row in csv.DictReader(file)] == ["'=cmd|' !A0.png", "'-2.png"]
