"""The process that reads inputs for `tests.stress.fuzz`: it may crash, hang or fill its memory, and nothing else does.

Each input comes on the standard input as a length (4 bytes, big) and its bytes; each answer is a line of JSON on the
standard output.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import resource
import struct
import sys
import time
import traceback
from pathlib import Path
from typing import Any

MAX_ADDRESS_BYTES = 6 * 2**30
"""Whatever asks for more fails at once; what really was used is measured for each input."""

SLICES = 6
"""So many slices of a volume are decoded."""

_NOT_FOR_PEOPLE = re.compile(
    r"Traceback|Error\b|Exception|\bNone\b|<class|object at 0x|site-packages|\.py\b|\berrno\b|[\0-\x1f]", re.IGNORECASE
)
"""What betrays a message of a program in a sentence for a person."""


def find_fault(sentence: str) -> str:
    """What is wrong with a sentence, or nothing."""
    if not sentence.endswith((".", ".)", "!")) or not sentence[:1].isupper():
        return "is no whole sentence"
    if len(sentence) > 700:
        return "is too long"
    found = _NOT_FOR_PEOPLE.search(sentence)
    return f"holds {found[0]!r}" if found else ""


def read(content: bytes) -> dict[str, Any]:
    """Read an input in both ways that fronts do.

    Returns
    -------
    dict
        ``outcome`` (picture, volume, refused, defect), ``detail`` (a sentence, or where the defect lies), ``seconds``
        (of computing, so that a busy machine finds nothing), ``grown_bytes``.
    """
    started, before_bytes = time.process_time(), _reset_peak()
    try:
        outcome, detail = _read_picture(content)
        if outcome != "defect":
            outcome, detail = _read_scans(content)
    except BaseException as error:  # noqa: BLE001 - the very thing that is looked for
        outcome, detail = "defect", _locate(error)
    return {
        "outcome": outcome,
        "detail": detail,
        "seconds": round(time.process_time() - started, 3),
        "grown_bytes": max(_peak_bytes() - before_bytes, 0),
    }


def _read_picture(content: bytes) -> tuple[str, str]:
    from inference import GyrusError, load_image

    try:
        return _check_picture(load_image(content))
    except GyrusError as error:
        return _check_error(error)


def _read_scans(content: bytes) -> tuple[str, str]:
    from inference import GyrusError
    from inference.imaging.load import load_scans
    from inference.imaging.types import Volume

    answers = []
    try:
        for scan in load_scans(content):
            if isinstance(scan.content, GyrusError):
                answers.append(_check_error(scan.content))
            elif isinstance(scan.content, Volume):
                answers.append(_read_volume(scan.content))
            else:
                answers.append(_check_picture(scan.content))
    except GyrusError as error:
        answers.append(_check_error(error))
    return max(answers, key=lambda one: ("refused", "picture", "volume", "defect").index(one[0]))


def _read_volume(volume: Any) -> tuple[str, str]:
    from inference import GyrusError

    last = volume.count - 1
    for number in sorted({round(last * step / (SLICES - 1)) for step in range(SLICES)}):
        try:
            answer = _check_picture(volume.load(number).image)
        except GyrusError as error:
            answer = _check_error(error)
        if answer[0] == "defect":
            return answer
    return "volume", ""


def _check_picture(image: Any) -> tuple[str, str]:
    pixels = image.pixels
    if pixels.dtype != "uint8" or pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < 32:
        return "defect", f"a picture of {pixels.dtype} {pixels.shape}"
    for note in image.notes:
        if fault := find_fault(note):
            return "defect", f"a note {fault}: {note}"
    return "picture", ""


def _check_error(error: Exception) -> tuple[str, str]:
    from inference import InputError

    if not isinstance(error, InputError):
        return "defect", f"{type(error).__name__} instead of InputError: {error}"
    if fault := find_fault(str(error)):
        return "defect", f"a sentence {fault}: {error}"
    if isinstance(error.__cause__, MemoryError):
        return "defect", f"no memory: {_locate(error.__cause__)}"
    return "refused", str(error)


def _locate(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/inference/" in frame.filename] or frames
    place = f"{Path(own[-1].filename).name}:{own[-1].name}" if own else "?"
    last = f"{Path(frames[-1].filename).name}:{frames[-1].name}" if frames else "?"
    return f"{type(error).__name__} in {place} ({last}): {error}"[:400]


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def _reset_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): resets VmHWM
    return _status("VmRSS")


def _peak_bytes() -> int:
    return _status("VmHWM")


def main() -> None:
    """Answer inputs until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a native decoder prints is not an answer
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_BYTES, MAX_ADDRESS_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while len(head := sys.stdin.buffer.read(4)) == 4:
        content = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
        answers.write(json.dumps(read(content)) + "\n")


if __name__ == "__main__":
    main()
