"""Reports: what they say, what they refer to, and what they keep to themselves."""

from __future__ import annotations

import io
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from inference import Classifier, InputError, OutputError, Verdict
from inference.answer.answer import answer_scan
from inference.imaging.types import DEFAULT_OPTIONS
from tests import clinical
from tests.fakes import FakeClassifier, make_breeds, make_bundle, make_prediction
from tests.pictures import COLORS, encode
from tests.tiny import EVIDENCE_WEIGHTS, WEIGHTS, write_bundle, write_onnx
from ui.reports import __main__ as command
from ui.reports.sources import build_subject, check_references
from ui.reports.topic import Topic, build_topic, choose_scan

pytest.importorskip("highdicom", reason="requirements-reports.txt is not installed")
pypdf = pytest.importorskip("pypdf", reason="requirements-dev.txt is not installed")

STUDY, SERIES = "1.2.276.0.9999.3.1.4711", "1.2.276.0.9999.3.1.4712"
IDENTITY: dict[str, Any] = {
    "StudyInstanceUID": STUDY,
    "SeriesInstanceUID": SERIES,
    "PatientBirthDate": "19510203",
    "PatientSex": "F",
    "StudyID": "ST-815",
    "StudyTime": "101112.131415",
    "AccessionNumber": "ACC-0815",
    "InstitutionName": "Klinikum Nirgends",
    "ReferringPhysicianName": "Hausarzt^Herbert",
}
SECRETS = (
    "Mustermann",
    "Erika",
    "K-4711",
    "20200229",
    "19510203",
    "ST-815",
    "101112.1314",
    "ACC-0815",
    "Nirgends",
    "Hausarzt",
)
DISCLAIMER = "A teaching tool: not a medical device, not a greengrocer."


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Five slices of somebody."""
    clinical.write_series(tmp_path / "series", 5, **IDENTITY)
    return tmp_path / "series"


@pytest.fixture
def fruit(tmp_path: Path) -> FakeClassifier:
    """A classifier that always sees a pear, with a bundle whose hash can be computed."""
    return _make_fruit(tmp_path)


def _make_fruit(folder: Path, **changes: Any) -> FakeClassifier:
    (folder / "bundle.json").write_text("{}")
    return FakeClassifier(bundle=make_bundle(folder, **changes))


def _find(classifier: Any, source: Path, **options: Any) -> Topic:
    with choose_scan(source, DEFAULT_OPTIONS, options.pop("number", None)) as scan:
        answer = answer_scan(classifier, scan, explain=True)
        return build_topic(answer, classifier.bundle, **{"needs_sources": scan.is_dicom, **options})


def _read_sr(topic: Topic, *, keep_identity: bool = False) -> pydicom.Dataset:
    from ui.reports.structured import encode_report

    subject = build_subject(topic.sources[0], keep_identity=keep_identity)
    return pydicom.dcmread(io.BytesIO(encode_report(topic, subject)))


def _read_capture(topic: Topic, *, keep_identity: bool = False) -> pydicom.Dataset:
    from ui.reports.capture import encode_capture

    subject = build_subject(topic.sources[0], keep_identity=keep_identity)
    return pydicom.dcmread(io.BytesIO(encode_capture(topic, subject)))


def _read_pdf(topic: Topic, *, keep_identity: bool = False) -> str:
    from ui.reports.pdf import encode_pdf

    document = pypdf.PdfReader(io.BytesIO(encode_pdf(topic, keep_identity=keep_identity)))
    assert len(document.pages) == 1
    return " ".join(document.pages[0].extract_text().split())


def _list_items(dataset: pydicom.Dataset) -> Iterator[pydicom.Dataset]:
    for item in dataset.get("ContentSequence", ()):
        yield item
        yield from _list_items(item)


def _numbers(item: pydicom.Dataset) -> dict[str, float]:
    """Of a measurement group, by the measurements' meanings."""
    return {
        found.ConceptNameCodeSequence[0].CodeMeaning: float(found.MeasuredValueSequence[0].NumericValue)
        for found in item.ContentSequence
        if found.ValueType == "NUM"
    }


def _groups(report: pydicom.Dataset) -> dict[str, pydicom.Dataset]:
    """Measurement groups by their tracking identifiers."""
    groups = {}
    for item in _list_items(report):
        if item.ValueType == "CONTAINER" and item.ConceptNameCodeSequence[0].CodeMeaning == "Measurement Group":
            groups[item.ContentSequence[0].TextValue] = item
    return groups


