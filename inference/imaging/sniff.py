"""The kind of a file, told by its first bytes and never by its name; and, by their names, files that are no images."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from enum import Enum

HEAD_BYTES = 64 * 2**10
"""So many bytes of a file are enough for `recognise`."""

_VALUE_REPRESENTATIONS = frozenset(b"AE AS CS DA DS IS LO LT OB PN SH ST TM UI UL US".split())
"""The value representations with which an explicit DICOM data set may begin (PS3.5, 6.2)."""

_PICTURES = (
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM"),
    *(b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+"),  # TIFF and BigTIFF
    *(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),  # JPEG 2000, in a file of its own or bare
)
"""The first bytes of the formats that are opened as pictures. WebP, AVIF and HEIC are known by a later place."""

_PICTURE_BRANDS = frozenset(b"avif avis heic heix heim heis hevc hevx hevm hevs mif1 msf1".split())
"""How an ISO file of a picture calls itself (ISO/IEC 23008-12); one of a film has other brands."""

_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
"""The first bytes of gzip (RFC 1952), bzip2 and xz."""


class Kind(Enum):
    """The kinds that `recognise` tells apart; the value names one inside a sentence."""

    DICOM = "a DICOM file"
    NIFTI = "a NIfTI volume"
    ANALYZE = "an Analyze header"
    MGH = "an MGH volume"
    NRRD = "an NRRD volume"
    METAIMAGE = "a MetaImage volume"
    NUMPY = "a NumPy array"
    PACKED = "a compressed file"
    ZIP = "a zip archive"
    TAR = "a tar archive"
    PICTURE = "a picture"
    OTHER = "something else"

    @property
    def is_volume(self) -> bool:
        """Whether it is a volume's header, with its voxels or without."""
        return self in (Kind.NIFTI, Kind.ANALYZE, Kind.MGH, Kind.NRRD, Kind.METAIMAGE, Kind.NUMPY)

    @property
    def is_archive(self) -> bool:
        """Whether it holds files by name."""
        return self in (Kind.ZIP, Kind.TAR)


def recognise(head: bytes) -> Kind:
    """Tell of which kind a file is.

    Parameters
    ----------
    head : bytes
        The file's first `HEAD_BYTES`, or all of it.
    """
    return next((kind for kind, matches in _KINDS if matches(head)), Kind.OTHER)


