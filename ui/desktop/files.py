"""Which files belong together and which models there are; no toolkit, nothing is decoded."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from inference.errors import BundleError
from inference.imaging.pictures import FORMATS
from inference.model.bundle import ModelBundle, load_bundle

_LOG = logging.getLogger(__name__)

MEDICAL_SUFFIXES = (
    *(".dcm", ".nii", ".nii.gz", ".hdr", ".mgh", ".mgz", ".nrrd", ".nhdr", ".mha", ".mhd", ".npy", ".npz"),
    *(".heic", ".heif", ".jls", ".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz"),
)
"""How files end that Pillow does not know: volumes, photographs of phones, archives. Whether one can be read is for
`inference.imaging` to say."""


def picture_suffixes() -> tuple[str, ...]:
    """The endings that the file dialog and the folder's line-up look for, in lower case."""
    registered = Image.registered_extensions()
    pictures = sorted(suffix for suffix, name in registered.items() if name in FORMATS)
    return (*pictures, *MEDICAL_SUFFIXES)


def list_neighbours(path: Path) -> tuple[Path, ...]:
    """The pictures of a file's folder, ``path`` itself among them, in the order in which people count.

    A file belongs if its name ends like a picture's or as ``path`` does (scanners give their files no ending at all).
    Hidden files are left out; a folder that cannot be listed has one file.
    """
    suffixes = (*picture_suffixes(), path.suffix.lower())
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        names = []
    chosen = {name for name in names if not name.startswith(".") and _ends_like(name, suffixes)} | {path.name}
    return tuple(path.with_name(name) for name in sorted(chosen, key=_counting_key))


def find_bundles(folder: Path, first: Path) -> tuple[ModelBundle, ...]:
    """Describe the model to start with and every other bundle below ``folder``.

    One that cannot be read is logged and left out, except ``first``.

    Raises
    ------
    BundleError
        ``first`` cannot be read.
    """
    bundles = [load_bundle(first)]
    for json_path in sorted(folder.glob("*/bundle.json")):
        if json_path.parent.resolve() == first.resolve():
            continue
        try:
            bundles.append(load_bundle(json_path.parent))
        except BundleError as error:
            _LOG.warning("A model is left out: %s", error)
    return tuple(bundles)


def shorten_middle(text: str, length: int) -> str:
    """Shorten a file name to ``length`` characters where it says least, keeping its beginning and its ending."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def _ends_like(name: str, suffixes: Sequence[str]) -> bool:
    return any(name.lower().endswith(suffix) if suffix else not Path(name).suffix for suffix in suffixes)


def _counting_key(name: str) -> tuple[list[tuple[int, str]], str]:
    """``slice_2`` before ``slice_10``; the name itself decides between ``1.png`` and ``01.png``."""
    pieces = re.findall(r"\d+|\D+", name.lower())
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces], name