def test_structured_report_measures_and_refers(series: Path, fruit: FakeClassifier) -> None:
    topic = _find(fruit, series)
    report = _read_sr(topic)
    assert report.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.33"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert report.VerificationFlag == "UNVERIFIED"

    groups = _groups(report)
    assert set(groups) == {"volume", "best slice", "suspicious slices"}
    numbers = _numbers(groups["volume"])
    assert numbers == pytest.approx(
        {"Probability of pear": 0.94321, "Probability of quince": 0.033333, "Probability of apple": 0.023457}
    )
    number = next(item for item in groups["volume"].ContentSequence if item.ValueType == "NUM")
    assert number.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue == "1"

    files = {pydicom.dcmread(path).SOPInstanceUID for path in series.iterdir()}
    sources = [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in groups["volume"].ContentSequence
        if item.ValueType == "IMAGE"
    ]
    assert set(sources) == files
    assert len(sources) == 5

    texts = {
        item.ConceptNameCodeSequence[0].CodeMeaning: item.TextValue
        for item in _list_items(report)
        if "TextValue" in item
    }
    assert texts["Algorithm Name"] == "fruit"
    assert texts["Algorithm Version"] == "1.2.3"
    assert texts["Algorithm Parameters"] == f"model_sha256={fruit.bundle.compute_sha256()}"
    comments = [item.TextValue for item in _list_items(report) if "TextValue" in item]
    assert DISCLAIMER in comments


def test_point_lies_on_the_best_slice(series: Path, fruit: FakeClassifier) -> None:
    topic = _find(fruit, series)
    group = _groups(_read_sr(topic))["best slice"]
    region = next(item for item in group.ContentSequence if item.ValueType == "SCOORD")
    assert topic.heatmap is not None
    assert region.GraphicType == "POINT"
    # the fake's spot: cell (14, 4) of 19 by 19, of 40 by 48 pixels
    assert list(region.GraphicData) == pytest.approx([14.5 / 19 * 40, 4.5 / 19 * 48])
    referred = region.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    assert referred == topic.sources[topic.shown].header.SOPInstanceUID
    sorted_slices = sorted(
        (pydicom.dcmread(path) for path in series.iterdir()), key=lambda one: one.ImagePositionPatient[2]
    )
    assert referred == sorted_slices[topic.shown].SOPInstanceUID


def test_rejected_volume_has_no_numbers(series: Path, fruit: FakeClassifier) -> None:
    topic = _find(fruit, series)
    assert topic.volume is not None
    rejected = make_prediction(verdict=Verdict.REJECTED, novelty=3.0)
    volume = replace(topic.volume, best_slice=None, suspicious=(), answer=rejected)
    topic = replace(topic, answer=rejected, volume=volume)
    report = _read_sr(topic)
    assert not [item for item in _list_items(report) if item.ValueType in ("NUM", "SCOORD")]
    verdict = next(item for item in _list_items(report) if item.ValueType == "CODE" and "VERDICT" in str(item))
    assert verdict.ConceptCodeSequence[0].CodeValue == "REJECTED"
    assert "so no answer is given" in _read_pdf(topic)
    assert topic.heatmap is None


def test_identity_stays_behind(series: Path, fruit: FakeClassifier) -> None:
    from ui.reports.capture import encode_capture
    from ui.reports.pdf import encode_pdf
    from ui.reports.structured import encode_report

    topic = _find(fruit, series)
    subject = build_subject(topic.sources[0], keep_identity=False)
    report, capture = encode_report(topic, subject), encode_capture(topic, subject)
    for content in (report, capture, encode_pdf(topic)):
        for secret in SECRETS:
            assert secret.encode() not in content
    for secret in SECRETS:
        assert secret not in _read_pdf(topic)

    made = [pydicom.dcmread(io.BytesIO(content)) for content in (report, capture)]
    for dataset in made:
        dates = [element for element in dataset.iterall() if element.VR in ("DA", "TM", "DT") and element.value]
        assert {element.keyword for element in dates} == {"ContentDate", "ContentTime"}
        assert dataset.ContentDate == "19000101"
        assert dataset.PatientIdentityRemoved == "YES"
        assert dataset.StudyInstanceUID != STUDY
        assert "InstitutionName" not in dataset
    assert made[0].PatientID == made[1].PatientID
    assert made[0].StudyInstanceUID == made[1].StudyInstanceUID
    assert "CurrentRequestedProcedureEvidenceSequence" not in made[0]
    assert made[0].PertinentOtherEvidenceSequence[0].StudyInstanceUID == STUDY
    assert STUDY.encode() not in capture  # a picture's reference is an instance, and nothing above it
    again = build_subject(topic.sources[0], keep_identity=False).elements
    assert again.PatientID != made[0].PatientID


