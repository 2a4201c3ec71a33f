"""The DICOM structured report: template TID 1500, "Measurement Report" (PS3.16), written with highdicom.

It holds up to three groups: the answer for the picture or volume; the slice that shows it best, with the point of the
strongest evidence if one stands out and may be marked (`ui.words.finding.may_mark`); and the suspicious slices. What a
rejected picture's numbers would be is left out, because they mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.answer.prediction import Heatmap, Prediction, Verdict
from ui.reports.codes import (
    SCHEME,
    build_code,
    class_code,
    finding_probability_code,
    presence_code,
    probability_code,
    value_code,
)
from ui.reports.objects import REPORT_SERIES_NUMBER, describe_instance, encode_file
from ui.words.answer import present_prediction
from ui.words.model import word_disclaimer
from ui.words.volume import describe_volume

if TYPE_CHECKING:
    from pydicom import Dataset

    from ui.reports.sources import SourceSlice, Subject
    from ui.reports.topic import Topic


_DECIMALS = 6
"""Of a probability."""


def encode_report(topic: Topic, subject: Subject) -> bytes:
    """The report as a DICOM file.

    Parameters
    ----------
    topic : Topic
        Of DICOM images that can be referred to (`ui.reports.sources.check_references`).
    subject : Subject
        Whom it belongs to.

    Returns
    -------
    bytes
        A DICOM file of the class Comprehensive SR (PS3.3, A.35.3).
    """
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
    from highdicom.sr import ComprehensiveSR

    report = ComprehensiveSR(
        evidence=_list_evidence(topic.sources),
        content=_build_content(topic),
        device_serial_number=topic.bundle.compute_sha256(),
        is_complete=True,
        coding_schemes=[CodingSchemeIdentificationItem(SCHEME, name="Gyrus", responsible_organization="Gyrus")],
        **describe_instance(topic.bundle, REPORT_SERIES_NUMBER),
    )
    subject.apply(report)
    if not subject.is_kept:  # the images belong to another study than the report
        report.PertinentOtherEvidenceSequence = report.CurrentRequestedProcedureEvidenceSequence
        del report.CurrentRequestedProcedureEvidenceSequence
    return encode_file(report)


def _list_evidence(sources: Sequence[SourceSlice]) -> list[Dataset]:
    """Each file once, with its identifiers and nothing else."""
    from pydicom import Dataset

    files: dict[str, Dataset] = {}
    for source in sources:
        file = Dataset()
        for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
            setattr(file, keyword, source.header[keyword].value)
        for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
            setattr(file, keyword, "")  # what `Subject.apply` replaces
        file.StudyDate, file.StudyTime = None, None
        files[file.SOPInstanceUID] = file
    return list(files.values())


def _build_content(topic: Topic) -> Any:
    from highdicom.sr import (
        MeasurementReport,
        ObservationContext,
        RelationshipTypeValues,
        TextContentItem,
    )
    from pydicom.sr.codedict import codes

    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=_describe_device(topic)),
        procedure_reported=codes.SCT.Imaging,
        imaging_measurements=_build_groups(topic),
        title=codes.DCM.ImagingMeasurementReport,
    )
    for sentence in _list_sentences(topic):
        report[0].ContentSequence.append(
            TextContentItem(name=codes.DCM.Comment, value=sentence, relationship_type=RelationshipTypeValues.CONTAINS)
        )
    return report


def _list_sentences(topic: Topic) -> list[str]:
    """What a reader of the report must read, the disclaimer first."""
    shown = topic.presentation
    volume = describe_volume(topic.volume, topic.bundle) if topic.volume is not None else ()
    sentences = [word_disclaimer(topic.bundle), f"{shown.sentence} {shown.detail}".strip(), " ".join(volume)]
    return [sentence for sentence in (*sentences, *shown.notes) if sentence]


def _describe_device(topic: Topic) -> Any:
    """The program with its model; a model has the same identifier in every report."""
    from highdicom.sr import DeviceObserverIdentifyingAttributes, ObserverContext
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    bundle = topic.bundle
    return ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=generate_uid(entropy_srcs=["gyrus", bundle.compute_sha256()]),
            name="Gyrus",
            manufacturer_name="Gyrus",
            model_name=f"{bundle.name} {bundle.version}",
        ),
    )


def _build_groups(topic: Topic) -> list[Any]:
    bundle, answer, volume = topic.bundle, topic.answer, topic.volume
    groups = [
        _build_group(
            topic,
            "picture" if volume is None else "volume",
            topic.sources,
            measurements=_list_measurements(topic, answer),
            evaluations=[
                *_list_finding(topic),
                (build_code("VERDICT", "Verdict"), build_code(answer.verdict.value.upper(), answer.verdict.value)),
                *((_name_candidate(answer), class_code(bundle, label)) for label in answer.candidates),
            ],
        )
    ]
    heatmap, heat = topic.heatmap, topic.heat
    if heatmap is not None and heat is not None and heat.drawn:
        groups.append(_build_peak(topic, heatmap))
    elif volume is not None and volume.best_slice is not None:
        groups.append(
            _build_group(
                topic,
                "best slice",
                [_shown_source(topic)],
                measurements=_list_measurements(topic, topic.shown_answer),
            )
        )
    if volume is not None and volume.suspicious:
        count = _build_measurement(build_code("SUSPICIOUS", "Number of suspicious slices"), len(volume.suspicious))
        sources = [topic.sources[index] for index in volume.suspicious]
        groups.append(_build_group(topic, "suspicious slices", sources, measurements=[count]))
    return groups


def _list_finding(topic: Topic) -> list[tuple[Any, Any]]:
    """Whether something is there, and of which type; nothing where the answer has no finding."""
    bundle, finding = topic.bundle, topic.answer.finding
    if finding is None:
        return []
    name = build_code("TYPE", "Type") if len(finding.types) == 1 else build_code("POSSIBLE_TYPE", "Possible type")
    types = [(name, class_code(bundle, label)) for label in finding.types]
    return [(presence_code(bundle), value_code(finding.presence)), *types]


def _name_candidate(answer: Prediction) -> Any:
    """One label is an answer; of several none is."""
    if answer.verdict is Verdict.CONFIDENT:
        return build_code("ANSWER", "Answer")
    return build_code("CANDIDATE", "Possible answer")


def _shown_source(topic: Topic) -> SourceSlice:
    return topic.sources[topic.shown]


def _build_group(
    topic: Topic,
    name: str,
    sources: Sequence[SourceSlice],
    *,
    measurements: list[Any],
    evaluations: Sequence[tuple[Any, Any]] = (),
) -> Any:
    """TID 1501: numbers about images."""
    from highdicom.sr import (
        MeasurementsAndQualitativeEvaluations,
        QualitativeEvaluation,
        SourceImageForMeasurementGroup,
    )

    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_build_tracking(name),
        algorithm_id=_name_algorithm(topic),
        measurements=measurements or None,
        qualitative_evaluations=[QualitativeEvaluation(name=name, value=value) for name, value in evaluations] or None,
        source_images=[
            SourceImageForMeasurementGroup(
                referenced_sop_class_uid=header.SOPClassUID,
                referenced_sop_instance_uid=header.SOPInstanceUID,
                referenced_frame_numbers=frames,
            )
            for header, frames in _merge_frames(sources)
        ],
    )


def _merge_frames(sources: Sequence[SourceSlice]) -> list[tuple[Dataset, list[int] | None]]:
    """Each file once, with its frames counted from 1; None for a file of one."""
    merged: dict[str, tuple[Dataset, list[int] | None]] = {}
    for source in sources:
        _, frames = merged.setdefault(source.header.SOPInstanceUID, (source.header, [] if source.frames else None))
        if frames is not None:
            frames.extend(source.frames or ())
    return list(merged.values())


def _build_peak(topic: Topic, heatmap: Heatmap) -> Any:
    """TID 1410: the point of the strongest evidence, with the numbers of its slice."""
    from highdicom.sr import (
        GraphicTypeValues,
        ImageRegion,
        PlanarROIMeasurementsAndQualitativeEvaluations,
        SourceImageForRegion,
    )

    source = _shown_source(topic)
    x, y = topic.stored_peak or heatmap.peak
    size_px = int(source.header.get("Columns") or 0), int(source.header.get("Rows") or 0)
    point_px = (x * (size_px[0] or heatmap.width_px), y * (size_px[1] or heatmap.height_px))  # PS3.3, C.18.6.1.1
    evidence = _build_measurement(
        build_code("EVIDENCE", "Local probability at the strongest evidence"), heatmap.peak_value
    )
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_build_tracking("picture, strongest evidence" if topic.volume is None else "best slice"),
        algorithm_id=_name_algorithm(topic),
        referenced_region=ImageRegion(
            graphic_type=GraphicTypeValues.POINT,
            graphic_data=np.array([point_px]),
            source_image=SourceImageForRegion(
                referenced_sop_class_uid=source.header.SOPClassUID,
                referenced_sop_instance_uid=source.header.SOPInstanceUID,
                referenced_frame_numbers=source.frames,
            ),
        ),
        measurements=[
            evidence,
            *(_list_measurements(topic, topic.shown_answer) if topic.volume is not None else ()),
        ],
    )


def _list_measurements(topic: Topic, prediction: Prediction) -> list[Any]:
    """The probabilities that people are shown, the finding's first; none of a picture that was rejected."""
    if prediction.verdict is Verdict.REJECTED:
        return []
    bundle, finding = topic.bundle, prediction.finding
    rows = present_prediction(prediction, bundle).rows
    classes = [_build_measurement(probability_code(bundle, row.label), row.probability) for row in rows]
    if finding is None:
        return classes
    return [_build_measurement(finding_probability_code(bundle), finding.probability), *classes]


def _build_measurement(name: Any, value: float) -> Any:
    from highdicom.sr import Measurement
    from pydicom.sr.codedict import codes

    return Measurement(name=name, value=round(value, _DECIMALS), unit=codes.UCUM.NoUnits)


def _build_tracking(name: str) -> Any:
    from highdicom.sr import TrackingIdentifier
    from pydicom.uid import generate_uid

    return TrackingIdentifier(uid=generate_uid(), identifier=name)


def _name_algorithm(topic: Topic) -> Any:
    from highdicom.sr import AlgorithmIdentification

    bundle = topic.bundle
    return AlgorithmIdentification(
        name=bundle.name, version=bundle.version, parameters=[f"model_sha256={bundle.compute_sha256()}"]
    )
