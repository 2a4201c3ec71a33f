"""On Ray, the same rows; what dies is replaced, and what is there is kept."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.__main__ import main
from inference.batch.cluster import run as cluster
from inference.batch.cluster import units as division
from inference.batch.cluster.shards import Shards
from inference.batch.tables import Table
from inference.errors import OutputError
from inference.imaging.find import find_folders, find_items
from inference.imaging.types import ReadOptions
from inference.model.bundle import load_bundle
from tests.clinical import NAME, box_volume, encode_dicom, encode_nifti, encode_zip, write_series
from tests.tiny import LABELS, striped, write_bundle

for _package in ("ray", "pyarrow", "fsspec"):
    pytest.importorskip(_package, reason=f"{_package} is not installed; pip install 'gyrus[cluster]'")


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A Ray of two cores, which the command finds connected and leaves so."""
    from inference.errors import EngineError

    try:
        with cluster._ray("local", 2) as running:
            yield running
    except EngineError as error:
        pytest.skip(f"this machine is too busy for Ray's own time limits: {error}")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", background="No Tumor", modalities=["MR"])


def fill(folder: Path, count: int = 30) -> Path:
    """A little of everything."""
    rng = np.random.default_rng(0)
    (folder / "a").mkdir(parents=True)
    for number in range(count):
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(folder / "a" / f"{number:05}.png")
    (folder / "a" / "broken.png").write_bytes(b"no picture")
    write_series(folder / "b" / "series", 6, AccessionNumber="A-77")
    (folder / "b" / "v.nii").write_bytes(encode_nifti(box_volume()))
    (folder / "c.zip").write_bytes(encode_zip({"v.nii": encode_nifti(box_volume()), "x.dcm": encode_dicom()}))
    Image.fromarray(striped((9, 9, 9))).save(folder / "last.png")
    return folder


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_parts(folder: Path) -> list[dict[str, Any]]:
    """All rows in the order of their keys, which are left out."""
    if folder.suffix == ".csv":
        rows: list[dict[str, Any]] = [row for part in folder.glob("part-*.csv") for row in read_csv(part)]
    else:
        from pyarrow import parquet

        table = parquet.read_table(folder)
        rows = [{key: "" if value is None else str(value) for key, value in row.items()} for row in table.to_pylist()]
    rows.sort(key=lambda row: str(row["key"]))
    assert len({row["key"] for row in rows}) == len(rows)
    return [{name: value for name, value in row.items() if name != "key"} for row in rows]


