"""The folder that uploads lie in: one for each process, its owner's alone, and gone when the process is.

A process that was killed cannot clean up. The lock on its folder dies with it, whatever its number was: by that the
next start tells what is left over.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where left-over folders stay
    fcntl = None  # type: ignore[assignment]

_PREFIX = "gyrus-uploads-"
_LOCK = ".lock"

_HELD: list[int] = []
"""Locks are held as long as their files are open."""


def claim_folder(parent: Path) -> Path:
    """Make a folder that nobody else can read, and have it removed when this process ends.

    Parameters
    ----------
    parent : pathlib.Path
        Made if there is none.
    """
    parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=parent))
    if fcntl is not None:
        lock = os.open(made / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        _HELD.append(lock)
    folder = made.rename(made.with_name(made.name.removeprefix(".")))  # found by others only once it is locked
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def remove_leftovers(parent: Path) -> int:
    """Remove the folders of processes that are no more; returns how many."""
    if fcntl is None or not parent.is_dir():
        return 0
    left = [folder for folder in parent.glob(f"{_PREFIX}*") if folder.is_dir() and not folder.is_symlink()]
    return sum(_remove_if_left(folder) for folder in left)


def _remove_if_left(folder: Path) -> bool:
    try:
        if folder.stat().st_uid != os.getuid():
            return False
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
        return True
    except BlockingIOError:
        return False  # its process lives
    finally:
        os.close(lock)