def test_identity_is_not_even_read(series: Path, fruit: FakeClassifier) -> None:
    for source in _find(fruit, series).sources:
        assert "PatientName" not in source.header
        assert "StudyDate" not in source.header


def test_identity_is_kept_when_asked_for(tmp_path: Path, fruit: FakeClassifier) -> None:
    clinical.write_series(
        tmp_path / "latin", 3, **{**IDENTITY, "SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müstermann^Erika"}
    )
    topic = _find(fruit, tmp_path / "latin", keep_identity=True)
    for made in (_read_sr(topic, keep_identity=True), _read_capture(topic, keep_identity=True)):
        assert made.SpecificCharacterSet == "ISO_IR 192"
        assert made.PatientName == "Müstermann^Erika"
        assert made.PatientID == "K-4711"
        assert made.StudyInstanceUID == STUDY
        assert made.StudyDate == "20200229"
        assert made.AccessionNumber == "ACC-0815"
        assert made.SeriesInstanceUID != SERIES
        assert made.ContentDate != "19000101"
        assert "PatientIdentityRemoved" not in made
    assert _read_sr(topic, keep_identity=True).CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID == STUDY
    assert "Patient Müstermann Erika, ID K-4711" in _read_pdf(topic, keep_identity=True)


def test_capture_shows_the_heat_map(series: Path, fruit: FakeClassifier) -> None:
    topic = _find(fruit, series)
    capture = _read_capture(topic)
    assert capture.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    reference = capture.SourceImageSequence[0]
    assert reference.ReferencedSOPInstanceUID == topic.sources[topic.shown].header.SOPInstanceUID
    assert "ReferencedFrameNumber" not in reference
    assert list(capture.PatientOrientation) == ["L", "P"]
    pixels = capture.pixel_array
    scale = pixels.shape[1] // 40
    assert scale == 13  # 40 pixels become 512 at least
    slice_pixels, words = pixels[: 48 * scale], pixels[48 * scale :]
    colorful = np.ptp(slice_pixels.astype(int), axis=2)
    row, column = int(4.5 / 19 * 48 * scale), int(14.5 / 19 * 40 * scale)
    assert colorful[row, column] > 60  # the evidence
    assert colorful[-20:, :20].max() <= 3  # grey elsewhere
    assert (words == 255).any()


def test_oblique_and_unknown_orientation(tmp_path: Path, fruit: FakeClassifier) -> None:
    sagittal = clinical.build_dicom(**IDENTITY, ImageOrientationPatient=[0.1, 0.99, 0, 0, 0, -1])
    (tmp_path / "one.dcm").write_bytes(clinical.encode_dicom(sagittal))
    assert list(_read_capture(_find(fruit, tmp_path / "one.dcm")).PatientOrientation) == ["P", "F"]
    (tmp_path / "two.dcm").write_bytes(clinical.encode_dicom(clinical.build_dicom(**IDENTITY)))
    assert _read_capture(_find(fruit, tmp_path / "two.dcm")).PatientOrientation == ""


def test_frames_are_referred_to_by_number(tmp_path: Path, fruit: FakeClassifier) -> None:
    values = np.stack([clinical.ramp(high=300 + number) for number in range(4)])
    enhanced = clinical.build_enhanced(values, [12, 8, 4, 0])  # stored from above to below
    enhanced.StudyInstanceUID = STUDY
    (tmp_path / "enhanced.dcm").write_bytes(clinical.encode_dicom(enhanced))
    topic = _find(fruit, tmp_path / "enhanced.dcm")
    report = _read_sr(topic)
    images = [item for item in _groups(report)["volume"].ContentSequence if item.ValueType == "IMAGE"]
    assert len(images) == 1
    assert list(images[0].ReferencedSOPSequence[0].ReferencedFrameNumber) == [4, 3, 2, 1]
    frame = _read_capture(topic).SourceImageSequence[0].ReferencedFrameNumber
    assert frame == 4 - topic.shown
    assert len(report.PertinentOtherEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence) == 1


def test_zipped_series_is_referred_to(tmp_path: Path, series: Path, fruit: FakeClassifier) -> None:
    content = clinical.encode_zip({path.name: path.read_bytes() for path in series.iterdir()})
    (tmp_path / "study.zip").write_bytes(content)
    assert len(_find(fruit, tmp_path / "study.zip").sources) == 5


