"""Copies are found wherever they are, what belongs together stays together, and the data stay as they are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import pytest

from inference.errors import InputError, SettingsError
from tests.training.heads import draw_head, save
from training.__main__ import main
from training.audit.folder import audit_folder
from training.data.manifest import COLUMNS, read_manifest


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    """Five pictures of two classes to learn from; to test on, one of each kind of copy and one that is new."""
    data = tmp_path / "kaggle"
    for seed in range(3):
        save(data / f"Training/glioma_tumor/g ({seed}).png", draw_head(seed))
    for seed in (3, 4):
        save(data / f"Training/no_tumor/n{seed}.png", draw_head(seed))
    save(data / "Testing/glioma_tumor/exact.png", draw_head(0))
    save(data / "Testing/glioma_tumor/smaller.jpg", cv2.resize(draw_head(1) // 2, (90, 90)))
    save(data / "Testing/no_tumor/mirrored.png", draw_head(3)[:, ::-1])
    save(data / "Testing/no_tumor/conflict.png", draw_head(2))
    save(data / "Testing/no_tumor/new.png", draw_head(5))
    (data / "Testing/no_tumor/broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    (data / "README.md").write_text("not a picture", encoding="utf-8")
    (data / ".DS_Store").write_text("", encoding="utf-8")
    return data


def read_all(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_kaggle_layout(kaggle: Path, tmp_path: Path) -> None:
    before = read_all(kaggle)
    figures = audit_folder(kaggle, tmp_path / "out")
    assert read_all(kaggle) == before
    assert figures["pictures"] == 10
    assert figures["left_out"] == 1
    counts = {(row["source"], row["split"], row["label"]): row["pictures"] for row in figures["folders"]}
    assert counts == {
        ("kaggle", "Training", "glioma"): 3,
        ("kaggle", "Training", "no"): 2,
        ("kaggle", "Testing", "glioma"): 2,
        ("kaggle", "Testing", "no"): 3,
    }
    (unreadable,) = figures["unreadable"]
    assert unreadable["path"] == "Testing/no_tumor/broken.png"
    assert unreadable["why"].endswith(".")


def test_copies_of_each_kind(kaggle: Path, tmp_path: Path) -> None:
    copies = audit_folder(kaggle, tmp_path / "out")["copies"]
    assert copies["pairs"] == {"exact": 2, "near": 1, "mirrored": 1}
    assert (copies["different_pixels"], copies["different_pictures"]) == (8, 6)
    assert copies["parts"] == ["kaggle/Testing", "kaggle/Training"]
    assert copies["share_repeated"] == [[0.0, 0.8], [0.8, 0.0]]
    shown = {frozenset(Path(path).stem for path in pair["paths"]) for pair in copies["across"]}
    assert shown == {
        frozenset(names)
        for names in (("exact", "g (0)"), ("smaller", "g (1)"), ("mirrored", "n3"), ("conflict", "g (2)"))
    }


def test_conflict(kaggle: Path, tmp_path: Path) -> None:
    (conflict,) = audit_folder(kaggle, tmp_path / "out")["conflicts"]
    labels = {file["path"]: file["label"] for file in conflict["files"]}
    assert labels == {"Testing/no_tumor/conflict.png": "no", "Training/glioma_tumor/g (2).png": "glioma"}
    assert conflict["kind"] == "exact"


def test_a_tumour_of_unknown_type_contradicts_only_no_tumour(tmp_path: Path) -> None:
    for folder in ("a/tumor", "b/glioma"):
        save(tmp_path / "data" / folder / "same.png", draw_head(0))
    save(tmp_path / "data/b/no/other.png", draw_head(1))
    assert audit_folder(tmp_path / "data", tmp_path / "out")["conflicts"] == []
    save(tmp_path / "data/b/no/same.png", draw_head(0))
    (conflict,) = audit_folder(tmp_path / "data", tmp_path / "out")["conflicts"]
    assert len(conflict["files"]) == 3


def test_groups_file_is_what_training_reads(kaggle: Path, tmp_path: Path) -> None:
    audit_folder(kaggle, tmp_path / "out")
    samples = read_manifest(kaggle, tmp_path / "out/groups.csv")
    group = {sample.path.stem: sample.group for sample in samples}
    assert all(sample.path.is_file() for sample in samples)
    assert {sample.label for sample in samples} == {"glioma", "no"}
    assert group["exact"] == group["g (0)"]
    assert group["smaller"] == group["g (1)"]
    assert group["mirrored"] == group["n3"]
    assert len(set(group.values())) == 6


def test_group_names_stay_when_pictures_are_added(kaggle: Path, tmp_path: Path) -> None:
    audit_folder(kaggle, tmp_path / "out")
    before = {sample.path: sample.group for sample in read_manifest(kaggle, tmp_path / "out/groups.csv")}
    save(kaggle / "Training/glioma_tumor/aaa.png", draw_head(77))
    audit_folder(kaggle, tmp_path / "out")
    after = {sample.path: sample.group for sample in read_manifest(kaggle, tmp_path / "out/groups.csv")}
    assert len(after) == len(before) + 1
    assert {path: after[path] for path in before} == before


def write_manifest(data: Path, rows: list[str], columns: str = ",".join(COLUMNS)) -> None:
    (data / "manifest.csv").write_text("\n".join([columns, *rows, ""]), encoding="utf-8")


def test_manifest_gives_labels_sources_patients_and_boxes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for seed in range(6):
        save(data / f"x/{seed}.png", draw_head(seed % 5))
    rows = [
        "x/0.png,glioma,cheng,p7,2,m1,.5,.4,.1,.2",
        "x/1.png,glioma,cheng,p7,2,m2,,,,",
        "x/2.png,no,br35h,,,m3,,,,",
        "x/3.png,no,br35h,,,m3,,,,",
        "x/5.png,no,sartaj,,,m4,,,,",
    ]
    write_manifest(data, rows)
    figures = audit_folder(data, tmp_path / "out")
    samples = {sample.path.stem: sample for sample in read_manifest(data, tmp_path / "out/groups.csv")}
    assert samples["0"].group == samples["1"].group == samples["5"].group  # one patient, and a copy of one slice
    assert samples["2"].group == samples["3"].group == "m3"  # joined by the manifest alone
    assert (samples["0"].box, samples["0"].fold, samples["0"].patient) == ((0.5, 0.4, 0.1, 0.2), "2", "p7")
    assert (samples["5"].source, samples["5"].patient, samples["5"].box) == ("sartaj", "", None)
    assert figures["left_out"] == 1
    assert figures["groups"]["manifest"]["manifest_groups_joined"] == 3
    assert figures["groups"]["manifest"]["own_groups"] == 3


def test_manifest_of_two_columns_is_enough(tmp_path: Path) -> None:
    save(tmp_path / "data/0.png", draw_head(0))
    save(tmp_path / "data/1.png", draw_head(1))
    write_manifest(tmp_path / "data", ["0.png,no", "1.png,glioma", "gone.png,no"], columns="path,label")
    figures = audit_folder(tmp_path / "data", tmp_path / "out")
    assert figures["pictures"] == 2
    assert figures["unreadable"] == [{"path": "gone.png", "why": "There is no file gone.png."}]
    with pytest.raises(InputError, match="lacks the column 'source'"):
        read_manifest(tmp_path / "data")


def test_shortcut_is_told(tmp_path: Path) -> None:
    for seed in range(12):
        save(tmp_path / f"data/one/glioma/{seed}.png", draw_head(seed) // 3)
        save(tmp_path / f"data/two/no/{seed}.png", draw_head(100 + seed))
    probes = {found["target"]: found for found in audit_folder(tmp_path / "data", tmp_path / "out")["probes"]}
    assert set(probes) == {"the class", "tumour or none", "the source"}
    assert probes["tumour or none"]["balanced_accuracy"] > 0.9
    assert probes["tumour or none"]["meaning"].startswith("Nearly all")


def test_page_is_one_file_and_names_are_escaped(kaggle: Path, tmp_path: Path) -> None:
    (kaggle / "Training/glioma_tumor/g (0).png").rename(kaggle / "Training/glioma_tumor/<i>&.png")
    figures = audit_folder(kaggle, tmp_path / "out")
    page = (tmp_path / "out/audit.html").read_text(encoding="utf-8")
    assert "&lt;i&gt;&amp;.png" in page
    assert "<i>" not in page
    assert not re.search(r"https?:|<script|<link|url\(", page)
    assert page.count("data:image/jpeg;base64,") == 10  # four pairs of copies, one conflict
    assert json.loads((tmp_path / "out/audit.json").read_text(encoding="utf-8")) == json.loads(json.dumps(figures))


def test_the_same_folder_gives_the_same_files(kaggle: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        audit_folder(kaggle, tmp_path / name)
    for name in ("audit.html", "audit.json", "groups.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_nothing_is_written_into_the_data(kaggle: Path) -> None:
    before = read_all(kaggle)
    with pytest.raises(SettingsError, match="--out must be outside"):
        audit_folder(kaggle, kaggle / "Training/report")
    assert read_all(kaggle) == before


def test_command(kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(kaggle), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert "80 % of kaggle/Testing is the same picture as one in another split." in printed.out
    assert "Reading pictures: 11 of 11" in printed.err
    with pytest.raises(SystemExit) as stop:
        main(["audit", str(tmp_path / "nowhere")])
    assert stop.value.code == 1
    assert capsys.readouterr().err.endswith("is not one.\n")
