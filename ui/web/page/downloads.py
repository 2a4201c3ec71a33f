"""An answer to be kept: rows as CSV and JSON Lines, and the reports of ``reports`` as far as they are installed.

Nothing is written to the disk: the bytes go to the page, which hands them to the visitor. The reports name no patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from inference.batch.tables import Table, format_header, format_rows
from inference.errors import InputError
from ui.reports.encode import encode_reports
from ui.reports.topic import build_topic

if TYPE_CHECKING:
    from inference.answer.answer import Answer
    from inference.imaging.types import Convention
    from inference.model.bundle import ModelBundle


@dataclass(frozen=True, kw_only=True)
class DownloadKind:
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


KINDS = {
    "pdf": DownloadKind(file_name="gyrus.pdf", media_type="application/pdf", packages=("reports", "reportlab")),
    "sr": DownloadKind(
        file_name="gyrus-report.dcm",
        media_type="application/dicom",
        packages=("reports", "highdicom"),
        needs_dicom=True,
    ),
    "capture": DownloadKind(
        file_name="gyrus-image.dcm", media_type="application/dicom", packages=("reports", "highdicom"), needs_dicom=True
    ),
    "csv": DownloadKind(file_name="gyrus.csv", media_type="text/csv"),
    "jsonl": DownloadKind(file_name="gyrus.jsonl", media_type="application/x-ndjson"),
}


def list_kinds(*, is_dicom: bool) -> list[str]:
    """The names of what can be made here of such a source."""
    return [
        name
        for name, kind in KINDS.items()
        if (is_dicom or not kind.needs_dicom) and all(map(find_spec, kind.packages))
    ]


def build_download(answer: Answer, bundle: ModelBundle, name: str, convention: Convention = "radiological") -> bytes:
    """Give an answer as a file.

    Parameters
    ----------
    answer : Answer
        With its heat map; its scan can still be read.
    bundle : ModelBundle
        Of the model that answered.
    name : str
        One of `KINDS`.
    convention : str
        In which pictures are shown.

    Raises
    ------
    InputError
        There is no such kind, or the scan is no DICOM, which the kind needs.
    """
    if name not in KINDS:
        raise InputError(f"What can be saved is {', '.join(KINDS)}; received another kind.")
    if name in ("csv", "jsonl"):
        table, suffix = Table(labels=bundle.labels), f".{name}"
        return format_header(suffix, table) + format_rows(answer.rows, suffix, table)
    topic = build_topic(answer, bundle, needs_sources=KINDS[name].needs_dicom, convention=convention)
    return encode_reports(topic, (name,))[name]
