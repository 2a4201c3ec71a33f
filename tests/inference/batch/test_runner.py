"""Folders of thousands: every file once, in order, whatever stops the run."""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.__main__ import main
from inference.answer.rows import Row
from inference.batch.journal import Journal
from inference.batch.outcomes import Outcome, classify_items
from inference.batch.output import Output
from inference.batch.runner import pack, run_items, unpack
from inference.batch.tables import Table
from inference.batch.workers import OwnProcess, Workers
from inference.errors import OutputError
from inference.imaging.find import WorkItem, count_files, find_items
from inference.imaging.types import ReadOptions
from tests.clinical import NAME, box_volume, build_dicom, encode_dicom, encode_nifti, encode_zip, write_series
from tests.tiny import LABELS, striped, write_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", background="No Tumor", modalities=["MR"])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A little of everything, some of it twice."""
    folder = tmp_path / "archive"
    for study in ("a", "b"):
        (folder / study).mkdir(parents=True)
        for number in range(20):
            color = (number * 12, 250 - number * 9, 40 if study == "a" else 90)
            Image.fromarray(striped(color)).save(folder / study / f"{number:02}.png")
        Image.fromarray(striped((9, 9, 9))).save(folder / study / "same.png")
    write_series(folder / "b" / "series", 6)
    write_series(folder / "c" / "copy", 6, SeriesDescription="t1", names=[f"Z{9 - number}" for number in range(6)])
    (folder / "c" / "v.nii").write_bytes(encode_nifti(box_volume()))
    (folder / "c" / "broken.nii").write_bytes(encode_nifti(box_volume())[:-9])
    (folder / "c" / "ct.dcm").write_bytes(encode_dicom(build_dicom(Modality="CT", SeriesInstanceUID="9.9")))
    (folder / "d.zip").write_bytes(encode_zip({"v.nii": encode_nifti(box_volume()), "t.txt": b"text"}))
    return folder


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def places(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["path"], row["slice"]) for row in rows]


