"""What the API answers to an upload that is more than one picture: a volume, or an archive."""

from __future__ import annotations

import time
from typing import Any

from inference import DecodedImage, InputError, TooLargeError, load_image
from inference.answer.rows import Row, build_row, build_volume_rows
from inference.answer.volume import SliceClassifier, predict_volume
from inference.imaging.scans import Scan, load_scans
from inference.imaging.sniff import HEAD_BYTES, Kind, recognise
from ui.request import note_answer

MAX_ANSWER_S = 60.0
"""Longest time that one request may take, in seconds, looked at after each scan: a small archive may hold thousands."""


def find_picture(content: bytes) -> DecodedImage | None:
    """The picture that an upload is, a DICOM file with one slice too; None if it is a volume or an archive.

    Raises
    ------
    InputError
        It cannot be read.
    """
    kind = recognise(content[:HEAD_BYTES])
    if kind is Kind.OTHER:
        return load_image(content)
    if kind is Kind.DICOM:
        found = next(load_scans(content)).content
        return found if isinstance(found, DecodedImage) else None
    return None


def answer_scans(classifier: SliceClassifier, content: bytes, name: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body for a volume or an archive, and the notes on it.

    Returns
    -------
    tuple of (dict, tuple of str)
        Of a volume its row, and under ``slices`` a row for each slice. Of an archive with several scans ``path``,
        ``error`` (None) and ``scans``, such a body for each.

    Raises
    ------
    TooLargeError
        It takes longer than `MAX_ANSWER_S`.
    InputError
        It cannot be read.
    EngineError
        The network failed.
    """
    bodies: list[dict[str, Any]] = []
    notes: list[str] = []
    deadline_s = time.monotonic() + MAX_ANSWER_S
    for scan in load_scans(content):
        if time.monotonic() > deadline_s:
            raise TooLargeError(
                f"One request is answered for {MAX_ANSWER_S:.0f} s at most; this archive takes longer. "
                "Send it in parts, or use the Batch tab or python -m inference."
            )
        body, its_notes = _answer_scan(classifier, scan, f"{name}/{scan.path}" if scan.path else name, name)
        bodies.append(body)
        notes += its_notes
    if len(bodies) == 1:
        return bodies[0], tuple(notes)
    return {"path": name, "error": None, "scans": bodies}, tuple(notes)


def _answer_scan(
    classifier: SliceClassifier, scan: Scan, path: str, upload: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    try:
        if isinstance(scan.content, InputError):
            raise scan.content
        if isinstance(scan.content, DecodedImage):
            prediction = next(classifier.predict_many([scan.content]))
            note_answer(prediction)
            return build_row(path, prediction).to_dict(), prediction.notes
        found = predict_volume(classifier, scan.content)
    except InputError as error:
        if not scan.path:
            raise
        return Row(path=path, error=str(error)).to_dict(), ()
    note_answer(found.answer)
    *slices, whole = build_volume_rows(path, scan.content, found, inside=f"{upload}/")
    return {**whole.to_dict(), "slices": [row.to_dict() for row in slices]}, found.answer.notes
