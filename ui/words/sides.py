"""What lies at the edges of a picture, in words: the convention by its name, and where the patient's right is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.imaging.types import Convention, Orientation

CONVENTION_NAMES: dict[Convention, str] = {
    "radiological": "Radiological: the patient's right is on the left",
    "neurological": "Neurological: the patient's left is on the left",
}
"""What each convention is called where one is chosen."""


def word_sides(orientation: Orientation | None) -> str:
    """Say which side of a picture is which; nothing if that is not known.

    Examples
    --------
    >>> from inference.imaging.orientation import RADIOLOGICAL
    >>> word_sides(RADIOLOGICAL["axial"])
    "Radiological: the patient's right is on the left."
    >>> word_sides(RADIOLOGICAL["sagittal"])
    "The patient's front is on the left."
    """
    if orientation is None:
        return ""
    if orientation.has_sides:
        return f"{CONVENTION_NAMES['radiological' if orientation.left == 'R' else 'neurological']}."
    return f"The patient's {'front' if orientation.left == 'A' else 'back'} is on the left."