def assert_same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Equal, probabilities up to what the size of a batch changes."""
    numbers = {*LABELS, "novelty"}
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert {k: v for k, v in one.items() if k not in numbers} == {
            k: v for k, v in other.items() if k not in numbers
        }
        for name in numbers:
            assert float(one[name] or -1) == pytest.approx(float(other[name] or -1), abs=1e-5)


class TestRun:
    @pytest.mark.usefixtures("ray")
    def test_the_same_rows_as_on_one_machine(
        self,
        bundle: Path,
        tmp_path: Path,
        capfd: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        fill(tmp_path / "scans")
        monkeypatch.chdir(tmp_path)  # what is given may be relative
        assert run("scans", "--model", bundle, "--out", "here.csv") == 1
        capfd.readouterr()
        assert run("scans", "--model", bundle, "--cluster", "local", "--out", "there.parquet") == 1
        captured = capfd.readouterr()
        assert_same(read_parts(tmp_path / "there.parquet"), read_csv(tmp_path / "here.csv"))
        assert captured.out == ""
        assert "40/40" in captured.err
        assert not [line for line in captured.err.splitlines() if "files" not in line and line.strip()]
        sidecar = json.loads((tmp_path / "there.parquet" / "_gyrus.json").read_text(encoding="utf-8"))
        counts = json.loads((tmp_path / "here.json").read_text(encoding="utf-8"))["counts"]
        assert sidecar["complete"] is True
        assert sidecar["counts"] == {name: counts[name] for name in sidecar["counts"]}
        assert sidecar["counts"]["errors"] == 1
        names = b"".join(path.read_bytes() for path in (tmp_path / "there.parquet").iterdir())
        assert NAME.encode() not in names
        assert b"A-77" not in names

    @pytest.mark.usefixtures("ray")
    def test_a_worker_is_killed(self, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fill(tmp_path / "scans", 300)
        assert run(tmp_path / "scans", "--model", bundle, "--out", tmp_path / "here.csv") == 1
        out, killed = tmp_path / "there.csv", []

        def kill() -> None:
            deadline = time.monotonic() + 120
            while not killed and time.monotonic() < deadline:
                if list(out.glob("_*.begun")):
                    for process in _find_actors():
                        os.kill(process, signal.SIGKILL)
                        killed.append(process)
                time.sleep(0.005)

        killer = threading.Thread(target=kill)
        killer.start()
        assert run(tmp_path / "scans", "--model", bundle, "--cluster", "local", "--workers", 1, "--out", out) == 1
        killer.join()
        assert killed
        assert_same(read_parts(out), read_csv(tmp_path / "here.csv"))
        assert not list(out.glob("_*.begun"))

    @pytest.mark.usefixtures("ray")
    def test_it_goes_on_with_what_is_missing(
        self, bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(tmp_path / "scans", 280)
        out, arguments = tmp_path / "rows.csv", [tmp_path / "scans", "--model", bundle, "--cluster", "local"]
        assert run(*arguments, "--out", out, "--include-identifiers") == 1
        whole = read_parts(out)
        assert {row["accession_number"] for row in whole} == {"", "A-77"}
        shards = sorted(out.glob("part-*"))
        kept = shards[0].stat().st_mtime_ns
        counts = json.loads((out / "_gyrus.json").read_text(encoding="utf-8"))["counts"]
        shards[1].unlink()
        with pytest.raises(SystemExit):
            run(*arguments, "--out", out, "--include-identifiers")
        assert "does not write into a folder that holds something" in capfd.readouterr().err
        assert run(*arguments, "--out", out, "--include-identifiers", "--resume") == 1
        assert read_parts(out) == whole
        assert shards[0].stat().st_mtime_ns == kept
        assert json.loads((out / "_gyrus.json").read_text(encoding="utf-8"))["counts"] == counts
        (tmp_path / "scans" / "new.png").write_bytes(b"x")
        with pytest.raises(SystemExit):
            run(*arguments, "--out", out, "--include-identifiers", "--resume")
        assert "was begun with another files_sha256" in capfd.readouterr().err

    @pytest.mark.usefixtures("ray")
    def test_an_actor_that_cannot_write(self, bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        fill(tmp_path / "scans", 3)
        shards = Shards(str(tmp_path / "rows.csv"), Table(labels=LABELS))  # a folder that was not made
        listing = division.list_inputs([str(tmp_path / "scans")], "rows.csv")
        with pytest.raises(OutputError, match="cannot be written: No such file or directory"):
            list(cluster.run_on_cluster("local", listing, load_bundle(bundle), ReadOptions(), shards, workers=1))


def _find_actors() -> list[int]:
    """The actors among what this process started."""
    found, parents = [], {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
            parents[int(folder.name)] = int((folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue
        if b"_Answerer" in line:
            found.append(int(folder.name))

    def is_ours(process: int) -> bool:
        while process > 1 and process != os.getpid():
            process = parents.get(process, 0)
        return process == os.getpid()

    return [process for process in found if is_ours(process)]


class TestUnits:
    def test_keys_sort_as_a_run_goes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(division, "UNIT_FILES", 7)
        folder = fill(tmp_path / "scans")
        units = list(division.build_units(enumerate(find_folders([folder]))))
        assert len(units) > 3
        placed = sorted(pair for unit in units for pair in unit)
        assert [case.path for _, case in placed] == [case.path for case in find_items([folder])]

    def test_names_alone_decide_the_listing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(division, "_FOLDER_FILES", 8)
        folder = fill(tmp_path / "scans")
        listing = division.list_inputs([str(folder), str(folder)], str(folder / "rows.csv"))
        assert listing.files == 40
        assert len(listing.tasks) > 1
        (folder / "rows.csv").mkdir()
        (folder / "rows.csv" / "part-1.csv").write_bytes(b"")
        assert division.list_inputs([str(folder)], str(folder / "rows.csv")) == listing
        (folder / "z.png").write_bytes(b"")
        assert division.list_inputs([str(folder)], "rows.csv").sha256 != listing.sha256


class TestDeadlyContent:
    def test_a_case_of_which_processes_die_is_a_row(self, bundle: Path, tmp_path: Path) -> None:
        folder = fill(tmp_path / "scans", 5)
        shards = Shards(str(tmp_path / "rows.csv"), Table(labels=LABELS))
        shards.begin({}, resume=False)
        loaded = load_bundle(bundle)
        answerer = cluster._Answerer(loaded, cluster._read_files(loaded), ReadOptions(), shards, str(Path.cwd()))
        (unit,) = division.build_units(enumerate(find_folders([folder / "a"])))
        shards.write_note("part-1", {"at": 2, "stopped": {"2": 1, "3": 1}})  # two died of 2, one of 3
        batch = {"name": np.array(["part-1"]), "items": np.array([division.Work(unit)], object)}
        progress = json.loads(answerer(batch)["progress"][0])
        assert (progress["files"], progress["counts"]["errors"]) == (6, 2)
        rows = read_parts(tmp_path / "rows.csv")
        assert [row["path"] for row in rows if "was stopped" in row["error"]] == [str(folder / "a" / "00002.png")]
        assert shards.read_note("part-1") is None


class TestCall:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--cluster", "local"], "--cluster writes a folder of parts: name it with --out"),
            (["--cluster", "local", "--out", "rows.jsonl"], "ends in .parquet or .csv"),
            (["s3://bucket/a.png"], "an address is read with --cluster only"),
        ],
    )
    def test_a_wrong_call_is_2(
        self, bundle: Path, arguments: list[str], sentence: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as stop:
            run("x.png", *arguments, "--model", bundle)
        assert stop.value.code == 2
        assert sentence in capfd.readouterr().err

    def test_a_password_and_a_missing_package(
        self, bundle: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert run("ftp://a:secret@b/c", "--cluster", "local", "--out", "rows.csv", "--model", bundle) == 2
        assert "secret" not in capfd.readouterr().err
        monkeypatch.setattr(cluster, "find_spec", lambda name: None if name == "ray" else True)
        assert run("x.png", "--cluster", "local", "--out", "rows.csv", "--model", bundle) == 2
        assert "needs ray, which is not installed here: pip install 'gyrus[cluster]'" in capfd.readouterr().err

    def test_without_it_nothing_of_it_is_imported(self, bundle: Path, tmp_path: Path) -> None:
        Image.fromarray(striped((0, 0, 250))).save(tmp_path / "a.png")
        program = (
            "import sys\n"
            "from inference.__main__ import main\n"
            f"assert main([{str(tmp_path / 'a.png')!r}, '--model', {str(bundle)!r}]) == 0\n"
            "assert not {'ray', 'pyarrow', 'fsspec'} & set(sys.modules)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
