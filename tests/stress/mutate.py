"""Good files made bad: a few bytes, or a part that the format knows, so that damage gets past the first check.

The same seed and number give the same input, whatever was made before it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pydicom
from pydicom import uid
from pydicom.encaps import encapsulate, generate_frames

from tests.stress.seeds import encode_dicom

Mutator = Callable[[bytes, random.Random, Mapping[str, bytes]], bytes]
"""A file, where chance comes from, and every seed; gives another file."""

_HEADER_BYTES = 512
_LARGEST_BYTES = 2**20
"""What grows further is cut, so that inputs stay small; what is large in them is what a header declares."""

_NUMBERS = (
    0,
    1,
    2,
    7,
    8,
    31,
    32,
    127,
    128,
    255,
    256,
    4095,
    32767,
    32768,
    65535,
    65536,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
"""Where off-by-one, sign and width errors lie."""


def build_input(seeds: Mapping[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """The input of a number: the name of the seed that it was made of, and its bytes."""
    chance = random.Random(f"{seed}:{number}")
    name = chance.choice(sorted(seeds))
    content = seeds[name]
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        structural = _STRUCTURAL[name.split("-")[0]]
        mutator = chance.choice(_BYTES) if chance.random() < 0.4 else structural
        content = _try(mutator, content, chance, seeds)[:_LARGEST_BYTES]
    return name, content


def _try(mutator: Mutator, content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    """Mutate; what was mutated before may be too broken to be taken apart, then bytes are changed."""
    try:
        return mutator(content, chance, seeds)
    except Exception:  # noqa: BLE001
        return _flip(content, chance, seeds)


# ---- bytes, whatever the format


def _place(content: bytes, chance: random.Random) -> int:
    """Any offset, and every other time one of the header."""
    size_bytes = len(content) if chance.random() < 0.5 else min(len(content), _HEADER_BYTES)
    return chance.randrange(max(size_bytes, 1))


def _put(content: bytes, at: int, piece: bytes) -> bytes:
    return content[:at] + piece + content[at + len(piece) :]


def _flip(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    changed = bytearray(content or b"\0")
    for _ in range(chance.choice((1, 1, 2, 4, 16, 64))):
        changed[_place(content, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _noise(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    return _put(content, _place(content, chance), chance.randbytes(chance.choice((1, 2, 4, 8, 64, 256))))


def _number(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    layout = chance.choice(("<B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
    value = chance.choice(_NUMBERS) % 256 ** struct.calcsize(layout)
    return _put(content, _place(content, chance), struct.pack(layout, value))


def _cut(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _take_out(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    at = _place(content, chance)
    return content[:at] + content[at + chance.choice((1, 2, 4, 16, 128)) :]


def _repeat(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    at, size_bytes = _place(content, chance), chance.choice((1, 2, 8, 64, 1024))
    return content[:at] + content[at : at + size_bytes] * chance.choice((2, 3, 50)) + content[at + size_bytes :]


def _swap_blocks(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    first, second, third = sorted(chance.randrange(len(content) + 1) for _ in range(3))
    return content[:first] + content[second:third] + content[first:second] + content[third:]


def _splice(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    other = seeds[chance.choice(sorted(seeds))]
    at = chance.randrange(len(other) + 1)
    return content[: _place(content, chance)] + other[at:]


_BYTES: tuple[Mutator, ...] = (_flip, _noise, _number, _cut, _take_out, _repeat, _swap_blocks, _splice)


def _shuffle(pieces: list[Any], chance: random.Random) -> list[Any]:
    """Drop, double or swap a piece."""
    at = chance.randrange(len(pieces))
    what = chance.choice(("drop", "double", "swap"))
    if what == "drop":
        return pieces[:at] + pieces[at + 1 :]
    if what == "double":
        return pieces[: at + 1] + pieces[at:]
    other = chance.randrange(len(pieces))
    pieces[at], pieces[other] = pieces[other], pieces[at]
    return pieces


# ---- pictures


def _mutate_png(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    """Chunks, with checksums that fit (PNG, 5)."""
    chunks, at = [], 8
    while at + 8 <= len(content):
        size_bytes = int.from_bytes(content[at : at + 4], "big")
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size_bytes]))
        at += 12 + size_bytes
    what = chance.choice(("header", "data", "inflated", "order", "added"))
    if what == "order":
        chunks = _shuffle(chunks, chance)
    elif what == "added":
        new = chance.choice(
            (b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"zTXt", b"iTXt", b"tEXt", b"eXIf", b"acTL", b"fcTL", b"fdAT")
        )
        body = chance.choice(
            (chance.randbytes(chance.randrange(64)), b"n\0\0" + zlib.compress(bytes(chance.choice((9, 2**16, 2**26)))))
        )
        chunks.insert(chance.randrange(1, len(chunks)), (new, body))
    else:
        at = 0 if what == "header" else next(i for i, (name, _) in enumerate(chunks) if name == b"IDAT")
        name, body = chunks[at]
        body = _recompress(body, chance) if what == "inflated" else chance.choice((_flip, _number))(body, chance, seeds)
        chunks[at] = (name, body)
    packed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return content[:8] + b"".join(packed)


def _recompress(packed: bytes, chance: random.Random) -> bytes:
    plain = zlib.decompress(packed)
    return zlib.compress(chance.choice((plain[: len(plain) // 2], plain * 9, _flip(plain, chance, {}), bytes(2**25))))


def _mutate_jpeg(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    """Segments (ISO/IEC 10918-1, B.1.1)."""
    segments, at = [], 2
    while content[at : at + 1] == b"\xff" and content[at + 1] != 0xDA:
        size_bytes = 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        segments.append(content[at : at + size_bytes])
        at += size_bytes
    tail = content[at:]
    what = chance.choice(("order", "inside", "size", "scan", "added"))
    if what == "order":
        segments = _shuffle(segments, chance)
    elif what == "inside":
        index = chance.randrange(len(segments))
        head, body = segments[index][:4], segments[index][4:]
        segments[index] = head + chance.choice((_flip, _number, _noise))(body, chance, seeds)[: len(body)]
    elif what == "size":
        index = next(i for i, one in enumerate(segments) if 0xC0 <= one[1] <= 0xC2)
        size = struct.pack(">HH", chance.choice(_NUMBERS) % 65536, chance.choice(_NUMBERS) % 65536)
        segments[index] = _put(segments[index], 5, size)
    elif what == "scan":
        tail = chance.choice(_BYTES)(tail, chance, seeds)
    else:
        body = chance.choice((b"Exif\0\0", b"ICC_PROFILE\0\1\1", b"MPF\0", b"Adobe", b"")) + chance.randbytes(40)
        marker = chance.choice((0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE, 0xDD, 0xCC))
        segments.insert(chance.randrange(len(segments) + 1), struct.pack(">BBH", 255, marker, 2 + len(body)) + body)
    return content[:2] + b"".join(segments) + tail


def _mutate_tiff(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    """An entry of a directory: tag, type, count or value; or the place of the next directory (TIFF 6.0, 2)."""
    order = "<" if content[:2] == b"II" else ">"
    at = struct.unpack(f"{order}I", content[4:8])[0]
    if chance.random() < 0.1:
        return _put(content, 4, struct.pack(f"{order}I", chance.choice((at, 0, 8, len(content), *_NUMBERS))))
    count = struct.unpack(f"{order}H", content[at : at + 2])[0]
    if chance.random() < 0.1:  # a directory that follows itself, or a broken one
        return _put(content, at + 2 + 12 * count, struct.pack(f"{order}I", chance.choice((at, at + 2, *_NUMBERS))))
    entry = at + 2 + 12 * chance.randrange(count)
    field, layout = chance.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H")))
    value = chance.choice((*_NUMBERS, 256, 257, 258, 259, 273, 277, 279, 284, 317, 5, 7, 8, 32773, 34676, 34712, 50000))
    return _put(content, entry + field, struct.pack(order + layout, value % 256 ** struct.calcsize(layout)))


def _mutate_webp(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    """The chunks of the RIFF container, its sizes set right again."""
    chunks, at = [], 12
    while at + 8 <= len(content):
        size_bytes = int.from_bytes(content[at + 4 : at + 8], "little")
        chunks.append((content[at : at + 4], content[at + 8 : at + 8 + size_bytes]))
        at += 8 + size_bytes + size_bytes % 2
    if chance.random() < 0.3:
        chunks = _shuffle(chunks, chance)
    else:
        index = chance.randrange(len(chunks))
        name, body = chunks[index]
        chunks[index] = (name, chance.choice(_BYTES)(body, chance, seeds))
    packed = b"".join(name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2) for name, body in chunks)
    return b"RIFF" + struct.pack("<I", len(packed) + 4) + b"WEBP" + packed


def _mutate_gif(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    """The size of the screen, or of the first frame."""
    frame = content.find(b",", 13 + 3 * 2 ** (1 + (content[10] & 7)))
    at = chance.choice((6, 8, frame + 1, frame + 3, frame + 5, frame + 7))
    return _put(content, at, struct.pack("<H", chance.choice(_NUMBERS) % 65536))


def _mutate_bmp(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    """A field of the two headers."""
    at, layout = chance.choice(((10, "I"), (14, "I"), (18, "I"), (22, "I"), (26, "H"), (28, "H"), (30, "I"), (46, "I")))
    value = chance.choice((*_NUMBERS, 4, 16, 24, 40, 124, 2**32 - 56)) % 256 ** struct.calcsize(f"<{layout}")
    return _put(content, at, struct.pack(f"<{layout}", value))


# ---- clinical files

_VALUES: Mapping[str, tuple[Any, ...]] = {
    "Rows": _NUMBERS,
    "Columns": _NUMBERS,
    "NumberOfFrames": ("0", "1", "2", "5", "4096", "4097", "-1", "2147483647", "x", ""),
    "BitsAllocated": (0, 1, 8, 12, 16, 24, 32, 64, 65535),
    "BitsStored": (0, 1, 7, 8, 10, 12, 13, 16, 17, 32, 65535),
    "HighBit": (0, 7, 11, 15, 31, 65535),
    "PixelRepresentation": (0, 1, 2, 65535),
    "SamplesPerPixel": (0, 1, 2, 3, 4, 65535),
    "PlanarConfiguration": (0, 1, 2, 65535),
    "PhotometricInterpretation": (
        *("MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT", "YBR_PARTIAL_420"),
        *("PALETTE COLOR", "CMYK", "HSV", "X", ""),
    ),
    "Modality": ("CT", "", "<b>", "mr ", "X" * 40),
    "RescaleSlope": ("0", "-1", "1e300", "-1e-300", "nan", "inf", "x", ""),
    "RescaleIntercept": ("0", "1e308", "nan", "x"),
    "WindowCenter": ("0", "1e300", "x"),
    "WindowWidth": ("0", "-5", "1", "nan", "x"),
    "ImagePositionPatient": (["0", "0", "0"], ["0", "0"], ["nan", "0", "0"], ["1e308", "-1e308", "0"]),
    "ImageOrientationPatient": (["0"] * 6, ["1", "0", "0", "1", "0", "0"], ["nan"] * 6, ["1"]),
    "InstanceNumber": ("0", "-1", "99999999999", "x", ""),
    "SeriesNumber": ("x", "2", "", "99999999999"),
    "SeriesInstanceUID": ("", "x" * 200, "1.2"),
    "ModalityLUTSequence": ([], [pydicom.Dataset()]),
    "SharedFunctionalGroupsSequence": ([], [pydicom.Dataset()]),
    "PerFrameFunctionalGroupsSequence": ([], [pydicom.Dataset()] * 2),
    "ExtendedOffsetTable": (b"", bytes(8), b"\xff" * 16),
    "ExtendedOffsetTableLengths": (b"", bytes(8), b"\xff" * 16),
    "RedPaletteColorLookupTableDescriptor": ([0, 0, 16], [65535, 0, 8], [1, 65535, 16], [256, 0, 0], [256]),
    "RedPaletteColorLookupTableData": (b"", b"\0", bytes(70000)),
}
"""Elements, and what they may be set to beside what they should hold."""

_SYNTAXES = (
    *(uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.RLELossless),
    *(uid.DeflatedExplicitVRLittleEndian, uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless),
    *(uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEGLSNearLossless, uid.JPEG2000Lossless, uid.JPEG2000),
    *(uid.HTJ2KLossless, uid.MPEG2MPML, uid.UID("1.2.3"), uid.UID("")),
)


def _mutate_dicom(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    """Elements' values, the transfer syntax, and the frames (PS3.5)."""
    dataset = pydicom.dcmread(io.BytesIO(content), force=True)
    what = chance.choice(("value", "value", "value", "syntax", "pixels", "pixels", "pixels", "missing", "raw"))
    if what == "value":
        name = chance.choice(sorted(_VALUES))
        setattr(dataset, name, chance.choice(_VALUES[name]))
    elif what == "missing":
        del dataset[chance.choice([element.tag for element in dataset])]
    elif what == "syntax":  # only the words change: the bytes behind them stay as they are
        old, new = dataset.file_meta.TransferSyntaxUID, chance.choice(_SYNTAXES)
        packed = lambda text: text.encode() + b"\0" * (len(text) % 2)  # noqa: E731
        head = struct.pack("<HH2sH", 2, 0x10, b"UI", len(packed(old)))
        return content.replace(
            head + packed(old), struct.pack("<HH2sH", 2, 0x10, b"UI", len(packed(new))) + packed(new)
        )
    elif what == "raw":
        return _mutate_elements(content, chance)
    else:
        dataset.PixelData = _mutate_pixels(dataset, chance, seeds)
    return encode_dicom(dataset)


