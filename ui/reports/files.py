"""Where reports are written: new files only, and never half a one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from inference.errors import OutputError


def check_targets(paths: Iterable[Path]) -> None:
    """Raise `OutputError` for a name that is taken, named twice, or in a folder that is not there."""
    seen: set[Path] = set()
    for path in paths:
        if os.path.lexists(path):
            raise OutputError(f"{path} exists, and nothing is written over; choose another name.")
        if path.resolve() in seen:
            raise OutputError(f"{path} is named twice; each report needs a name of its own.")
        if not path.parent.is_dir():
            raise OutputError(f"{path} cannot be written: there is no folder {path.parent}.")
        seen.add(path.resolve())


def write_new(path: Path, content: bytes) -> None:
    """Write a file that does not exist yet; if that fails, nothing of it is left.

    Raises
    ------
    OutputError
        It exists by now, the folder is not to be written to, or the disk is full.
    """
    try:
        stream = path.open("xb")
    except FileExistsError as error:
        raise OutputError(f"{path} exists, and nothing is written over; choose another name.") from error
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error
    try:
        with stream:
            stream.write(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error