def _is_picture(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        return bytes(head[8:12]) in _PICTURE_BRANDS
    return head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def _is_analyze(head: bytes) -> bool:
    """The header of Analyze 7.5, which has no mark of its own: its length, and dimensions that can be."""
    order = {struct.pack("<i", 348): "<", struct.pack(">i", 348): ">"}.get(head[:4])
    if order is None or len(head) < 348:
        return False
    dimensions = struct.unpack(f"{order}5h", head[40:50])
    return bool(1 <= dimensions[0] <= 7 and min(dimensions[1:3]) > 0)


def _is_mgh(head: bytes) -> bool:
    """Version 1 and a type that FreeSurfer writes; it has no other mark."""
    if len(head) < 284 or head[:4] != b"\0\0\0\1":
        return False
    *dimensions, data_type = struct.unpack(">5i", head[4:24])
    return all(0 < size < 2**16 for size in dimensions) and 0 <= data_type <= 10


def _is_metaimage(head: bytes) -> bool:
    """Lines of ``Key = Value``, with the sizes and the place of the voxels among them."""
    first = re.match(rb"\s*(ObjectType|NDims|Comment|ObjectSubType|Name)\s*=", head)
    return first is not None and re.search(rb"^(DimSize|ElementDataFile)\s*=", head[:8192], re.M) is not None


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


_KINDS: tuple[tuple[Kind, Callable[[bytes], bool]], ...] = (
    (Kind.ZIP, lambda head: head.startswith((b"PK\x03\x04", b"PK\x05\x06"))),
    (Kind.NIFTI, _is_nifti),
    (Kind.PACKED, lambda head: head.startswith(_PACKED)),
    (Kind.DICOM, _is_dicom),
    (Kind.PICTURE, _is_picture),
    (Kind.NRRD, lambda head: head.startswith(b"NRRD00")),
    (Kind.NUMPY, lambda head: head.startswith(b"\x93NUMPY")),
    (Kind.TAR, lambda head: head[257:262] == b"ustar"),
    (Kind.ANALYZE, _is_analyze),
    (Kind.MGH, _is_mgh),
    (Kind.METAIMAGE, _is_metaimage),
)

_AS_NIFTI = "Convert it to NIfTI: {}."
_AS_PNG = "Save it as PNG."
_UNPACK = "Unpack it first, or pack it as zip."


def _begins(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(starts)


def _holds(*texts: bytes) -> Callable[[bytes], bool]:
    return lambda head: any(text in head for text in texts)


def _film(head: bytes) -> bool:
    return head[4:8] in (b"ftyp", b"moov", b"mdat") or (head.startswith(b"RIFF") and head[8:11] == b"AVI")


_SIGNATURES: tuple[tuple[str, str, Callable[[bytes], bool]], ...] = (
    (
        "nothing but zeros",
        "It was not copied or downloaded to its end; fetch it again.",
        lambda head: bool(head) and not any(head),
    ),
    ("a sound", "", lambda head: head.startswith((b"ID3", b"fLaC", b"OggS")) or head[8:12] == b"WAVE"),
    ("an SQLite database", "", _begins(b"SQLite format 3\0")),
    ("a Windows metafile", _AS_PNG, lambda head: head.startswith(b"\xd7\xcd\xc6\x9a") or head[40:44] == b" EMF"),
    ("a PDF document", "Save the picture in it as PNG.", _begins(b"%PDF")),
    ("a JPEG XL picture", _AS_PNG, _begins(b"\xff\x0a", b"\0\0\0\x0cJXL ")),
    ("an HDF5 file (MINC 2, MATLAB 7.3)", _AS_NIFTI.format("mnc2nii for MINC"), _begins(b"\x89HDF\r\n\x1a\n")),
    ("a MATLAB 7.3 file", _AS_NIFTI.format("niftiwrite in MATLAB"), _begins(b"MATLAB 7.3 MAT-file")),
    ("a MATLAB file", _AS_NIFTI.format("niftiwrite in MATLAB"), _begins(b"MATLAB ")),
    ("a MINC 1 or netCDF file", _AS_NIFTI.format("mnc2nii"), _begins(b"CDF\1", b"CDF\2", b"CDF\5")),
    ("a rar archive", _UNPACK, _begins(b"Rar!")),
    ("a 7z archive", _UNPACK, _begins(b"7z\xbc\xaf\x27\x1c")),
    ("a Zstandard file", _UNPACK, _begins(b"\x28\xb5\x2f\xfd")),
    ("an LZ4 file", _UNPACK, _begins(b"\x04\x22\x4d\x18")),
    ("a compressed file (.Z)", _UNPACK, _begins(b"\x1f\x9d", b"\x1f\xa0")),
    ("a cabinet archive", _UNPACK, _begins(b"MSCF")),
    ("a Photoshop picture", _AS_PNG, _begins(b"8BPS")),
    ("a GIMP picture", "Export it as PNG.", _begins(b"gimp xcf")),
    ("an OpenEXR picture", _AS_PNG, _begins(b"\x76\x2f\x31\x01")),
    ("a Radiance picture", _AS_PNG, _begins(b"#?RADIANCE", b"#?RGBE")),
    ("a JPEG XR picture", _AS_PNG, _begins(b"II\xbc\1")),
    ("a PNM picture", _AS_PNG, lambda head: re.match(rb"P[1-7f][\s]", head, re.I) is not None),
    ("a QOI picture", _AS_PNG, _begins(b"qoif")),
    ("an icon", _AS_PNG, _begins(b"\0\0\1\0", b"icns")),
    ("a FITS file", _AS_PNG, _begins(b"SIMPLE  =")),
    ("a Word, PowerPoint or Excel document", "Save the picture in it as PNG.", _begins(b"\xd0\xcf\x11\xe0")),
    ("an RTF document", "Save the picture in it as PNG.", _begins(b"{\\rtf")),
    ("a PostScript drawing", _AS_PNG, _begins(b"%!PS", b"\xc5\xd0\xd3\xc6")),
    ("a DjVu document", _AS_PNG, _begins(b"AT&TFORM")),
    ("a film", "Save single frames of it as PNG.", _film),
    ("a film", "Save single frames of it as PNG.", _begins(b"\x1a\x45\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"FLV")),
    ("a VTK file", "Save it as NIfTI or MetaImage.", _begins(b"# vtk DataFile")),
    ("a VTK file", "Save it as NIfTI or MetaImage.", _holds(b"<VTKFile")),
    ("a GIFTI surface", "Surfaces are no pictures; give the volume itself.", _holds(b"<GIFTI")),
    ("a surface", "Surfaces are no pictures; give the volume itself.", _begins(b"solid ", b"ply\n", b"\xff\xff\xfe")),
    ("a Philips PAR header", _AS_NIFTI.format("dcm2niix or parrec2nii"), _holds(b"DATA DESCRIPTION FILE")),
    ("an AFNI header", _AS_NIFTI.format("3dAFNItoNIFTI"), _holds(b"string-attribute", b"integer-attribute")),
    ("a Bruker parameter file", _AS_NIFTI.format("brkraw or Bru2Nii"), _begins(b"##TITLE")),
    ("an Interfile header", _AS_NIFTI.format("its scanner's software"), _begins(b"!INTERFILE")),
    ("an ECAT file", _AS_NIFTI.format("nibabel reads it"), _begins(b"MATRIX7")),
    ("an old Siemens image (IMA)", "Export it as DICOM.", lambda head: b"SIEMENS" in head[96:512]),
    ("an old GE image", "Export it as DICOM.", _begins(b"IMGF")),
    (
        "a Python pickle",
        "Its reading could run a program. Save the array with numpy.save.",
        _begins(b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"),
    ),
    ("a Parquet table", "", _begins(b"PAR1")),
    ("a program", "", _begins(b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe")),
    ("an SVG drawing", _AS_PNG, _holds(b"<svg")),
    ("a web page", "Save the picture in it as PNG.", lambda head: b"<html" in head.lower()),
    ("a text file", "", lambda head: head.isascii() and b"\0" not in head),
)
"""What is not read: its name, the way on, and how it is known. The first that matches."""

_ONE_ZIP = "Give the header ({}) with them, in one zip archive."
_UNMARKED: dict[str | tuple[str, ...], tuple[str, str]] = {
    ".img": ("the voxels of a volume in two files", _ONE_ZIP.format(".hdr")),
    (".raw", ".zraw", ".bin"): ("bare voxels", _ONE_ZIP.format(".mhd, .nhdr")),
    ".rec": ("the voxels of a Philips PAR header", _AS_NIFTI.format("dcm2niix or parrec2nii")),
    ".brik": ("the voxels of an AFNI header", _AS_NIFTI.format("3dAFNItoNIFTI")),
    ("2dseq", "fid"): ("the voxels of a Bruker study", _AS_NIFTI.format("brkraw or Bru2Nii")),
    ".ima": ("an old Siemens image (IMA)", "Export it as DICOM."),
    (".tga", ".pcx", ".emf", ".wmf"): ("a picture of a kind that is not read", _AS_PNG),
    (".mpg", ".mpeg", ".wmv"): ("a film", "Save single frames of it as PNG."),
    (".onnx", ".tflite", ".pb", ".safetensors"): ("a network", "A model is given with --model."),
}
"""Formats whose bytes have no mark, by the ending of their names: what it is called, and the way on."""


def describe(content: bytes, name: str = "") -> str:
    """Name the kind of a file, for the sentence that refuses it.

    Parameters
    ----------
    content : bytes
        Its head, or all of it.
    name : str
        What it is called; asked only if the content has no mark.
    """
    return _name_kind(content, name)[0]


def advise(content: bytes, name: str = "") -> str:
    """What to do with a file that is not read: a sentence with a space before it, or nothing. See `describe`."""
    way_on = _name_kind(content, name)[1]
    return f" {way_on}" if way_on else ""


def _name_kind(content: bytes, name: str) -> tuple[str, str]:
    kind = recognise(content[:HEAD_BYTES])
    if kind is not Kind.OTHER:
        return str(kind.value), ""
    head = content[:1024]
    known = next(((called, way_on) for called, way_on, matches in _SIGNATURES if matches(head)), None)
    ending = next((found for end, found in _UNMARKED.items() if name.lower().endswith(end)), None)
    if known is None or known[0] == "a text file":
        return ending or known or (str(kind.value), "")
    return known


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
