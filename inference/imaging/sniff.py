"""The kind of a file, told by its first bytes and never by its name; and, by their names, files that are no images."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from enum import Enum

HEAD_BYTES = 64 * 2**10
"""So many bytes of a file are enough for `recognise`."""

_NIFTI_BYTES = 540
"""Length of the longer NIfTI header, version 2."""

_VALUE_REPRESENTATIONS = frozenset(b"AE AS CS DA DS IS LO LT OB PN SH ST TM UI UL US".split())
"""The value representations with which an explicit DICOM data set may begin (PS3.5, 6.2)."""

_PICTURES = (
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM"),
    *(b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+"),  # TIFF and BigTIFF
)
"""The first bytes of the formats that are opened as pictures. WebP is not here: it is one kind of RIFF file."""


class Kind(Enum):
    """The kinds that `recognise` tells apart; the value names one inside a sentence."""

    DICOM = "a DICOM file"
    NIFTI = "a NIfTI volume"
    GZIPPED_NIFTI = "a compressed NIfTI volume"
    ZIP = "a zip archive"
    PICTURE = "a picture"
    OTHER = "something else"


def recognise(head: bytes) -> Kind:
    """Tell of which kind a file is.

    Parameters
    ----------
    head : bytes
        The file's first `HEAD_BYTES`, or all of it.
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Kind.ZIP
    if _is_nifti(head):
        return Kind.NIFTI
    if head.startswith(b"\x1f\x8b") and _is_nifti(_inflate(head)):
        return Kind.GZIPPED_NIFTI
    if _is_dicom(head):
        return Kind.DICOM
    is_picture = head.startswith(_PICTURES) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
    return Kind.PICTURE if is_picture else Kind.OTHER


def _is_dicom(head: bytes) -> bool:
    """With its preamble (PS3.10, 7.1), or a bare data set that begins with group 0002 or 0008."""
    if head[128:132] == b"DICM":
        return True
    if len(head) < 132:
        return False
    explicit = head[4:6] in _VALUE_REPRESENTATIONS
    if head[:2] == b"\x00\x08":
        return explicit
    group, _, length = struct.unpack("<HHI", head[:8])
    return group in (0x0002, 0x0008) and (explicit or (length <= 64 and length % 2 == 0))


def _is_nifti(head: bytes) -> bool:
    """NIfTI-1 or -2 in one file or two; https://nifti.nimh.nih.gov/nifti-1 and nifti-2."""
    if len(head) < 348:
        return False
    size = head[:4]
    if size in (struct.pack("<i", 348), struct.pack(">i", 348)):
        return head[344:348] in (b"n+1\0", b"ni1\0")
    return size in (struct.pack("<i", 540), struct.pack(">i", 540)) and head[4:7] in (b"n+2", b"ni2")


def _inflate(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _NIFTI_BYTES)
    except zlib.error:
        return b""


_SIGNATURES: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("a PDF document", lambda head: head.startswith(b"%PDF")),
    ("a gzip file that holds no NIfTI volume", lambda head: head.startswith(b"\x1f\x8b")),
    ("an SVG drawing", lambda head: b"<svg" in head),
    ("a web page", lambda head: b"<html" in head.lower()),
    ("a text file", lambda head: head.isascii() and b"\0" not in head),
)


def describe(content: bytes) -> str:
    """Name the kind of a file, for the sentence that refuses it."""
    kind = recognise(content[:HEAD_BYTES])
    if kind is not Kind.OTHER:
        return str(kind.value)
    return next((name for name, matches in _SIGNATURES if matches(content[:512])), "something else")


_OTHER_SUFFIX = (
    r"bat|bin|cab|cfg|chm|class|cmd|cnf|com|conf|css|csv|dat|db|dll|dylib|exe|html?|icns|ico|inf|ini|iso|jar|js|json|lnk|"
    r"log|manifest|md|msi|nfo|ocx|pif|plist|properties|py|rc|reg|rtf|sh|so|sqlite|sys|toml|tsv|ttf|txt|url|woff2?|wsf|"
    r"xml|xsd|xslt?|ya?ml"
)
"""How names end of files that lie beside images on a patient's disc, in an export or in a data set, and are none."""

_OTHER_NAME = re.compile(rf"(authors|copying|licen[cs]e|lockfile|notice|readme|version|.*\.({_OTHER_SUFFIX}))", re.I)


def is_companion(name: str, kind: Kind) -> bool:
    """Whether a file is one of those that come with images: a viewer, a page, a table of contents.

    Parameters
    ----------
    name : str
        Without a folder.
    kind : Kind
        What its content is.

    Examples
    --------
    >>> is_companion("AUTORUN.INF", Kind.OTHER), is_companion("slice.png", Kind.OTHER)
    (True, False)
    """
    return name.upper() == "DICOMDIR" or (kind is Kind.OTHER and _OTHER_NAME.fullmatch(name) is not None)
