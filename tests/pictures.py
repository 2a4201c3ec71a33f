"""Encoded pictures for tests, good and bad."""

from __future__ import annotations

import io
import zipfile

import numpy as np
from PIL import Image

COLORS = {"confident": (30, 30, 30), "uncertain": (220, 20, 20), "rejected": (20, 220, 20), "certain": (20, 20, 220)}
"""What `tests.fakes.FakeClassifier` answers to a picture of this colour."""

LEAF_COLORS = {
    "scab": (30, 30, 30),
    "disease": (220, 20, 20),
    "rejected": (20, 220, 20),
    "healthy": (20, 20, 220),
    "unclear": (220, 220, 20),
}
"""What `tests.fakes.make_leaves` answers to a picture of this colour."""


def encode(color: tuple[int, int, int] = (30, 30, 30), kind: str = "PNG", size: tuple[int, int] = (120, 90)) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


def encode_16_bit() -> bytes:
    """A grey ramp with 12 significant bits in a 16-bit PNG."""
    ramp = np.linspace(0, 4095, 120 * 90).reshape(90, 120).astype(np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(ramp).save(buffer, "PNG")
    return buffer.getvalue()


def encode_float_tiff() -> bytes:
    """A grey ramp of 32-bit floats."""
    ramp = np.linspace(-1, 3, 120 * 90).reshape(90, 120).astype(np.float32)
    buffer = io.BytesIO()
    Image.fromarray(ramp).save(buffer, "TIFF")
    return buffer.getvalue()


def encode_cmyk() -> bytes:
    """A CMYK JPEG."""
    buffer = io.BytesIO()
    Image.new("CMYK", (120, 90), (0, 0, 0, 200)).save(buffer, "JPEG")
    return buffer.getvalue()


def encode_rgba() -> bytes:
    """A half-transparent PNG."""
    buffer = io.BytesIO()
    Image.new("RGBA", (120, 90), (30, 30, 30, 128)).save(buffer, "PNG")
    return buffer.getvalue()


def encode_animated_gif() -> bytes:
    """Three frames."""
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (120, 90), (30 + 20 * index,) * 3) for index in range(3)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def encode_zip() -> bytes:
    """A zip archive with no picture in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("slice.png", b"Not a picture at all.")
    return buffer.getvalue()


BAD_FILES = {
    "text.png": b"Not a picture at all.",
    "cut.jpg": encode(kind="JPEG", size=(400, 300))[:900],
    "empty.png": b"",
    "paper.pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "archive.zip": encode_zip(),
    "tiny.png": encode(size=(1, 1)),
    "noextension": b"\x00\x01\x02\x03" * 50,
}
"""Files that every front must answer with a sentence."""

GOOD_FILES = {
    "slice16.png": encode_16_bit(),
    "slice.tiff": encode_float_tiff(),
    "cmyk.jpg": encode_cmyk(),
    "rgba.png": encode_rgba(),
    "frames.gif": encode_animated_gif(),
    "IM000001": encode(),
    "wrong-name.pdf": encode(),
}
"""Pictures that a browser or a careless decoder would spoil or refuse."""