def test_page_has_the_answer_as_text(series: Path, fruit: FakeClassifier) -> None:
    text = _read_pdf(_find(fruit, series))
    for words in (
        "Pear, 94 %.",
        DISCLAIMER,
        "Model fruit 1.2.3",
        "Slice 1 of 5",
        "The strongest evidence is in the upper right part of the image.",
        "5 slices were looked at, 0 of them nearly empty.",
        fruit.bundle.compute_sha256(),
    ):
        assert words in text


def test_plot_of_any_length(fruit: FakeClassifier, series: Path) -> None:
    topic = _find(fruit, series)
    assert topic.volume is not None
    for count in (2, 24, 64, 201):
        volume = replace(topic.volume, slices=topic.volume.slices[:1] * count, best_slice=count - 1, empty=(0,))
        assert f"{count} slices were looked at, 1 of them nearly empty." in _read_pdf(
            replace(topic, volume=volume, shown=count - 1)
        )


def test_nothing_is_said_that_the_bundle_does_not(tmp_path: Path, series: Path) -> None:
    fruit = _make_fruit(tmp_path, about={}, title="Obst 水果 <b>&amp;")
    topic = _find(fruit, series)
    text = _read_pdf(topic)
    assert "Obst ?? <b>&amp;" in text
    assert "medical" not in text
    assert "medical" not in str(_read_sr(topic))


def test_many_classes_show_the_most_probable(tmp_path: Path, series: Path) -> None:
    breeds = make_breeds()
    (tmp_path / "bundle.json").write_text("{}")
    breeds.bundle = breeds.bundle.model_copy(update={"path": tmp_path})
    topic = _find(breeds, series)
    assert len(_numbers(_groups(_read_sr(topic))["volume"])) == 5
    assert "Zwergpudel" in _read_pdf(topic)


@pytest.mark.parametrize("color", COLORS)
def test_any_picture_becomes_a_page(tmp_path: Path, fruit: FakeClassifier, color: str) -> None:
    (tmp_path / "fruit.png").write_bytes(encode(COLORS[color], size=(300, 40)))
    text = _read_pdf(_find(fruit, tmp_path / "fruit.png"))
    assert {"rejected": "no answer is given", "uncertain": "Not sure"}.get(color, "Pear") in text or color == "certain"
    assert ("No place in the image stands out." in text) == (color == "certain")


def test_dicom_reports_need_dicom(tmp_path: Path, fruit: FakeClassifier) -> None:
    (tmp_path / "fruit.png").write_bytes(encode())
    with pytest.raises(InputError, match=r"--sr, --capture and --keep-identity take DICOM images"):
        _find(fruit, tmp_path / "fruit.png", needs_sources=True)


def test_files_without_identifiers_are_refused(tmp_path: Path, fruit: FakeClassifier) -> None:
    path = tmp_path / "one.dcm"
    path.write_bytes(clinical.encode_dicom(clinical.build_dicom(**{**IDENTITY, "StudyInstanceUID": "not-one"})))
    with pytest.raises(InputError, match="without a valid StudyInstanceUID"):
        check_references(_find(fruit, path).sources)


def test_one_of_several_scans_is_chosen(series: Path, fruit: FakeClassifier) -> None:
    other = clinical.build_dicom(**{**IDENTITY, "SeriesInstanceUID": generate_uid(), "SeriesNumber": 2})
    (series / "other").write_bytes(clinical.encode_dicom(other))
    with pytest.raises(
        InputError, match=r"received 2\. Choose one with --scan: 1 is series 1 of 2, T1, 5 slices; 2 is"
    ):
        _find(fruit, series)
    assert len(_find(fruit, series, number=1).sources) == 5
    assert len(_find(fruit, series, number=2).sources) == 1
    with pytest.raises(InputError, match="from 1 to 2; received 3"):
        _find(fruit, series, number=3)


def test_what_lies_beside_a_series_is_no_scan(series: Path, fruit: FakeClassifier) -> None:
    (series / "LICENSE").write_text("Do as you please.\n")
    (series / "viewer.exe").write_bytes(b"MZ" + bytes(200))
    assert len(_find(fruit, series).sources) == 5


def test_errors_of_the_source_are_sentences(tmp_path: Path, fruit: FakeClassifier) -> None:
    with pytest.raises(InputError, match="is not there"):
        _find(fruit, tmp_path / "missing")
    (tmp_path / "text.png").write_bytes(b"Not a picture at all.")
    with pytest.raises(InputError, match="a text file"):
        _find(fruit, tmp_path / "text.png")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="holds no file"):
        _find(fruit, tmp_path / "nothing")


