"""The window of raw values: what sets it, and what lies too far from the rest to do so."""

from __future__ import annotations

import io
from collections.abc import Callable

import nibabel
import numpy as np
import pytest
from PIL import Image, ImageDraw

from inference.imaging.arrays import build_slice, decode_array, sort_bulk, window_array
from inference.imaging.dicom.read import decode_single
from inference.imaging.load import load_image, load_scans
from inference.imaging.types import Volume
from tests.clinical import build_dicom, encode_dicom

SIDE_PX = 120
FLOAT_MAX = float(np.finfo(np.float32).max)


def draw_head(brain: float = 1200.0, noise: float = 8.0) -> np.ndarray:
    """A head of whole numbers in noisy air; float32 (120, 120)."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[-1 : 1 : SIDE_PX * 1j, -1 : 1 : SIDE_PX * 1j]
    radius = np.hypot(x / 0.72, y / 0.9)
    values = np.abs(rng.normal(0, noise, (SIDE_PX, SIDE_PX)))
    values[radius < 0.95] += 0.5 * brain
    values[radius < 0.85] -= 0.4 * brain
    inside = radius < 0.78
    values[inside] += (brain * (0.8 + 0.1 * np.sin(9 * x) * np.cos(7 * y)))[inside]
    return np.rint(np.clip(values, 0, None)).astype(np.float32)


HEAD = draw_head()


def pad(value: float, radius: float = 1.0) -> np.ndarray:
    """The head with one value outside of a circle."""
    y, x = np.mgrid[-1 : 1 : SIDE_PX * 1j, -1 : 1 : SIDE_PX * 1j]
    return np.where(np.hypot(x, y) > radius, np.float32(value), HEAD)


def kill(*places_values: float) -> np.ndarray:
    """The head with single voxels of other values, in its middle."""
    values = HEAD.copy()
    values[60, 50 : 50 + len(places_values)] = places_values
    return values


def mark(value: float, height_px: int = 6) -> np.ndarray:
    """The head with a bar of one value in the corner."""
    values = HEAD.copy()
    values[3 : 3 + height_px, 4:50] = value
    return values


def write(value: int) -> np.ndarray:
    """The head with a smooth-edged text."""
    picture = Image.fromarray(HEAD.astype(np.uint16))
    ImageDraw.Draw(picture).text((3, 3), "SE 2 IM 14", fill=value)
    return np.asarray(picture).astype(np.float32)


def differ(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    """The largest difference of two pictures in grey levels."""
    return float(np.abs(one.astype(float) - other.astype(float))[where].max())


class TestOrdinaryValues:
    @pytest.mark.parametrize(
        "values",
        [
            HEAD,
            HEAD - 1024,  # all of it, as a rescale intercept does
            np.where(HEAD > 20, HEAD, np.float32(0)),  # cut out
            np.where(HEAD > 100, (HEAD - 900) / 200, np.float32(-4.5)),  # z-scores of a brain that was cut out
            np.where(HEAD > 1000, HEAD * 3, HEAD),  # contrast agent
            draw_head(noise=0.0),
            np.tile(np.arange(-32768, 32768, 512, dtype=np.int16), (SIDE_PX, 1)),
            np.full((40, 40), 7, np.int16),
            np.full((40, 40), 60000, np.uint16),
            np.eye(40, dtype=np.uint16) * 4000,
        ],
    )
    def test_window_runs_from_the_minimum_to_a_percentile(self, values: np.ndarray) -> None:
        low, high = float(values.min()), float(np.percentile(values, 99.9))
        window = build_slice(values).window
        assert window == (low, max(high, low + 1e-12, np.nextafter(low, np.inf)))
        assert len(sort_bulk(values)) == values.size

    def test_a_bright_patch_is_anatomy(self) -> None:
        values = np.tile(np.linspace(100, 300, 48), (40, 1))
        values[10:20, 20:28] = 1000
        assert build_slice(values).window == (100, 1000)

    def test_a_few_pixels_of_head_in_much_air(self) -> None:
        values = np.random.default_rng(3).integers(0, 10, (200, 200)).astype(np.float32)
        values[90:110, 90:110] = np.random.default_rng(4).normal(400, 60, (20, 20))
        assert build_slice(values).window[1] == pytest.approx(np.percentile(values, 99.9))


class TestOutliers:
    @pytest.mark.parametrize("value", [-32768, -9999, -3024, -2000, -1024, -FLOAT_MAX])
    @pytest.mark.parametrize("radius", [1.3, 1.0, 0.9])
    def test_padding_shows_as_air(self, value: float, radius: float) -> None:
        one, clean = build_slice(pad(value, radius)), build_slice(pad(pad(1e5, radius).min(), radius))
        assert (one.window, one.strength) == (clean.window, clean.strength)
        assert (one.image.pixels == clean.image.pixels).all()

    @pytest.mark.parametrize(
        "values", [(-9999,), (-32768, -32768), (-FLOAT_MAX,), (-2000, -5000, -9999, -4000), (1e9,), (65535, 65535, 1e6)]
    )
    def test_dead_and_hot_voxels(self, values: tuple[float, ...]) -> None:
        one = window_array(kill(*values))
        where = np.ones(HEAD.shape, bool)
        where[60, 50 : 50 + len(values)] = False
        assert differ(one, window_array(HEAD), where) <= 3
        assert (one[60, 50 : 50 + len(values)] == (255 if values[0] > 0 else 0)).all()

    @pytest.mark.parametrize("value", [65535, 32767, 16383, FLOAT_MAX])
    @pytest.mark.parametrize("height_px", [1, 3, 12])
    def test_text_of_one_value(self, value: float, height_px: int) -> None:
        values = mark(value, height_px)
        one = window_array(values)
        assert differ(one, window_array(HEAD), values == HEAD) <= 3
        assert (one[values == value] == 255).all()

    @pytest.mark.parametrize("value", [65535, 50000])
    def test_text_with_smooth_edges(self, value: int) -> None:
        values = write(value)
        assert differ(window_array(values), window_array(HEAD), values == HEAD) <= 12

    def test_values_just_above_what_counts_as_far(self) -> None:
        values = np.zeros((100, 100), np.float32)
        values.flat[:8000] = np.linspace(0, 1000, 8000)
        for far in np.arange(3.9, 4.1, 0.001):
            values.flat[-60:], values.flat[-100:-60] = 1000 * far, np.linspace(999.5 * far, 999.9 * far, 40)
            assert 950 < build_slice(values).window[1] < 4200

    def test_all_of_them_at_once(self) -> None:
        values = pad(-32768)
        values[3:9, 30:90] = 32767
        values[60, 50:52] = (-9999, 1e6)
        clean = pad(0)
        where = (clean == values) & (values >= 0)
        assert differ(window_array(values), window_array(clean), where) <= 3

    @pytest.mark.parametrize("value", [-32768, -1024])
    def test_edges_of_padding_that_was_resampled(self, value: float) -> None:
        values = pad(value)
        blurred = (values + np.roll(values, 1, axis=0)) / 2
        low, high = build_slice(blurred).window
        expected = build_slice((pad(0) + np.roll(pad(0), 1, axis=0)) / 2).window
        assert abs(low - expected[0]) + abs(high - expected[1]) < 0.06 * expected[1]


class TestDepth:
    """Which pictures are taken as they are, and which are windowed."""

    @pytest.mark.parametrize("byte_order", ["<", ">"])
    def test_full_range_is_divided(self, byte_order: str) -> None:
        grey = np.tile(np.arange(256, dtype=np.uint16), (40, 1))
        assert (decode_array((grey * 257).astype(f"{byte_order}u2"))[:, :, 0] == grey).all()

    @pytest.mark.parametrize("high", [3.0, 1.5, 40.0, 100.0])
    def test_a_few_units_are_no_8_bits(self, high: float) -> None:
        values = HEAD * np.float32(high / HEAD.max())
        assert differ(decode_array(values)[:, :, 0], window_array(HEAD), np.ones(HEAD.shape, bool)) <= 1

    @pytest.mark.parametrize("values", [kill(65535), mark(65535), mark(40000), write(65535), kill(40000, 65535)])
    def test_what_was_painted_does_not_tell_the_depth(self, values: np.ndarray) -> None:
        one = decode_array(values.astype(np.uint16))[:, :, 0]
        assert differ(one, window_array(HEAD), values == HEAD) <= 12

    def test_nor_does_it_of_real_numbers(self) -> None:
        unit = HEAD / HEAD.max()
        hot = unit.copy()
        hot[60, 50] = 30.0
        assert differ(decode_array(hot)[:, :, 0], window_array(unit), unit == hot) <= 1


def read_first_slice(content: bytes) -> np.ndarray:
    (scan,) = load_scans(content)
    assert isinstance(scan.content, Volume)
    return scan.content.load(0).image.pixels[:, :, 0]


def encode(picture: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind)
    return stream.getvalue()


def read_png(values: np.ndarray) -> np.ndarray:
    return load_image(encode(Image.fromarray(values.astype(np.uint16)), "PNG")).pixels[:, :, 0]


def read_float_tiff(values: np.ndarray) -> np.ndarray:
    return load_image(encode(Image.fromarray((values / 400).astype(np.float32)), "TIFF")).pixels[:, :, 0]


def read_dicom(values: np.ndarray) -> np.ndarray:
    return decode_single(encode_dicom(build_dicom(values.astype(np.uint16)))).pixels[:, :, 0]


def read_rescaled_dicom(values: np.ndarray) -> np.ndarray:
    dataset = build_dicom(values.astype(np.uint16), RescaleSlope="0.37", RescaleIntercept="0")
    return decode_single(encode_dicom(dataset)).pixels[:, :, 0]


def read_nifti(values: np.ndarray) -> np.ndarray:
    """Shown with the patient's right on the left: the first column is the last of the file's."""
    image = nibabel.Nifti1Image(np.stack([values.T[::-1, ::-1]] * 2, axis=2).astype(np.float32), np.eye(4))
    return read_first_slice(bytes(image.to_bytes()))


def read_tiff_pages(values: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    pages = [Image.fromarray(values.astype(np.uint16))] * 2
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    return read_first_slice(stream.getvalue())


class TestOneSliceInEveryFormat:
    READERS = (read_float_tiff, read_dicom, read_rescaled_dicom, read_nifti, read_tiff_pages)

    @pytest.mark.parametrize("read", READERS)
    @pytest.mark.parametrize(
        "values",
        [HEAD, draw_head(4000.0), draw_head(300.0, 2.0), HEAD * 30, kill(65535), mark(65535), mark(16383, 2)],
    )
    def test_is_the_same_picture(self, read: Callable[[np.ndarray], np.ndarray], values: np.ndarray) -> None:
        pixels, png = read(values), read_png(values)
        assert differ(pixels, png, np.ones(png.shape, bool)) <= 2
        assert len(np.unique(png)) > 60
