"""NIfTI volumes are turned, cut and windowed right, or refused with a sentence."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from inference.errors import InputError, TooLargeError
from inference.imaging.arrays import window_array
from inference.imaging.load import load_image, load_scans
from inference.imaging.types import PLANES, DecodedImage, Orientation, ReadOptions, Volume
from tests.clinical import box_volume, encode_nifti, gzip_bomb, little_memory


def open_volume(content: bytes | Path, plane: str = "axial") -> Volume:
    (scan,) = load_scans(content, ReadOptions(plane=plane))
    if isinstance(scan.content, InputError):
        raise scan.content
    assert isinstance(scan.content, Volume)
    return scan.content


def picture(volume: Volume, number: int = 0) -> np.ndarray:
    return volume.load(number).image.pixels[:, :, 0].astype(int)


class TestPixels:
    @pytest.mark.parametrize("flips", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
    def test_the_nose_is_up_and_right_is_left(self, flips: tuple[int, int, int]) -> None:
        values = box_volume()
        values[:, :, 5] //= 2
        stored = np.ascontiguousarray(values[:: flips[0], :: flips[1], :: flips[2]])
        volume = open_volume(encode_nifti(stored, np.diag([*map(float, flips), 1.0])))
        assert volume.count == 6
        shown = picture(volume)
        assert shown.shape == (48, 40)
        assert shown[2, 20] == 255  # the nose
        assert shown[40, 2] > shown[40, 37]  # the patient's right is brighter, and on the left
        assert volume.load(5).strength < 0.6 * volume.load(0).strength  # the uppermost slice is the last
        expected = window_array(values[:, :, 0].T[::-1].astype(np.float32))
        assert (shown == expected[:, ::-1]).all()
        image = volume.load(0).image
        assert (image.fed_pixels[:, :, 0] == expected).all()  # the network has learnt from these
        assert image.orientation == volume.orientation == Orientation(left="R", right="L", top="A", bottom="P")

    @pytest.mark.parametrize("plane", PLANES)
    def test_the_affine_follows_what_is_shown(self, plane: str) -> None:
        values = np.zeros((40, 48, 36), np.int16)
        values[30, 8, 25] = 1000
        affine = np.array([[-2.0, 0, 0, 30], [0, 1, 0, -20], [0, 0, 1, 7], [0, 0, 0, 1]])
        volume = open_volume(encode_nifti(values, affine), plane)
        slices = np.stack([volume.load(index).image.pixels[:, :, 0] for index in range(volume.count)])
        index, row, column = np.argwhere(slices == slices.max()).mean(axis=0)
        assert volume.affine is not None
        assert volume.affine @ [column, row, index, 1] == pytest.approx(affine @ [30, 8, 25, 1], abs=1e-6)

    def test_letters_of_each_plane(self) -> None:
        letters = {plane: open_volume(encode_nifti(box_volume((40, 48, 36))), plane).orientation for plane in PLANES}
        assert letters["coronal"] == Orientation(left="R", right="L", top="S", bottom="I")
        assert letters["sagittal"] == Orientation(left="A", right="P", top="S", bottom="I")

    def test_no_letters_where_the_file_does_not_say(self) -> None:
        image = nibabel.Nifti1Image(box_volume(), None)
        image.header["qform_code"] = image.header["sform_code"] = 0
        volume = open_volume(image.to_bytes())
        one = volume.load(0).image
        assert (volume.orientation, one.orientation, one.is_fed_mirrored) == (None, None, False)

    def test_turned_axes(self) -> None:
        values = box_volume()
        affine = np.zeros((4, 4))
        affine[0, 2] = affine[1, 0] = affine[2, 1] = affine[3, 3] = 1.0  # stored as (y, z, x)
        volume = open_volume(encode_nifti(np.ascontiguousarray(values.transpose(1, 2, 0)), affine))
        assert (picture(volume) == picture(open_volume(encode_nifti(values)))).all()

    def test_planes(self) -> None:
        values = box_volume((40, 48, 36))
        values[:, :, -4:] = 900  # the top of the head
        coronal = open_volume(encode_nifti(values), "coronal")
        assert (coronal.count, picture(coronal).shape) == (48, (36, 40))
        assert picture(coronal)[0, 20] > 200
        sagittal = open_volume(encode_nifti(values), "sagittal")
        assert (sagittal.count, picture(sagittal).shape) == (40, (36, 48))
        assert picture(sagittal)[0, 2] > 200
        assert picture(sagittal, 20)[20, 1] == 255  # the nose, on the left

    def test_thick_slices_cut_across_get_square_pixels(self) -> None:
        affine = np.diag([1.0, 1.0, 5.0, 1.0])
        coronal = open_volume(encode_nifti(box_volume((40, 48, 8)), affine), "coronal")
        assert picture(coronal).shape == (40, 40)

    @pytest.mark.parametrize("suffix", ["v.nii", "v.nii.gz", "v.png"])
    def test_by_content(self, tmp_path: Path, suffix: str) -> None:
        content = encode_nifti(box_volume())
        (tmp_path / suffix).write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
        assert (picture(open_volume(tmp_path / suffix)) == picture(open_volume(content))).all()

    def test_slope_and_intercept(self) -> None:
        image = nibabel.Nifti1Image(box_volume(), np.eye(4))
        image.header.set_slope_inter(2.0, -50.0)
        assert open_volume(image.to_bytes()).load(0).strength == pytest.approx(2 * 1000 - 50)

    def test_nifti_2_and_big_endian(self) -> None:
        second = nibabel.Nifti2Image(box_volume(), np.eye(4)).to_bytes()
        big = nibabel.Nifti1Image(box_volume(), np.eye(4), nibabel.Nifti1Header(endianness=">")).to_bytes()
        for content in (second, big):
            assert (picture(open_volume(content)) == picture(open_volume(encode_nifti(box_volume())))).all()

    def test_first_of_several_volumes_and_says_so(self) -> None:
        values = box_volume()
        volume = open_volume(encode_nifti(np.stack([values, values // 2, values // 3], axis=3)))
        assert volume.notes == ("Only the first of 3 volumes was read.",)
        assert (picture(volume) == picture(open_volume(encode_nifti(values)))).all()

    def test_one_slice_is_a_picture(self) -> None:
        (scan,) = load_scans(encode_nifti(box_volume((40, 48, 1))))
        assert isinstance(scan.content, DecodedImage)


class TestBadInput:
    def test_nan_is_background_and_said(self) -> None:
        values = box_volume(dtype=np.float32)
        values[:5, :5] = np.nan
        volume = open_volume(encode_nifti(values))
        assert volume.notes == ("150 voxels without a number (NaN or infinite) were read as background.",)
        assert picture(volume)[47, 39] == 0
        assert picture(volume).max() == 255

    def test_nothing_but_nan(self) -> None:
        with pytest.raises(InputError, match="every voxel of the one received is NaN"):
            open_volume(encode_nifti(np.full((40, 40, 4), np.nan, np.float32)))

    @pytest.mark.parametrize("axis", [1, 2, 3])
    def test_zero_size(self, axis: int) -> None:
        content = bytearray(encode_nifti(box_volume()))
        content[40 + 2 * axis : 42 + 2 * axis] = b"\0\0"
        with pytest.raises(InputError, match="with voxels is accepted; received one of the size"):
            open_volume(bytes(content))

    @pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
    def test_truncated_gzip(self, share: float) -> None:
        noise = np.random.default_rng(0).integers(0, 1000, (40, 48, 6)).astype(np.int16)
        content = gzip.compress(encode_nifti(noise))
        with pytest.raises(InputError, match="cannot be decompressed to its end"):
            open_volume(content[: int(len(content) * share)])

    def test_truncated_voxels(self) -> None:
        with pytest.raises(InputError, match="voxels end before the last slice"):
            open_volume(encode_nifti(box_volume())[:-100])

    def test_two_dimensions_complex_and_half_a_pair(self) -> None:
        with pytest.raises(InputError, match="three or four dimensions is accepted; received 2"):
            open_volume(encode_nifti(np.zeros((40, 40), np.int16)))
        with pytest.raises(InputError, match="real numbers, is accepted; received one of complex"):
            open_volume(encode_nifti(np.zeros((40, 40, 4), np.complex64)))
        content = bytearray(encode_nifti(box_volume()))
        content[344:348] = b"ni1\0"
        with pytest.raises(InputError, match="one half of a volume: its voxels lie in another file"):
            open_volume(bytes(content))

    def test_thin_volume(self) -> None:
        with pytest.raises(InputError, match="at least 32×32 pixels"):
            open_volume(encode_nifti(box_volume((40, 48, 6))), "coronal")

    def test_gzip_bomb_that_says_so(self) -> None:
        content = gzip_bomb((4_000, 4_000, 4_000), honest=True)
        assert len(content) < 2**20
        with little_memory(), pytest.raises(TooLargeError, match="at most 512 MB, decompressed"):
            open_volume(content)

    def test_gzip_bomb_that_does_not(self) -> None:
        content = gzip_bomb((0, 0, 0), honest=False)
        with little_memory():
            assert open_volume(content).count == 4  # what the header promised is read, and not a byte more

    def test_too_many_slices(self) -> None:
        header = nibabel.Nifti1Header()
        header.set_data_dtype(np.uint8)
        header.set_data_shape((40, 40, 5000))
        header["vox_offset"], header["magic"] = 352, b"n+1"
        with pytest.raises(TooLargeError, match="4,096 slices is accepted; received 5,000"):
            open_volume(header.binaryblock + bytes(100))

    def test_gzip_of_something_else(self) -> None:
        with pytest.raises(InputError, match="received a text file"):
            open_volume(gzip.compress(b"hello" * 1000))

    def test_a_single_picture_is_asked_for(self) -> None:
        with pytest.raises(InputError, match="received a NIfTI volume"):
            load_image(encode_nifti(box_volume()))

    @pytest.mark.parametrize("place", range(40, 348, 14))
    def test_nonsense_in_the_header(self, place: int) -> None:
        content = bytearray(encode_nifti(box_volume()))
        content[place : place + 8] = b"\xff" * 8
        try:
            volume = open_volume(bytes(content))
            assert volume.load(0).image.pixels.shape[2] == 3
        except InputError as error:
            assert str(error).endswith(".")
