"""Pictures made in code: noise with the texture of tissue in an ellipse on black, so that a JPEG of it is as long as a
slice's.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SIZE_PX = 512

_DIFFERENT = 50
"""Pictures that are made; of more files, some show the same."""


def build_slice(seed: int, size_px: int = SIZE_PX) -> np.ndarray:
    """A made-up slice, shape (size_px, size_px), uint8."""
    rng = np.random.default_rng(seed)
    tissue = np.zeros((size_px, size_px), np.float32)
    for sigma, weight in ((1.0, 12.0), (4.0, 160.0), (16.0, 900.0)):
        tissue += weight * cv2.GaussianBlur(rng.normal(0, 1, tissue.shape).astype(np.float32), (0, 0), sigma)
    y, x = np.mgrid[-1 : 1 : size_px * 1j, -1 : 1 : size_px * 1j]
    head = (x / rng.uniform(0.6, 0.75)) ** 2 + (y / rng.uniform(0.75, 0.9)) ** 2 < 1
    return np.where(head, np.clip(tissue + 90, 0, 255), 0).astype(np.uint8)


def encode_jpeg(seed: int, size_px: int = SIZE_PX) -> bytes:
    """A made-up slice as a grey JPEG file of quality 90."""
    stream = io.BytesIO()
    Image.fromarray(build_slice(seed, size_px)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def make_jpegs(count: int, data: Path | None) -> Iterator[bytes]:
    """So many JPEG files, no two the same: real ones, if there is a folder of them, else made up."""
    found = sorted(data.rglob("*.jpg"))[:count] if data else []
    files = [path.read_bytes() for path in found] or [encode_jpeg(seed) for seed in range(min(count, _DIFFERENT))]
    for number in range(count):
        yield files[number % len(files)] + number.to_bytes(4, "big")  # behind the picture's end, where nobody looks


def load_jpegs(count: int, data: Path | None) -> list[bytes]:
    """The same as a list."""
    return list(make_jpegs(count, data))


def write_files(folder: Path, count: int, data: Path | None) -> Path:
    """A folder of so many JPEG files."""
    folder.mkdir(parents=True)
    for number, content in enumerate(make_jpegs(count, data)):
        (folder / f"{number:05}.jpg").write_bytes(content)
    return folder
