"""Volumes in two files, a header and its voxels: what the other one is called, and where it is looked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import BinaryIO

from inference.errors import InputError
from inference.imaging.sniff import Kind

Beside = Callable[[str], BinaryIO]
"""Opens a file of the header's own folder, on the disk or in the archive, by its bare name; raises `InputError`."""

_HEADER_BYTES = 64 * 2**10

_DATA_FILE = {
    Kind.NRRD: re.compile(rb"^data ?file:[ \t]*(.*?)\s*$", re.M | re.I),
    Kind.METAIMAGE: re.compile(rb"^ElementDataFile\s*=\s*(.*?)\s*$", re.M),
}


def nothing_beside(name: str) -> BinaryIO:
    """The `Beside` of bytes without a folder."""
    raise InputError(f"There is no file {name}.")


def find_other_half(head: bytes, kind: Kind, name: str) -> tuple[str, ...]:
    r"""What the file of a volume's voxels may be called.

    Parameters
    ----------
    head : bytes
        Of the header.
    kind : Kind
    name : str
        What the header is called.

    Returns
    -------
    tuple of str
        Bare names, the likeliest first: the other half must lie in the header's folder, wherever a path in the header
        leads. Empty if the voxels are in the file itself.

    Raises
    ------
    InputError
        The voxels lie in several files, or in none.

    Examples
    --------
    >>> find_other_half(b"NDims = 3\nElementDataFile = brain.raw\n", Kind.METAIMAGE, "brain.mhd")
    ('brain.raw',)
    """
    is_half = kind is Kind.NIFTI and (head[344:347] == b"ni1" or head[4:7] == b"ni2")
    if kind is Kind.ANALYZE or is_half:
        stem = re.sub(r"\.hdr(\.gz)?$", "", name, flags=re.I)
        return tuple(f"{stem}{ending}" for ending in (".img", ".IMG", ".img.gz"))
    pattern = _DATA_FILE.get(kind)
    if pattern is None:
        return ()
    lines = head[:_HEADER_BYTES]
    if kind is Kind.NRRD:
        lines = re.split(rb"\r?\n\r?\n", lines, maxsplit=1)[0]
    found = pattern.search(lines)
    if found is None or found[1] == b"LOCAL":
        return ()
    text = found[1].decode("utf-8", "replace").replace("\\", "/")
    if text.startswith("LIST") or "%" in text or not PurePosixPath(text).name:
        raise InputError("A volume whose voxels lie in one file is accepted; those of the one received lie in several.")
    if PurePosixPath(text).name == name:
        raise _missing(name)
    return (PurePosixPath(text).name,)


def open_other_half(names: tuple[str, ...], beside: Beside) -> BinaryIO:
    """Open the first of the names that is there.

    Raises
    ------
    InputError
        None is.
    """
    for name in names:
        try:
            return beside(name)
        except InputError:
            continue
    raise _missing(names[0])


def _missing(name: str) -> InputError:
    shown = name if re.fullmatch(r"\w[\w.\- ]{1,100}", name) else "another file"
    return InputError(
        f"This is one half of a volume: its voxels lie in {shown}, which is not beside it. "
        "Give both in one folder, or in one zip archive."
    )