class TestVolumes:
    def test_a_line_a_slice_and_a_last_line(
        self, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "v.nii"
        path.write_bytes(encode_nifti(box_volume()))
        assert run(path, "--model", bundle) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [row["slice"] for row in rows] == [1, 2, 3, 4, 5, 6, None]
        assert {row["path"] for row in rows} == {str(path)}
        assert all("volume" not in row for row in rows[:-1])
        assert rows[-1]["volume"]["slices"] == 6
        assert sum(rows[-1]["probabilities"].values()) == pytest.approx(1)

    def test_planes(self, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "v.nii"
        path.write_bytes(encode_nifti(box_volume((40, 48, 36))))
        assert run(path, "--model", bundle, "--plane", "coronal") == 0
        assert len(capsys.readouterr().out.splitlines()) == 49

    def test_a_folder_of_two_series(self, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = tmp_path / "study"
        write_series(folder, 3, SeriesInstanceUID="1.2.9", SeriesNumber=2, SeriesDescription="FLAIR")
        first = write_series(folder, 4, names="wxyz", SeriesNumber=1)
        assert run(folder, "--model", bundle) == 0
        captured = capsys.readouterr()
        rows = [json.loads(line) for line in captured.out.splitlines()]
        assert [row["slice"] for row in rows] == [1, 2, 3, 4, None, 1, 2, 3, None]
        assert [row["path"] for row in rows[:5]] == [*map(str, first), str(folder)]
        assert rows[4]["volume"]["series"] == "series 1 of 2, T1, 4 slices"
        assert rows[8]["volume"]["series"] == "series 2 of 2, FLAIR, 3 slices"
        for secret in (NAME, "Mustermann", "4711", "20200229", "1.2.9"):
            assert secret not in captured.out + captured.err

    def test_ct_is_refused_by_name_and_costs_only_itself(
        self, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "a.dcm").write_bytes(encode_dicom(build_dicom(Modality="CT")))
        us = build_dicom(np.zeros((40, 40, 3), np.uint8), Modality="US", Rows=40, Columns=40)
        us.SamplesPerPixel, us.PhotometricInterpretation, us.PlanarConfiguration = 3, "RGB", 0
        del us.NumberOfFrames
        (tmp_path / "b.dcm").write_bytes(encode_dicom(us))
        Image.fromarray(striped((0, 0, 250))).save(tmp_path / "c.png")
        assert run(tmp_path / "a.dcm", tmp_path / "b.dcm", tmp_path / "c.png", "--model", bundle) == 1
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert "received CT (computed tomography)" in rows[0]["error"]
        assert "received US (ultrasound)" in rows[1]["error"]
        assert rows[2]["error"] is None


class TestOrder:
    def test_the_same_rows_with_any_number_of_workers(self, bundle: Path, archive: Path, tmp_path: Path) -> None:
        assert run(archive, "--model", bundle, "--out", tmp_path / "one.csv") == 1
        assert run(archive, "--model", bundle, "--out", tmp_path / "two.csv", "--workers", 2) == 1
        assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
        rows = read_rows(tmp_path / "one.csv")
        assert len(rows) == 42 + 7 + 7 + 7 + 1 + 1 + 7 + 1
        assert [row["error"] != "" for row in rows].count(True) == 3
        sidecar = json.loads((tmp_path / "two.json").read_text(encoding="utf-8"))
        assert sidecar["complete"] is True
        assert sidecar["settings"]["model"] == "tiny 9.9"
        assert len(sidecar["settings"]["model_sha256"]) == 64
        counts = sidecar["counts"]
        assert counts["files"] == count_files([archive]) == 42 + 12 + 4
        assert (counts["volumes"], counts["slices"], counts["errors"]) == (4, 24, 2)
        assert counts["duplicates"] == 1
        assert sum(counts["verdicts"].values()) == 42 + 4 + 1
        assert counts["verdicts"]["left_out"] == 1, "a text in an archive"

    def test_own_output_is_not_read(self, bundle: Path, archive: Path) -> None:
        assert run(archive, "--model", bundle, "--out", archive / "rows.csv") == 1
        before = (archive / "rows.csv").read_bytes()
        assert "rows" not in {Path(row["path"]).stem for row in read_rows(archive / "rows.csv")}
        assert run(archive, "--model", bundle, "--out", archive / "rows.csv", "--resume") == 1
        assert (archive / "rows.csv").read_bytes() == before


class _Counting:
    """Counts what is really classified."""

    workers = 1

    def __init__(self, pool: OwnProcess) -> None:
        self._pool, self.paths = pool, []  # type: ignore[var-annotated]

    def submit(self, cases: Any) -> Any:
        return self._pool.submit(cases)

    def collect(self, future: Any, cases: Any) -> list[Outcome]:
        self.paths += [case.path for case in cases]
        return self._pool.collect(future, cases)

    def close(self) -> None:
        pass


class TestDuplicates:
    def test_each_content_is_classified_once(self, bundle: Path, archive: Path) -> None:
        from inference.answer.classifier import Classifier

        content = (archive / "a" / "00.png").read_bytes()
        for number in range(50):
            (archive / "b" / f"copy{number}.png").write_bytes(content)
        pool = _Counting(OwnProcess(Classifier.load(bundle), ReadOptions()))
        done = [one for one in run_items(find_items([archive]), pool, Journal(None)) if one is not None]
        assert next(one.item.path for one in done if one.item.path.endswith("00.png")) in pool.paths
        assert not [path for path in pool.paths if "copy" in Path(path).name and path.endswith(".png")]
        first = next(one for one in done if one.item.path.endswith("a/00.png"))
        copies = [one for one in done if "copy" in Path(one.item.path).name and one.item.path.endswith(".png")]
        assert len(copies) == 50
        for one in copies:
            assert one.is_copy
            assert one.outcome.rows[0].path == one.item.path
            assert one.outcome.rows[0].probabilities == first.outcome.rows[0].probabilities

    def test_the_copy_of_a_series_has_its_own_names(self) -> None:
        there = WorkItem(path="x", files=("x/1", "x/2"), series="series 1 of 1, 2 slices")
        here = WorkItem(path="y", files=("y/8", "y/7"), series="series 3 of 4, 2 slices")
        rows = [Row(path="x/1", slice=1), Row(path="x/2", slice=2, error="no"), Row(path="x")]
        moved = unpack(here, pack(there, Outcome(rows=rows, notes=[("x", "A note.")])))
        assert [(row.path, row.slice, row.error) for row in moved.rows] == [
            ("y/8", 1, None),
            ("y/7", 2, "no"),
            ("y", None, None),
        ]
        assert moved.notes == [("y", "A note.")]

    def test_a_failure_of_the_program_is_not_copied(self, archive: Path) -> None:
        class Broken:
            bundle = None

            def predict_many(self, *_: Any, **__: Any) -> Any:
                raise RuntimeError("secret")

        case = WorkItem(path=str(archive / "a" / "00.png"), files=(str(archive / "a" / "00.png"),))
        from tests.fakes import make_bundle

        broken = Broken()
        broken.bundle = make_bundle()  # type: ignore[assignment]
        (outcome,) = classify_items(broken, [case])  # type: ignore[arg-type]
        assert not outcome.final
        assert "Something went wrong (id " in str(outcome.rows[0].error)
        assert "secret" not in str(outcome.rows[0].error)


def start(archive: Path, bundle: Path, out: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "inference", str(archive), "--model", str(bundle), "--out", str(out), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Where tests run in the background, Ctrl-C is ignored, and programs that they start would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def many(folder: Path, count: int) -> Path:
    """A folder of pictures that are all different, and a volume after every hundredth."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        Image.fromarray(rng.integers(0, 255, (160, 160, 3), dtype=np.uint8)).save(
            folder / f"{number:05}.png", compress_level=0
        )
        if number % 100 == 50:
            (folder / f"{number:05}.nii").write_bytes(encode_nifti(rng.integers(0, 900, (40, 48, 9)).astype(np.int16)))
    return folder


class TestResume:
    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_killed_again_and_again_every_row_is_there_once(self, bundle: Path, tmp_path: Path, workers: str) -> None:
        folder, out = many(tmp_path / "many", 600), tmp_path / "rows.csv"
        assert run(folder, "--model", bundle, "--out", tmp_path / "whole.csv") == 0
        draw, kills = random.Random(int(workers)), 0
        for _ in range(60):
            size = out.stat().st_size if out.exists() else 0
            process = start(folder, bundle, out, "--resume", "--workers", workers)
            more = size + draw.randint(15_000, 40_000)
            while process.poll() is None and not (out.exists() and out.stat().st_size > more):
                time.sleep(0.002)
            if process.poll() is not None:
                break
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
        assert process.returncode == 0
        assert kills >= 3
        assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
        assert json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))["counts"]["files"] == 606

    def test_workers_end_with_the_one_who_was_killed(self, bundle: Path, tmp_path: Path) -> None:
        folder, out = many(tmp_path / "many", 600), tmp_path / "rows.csv"
        process = start(folder, bundle, out, "--workers", "2")
        while process.poll() is None and not (out.exists() and out.stat().st_size > 2_000):
            time.sleep(0.01)
        assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 20
        while _session_is_alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not _session_is_alive(process.pid)

    def test_a_row_that_was_half_written_is_written_again(self, bundle: Path, archive: Path, tmp_path: Path) -> None:
        out = tmp_path / "rows.csv"
        assert run(archive, "--model", bundle, "--out", out) == 1
        whole = out.read_bytes()
        with out.open("ab") as stream:
            stream.write(b"a/half,row")
        assert run(archive, "--model", bundle, "--out", out, "--resume") == 1
        assert out.read_bytes() == whole
        out.write_bytes(whole[: len(whole) // 2])  # the machine went down, and the disk lost the end
        assert run(archive, "--model", bundle, "--out", out, "--resume") == 1
        assert out.read_bytes() == whole

    @pytest.mark.usefixtures("interruptible")
    def test_ctrl_c(self, bundle: Path, tmp_path: Path) -> None:
        folder = many(tmp_path / "many", 600)
        for attempt in range(5):  # on a busy machine a run may end before it is interrupted
            out = tmp_path / f"rows{attempt}.jsonl"
            process = start(folder, bundle, out, "--workers", "2")
            while process.poll() is None and not (out.exists() and out.stat().st_size > 2_000):
                time.sleep(0.005)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            status = process.wait(timeout=60)
            if status:
                break
        assert status == 130
        assert json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))["complete"] is False
        assert run(folder, "--model", bundle, "--out", out, "--resume") == 0
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        assert len(rows) == len(set(places(rows))) == 600 + 6 * 10

    def test_another_model_or_plane_is_refused(
        self, bundle: Path, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "rows.csv"
        assert run(archive / "a", "--model", bundle, "--out", out) == 0
        with pytest.raises(SystemExit):
            run(archive, "--model", bundle, "--out", out, "--resume", "--plane", "coronal")
        assert "begun with another plane" in capsys.readouterr().err
        write_bundle(bundle, version="10")
        with pytest.raises(SystemExit):
            run(archive, "--model", bundle, "--out", out, "--resume")
        assert "begun with another model" in capsys.readouterr().err

    def test_two_runs_do_not_write_one_file(self, tmp_path: Path) -> None:
        first = Output(tmp_path / "rows.csv", Table(labels=LABELS), {}, resume=False)
        with pytest.raises(OutputError, match="another run is writing it"):
            Output(tmp_path / "rows.csv", Table(labels=LABELS), {}, resume=True)
        first.close()
        Output(tmp_path / "rows.csv", Table(labels=LABELS), {}, resume=True).close()

    def test_resume_needs_a_journal_and_a_name(self, bundle: Path, archive: Path, tmp_path: Path) -> None:
        (tmp_path / "rows.csv").write_text("precious", encoding="utf-8")
        for arguments in (["--out", tmp_path / "rows.csv", "--resume"], ["--resume"]):
            with pytest.raises(SystemExit) as stop:
                run(archive, "--model", bundle, *arguments)
            assert stop.value.code == 2
        assert (tmp_path / "rows.csv").read_text(encoding="utf-8") == "precious"


def _session_is_alive(session: int) -> bool:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            return True
    return False


class TestFullDisk:
    def test_a_sentence_and_nothing_lost(self, bundle: Path, archive: Path, tmp_path: Path) -> None:
        assert run(archive, "--model", bundle, "--out", tmp_path / "whole.csv") == 1
        out = tmp_path / "rows.csv"
        command = [sys.executable, "-m", "inference", str(archive), "--model", str(bundle), "--out", str(out)]
        limit = 150_000  # bytes a file: the journal's log reaches it after some rows

        def limit_files() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit_files)
        assert done.returncode == 1, done.stderr
        assert 0 < out.stat().st_size < (tmp_path / "whole.csv").stat().st_size
        assert "cannot be written" in done.stderr
        assert "Traceback" not in done.stderr
        assert run(archive, "--model", bundle, "--out", out, "--resume") == 1
        assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()

    def test_no_room_for_a_row(self, tmp_path: Path) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("there is no /dev/full")
        (tmp_path / "rows.csv").symlink_to("/dev/full")
        with pytest.raises(OutputError, match=r"No space left on device.*--resume does the rest"):
            Output(tmp_path / "rows.csv", Table(labels=LABELS), {}, resume=False)


class TestWalk:
    def test_folder_without_permission(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            (folder / "closed").mkdir(mode=0o700)
            (folder / "closed" / "a.png").write_bytes(b"x")
            (folder / "open.png").write_bytes(b"x")
            (folder / "closed").chmod(0)
            as_root = os.geteuid() == 0
            if as_root:
                os.seteuid(65534)
            try:
                cases = list(find_items([folder]))
            finally:
                if as_root:
                    os.seteuid(0)
                (folder / "closed").chmod(0o700)
        assert [Path(case.path).name for case in cases] == ["open.png", "closed"]
        assert cases[1].error == "The folder closed cannot be opened: Permission denied."

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        (case,) = find_items([tmp_path])
        assert "a device or a pipe is not read" in case.error

    def test_bad_files_are_rows(self, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = tmp_path / "bad"
        folder.mkdir()
        (folder / "a.zip").write_bytes(encode_zip({"../x.png": b"x"}))
        (folder / "b.dcm").write_bytes(encode_dicom()[:-3000])
        (folder / "c.dcm").write_bytes(encode_dicom(build_dicom(PixelData=None, SeriesInstanceUID="5")))
        (folder / os.fsdecode(b"d\xff.png")).write_bytes(b"not UTF-8 in its name")
        assert run(folder, "--model", bundle, "--out", tmp_path / "rows.csv") == 1
        assert len((tmp_path / "rows.csv").read_bytes().splitlines()) == 5
        assert len(capsys.readouterr().out.splitlines()) == 4

    def test_a_disc_with_a_viewer_is_no_error(
        self, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        disc = tmp_path / "disc"
        write_series(disc / "DICOM", 3)
        for name in ("DICOMDIR", "AUTORUN.INF", "index.html", "viewer.exe", "lib/codec.dll", "README"):
            (disc / name).parent.mkdir(exist_ok=True)
            (disc / name).write_bytes(b"MZ" + bytes(200))
        (disc / "DICOM" / "report").write_bytes(encode_dicom(build_dicom(Modality="SR", Rows=None)))
        assert run(disc, "--model", bundle, "--out", tmp_path / "rows.csv") == 0
        counts = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))["counts"]
        assert (counts["not_images"], counts["errors"], counts["files"]) == (6, 0, 10)
        assert counts["verdicts"]["left_out"] == 1
        (report,) = (row for row in read_rows(tmp_path / "rows.csv") if row["verdict"] == "left_out")
        assert report["error"] == "A DICOM file with an image is accepted; received SR (a structured report)."
        assert "6 files that are no images were passed over." in capsys.readouterr().err

    def test_a_damaged_picture_is_one(self, bundle: Path, tmp_path: Path) -> None:
        (tmp_path / "cut").mkdir()
        (tmp_path / "cut" / "slice.png").write_bytes(b"\0" * 400)
        (tmp_path / "cut" / "IM0003").write_bytes(b"\0" * 400)
        assert run(tmp_path / "cut", "--model", bundle, "--out", tmp_path / "rows.csv") == 1
        assert [row["error"] != "" for row in read_rows(tmp_path / "rows.csv")] == [True, True]


class TestWorkers:
    def test_a_worker_that_dies_costs_no_row(self, bundle: Path, archive: Path) -> None:
        pool = Workers(bundle, ReadOptions(), 2)
        try:
            done = []
            for number, one in enumerate(run_items(find_items([archive]), pool, Journal(None))):
                done.append(one)
                if number == 3:
                    victim = next(iter(pool._executor._processes.values()))
                    os.kill(victim.pid, signal.SIGKILL)  # type: ignore[arg-type]
        finally:
            pool.close()
        paths = [one.item.path for one in done if one is not None]
        assert paths == [case.path for case in find_items([archive])]
        errors = [row.error for one in done if one is not None for row in one.outcome.rows if row.error]
        assert not [error for error in errors if "was stopped" in error]


class TestIdentifiers:
    SECRETS = (NAME, "Mustermann", "K-4711", "20200229", "A-77", "1.2.3.4")

    @pytest.fixture
    def study(self, tmp_path: Path) -> Path:
        folder = tmp_path / "study"
        write_series(folder / "a", 3, AccessionNumber="A-77")
        (folder / "b").mkdir()
        (folder / "b" / "one.dcm").write_bytes(encode_dicom(build_dicom(AccessionNumber="A-78")))
        Image.fromarray(striped((0, 0, 250))).save(folder / "c.png")
        (folder / "d.zip").write_bytes(encode_zip({"x.dcm": encode_dicom(build_dicom(PatientID="K-4712"))}))
        return folder

    def test_nothing_unless_asked(
        self, bundle: Path, study: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("rows.csv", "rows.jsonl"):
            assert run(study, "--model", bundle, "--out", tmp_path / name) == 0
        captured = capfd.readouterr()
        written = b"".join(path.read_bytes() for path in tmp_path.glob("rows*"))
        assert len(list(tmp_path.glob("rows*"))) == 5  # two outputs, one sidecar, two journals
        for secret in (*self.SECRETS, "patient_id", "accession"):
            assert secret not in captured.out + captured.err
            assert secret.encode() not in written

    def test_when_asked(self, bundle: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        arguments = [study, "--model", bundle, "--include-identifiers"]
        assert run(*arguments, "--out", tmp_path / "rows.jsonl") == 0
        printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        whose = {"patient_id": "K-4711", "study_date": "20200229", "accession_number": "A-77", "series_uid": "1.2.3.4"}
        by_name = {(Path(row["path"]).name, row["slice"]): row for row in printed}
        assert "patient_id" not in by_name["c.png", None]
        assert by_name["x.dcm", None]["patient_id"] == "K-4712"
        assert by_name["x.dcm", None]["accession_number"] == ""
        assert by_name["one.dcm", None]["accession_number"] == "A-78"
        for row in (by_name["a", None], by_name["IM0000", 1]):
            assert whose.items() <= row.items()
        assert NAME not in (tmp_path / "rows.jsonl").read_text(encoding="utf-8")
        assert run(*arguments, "--out", tmp_path / "rows.csv") == 0
        rows = read_rows(tmp_path / "rows.csv")
        assert list(rows[0])[-4:] == list(whose)
        assert {row["patient_id"] for row in rows} == {"", "K-4711", "K-4712"}

    def test_a_run_goes_on_as_it_was_begun(
        self, bundle: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name, first, then in (("a.csv", [], ["--include-identifiers"]), ("b.csv", ["--include-identifiers"], [])):
            out = tmp_path / name
            assert run(study, "--model", bundle, "--out", out, *first) == 0
            with pytest.raises(SystemExit):
                run(study, "--model", bundle, "--out", out, "--resume", *then)
            assert "begun with another identifiers" in capsys.readouterr().err
            assert run(study, "--model", bundle, "--out", out, "--resume", *first) == 0

    def test_a_copy_is_whose_it_is(self, bundle: Path, study: Path, tmp_path: Path) -> None:
        (study / "b" / "same.png").write_bytes((study / "b" / "one.dcm").read_bytes())
        (study / "e").mkdir()
        (study / "e" / "one.dcm").write_bytes((study / "b" / "one.dcm").read_bytes())
        assert run(study, "--model", bundle, "--out", tmp_path / "rows.csv", "--include-identifiers") == 0
        rows = {row["path"]: row for row in read_rows(tmp_path / "rows.csv")}
        assert rows[str(study / "e" / "one.dcm")]["accession_number"] == "A-78"
