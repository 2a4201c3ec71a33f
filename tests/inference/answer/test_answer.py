"""`answer_scan` and `AnswerQueue`: order, whose error it is, and when work stops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.answer.answer import Answer, AnswerQueue, answer_scan
from inference.answer.classifier import BATCH_SIZE
from inference.answer.prediction import Prediction
from inference.batch.outcomes import classify_items
from inference.errors import InputError
from inference.imaging.find import WorkItem
from inference.imaging.scans import Scan, open_scans
from inference.imaging.types import DecodedImage
from tests.clinical import box_volume, build_dicom, encode_dicom, encode_nifti, encode_zip
from tests.fakes import MAGENTA, FakeClassifier, make_bundle
from tests.pictures import COLORS, encode


class _Counting(FakeClassifier):
    """Notes how many pictures come together."""

    batches: list[int]

    def __init__(self, **changes: Any) -> None:
        super().__init__(bundle=make_bundle(background="Quince", **changes))
        self.batches = []

    def predict_many(self, sources: Iterable[DecodedImage], *, explain: bool = False) -> Iterator[Prediction]:
        images = list(sources)
        self.batches.append(len(images))
        return super().predict_many(images, explain=explain)


def answer_all(queue: AnswerQueue, scans: Iterable[Scan]) -> list[tuple[str, Answer | Exception]]:
    """In the order in which they are answered."""
    answered: list[tuple[str, Answer | Exception]] = []

    def note(path: str) -> Callable[[Answer | Exception], None]:
        return lambda answer: answered.append((path, answer))

    for scan in scans:
        queue.add(scan, note(scan.path))
    queue.flush()
    return answered


def pictures(count: int, **others: bytes) -> bytes:
    return encode_zip({**{f"{index:02}.png": encode() for index in range(count)}, **others})


def test_pictures_together_in_order_and_volumes_at_once() -> None:
    classifier = _Counting()
    content = encode_zip({"a.png": encode(), "b.nii": encode_nifti(box_volume((40, 48, 3))), "c.png": encode()})
    with open_scans(content) as scans:
        answered = answer_all(AnswerQueue(classifier), scans)
    assert [path for path, _ in answered] == ["b.nii", "a.png", "c.png"]
    assert classifier.batches == [3, 2]
    assert [isinstance(answer, Answer) and answer.volume is not None for _, answer in answered] == [True, False, False]


def test_no_more_than_a_batch_waits() -> None:
    classifier = _Counting()
    with open_scans(pictures(BATCH_SIZE + 2)) as scans:
        answered = answer_all(AnswerQueue(classifier), scans)
    assert classifier.batches == [BATCH_SIZE, 2]
    assert [path for path, _ in answered] == [f"{index:02}.png" for index in range(BATCH_SIZE + 2)]


def test_an_error_costs_its_own_scan_only() -> None:
    """A damaged picture, a modality that is not accepted, and a picture on which the program itself fails."""
    files = {
        "a.png": encode(),
        "b.png": encode()[:60],
        "c.png": encode(MAGENTA),
        "d.txt": b"words",
        "e.png": encode(COLORS["uncertain"]),
        "f.dcm": encode_dicom(build_dicom(Modality="CT")),
    }
    classifier = _Counting(modalities=("MR",))
    with open_scans(encode_zip(files)) as scans:
        answered = dict(answer_all(AnswerQueue(classifier), scans))
    assert {path: type(answer).__name__ for path, answer in answered.items()} == {
        "a.png": "Answer",
        "b.png": "InputError",
        "c.png": "RuntimeError",
        "d.txt": "LeftOutError",
        "e.png": "Answer",
        "f.dcm": "InputError",
    }
    assert isinstance(answered["e.png"], Answer)
    assert answered["e.png"].prediction.verdict.value == "uncertain"


class _StopError(Exception):
    """What a check raises."""


@pytest.mark.parametrize("error", [_StopError, KeyboardInterrupt])
@pytest.mark.parametrize("calls", [0, 1, 3])
def test_check_stops(error: type[BaseException], calls: int) -> None:
    """Between pictures and between slices: it is the end of the work, not the error of a scan."""
    left = calls

    def check() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise error

    content = encode_zip({"a.png": encode(), "b.nii": encode_nifti(box_volume((40, 48, 9)))})
    with open_scans(content) as scans, pytest.raises(error):
        answered = answer_all(AnswerQueue(FakeClassifier(), check=check), scans)
        assert not answered
    assert left == -1


def test_a_failure_of_who_asked_is_his_own() -> None:
    def fail(answer: Answer | Exception) -> None:
        handed.append(answer)
        raise RuntimeError("not the scan's")

    for content in (encode(), encode_nifti(box_volume())):
        handed: list[Answer | Exception] = []
        queue = AnswerQueue(_Counting())
        with open_scans(content) as scans, pytest.raises(RuntimeError, match="not the scan's"):
            queue.add(next(scans), fail)
            queue.flush()
        assert [type(answer) for answer in handed] == [Answer]


def test_one_scan_is_answered_or_its_error_raised() -> None:
    classifier = _Counting()
    with open_scans(encode_nifti(box_volume())) as scans:
        answer = answer_scan(classifier, next(scans), explain=True)
    assert answer.volume is not None
    assert answer.shown == answer.volume.best_slice
    assert answer.heatmap is answer.shown_prediction.heatmap is not None
    assert len(answer.rows) == len(answer.to_dict()["slices"]) + 1 == 7
    with open_scans(b"words") as scans, pytest.raises(InputError, match="a text file"):
        answer_scan(classifier, next(scans))


def test_a_rejected_volume_shows_its_middle_slice() -> None:
    classifier = _Counting()
    values = box_volume((40, 48, 5))
    with open_scans(encode_nifti(values)) as scans:
        answer = answer_scan(_Rejecting(bundle=classifier.bundle), next(scans), explain=True)
        assert (answer.shown, answer.heatmap) == (2, None)
        assert answer.image.pixels.shape == (48, 40, 3)


class _Rejecting(FakeClassifier):
    def predict_many(self, sources: Iterable[DecodedImage], *, explain: bool = False) -> Iterator[Prediction]:
        from dataclasses import replace

        return (replace(one, novelty=3.0) for one in super().predict_many(sources))


def test_the_answer_of_a_closed_archive(tmp_path: Path) -> None:
    """Its rows need no file; its picture, when it was not asked for in time, does."""
    path = tmp_path / "study.zip"
    path.write_bytes(pictures(1, **{"s1.dcm": _slice(1), "s2.dcm": _slice(2)}))
    with open_scans(path) as scans:
        picture, volume = (answer_scan(_Counting(), scan) for scan in scans)
    assert [row.path for row in (*picture.rows, *volume.rows)] == [
        f"{path}/00.png",
        f"{path}/s1.dcm",
        f"{path}/s2.dcm",
        str(path),
    ]
    assert picture.image.pixels.shape == (90, 120, 3)
    with pytest.raises(InputError, match="The zip archive was closed"):
        _ = volume.image


def _slice(number: int) -> bytes:
    return encode_dicom(
        build_dicom(
            ImagePositionPatient=[0.0, 0.0, 4.0 * number],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            InstanceNumber=number,
        )
    )


def test_a_defect_in_one_entry_costs_no_other_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an `InputError`: a decoder that fails as nobody foresaw."""
    path = tmp_path / "all.zip"
    path.write_bytes(encode_zip({"a.png": encode(), "b.png": encode((1, 2, 3)), "c.png": encode()}))
    broken = encode((1, 2, 3))
    real = Scan.open

    def fail(scan: Scan) -> Any:
        if scan.path == "b.png":
            assert scan.open_file("b.png").read() == broken
            raise MemoryError
        return real(scan)

    monkeypatch.setattr(Scan, "open", fail)
    (outcome,) = classify_items(FakeClassifier(), [WorkItem(path=str(path), files=(str(path),))])
    assert [row.path for row in outcome.rows] == [f"{path}/{name}.png" for name in "abc"]
    assert [row.error is None for row in outcome.rows] == [True, False, True]
    assert "Something went wrong (id " in str(outcome.rows[1].error)
    assert not outcome.final