@pytest.mark.skipif(shutil.which("dsrdump") is None, reason="dcmtk is not installed")
def test_dcmtk_reads_both(tmp_path: Path, series: Path, fruit: FakeClassifier) -> None:
    from ui.reports.structured import encode_report

    topic = _find(fruit, series)
    (tmp_path / "sr.dcm").write_bytes(encode_report(topic, build_subject(topic.sources[0], keep_identity=False)))
    _read_capture(topic).save_as(tmp_path / "capture.dcm")
    shown = subprocess.run(["dsrdump", tmp_path / "sr.dcm"], capture_output=True, text=True, check=True)
    assert 'NUM:(,,"Probability of pear")="0.94321" (1,UCUM,"no units")' in shown.stdout
    assert "SCOORD" in shown.stdout
    shown = subprocess.run(["dcmdump", tmp_path / "capture.dcm"], capture_output=True, text=True, check=True)
    assert "SourceImageSequence" in shown.stdout


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools are not installed")
@pytest.mark.parametrize("keep_identity", [False, True])
def test_validator_finds_no_error(tmp_path: Path, series: Path, fruit: FakeClassifier, keep_identity: bool) -> None:
    topic = _find(fruit, series, keep_identity=keep_identity)
    for name, read in (("sr.dcm", _read_sr), ("capture.dcm", _read_capture)):
        read(topic, keep_identity=keep_identity).save_as(tmp_path / name)
        checked = subprocess.run(["dciodvfy", tmp_path / name], capture_output=True, text=True, check=False)
        assert "Warning" in checked.stderr  # it ran
        assert "Error" not in checked.stderr


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real bundle with evidence."""
    folder = tmp_path_factory.mktemp("model")
    write_onnx(folder / "model.onnx", weights=WEIGHTS, evidence=EVIDENCE_WEIGHTS)
    return write_bundle(folder, background="No Tumor", about={"disclaimer": "Not for clinical use."})


def test_command_writes_all_three(
    model: Path, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / name for name in ("a.pdf", "sr.dcm", "capture.dcm")]
    arguments = ["--pdf", str(paths[0]), "--sr", str(paths[1]), "--capture", str(paths[2])]
    assert command.main([str(series), "--model", str(model), *arguments]) == 0
    assert capsys.readouterr().out.split() == [str(path) for path in paths]
    sr, capture = pydicom.dcmread(paths[1]), pydicom.dcmread(paths[2])
    assert sr.StudyInstanceUID == capture.StudyInstanceUID
    answer = _find(Classifier.load(model), series).answer
    assert _numbers(_groups(sr)["volume"])["Probability of Glioma Tumor"] == pytest.approx(
        answer.probabilities["Glioma Tumor"], abs=1e-6
    )
    before = [path.read_bytes() for path in paths]
    assert command.main([str(series), "--model", str(model), *arguments]) == 2
    assert "exists, and nothing is written over" in capsys.readouterr().err
    assert [path.read_bytes() for path in paths] == before


def test_command_says_what_is_wrong(
    model: Path, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start = [str(series), "--model", str(model)]
    with pytest.raises(SystemExit, match="2"):
        command.main(start)
    assert "name a report to write" in capsys.readouterr().err
    assert command.main([*start, "--pdf", str(tmp_path / "no" / "a.pdf")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert command.main([*start, "--sr", str(tmp_path / "a"), "--capture", str(tmp_path / "a")]) == 2
    assert "is named twice" in capsys.readouterr().err
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert command.main([*start, "--pdf", str(tmp_path / "a.pdf")]) == 2
    assert "reportlab is missing): pip install 'gyrus[reports]'" in capsys.readouterr().err


@contextmanager
def _full_disk(size_bytes: int) -> Iterator[None]:
    """No file may grow beyond this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_half_a_file_is_not_left(tmp_path: Path) -> None:
    from ui.reports.files import write_new

    with _full_disk(1000), pytest.raises(OutputError, match="cannot be written: File too large"):
        write_new(tmp_path / "a.pdf", bytes(100_000))
    assert not (tmp_path / "a.pdf").exists()
    with pytest.raises(OutputError, match="cannot be written: Not a directory"):
        write_new(Path(__file__) / "a.pdf", b"")
    (tmp_path / "there").write_bytes(b"before")
    with pytest.raises(OutputError, match="nothing is written over"):
        write_new(tmp_path / "there", b"after")
    assert (tmp_path / "there").read_bytes() == b"before"


def test_importing_is_cheap() -> None:
    script = (
        "import sys, ui.reports.__main__; "
        "print([name for name in ('highdicom', 'reportlab', 'gradio', 'tensorflow') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
