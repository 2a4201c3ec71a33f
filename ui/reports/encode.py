"""From what a report is about to the files of the reports that were asked for; what is in each is its own module's."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ui.reports.capture import encode_capture
from ui.reports.pdf import encode_pdf
from ui.reports.sources import build_subject, check_references
from ui.reports.structured import encode_report

if TYPE_CHECKING:
    from ui.reports.topic import Topic

DICOM_KINDS = ("sr", "capture")
"""Reports that refer to DICOM images."""

PACKAGES = {"pdf": "reportlab", "sr": "highdicom", "capture": "highdicom"}
"""The kinds of reports, and the package that writes each."""


def encode_reports(topic: Topic, kinds: Collection[str], *, keep_identity: bool = False) -> dict[str, bytes]:
    """Write reports; the DICOM ones belong to the same patient and study.

    Parameters
    ----------
    topic : Topic
        With its sources, if one of the kinds is DICOM.
    kinds : collection of str
        Of `PACKAGES`.
    keep_identity : bool
        Name who was examined.

    Returns
    -------
    dict of str to bytes
        A file for each kind.

    Raises
    ------
    InputError
        A source file has no identifiers that a DICOM report could refer to.
    """
    files = {"pdf": encode_pdf(topic, keep_identity=keep_identity)} if "pdf" in kinds else {}
    if any(kind in DICOM_KINDS for kind in kinds):
        check_references(topic.sources)
        subject = build_subject(topic.sources[0], keep_identity=keep_identity)
        if "sr" in kinds:
            files["sr"] = encode_report(topic, subject)
        if "capture" in kinds:
            files["capture"] = encode_capture(topic, subject)
    return files
