"""What the DICOM objects that are written have in common: who made them, their series, and the file's bytes.

What an object holds is `ui.reports.structured`'s and `ui.reports.capture`'s; whom it belongs to, `ui.reports.sources`'.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from inference import __version__

if TYPE_CHECKING:
    from pydicom import Dataset

    from inference.model.bundle import ModelBundle

REPORT_SERIES_NUMBER = 9901
"""Behind what scanners and their consoles number."""

CAPTURE_SERIES_NUMBER = 9902

_DESCRIPTION_CHARACTERS = 64
"""Of a series description (PS3.5, 6.2: LO)."""


def describe_instance(bundle: ModelBundle, series_number: int, what: str = "") -> dict[str, Any]:
    """The arguments that every highdicom object takes: a new series of one instance, made by this program.

    Parameters
    ----------
    bundle : ModelBundle
        Of the model that answered.
    series_number : int
    what : str
        What the series holds, for its description.
    """
    from pydicom.uid import generate_uid

    return {
        "series_instance_uid": generate_uid(),
        "series_number": series_number,
        "series_description": f"Gyrus: {bundle.name}{what and ', '}{what}"[:_DESCRIPTION_CHARACTERS],
        "sop_instance_uid": generate_uid(),
        "instance_number": 1,
        "manufacturer": "Gyrus",
        "manufacturer_model_name": "Gyrus",
        "software_versions": __version__,
        "specific_character_set": "ISO_IR 192",
    }


def encode_file(dataset: Dataset) -> bytes:
    """A DICOM file with preamble and file meta information (PS3.10)."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