def _mutate_pixels(dataset: pydicom.Dataset, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return chance.choice(_BYTES)(dataset.PixelData, chance, seeds)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames") or 1)))
    if chance.random() < 0.2:
        frames = _shuffle(frames, chance)
    else:
        index = chance.randrange(len(frames))
        mutator = _mutate_jpeg if frames[index][:2] == b"\xff\xd8" and chance.random() < 0.6 else chance.choice(_BYTES)
        frames[index] = _try(mutator, frames[index], chance, seeds)
    return encapsulate([frame or b"\0" for frame in frames], fragments_per_frame=chance.choice((1, 1, 2)))


def _mutate_elements(content: bytes, chance: random.Random) -> bytes:
    """The length of an element, in a file of explicit little endian."""
    at, places = 132, []
    while at + 8 <= len(content):
        is_long = content[at + 4 : at + 6] in (b"OB", b"OW", b"SQ", b"UN", b"UT")
        place, layout = (at + 8, "<I") if is_long else (at + 6, "<H")
        places.append((place, layout))
        at = place + struct.calcsize(layout) + struct.unpack_from(layout, content, place)[0]
    place, layout = chance.choice(places)
    return _put(content, place, struct.pack(layout, chance.choice(_NUMBERS) % 256 ** struct.calcsize(layout)))


_NIFTI_FIELDS = {
    348: (
        *((0, "i"), *((40 + 2 * i, "h") for i in range(8)), (70, "h"), (72, "h"), (252, "h"), (254, "h")),
        *(*((76 + 4 * i, "f") for i in range(8)), (108, "f"), (112, "f"), (116, "f"), (344, "i")),
        *((256 + 4 * i, "f") for i in range(18)),
    ),
    540: (
        *((0, "i"), (12, "h"), (14, "h"), *((16 + 8 * i, "q") for i in range(8))),
        *(*((104 + 8 * i, "d") for i in range(8)), (168, "q"), (176, "d"), (184, "d"), (344, "i"), (348, "i")),
        *((352 + 8 * i, "d") for i in range(18)),
    ),
}
"""Offset and kind of the header's fields, by its length."""


def _mutate_nifti(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    """A field of the header; of a compressed volume that of what is inside."""
    if content[:2] == b"\x1f\x8b":
        inside = _mutate_nifti(gzip.decompress(content), chance, seeds)
        return gzip.compress(inside + bytes(chance.choice((0, 0, 0, 2**26))), 1, mtime=0)
    size_bytes = 540 if int.from_bytes(content[:4], "little") == 540 else 348
    at, layout = chance.choice(_NIFTI_FIELDS[size_bytes])
    if layout in "fd":
        value = chance.choice((0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), -0.0, 352.0, 1e7, 2.0**31))
        return _put(content, at, struct.pack(f"<{layout}", value))
    limit = 256 ** struct.calcsize(layout)
    value = chance.choice((*_NUMBERS, 3, 4, 512, 1024, 1536, 2304, 2**40, -1, -32768, 2**63 - 1)) % limit
    return _put(content, at, value.to_bytes(struct.calcsize(layout), "little"))


_NAMES = (
    "../x",
    "/x",
    "C:\\x",
    "..\\x",
    "",
    "a/",
    ".hidden",
    "__MACOSX/x",
    "ä\u202e\n",
    "x" * 60000,
    "slice.png",
    "IM0",
    "con",
)


def _mutate_zip(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    """An entry's content, name or method, more entries, an archive inside; or the tables behind the entries."""
    what = chance.choice(("entry", "entry", "entry", "name", "nested", "many", "bomb", "table", "table"))
    if what == "table":
        start = content.rfind(b"PK\x01\x02") if chance.random() < 0.5 else content.rfind(b"PK\x05\x06")
        return content[:start] + chance.choice((_flip, _number, _noise, _cut))(content[start:], chance, seeds)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = [(name, archive.read(name)) for name in archive.namelist()]
    index = chance.randrange(len(files))
    name, body = files[index]
    if what == "entry":
        kind = chance.choice(sorted(name for name in seeds if not name.startswith("zip")))
        body = chance.choice((body, body, seeds[kind]))
        structural = _mutate_dicom if body[128:132] == b"DICM" else chance.choice(_BYTES)
        files[index] = (name, _try(structural, body, chance, seeds))
    elif what == "name":
        files[index] = (chance.choice(_NAMES), body)
    elif what == "nested":
        files.append(("more.zip", content))
    elif what == "many":
        files += [(f"copy{number}", body) for number in range(chance.choice((2, 30, 300)))]
    else:
        files.append(("bomb", bytes(chance.choice((2**20, 2**27)))))
    stream = io.BytesIO()
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(stream, "w") as archive:
        for name, body in files:
            large = len(body) > 2**24
            archive.writestr(
                zipfile.ZipInfo(name or "_"), body, zipfile.ZIP_DEFLATED if large else chance.choice(methods)
            )
    return stream.getvalue()


def _mutate_header(content: bytes, chance: random.Random, seeds: Mapping[str, bytes]) -> bytes:
    """A number of a header, written in digits or in bytes; of a compressed file that of what is inside."""
    if content[:2] == b"\x1f\x8b":
        inside = _mutate_header(gzip.decompress(content), chance, seeds)
        return gzip.compress(inside + bytes(chance.choice((0, 0, 0, 2**26))), 1, mtime=0)
    for unpack, pack in ((bz2.decompress, bz2.compress), (lzma.decompress, lzma.compress)):
        if content.startswith(b"BZh" if pack is bz2.compress else b"\xfd7z"):
            return pack(_mutate_header(unpack(content), chance, seeds))
    numbers = list(re.finditer(rb"-?\d+", content[:_HEADER_BYTES]))
    if not numbers or chance.random() < 0.3:
        at = chance.randrange(min(len(content), _HEADER_BYTES))
        return _put(content, at, struct.pack(chance.choice("<>") + "I", chance.choice(_NUMBERS)))
    found = chance.choice(numbers)
    value = chance.choice((*_NUMBERS, -1, 3, 4, 5000, 2**40, 10**30))
    text = chance.choice((str(value), str(value), "nan", "1e30", "", "%d", "x"))
    return content[: found.start()] + text.encode() + content[found.end() :]


_STRUCTURAL: Mapping[str, Mutator] = {
    "png": _mutate_png,
    "jpeg": _mutate_jpeg,
    "tiff": _mutate_tiff,
    "webp": _mutate_webp,
    "gif": _mutate_gif,
    "bmp": _mutate_bmp,
    "dicom": _mutate_dicom,
    "nifti": _mutate_nifti,
    "zip": _mutate_zip,
    "pair": _mutate_zip,
    **dict.fromkeys(("mgh", "mgz", "nrrd", "metaimage", "numpy", "packed", "tar"), _mutate_header),
    **dict.fromkeys(("avif", "jpeg2000"), _mutate_header),
    "jpegls": _mutate_jpeg,
}
