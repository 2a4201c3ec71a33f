"""What a report says of a finding, and that it marks no place where there is none."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from inference.answer.answer import answer_scan
from inference.imaging.types import DEFAULT_OPTIONS
from tests import clinical
from tests.fakes import ABSENT, SETTLED, TYPE_UNCERTAIN, UNCLEAR, FakeClassifier, make_leaf_bundle
from ui.reports.sources import build_subject
from ui.reports.topic import Topic, build_topic, choose_scan

pytest.importorskip("highdicom", reason="requirements-reports.txt is not installed")
pypdf = pytest.importorskip("pypdf", reason="requirements-dev.txt is not installed")


def find(numbers: Mapping[str, float], folder: Path) -> Topic:
    """What a report would be about: a DICOM slice with this answer, on which a place stands out."""
    (folder / "bundle.json").write_text("{}")
    (folder / "leaf.dcm").write_bytes(clinical.encode_dicom(clinical.build_dicom(StudyInstanceUID="1.2.3")))
    classifier = FakeClassifier(bundle=make_leaf_bundle(folder), finds=True, always=numbers)
    with choose_scan(folder / "leaf.dcm", DEFAULT_OPTIONS, None) as scan:
        answer = answer_scan(classifier, scan, explain=True)
        return build_topic(answer, classifier.bundle, needs_sources=True)


def read_sr(topic: Topic) -> dict[str, list[Any]]:
    """Of the structured report: its codes, numbers and coordinates by what they are about."""
    from ui.reports.structured import encode_report

    subject = build_subject(topic.sources[0], keep_identity=False)
    report = pydicom.dcmread(io.BytesIO(encode_report(topic, subject)))
    said: dict[str, list[Any]] = {}

    def walk(item: pydicom.Dataset) -> None:
        name = item.ConceptNameCodeSequence[0].CodeMeaning if "ConceptNameCodeSequence" in item else item.ValueType
        if item.ValueType == "CODE":
            said.setdefault(name, []).append(item.ConceptCodeSequence[0].CodeMeaning)
        elif item.ValueType == "NUM":
            said.setdefault(name, []).append(float(item.MeasuredValueSequence[0].NumericValue))
        elif item.ValueType == "SCOORD":
            said.setdefault("point", []).append(list(item.GraphicData))
        for child in item.get("ContentSequence", ()):
            walk(child)

    for child in report.ContentSequence:
        walk(child)
    return said


def count_coloured(topic: Topic) -> int:
    """Pixels of the captured picture that are not grey: the heat map's."""
    from ui.reports.capture import render_capture

    return int((np.ptp(render_capture(topic).astype(int), axis=2) > 40).sum())


def read_pdf(topic: Topic) -> tuple[str, int]:
    """The page's words, and how many pictures are on it."""
    from ui.reports.pdf import encode_pdf

    (page,) = pypdf.PdfReader(io.BytesIO(encode_pdf(topic))).pages
    return " ".join(page.extract_text().split()), len(page.images)


@pytest.mark.parametrize(
    ("numbers", "presence", "types"),
    [
        (SETTLED, "Present", {"Type": ["scab"]}),
        (TYPE_UNCERTAIN, "Present", {"Possible type": ["canker", "mildew"]}),
        (ABSENT, "Absent", {}),
        (UNCLEAR, "Indeterminate", {}),
    ],
)
def test_the_structured_report_codes_the_finding_beside_the_verdict(
    numbers: Mapping[str, float], presence: str, types: dict[str, list[str]], tmp_path: Path
) -> None:
    said = read_sr(find(numbers, tmp_path))
    assert said["Presence of a disease"] == [presence]
    assert said["Probability of a disease"] == [pytest.approx(1 - numbers["Healthy"])]
    assert {name: said[name] for name in ("Type", "Possible type") if name in said} == types
    assert said["Probability of scab"] == [pytest.approx(numbers["Scab"])]
    assert "Verdict" in said


@pytest.mark.parametrize(
    ("numbers", "is_marked", "sentence"),
    [
        (TYPE_UNCERTAIN, True, "Disease, 98 %. Type uncertain: canker 56 % or mildew 41 %."),
        (ABSENT, False, "No disease, 97 %."),
        (UNCLEAR, False, "Unclear: a disease is possible (38 %)."),
    ],
)
def test_no_document_marks_a_place_where_nothing_was_found(
    numbers: Mapping[str, float], is_marked: bool, sentence: str, tmp_path: Path
) -> None:
    topic = find(numbers, tmp_path)
    assert topic.heatmap is not None and topic.heatmap.stands_out, "the map by itself would be drawn"
    assert ("point" in read_sr(topic)) == is_marked
    assert (count_coloured(topic) > 0) == is_marked
    words, pictures = read_pdf(topic)
    assert sentence in words
    assert pictures == (2 if is_marked else 1)
    assert ("The strongest evidence" in words) == is_marked
    assert ("No place is marked" in words) != is_marked


def test_a_scheme_of_ones_own_has_codes_that_stay(tmp_path: Path) -> None:
    from ui.reports.codes import finding_probability_code, presence_code

    bundle = make_leaf_bundle(tmp_path)
    codes = [presence_code(bundle), finding_probability_code(bundle)]
    assert all(len(code.value) <= 16 for code in codes)
    assert codes == [presence_code(make_leaf_bundle(version="9")), finding_probability_code(make_leaf_bundle())]
    assert presence_code(make_leaf_bundle(finding="a pest")) != codes[0]
