"""What the API answers to an upload: the row of a picture or a volume, or one such body for each scan of an archive."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from inference.answer.answer import Answer, answer_scan
from inference.answer.rows import build_error_row
from inference.answer.volume import SliceClassifier
from inference.errors import InputError, TooLargeError
from inference.imaging.scans import Scan, open_scans
from inference.imaging.types import DecodedImage, ReadOptions
from ui.request import note_answer

MAX_ANSWER_S = 60.0
"""Longest time that one request may take, in seconds, checked after each scan: a small archive may hold thousands."""


@dataclass(frozen=True, kw_only=True)
class UploadOptions:
    """What a request may ask for.

    Attributes
    ----------
    reading : ReadOptions
    explain : bool
        Answer the picture, or the slice that shows a volume's answer, with its heat map.
    top : int or None
        See `inference.answer.answer.Answer.to_dict`.
    number : int or None
        Which scan of an archive, counted from 1; all of them by default.
    """

    reading: ReadOptions
    explain: bool = False
    top: int | None = None
    number: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class UploadAnswer:
    """What is answered to an upload.

    Attributes
    ----------
    body : dict
        Of a picture its row; of a volume its row, and under ``slices`` a row for each slice. Of an archive with several
        scans ``path``, ``error`` (None) and ``scans``, such a body for each.
    notes : tuple of str
    explained : Answer or None
        The answer whose heat map was asked for.
    image : DecodedImage or None
        What that heat map belongs to.
    """

    body: dict[str, Any]
    notes: tuple[str, ...]
    explained: Answer | None = None
    image: DecodedImage | None = None


def answer_upload(classifier: SliceClassifier, content: bytes, name: str, options: UploadOptions) -> UploadAnswer:
    """Answer every scan of an upload, or the one that is asked for.

    Raises
    ------
    TooLargeError
        It takes longer than `MAX_ANSWER_S`.
    InputError
        It cannot be read, there is no scan of the number, or a heat map is asked for several.
    EngineError
        The network failed.
    """
    deadline_s = time.monotonic() + MAX_ANSWER_S
    bodies: list[dict[str, Any]] = []
    notes: list[str] = []
    with open_scans(content, options.reading, name=name) as listed:
        scans = listed if options.number is None and not options.explain else iter(_choose(list(listed), options))
        for scan in scans:
            if time.monotonic() > deadline_s:
                raise TooLargeError(
                    f"One request is answered for {MAX_ANSWER_S:.0f} s at most; this archive takes longer. "
                    "Send it in parts, or use the Batch tab or python -m inference."
                )
            try:
                answer = answer_scan(classifier, scan, explain=options.explain)
            except InputError as error:
                if not scan.path and not bodies:
                    raise
                bodies.append(build_error_row(scan.location, error).to_dict())
                continue
            note_answer(answer.prediction)
            bodies.append(answer.to_dict(options.top))
            notes += answer.prediction.notes
            if answer.heatmap is not None:
                return UploadAnswer(body=bodies[0], notes=tuple(notes), explained=answer, image=answer.image)
    body = bodies[0] if len(bodies) == 1 else {"path": name, "error": None, "scans": bodies}
    return UploadAnswer(body=body, notes=tuple(notes))


def _choose(scans: list[Scan], options: UploadOptions) -> list[Scan]:
    """The one scan that is asked for."""
    numbered = [scan for scan in scans if scan.number]
    if options.number is not None:
        chosen = [scan for scan in numbered if scan.number == options.number]
        if not chosen:
            raise InputError(f"scan is a number from 1 to {len(numbered)} here; received {options.number}.")
        return chosen
    if len(numbered) > 1:
        raise InputError(
            f"explain shows the heat map of one scan; received {len(numbered)}. Choose one with scan=1 to "
            f"scan={len(numbered)}."
        )
    return numbered or scans[:1]
