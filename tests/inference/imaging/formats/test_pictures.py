"""Pictures that Pillow reads with another decoder or not at all, and TIFF pages as slices."""

from __future__ import annotations

import base64
import io
import struct
import sys
from collections.abc import Callable

import jpeg_ls
import numpy as np
import pytest
from PIL import Image

from inference.errors import InputError, TooLargeError
from inference.imaging.arrays import build_slice
from inference.imaging.load import load_image, load_scans
from inference.imaging.types import DecodedImage, Volume
from tests.clinical import little_memory

RAMP = np.tile(np.arange(0, 256, 2, dtype=np.uint8), (96, 1))


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9j"
    "AAAAAERAAAEAAQAAAAABegABAAAAAAAAAHwAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA1mlw"
    "cnAAAAC3aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AA"
    "AAMAkAAAAwAAAwAeoCCBBZbqSSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAA"
    "AABAAAAAQAAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAAIRtZGF0AAAAeCgBrwa4Y+DfzbW9TG+YFukzEz315BIN"
    "MQ889cv8DBwfbhn34RvuQO51ZmOFVWu0Fnivf/q4uz/1yRLQ73Nf+Cr/7uUWgL0FmIq2jSKcgxOAz3X4rOrY+DMfkNq+AsJrqMOW/x4xXFA+"
    "Tc09ZXfDFMfHv/zef/JH/g=="
)
"""A ramp of 64×64 pixels from 0 to 252, made by pillow-heif; pi-heif has no encoder."""


def encode_heic() -> bytes:
    pytest.importorskip("pi_heif")
    return HEIC


ENCODERS: dict[str, Callable[[], bytes]] = {
    "AVIF": lambda: encode(Image.fromarray(RAMP).convert("RGB"), "AVIF", quality=100),
    "JPEG 2000": lambda: encode(Image.fromarray(RAMP), "JPEG2000"),
    "JPEG 2000 codestream": lambda: encode(Image.fromarray(RAMP), "JPEG2000", no_jp2=True),
    "HEIC": encode_heic,
    "JPEG-LS": lambda: bytes(jpeg_ls.encode_array(RAMP)),
}
each_format = pytest.mark.parametrize("build", ENCODERS.values(), ids=ENCODERS)


@each_format
def test_the_picture(build: Callable[[], bytes]) -> None:
    content = build()
    (scan,) = load_scans(content)
    assert isinstance(scan.content, DecodedImage)
    expected = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1)) if content is HEIC else RAMP
    assert np.abs(scan.content.pixels.astype(int) - expected[:, :, None]).max() <= 3
    assert (load_image(content).pixels == scan.content.pixels).all()


@each_format
@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
def test_cut_off(build: Callable[[], bytes], share: float) -> None:
    content = build()
    try:
        assert load_image(content[: int(len(content) * share)]).pixels.shape[2] == 3  # AVIF may be whole before its end
    except InputError as error:
        assert str(error).endswith(".")


def test_deep_jpeg_2000_and_jpeg_ls_give_the_same_as_png() -> None:
    values = RAMP.astype(np.uint16) * 16
    expected = load_image(encode(Image.fromarray(values), "PNG")).pixels
    assert (load_image(bytes(jpeg_ls.encode_array(values))).pixels == expected).all()
    deep = load_image(encode(Image.fromarray(values), "JPEG2000", irreversible=False)).pixels
    assert np.abs(deep.astype(int) - expected).max() <= 1


def test_heic_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encode_heic()
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(InputError, match=r'pip install "gyrus\[heic\]"'):
        load_image(content)


def test_sizes_that_headers_promise() -> None:
    jls = bytearray(jpeg_ls.encode_array(RAMP))
    at = jls.index(b"\xff\xf7")
    jls[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    jp2 = bytearray(encode(Image.fromarray(RAMP), "JPEG2000", no_jp2=True))
    at = jp2.index(b"\xff\x51")
    jp2[at + 6 : at + 14] = b"\0\1\0\0\0\1\0\0"
    for content in (jls, jp2):
        with little_memory(), pytest.raises(TooLargeError, match="at most 40 million pixels"):
            load_image(bytes(content))


def save_pages(pages: list[np.ndarray], **options: object) -> bytes:
    first, *others = (Image.fromarray(page) for page in pages)
    return encode(first, "TIFF", save_all=True, append_images=others, **options)


def chain_pages(count: int) -> bytes:
    """A TIFF of 32×32 pixels a page, which all lie in one place."""
    tags = {256: 32, 257: 32, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 32, 279: 1024}
    content = [b"II*\0", struct.pack("<I", 8 + 1024), bytes(1024)]
    size_bytes = 2 + 12 * len(tags) + 4
    for page in range(count):
        content.append(struct.pack("<H", len(tags)))
        content += [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()]
        content.append(struct.pack("<I", (8 + 1024 + size_bytes * (page + 1)) * (page + 1 < count)))
    return b"".join(content)


class TestPages:
    @pytest.mark.parametrize("data_type", [np.uint8, np.uint16, np.float32])
    def test_each_page_is_a_slice(self, data_type: type) -> None:
        pages = [(np.roll(RAMP, 9 * shift, axis=1) // (shift + 1)).astype(data_type) for shift in range(7)]
        (scan,) = load_scans(save_pages(pages))
        assert isinstance(scan.content, Volume)
        assert (scan.content.count, scan.content.affine) == (7, None)
        assert scan.content.notes == ("The pages of the TIFF were read as slices, in their order.",)
        for index in (6, 0, 3):
            one, expected = scan.content.load(index), build_slice(pages[index])
            assert (one.image.pixels == expected.image.pixels).all()
            assert one.strength == expected.strength

    def test_colours_are_kept(self) -> None:
        page = np.full((40, 48, 3), (200, 100, 50), np.uint8)
        (scan,) = load_scans(save_pages([page, page]))
        assert isinstance(scan.content, Volume)
        assert scan.content.load(1).image.pixels[0, 0].tolist() == [200, 100, 50]

    def test_pages_of_two_sizes_are_a_picture(self) -> None:
        (scan,) = load_scans(save_pages([RAMP, RAMP[::2]]))
        assert isinstance(scan.content, DecodedImage)
        assert scan.content.notes == ("Only the first of 2 frames was read.",)

    def test_too_many_pages(self) -> None:
        with pytest.raises(TooLargeError, match="at most 4,096 slices"):
            list(load_scans(chain_pages(4_100)))

    def test_a_page_that_is_damaged_costs_its_own_slice(self) -> None:
        noise = np.random.default_rng(0).integers(0, 255, (3, 96, 128), dtype=np.uint8)
        content = bytearray(save_pages(list(noise), compression="tiff_lzw"))
        with Image.open(io.BytesIO(content)) as picture:
            picture.seek(1)
            at = picture.tag_v2[273][0]  # type: ignore[attr-defined]
        content[at : at + 400] = b"\xff" * 400
        (scan,) = load_scans(bytes(content))
        assert isinstance(scan.content, Volume)
        assert (scan.content.load(2).image.pixels[:, :, 0] == noise[2]).all()
        with pytest.raises(InputError, match="Page 2 of the TIFF is damaged"):
            scan.content.load(1)
