"""What is shown of a file, and its answer: a picture, a DICOM slice, a volume, an archive."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference.errors import InputError
from tests.clinical import box_volume, encode_dicom, encode_nifti, encode_zip
from tests.fakes import UNCERTAIN, FakeClassifier, make_bundle
from tests.pictures import encode
from ui.desktop.answering import WithdrawnError, answer_file, read_view
from ui.desktop.result import save_result
from ui.words.answer import list_lines

NIFTI = encode_nifti(box_volume())  # six slices


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "head.nii"
    path.write_bytes(NIFTI)
    return path


def test_a_volume_is_shown_by_its_middle_slice_and_answered_by_its_best(volume: Path, tmp_path: Path) -> None:
    classifier = FakeClassifier(bundle=make_bundle(background="Apple"))
    view = read_view(volume)
    assert (view.number, view.count, view.image.pixels.shape) == (4, 6, (48, 40, 3))
    answer = answer_file(classifier, volume, view)
    assert answer.view.count == 6 and answer.prediction.heatmap is not None and answer.heat is not None
    assert answer.presentation.sentence == "Pear, 94 %."
    assert "for all 6 slices together" in answer.presentation.notes[0]
    assert f"Slice {answer.view.number}, which is shown, shows it best." in answer.presentation.notes[0]
    assert [row.slice for row in answer.rows] == [1, 2, 3, 4, 5, 6, None]
    assert "for all 6 slices" in " ".join(list_lines(answer.presentation, classifier.bundle))
    body = json.loads(save_result(tmp_path / "kept.png", answer, classifier.bundle, heat=True)[1].read_text())
    assert (body["volume"]["best_slice"], len(body["slices"])) == (answer.view.number, 6)


def test_a_volume_without_a_finding_names_its_most_suspicious_slice(volume: Path) -> None:
    answer = answer_file(FakeClassifier(bundle=make_bundle(background="Pear Fruit")), volume)
    assert answer.presentation.sentence == "Pear, 94 %."
    assert answer.presentation.detail == "How often this model is right about a whole volume is not known."
    assert "which is shown, looks most suspicious." in answer.presentation.notes[0]


def test_a_run_that_nobody_waits_for_is_given_up(volume: Path) -> None:
    with pytest.raises(WithdrawnError):
        answer_file(FakeClassifier(), volume, wanted=lambda: False)


def test_a_dicom_slice_is_a_picture(tmp_path: Path) -> None:
    (tmp_path / "IM1").write_bytes(encode_dicom())
    view = read_view(tmp_path / "IM1")
    assert (view.number, view.count) == (1, 1)
    classifier = FakeClassifier(always=UNCERTAIN)
    answer = answer_file(classifier, tmp_path / "IM1", view)
    assert classifier.calls == [view.image]
    assert [row.slice for row in answer.rows] == [None]


def test_of_an_archive_the_first_scan_is_read(tmp_path: Path) -> None:
    path = tmp_path / "study.zip"
    path.write_bytes(encode_zip({"a.txt": b"words", "b.nii": NIFTI, "c.png": encode()}))
    answer = answer_file(FakeClassifier(), path)
    assert answer.view.count == 6
    assert "Only the first picture or volume of the archive was read." in answer.presentation.notes
    path.write_bytes(encode_zip({"a.txt": b"words"}))
    with pytest.raises(InputError, match="received a text file"):
        read_view(path)
