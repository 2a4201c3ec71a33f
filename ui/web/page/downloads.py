"""An answer to be kept: rows as CSV and JSON Lines, and the reports of ``reports`` as far as they are installed.

Nothing is written to the disk: the bytes go to the page, which hands them to the visitor. The reports name no patient.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from inference import Classifier
from inference.answer.rows import Row, build_row, build_volume_rows
from inference.answer.volume import predict_volume
from inference.batch.tables import Table, format_header, format_rows
from inference.errors import InputError
from inference.imaging.types import ReadOptions, Volume
from ui.web.page.scans import open_scan

if TYPE_CHECKING:
    from ui.reports.finding import Finding


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A way to keep an answer.

    Attributes
    ----------
    file_name : str
        The same whatever the upload is called, which may name a person.
    media_type : str
    packages : tuple of str
        What has to be there; the container has no ``reports``.
    needs_dicom : bool
    """

    file_name: str
    media_type: str
    packages: tuple[str, ...] = ()
    needs_dicom: bool = False


_DICOM = ("reports", "highdicom")

KINDS = {
    "pdf": Kind(file_name="gyrus.pdf", media_type="application/pdf", packages=("reports", "reportlab")),
    "sr": Kind(file_name="gyrus-report.dcm", media_type="application/dicom", packages=_DICOM, needs_dicom=True),
    "capture": Kind(file_name="gyrus-image.dcm", media_type="application/dicom", packages=_DICOM, needs_dicom=True),
    "csv": Kind(file_name="gyrus.csv", media_type="text/csv"),
    "jsonl": Kind(file_name="gyrus.jsonl", media_type="application/x-ndjson"),
}


def list_kinds(*, is_dicom: bool) -> list[str]:
    """The names of what can be made here of such a source."""
    return [
        name
        for name, kind in KINDS.items()
        if (is_dicom or not kind.needs_dicom) and all(map(find_spec, kind.packages))
    ]


def build_download(classifier: Classifier, path: Path, number: int, name: str) -> bytes:
    """Answer an upload once more, and give the file.

    Parameters
    ----------
    classifier : Classifier
    path : pathlib.Path
        Of the upload.
    number : int
        Of the scan, see `ui.web.page.scans`.
    name : str
        One of `KINDS`.

    Raises
    ------
    InputError
        The upload is gone, or there is no such kind.
    EngineError
        The network failed.
    """
    if not path.is_file():
        raise InputError("The image is no longer here. Choose it again.")
    if name not in KINDS:
        raise InputError(f"What can be saved is {', '.join(KINDS)}; received another kind.")
    if name in ("csv", "jsonl"):
        table, suffix = Table(labels=classifier.bundle.labels), f".{name}"
        return format_header(suffix, table) + format_rows(_build_rows(classifier, path, number), suffix, table)
    from ui.reports.finding import build_finding

    finding = build_finding(classifier, path, ReadOptions(), number=number, needs_dicom=KINDS[name].needs_dicom)
    return _encode(finding, name)


def _build_rows(classifier: Classifier, path: Path, number: int) -> Iterable[Row]:
    with open_scan(path, number) as scan:
        where = f"{path.name}/{scan.path}" if scan.path else path.name
        if isinstance(scan.content, Volume):
            inside = f"{path.name}/" if scan.path else ""
            return build_volume_rows(where, scan.content, predict_volume(classifier, scan.content), inside=inside)
        return [build_row(where, classifier.predict(scan.content))]


def _encode(finding: Finding, name: str) -> bytes:
    if name == "pdf":
        from ui.reports.pdf import encode_pdf

        return encode_pdf(finding)
    from ui.reports.capture import encode_capture
    from ui.reports.sources import build_subject, check_references
    from ui.reports.structured import encode_report

    check_references(finding.sources)
    subject = build_subject(finding.sources[0], keep_identity=False)
    return encode_report(finding, subject) if name == "sr" else encode_capture(finding, subject)
