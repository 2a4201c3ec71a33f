"""Every format of a volume gives the same slices in the same place as NIfTI, or a sentence."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest

from inference.errors import InputError, TooLargeError
from inference.imaging.find import find_items
from inference.imaging.load import load_scans
from inference.imaging.types import DecodedImage, Volume
from tests.clinical import box_volume, encode_nifti, encode_zip, little_memory
from tests.volumes import (
    ENCODERS,
    encode_analyze,
    encode_metaimage,
    encode_metaimage_pair,
    encode_mgh,
    encode_nifti_pair,
    encode_npy,
    encode_nrrd,
    encode_nrrd_pair,
    encode_tar,
)

AFFINES = {
    "straight": np.array([[2.0, 0, 0, -40], [0, 2, 0, -48], [0, 0, 5, -12], [0, 0, 0, 1]]),
    "turned": np.array([[0, 0, 2.0, 7], [-2, 0, 0, 3], [0, -5, 0, 1], [0, 0, 0, 1]]),
    "oblique": np.array([[1.9, 0.1, 0, 0], [-0.1, 1.9, 0.5, 0], [0, -0.2, 4.9, 0], [0, 0, 0, 1]]),
}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / next(iter(files))


def open_one(source: Path | bytes) -> Volume:
    (scan,) = load_scans(source)
    content = scan.open()
    assert isinstance(content, Volume)
    return content


def assert_same(one: Volume, other: Volume) -> None:
    assert one.count == other.count
    assert one.affine is not None
    assert other.affine is not None
    np.testing.assert_allclose(one.affine, other.affine, atol=1e-3)
    for index in range(one.count):
        assert (one.load(index).image.pixels == other.load(index).image.pixels).all()


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
def test_same_slices_in_the_same_place_as_nifti(encode: object, affine: np.ndarray, tmp_path: Path) -> None:
    values = box_volume((40, 48, 36))
    volume = open_one(write(tmp_path, encode(values, affine)))  # type: ignore[operator]
    assert_same(volume, open_one(encode_nifti(values, affine)))
    assert volume.notes == ()


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
def test_in_a_folder_and_in_archives_a_volume_is_one_scan(encode: object, tmp_path: Path) -> None:
    files = encode(box_volume(), np.eye(4))  # type: ignore[operator]
    first = write(tmp_path, files)
    (item,) = find_items([tmp_path])
    assert (item.path, len(item.files), item.is_large) == (str(first), len(files), True)
    within = {f"s/{name}": content for name, content in files.items()}
    for archive in (encode_zip(within), encode_tar(within), gzip.compress(encode_tar(within))):
        (scan,) = load_scans(archive)
        assert isinstance(scan.content, Volume)
        assert (scan.path, scan.content.count) == (f"s/{first.name}", 6)


def test_analyze_does_not_know_its_sides_and_says_so(tmp_path: Path) -> None:
    volume = open_one(write(tmp_path, encode_analyze(box_volume(), np.diag([-1.0, 1, 1, 1]))))
    assert (volume.count, volume.notes) == (6, ("The file does not say which side is left.",))


@pytest.mark.parametrize("encode", [encode_analyze, encode_nifti_pair, encode_nrrd_pair, encode_metaimage_pair])
def test_one_half_of_two(encode: object, tmp_path: Path) -> None:
    header, voxels = encode(box_volume(), np.eye(4)).items()  # type: ignore[operator]
    path = write(tmp_path, dict([header]))
    with pytest.raises(
        InputError, match=rf"one half of a volume: its voxels lie in {voxels[0]}, which is not beside it"
    ):
        open_one(path)
    with pytest.raises(InputError, match="one half of a volume"):
        open_one(header[1])
    alone = tmp_path / "alone"
    alone.mkdir()
    with pytest.raises(InputError, match=r"voxels.* Give the header \(.*\) with them"):
        open_one(write(alone, dict([voxels])))


def test_voxels_are_opened_by_the_header_beside_them(tmp_path: Path) -> None:
    write(tmp_path, encode_analyze(box_volume(), np.eye(4)))
    assert open_one(tmp_path / "v.img").count == 6


def test_a_header_leads_nowhere_but_its_own_folder(tmp_path: Path) -> None:
    inner = tmp_path / "in"
    inner.mkdir()
    write(tmp_path, {"secret.raw": bytes(40 * 48 * 6 * 2)})
    for files in (encode_nrrd_pair(box_volume(), np.eye(4)), encode_metaimage_pair(box_volume(), np.eye(4))):
        name, header = next(iter(files.items()))
        for other in (b"../secret.raw", str(tmp_path / "secret.raw").encode(), name.encode()):
            path = write(inner, {name: header.replace(b"v.raw", other)})
            with pytest.raises(InputError, match="which is not beside it"):
                open_one(path)
        path = write(inner, {name: header.replace(b"v.raw", b"LIST")})
        with pytest.raises(InputError, match="lie in several"):
            open_one(path)


class TestFields:
    def test_mgh_without_directions(self) -> None:
        content = bytearray(encode_mgh(box_volume((40, 48, 36)), np.eye(4))["v.mgh"])
        content[28:30] = b"\0\0"  # goodRASFlag
        assert open_one(bytes(content)).notes == ("The file does not say which side is left.",)

    def test_mgh_of_several(self) -> None:
        values = np.stack([box_volume(), box_volume() // 2], axis=3)
        volume = open_one(encode_mgh(values, np.eye(4))["v.mgh"])
        assert volume.notes == ("Only the first of 2 volumes was read.",)
        assert_same(volume, open_one(encode_nifti(box_volume())))

    @pytest.mark.parametrize("place", [0, 3])
    def test_nrrd_with_a_list_axis(self, place: int) -> None:
        values = np.stack([box_volume(), box_volume() // 2], axis=place)
        directions = ["(1,0,0)", "(0,1,0)", "(0,0,1)"]
        directions.insert(place, "none")
        head = (
            f"NRRD0004\ntype: short\ndimension: 4\nsizes: {' '.join(map(str, values.shape))}\nspace: RAS\n"
            f"space directions: {' '.join(directions)}\n"
            f"kinds: {'list domain domain domain' if place == 0 else 'domain domain domain list'}\n"
            "encoding: raw\nendian: little\n\n"
        )
        volume = open_one(head.encode() + values.tobytes(order="F"))
        assert volume.notes == ("Only the first of 2 volumes was read.",)
        assert_same(volume, open_one(encode_nifti(box_volume())))

    def test_nrrd_without_a_space(self) -> None:
        values = box_volume()
        head = b"NRRD0001\ntype: int16\ndimension: 3\nsizes: 40 48 6\nencoding: raw\nendian: big\n\n"
        volume = open_one(head + values.astype(">i2").tobytes(order="F"))
        assert [note.split(":")[0] for note in volume.notes] == [
            "The file does not say how far apart its voxels are",
            "The file does not say which side is left.",
        ]
        shown = volume.load(0).image.pixels[:, :, 0]
        assert shown[2, 20] < shown[45, 20], "as it is stored: the first row on top"

    def test_metaimage_big_endian_and_its_voxels_at_the_end(self, tmp_path: Path) -> None:
        header, voxels = encode_metaimage_pair(box_volume(), np.eye(4)).values()
        header = header.replace(b"MSB = False", b"MSB = True").replace(b"ElementData", b"HeaderSize = -1\nElementData")
        big = np.frombuffer(voxels, "<i2").astype(">i2").tobytes()
        volume = open_one(write(tmp_path, {"v.mhd": header, "v.raw": b"something before" + big}))
        assert_same(volume, open_one(encode_nifti(box_volume())))

    @pytest.mark.parametrize(
        ("content", "match"),
        [
            (encode_nrrd(box_volume(), np.eye(4))["v.nrrd"].replace(b": gzip", b": hex"), "raw, gzip or bzip2"),
            (encode_nrrd(box_volume(), np.eye(4))["v.nrrd"].replace(b": int16", b": block"), "one of another type"),
            (
                encode_nrrd(np.zeros((4, 40, 48), np.int16), np.eye(4))["v.nrrd"].replace(b"s: domain", b"s: vector"),
                "colours or vectors",
            ),
            (
                encode_metaimage(box_volume(), np.eye(4))["v.mha"].replace(
                    b"NDims", b"ElementNumberOfChannels = 3\nNDims"
                ),
                "colours or vectors",
            ),
            (encode_metaimage(box_volume(), np.eye(4))["v.mha"].replace(b"MET_SHORT", b"MET_OTHER"), "another type"),
        ],
    )
    def test_what_is_no_grey_volume(self, content: bytes, match: str) -> None:
        with pytest.raises(InputError, match=match):
            open_one(content)


class TestNiftiPlaces:
    @pytest.mark.parametrize("broken", [np.zeros((3, 4)), np.full((3, 4), np.nan), np.ones((3, 4))])
    def test_an_empty_sform_falls_back_to_the_qform(self, broken: np.ndarray) -> None:
        affine = AFFINES["turned"]
        image = nibabel.Nifti1Image(box_volume((40, 48, 36)), affine)
        image.set_qform(affine, 1)
        image.header["sform_code"] = 1
        content = bytearray(image.to_bytes())
        content[280:328] = broken.astype("<f4").tobytes()
        volume = open_one(bytes(content))
        assert volume.notes == ("The file's sform is empty or cannot be: its qform was taken.",)
        content[254:256] = b"\0\0"  # sform_code
        assert_same(volume, open_one(bytes(content)))

    def test_no_codes_and_no_spacing(self) -> None:
        content = bytearray(encode_nifti(box_volume()))
        content[252:256] = bytes(4)
        assert open_one(bytes(content)).notes == ("The file does not say which side is left.",)
        content[80:92] = bytes(12)
        volume = open_one(bytes(content))
        assert len(volume.notes) == 2
        assert "how far apart" in volume.notes[1]
        assert volume.affine is not None
        assert abs(np.linalg.det(volume.affine[:3, :3])) == pytest.approx(1)

    def test_slices_in_the_fourth_dimension(self) -> None:
        values = box_volume()
        volume = open_one(encode_nifti(values[:, :, None]))
        assert volume.notes == ("Its slices stand in the file's fourth dimension; they are read as one volume.",)
        assert_same(volume, open_one(encode_nifti(values)))

    def test_colours(self) -> None:
        values = np.zeros((40, 48, 6), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
        with pytest.raises(InputError, match="received one of colours"):
            open_one(bytes(nibabel.Nifti1Image(values, np.eye(4)).to_bytes()))


class TestNumpy:
    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_slices_lie_along_the_odd_axis(self, axis: int) -> None:
        slices = np.random.default_rng(0).integers(0, 900, (6, 40, 40)).astype(np.int16)
        volume = open_one(encode_npy(np.moveaxis(slices, 0, axis)))
        expected = open_one(encode_npy(slices))
        assert volume.count == 6
        assert f"the {('first', 'second', 'third')[axis]} was taken" in volume.notes[1]
        assert (volume.load(2).image.pixels == expected.load(2).image.pixels).all()

    def test_an_npz_is_an_archive(self, tmp_path: Path) -> None:
        np.savez_compressed(tmp_path / "v.npz", brain=np.arange(6 * 40 * 48, dtype=np.float32).reshape(6, 40, 48))
        (scan,) = load_scans((tmp_path / "v.npz").read_bytes())
        assert isinstance(scan.content, Volume)
        assert (scan.path, scan.content.count) == ("brain.npy", 6)

    def test_pictures(self) -> None:
        for shape in ((40, 48), (40, 48, 1), (40, 48, 3), (1, 1, 40, 48)):
            (scan,) = load_scans(encode_npy(np.full(shape, 7, np.uint8)))
            assert isinstance(scan.content, DecodedImage)
            assert scan.content.pixels.shape == (40, 48, 3)

    @pytest.mark.parametrize(
        ("values", "match"),
        [
            (np.zeros(40), "two or three dimensions is accepted; received 1"),
            (np.zeros((2, 2, 40, 48)), "two or three dimensions is accepted; received 4"),
            (np.zeros((6, 40, 48), np.complex64), "complex numbers"),
            (np.zeros((6, 40, 48), bool), "yes and no"),
            (np.zeros((6, 40, 48), "U3"), "texts or times"),
            (np.zeros((0, 40, 48)), "with voxels"),
        ],
    )
    def test_other_arrays(self, values: np.ndarray, match: str) -> None:
        with pytest.raises(InputError, match=match):
            open_one(encode_npy(values))

    def test_no_pickle_is_read(self, tmp_path: Path) -> None:
        np.save(tmp_path / "v.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
        with pytest.raises(InputError, match="Python objects, which are never read"):
            open_one(tmp_path / "v.npy")


LIARS = {
    "mgh": struct.pack(">7i", 1, 30_000, 30_000, 4_000, 1, 3, 0) + bytes(300),
    "nrrd": b"NRRD0004\ntype: float\ndimension: 3\nsizes: 3000 3000 3000\nencoding: gzip\n\n" + gzip.compress(bytes(9)),
    "nrrd of long numbers": b"NRRD0004\ntype: float\ndimension: 3\nsizes: 9999999999 9999999999 9\nencoding: raw\n\n",
    "mha": b"NDims = 3\nDimSize = 3000 3000 3000\nElementType = MET_FLOAT\nElementDataFile = LOCAL\n",
    "npy": encode_npy(np.zeros((3, 32, 32))).replace(b"(3, 32, 32)", b"(3333,3333,3333)"),
    "analyze": encode_analyze(box_volume(), np.eye(4))["v.hdr"].replace(
        struct.pack("<3h", 40, 48, 6), struct.pack("<3h", 9000, 9000, 900)
    ),
}


@pytest.mark.parametrize("content", LIARS.values(), ids=LIARS)
def test_a_header_that_lies_about_its_size_is_refused_before_memory_is_spent(content: bytes) -> None:
    (_, *_rest) = load_scans(encode_zip({"a.png": b"", "v": content}))  # what is imported is imported
    with little_memory(), pytest.raises(InputError, match=r"at most|cannot be read"):
        open_one(content)


def test_what_is_promised_is_read_and_not_a_byte_more() -> None:
    bomb = bytes(200 * 2**20)
    head = b"NRRD0004\ntype: short\ndimension: 3\nsizes: 40 40 4\nencoding: gzip\n\n"
    meta = b"NDims = 3\nCompressedData = True\nDimSize = 40 40 4\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    for content in (head + gzip.compress(bomb, 1), meta + zlib.compress(bomb, 1)):
        with little_memory():
            assert open_one(content).count == 4


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
def test_what_is_cut_off_is_a_sentence(encode: object, tmp_path: Path) -> None:
    files = encode(np.random.default_rng(0).integers(0, 900, (40, 40, 6)).astype(np.int16), np.eye(4))  # type: ignore[operator]
    last = list(files)[-1]
    for share in (0.3, 0.6, 0.99):
        path = write(tmp_path, {**files, last: files[last][: int(len(files[last]) * share)]})
        with pytest.raises(InputError, match=r"damaged|cut off"):
            open_one(path)


def test_too_many_slices() -> None:
    with pytest.raises(TooLargeError, match="4,096 slices is accepted; received 5,000"):
        open_one(encode_npy(np.zeros((5000, 33, 33), np.uint8)))
