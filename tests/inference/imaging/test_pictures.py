"""Every format that is read, and every input that must end in a sentence."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.errors import InputError, TooLargeError
from inference.imaging.arrays import decode_array
from inference.imaging.load import load_image
from inference.limits import MAX_FILE_BYTES
from tests.clinical import little_memory

RAMP = np.tile(np.arange(0, 256, 2, dtype=np.uint8), (96, 1))
"""A grey ramp of 128×96 pixels from 0 to 254."""


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def assert_is_ramp(pixels: np.ndarray, tolerance: int = 0) -> None:
    assert pixels.shape == (96, 128, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - RAMP[:, :, None]).max() <= tolerance


class TestWhatIsRead:
    @pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
    def test_lossless_formats_keep_every_value(self, kind: str) -> None:
        assert_is_ramp(load_image(encode(Image.fromarray(RAMP), kind)).pixels)

    @pytest.mark.parametrize(("kind", "tolerance"), [("JPEG", 4), ("WEBP", 6)])
    def test_lossy_formats_are_close(self, kind: str, tolerance: int) -> None:
        # the tolerance is the codec's own loss at quality 95 on a smooth ramp
        assert_is_ramp(load_image(encode(Image.fromarray(RAMP), kind, quality=95)).pixels, tolerance)

    def test_path_bytes_and_array_are_the_same(self, tmp_path: Path) -> None:
        content = encode(Image.fromarray(RAMP), "PNG")
        (tmp_path / "no extension").write_bytes(content)
        for source in (content, tmp_path / "no extension", str(tmp_path / "no extension"), RAMP, RAMP[:, :, None]):
            assert_is_ramp(load_image(source).pixels)

    def test_colours_stay_rgb(self) -> None:
        picture = Image.new("RGB", (40, 40), (200, 100, 50))
        assert load_image(encode(picture, "PNG")).pixels[0, 0].tolist() == [200, 100, 50]

    def test_transparency_lies_on_black(self) -> None:
        picture = Image.new("RGBA", (40, 40), (200, 100, 50, 0))
        picture.paste((200, 100, 50, 255), (0, 0, 20, 40))
        pixels = load_image(encode(picture, "PNG")).pixels
        assert pixels[0, 0].tolist() == [200, 100, 50]
        assert pixels[0, 39].tolist() == [0, 0, 0]

    @pytest.mark.parametrize("ink", [0, 32, 33])
    def test_transparency_lies_on_white_if_nothing_were_seen_on_black(self, ink: int) -> None:
        array = np.zeros((40, 40, 4), np.uint8)
        array[10:30, 10:30] = (ink, 0, 0, 255)
        ground = 255 if ink <= 32 else 0
        for pixels in (load_image(encode(Image.fromarray(array), "PNG")).pixels, load_image(array).pixels):
            assert pixels[20, 20].tolist() == [ink, 0, 0]
            assert pixels[0, 0].tolist() == [ground] * 3

    def test_palette(self) -> None:
        assert_is_ramp(load_image(encode(Image.fromarray(RAMP).convert("P"), "PNG")).pixels)

    def test_palette_with_transparency(self) -> None:
        picture = Image.new("P", (40, 40), 1)
        picture.putpalette([0, 0, 0, 200, 100, 50])
        picture.paste(0, (0, 0, 20, 40))
        pixels = load_image(encode(picture, "PNG", transparency=0)).pixels
        assert pixels[0, 0].tolist() == [0, 0, 0]
        assert pixels[0, 39].tolist() == [200, 100, 50]

    def test_cmyk(self) -> None:
        pixels = load_image(encode(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), "TIFF")).pixels
        assert pixels[0, 0].tolist() == [255, 0, 0]

    def test_one_bit(self) -> None:
        pixels = load_image(encode(Image.fromarray(RAMP > 127), "PNG")).pixels
        assert sorted(np.unique(pixels)) == [0, 255]

    def test_16_bit_grey_of_full_range(self) -> None:
        assert_is_ramp(load_image(encode(Image.fromarray(RAMP.astype(np.uint16) * 257), "PNG")).pixels)

    def test_12_bit_data_in_16_bits_is_not_clipped(self) -> None:
        # the window ends at the 99.9th percentile, which here is the highest value: 254 becomes 255
        pixels = load_image(encode(Image.fromarray(RAMP.astype(np.uint16) * 16), "PNG")).pixels
        assert np.abs(pixels[0, :, 0] - RAMP[0] * (255 / 254)).max() <= 0.51
        assert len(np.unique(pixels)) == 128

    @pytest.mark.parametrize("scale", [1 / 255, 1.0, 20.0])
    def test_float_tiff_is_not_clipped(self, scale: float) -> None:
        pixels = load_image(encode(Image.fromarray(RAMP.astype(np.float32) * np.float32(scale)), "TIFF")).pixels
        assert np.abs(pixels[0, :, 0] - RAMP[0].astype(float)).max() <= 1.01
        assert len(np.unique(pixels)) == 128

    def test_exif_rotation_is_applied(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # turned a quarter clockwise to be shown
        pixels = load_image(encode(Image.fromarray(RAMP), "PNG", exif=exif)).pixels
        assert pixels.shape == (128, 96, 3)
        assert pixels[0, 0, 0] < pixels[-1, 0, 0]

    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
    def test_first_frame_of_several_and_says_so(self, kind: str) -> None:
        frames = [Image.fromarray(np.roll(RAMP, shift, axis=1)) for shift in (0, 40, 80)]
        decoded = load_image(encode(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True))
        assert_is_ramp(decoded.pixels, tolerance=1)
        assert decoded.notes == ("Only the first of 3 frames was read.",)


class TestArrays:
    def test_grey_and_alpha(self) -> None:
        rgba = np.zeros((40, 40, 4), np.uint8)
        rgba[:, :20] = (200, 100, 50, 255)
        pixels = decode_array(rgba)
        assert pixels[0, 0].tolist() == [200, 100, 50]
        assert pixels[0, 39].tolist() == [0, 0, 0]

    def test_bool_and_unit_float(self) -> None:
        assert decode_array(np.ones((40, 40), bool)).max() == 255
        assert decode_array(np.full((40, 40), 0.5, np.float64))[0, 0].tolist() == [128, 128, 128]

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_not_finite(self, bad: float) -> None:
        array = np.zeros((40, 40), np.float32)
        array[3, 4] = bad
        with pytest.raises(InputError, match="finite"):
            decode_array(array)

    @pytest.mark.parametrize("shape", [(40,), (40, 40, 2), (2, 40, 40, 3), (40, 40, 5)])
    def test_shapes(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(InputError, match=r"\(height, width\).*received"):
            decode_array(np.zeros(shape, np.uint8))

    def test_texts_are_no_numbers(self) -> None:
        with pytest.raises(InputError, match="numbers"):
            decode_array(np.full((40, 40), "a"))


def png_header(width_px: int, height_px: int) -> bytes:
    """A PNG that promises a size and holds nothing."""
    body = struct.pack(">IIBBBBB", width_px, height_px, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + body
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + b"\0\0\1\0IDAT"
        + b"\0" * 64
    )


class TestBadInput:
    def test_empty(self) -> None:
        with pytest.raises(InputError, match="empty"):
            load_image(b"")

    def test_text_named_png(self, tmp_path: Path) -> None:
        path = tmp_path / "slice.png"
        path.write_text("not a picture", encoding="utf-8")
        with pytest.raises(InputError, match=r"PNG, JPEG.*received a text file"):
            load_image(path)

    def test_pdf(self) -> None:
        with pytest.raises(InputError, match="received a PDF"):
            load_image(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + b"0" * 500)

    def test_zip(self) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("slice.png", b"x" * 600)
        with pytest.raises(InputError, match="received a zip"):
            load_image(stream.getvalue())

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP"])
    @pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
    def test_cut_off(self, kind: str, share: float) -> None:
        noise = np.random.default_rng(0).integers(0, 255, (96, 128), dtype=np.uint8)
        content = encode(Image.fromarray(noise), kind)
        with pytest.raises(InputError, match=r"damaged or cut off|are accepted; received"):
            load_image(content[: int(len(content) * share)])

    def test_one_pixel(self) -> None:
        with pytest.raises(InputError, match="at least 32×32 pixels is accepted; received 1×1"):
            load_image(encode(Image.new("L", (1, 1)), "PNG"))

    def test_20000_by_20000_is_refused_before_it_is_decoded(self) -> None:
        # there are no pixels in this file: decoding it would say "damaged"
        with pytest.raises(TooLargeError, match="at most 40 million pixels is accepted; received 400 million"):
            load_image(png_header(20_000, 20_000))

    def test_65535_by_65535(self) -> None:
        with little_memory(), pytest.raises(TooLargeError, match="received 4295 million"):
            load_image(png_header(65_535, 65_535))

    def test_just_above_the_limit(self) -> None:
        with pytest.raises(TooLargeError, match="received 41 million"):
            load_image(png_header(8_200, 5_000))

    def test_too_many_bytes(self, tmp_path: Path) -> None:
        with pytest.raises(TooLargeError, match="at most 64 MB is accepted"):
            load_image(bytes(MAX_FILE_BYTES + 1))
        with (tmp_path / "large").open("wb") as file:
            file.truncate(200 * 2**20)
        with pytest.raises(TooLargeError, match="received 200 MB"):
            load_image(tmp_path / "large")

    def test_missing_folder_none_and_number(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"There is no file nothing.png"):
            load_image(tmp_path / "nothing.png")
        with pytest.raises(InputError, match="is a folder"):
            load_image(tmp_path)
        with pytest.raises(InputError, match="No image was given"):
            load_image(None)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="received int"):
            load_image(3)  # type: ignore[arg-type]

    def test_formats_that_are_not_listed_are_never_opened(self) -> None:
        with pytest.raises(InputError, match="are accepted"):
            load_image(encode(Image.fromarray(RAMP), "PPM"))
