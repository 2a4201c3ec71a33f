"""DICOM files of every kind become the right pixels, or a sentence."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from inference.answer.classifier import check_modality
from inference.errors import InputError, TooLargeError
from inference.imaging.dicom.codestream import read_codestream_size
from inference.imaging.dicom.read import decode_single
from inference.imaging.load import load_image, load_scans
from inference.imaging.types import DecodedImage, ReadOptions, Volume
from tests.clinical import MR, build_dicom, build_enhanced, encode_dicom, little_memory, ramp
from tests.fakes import make_bundle


def decode(dataset: Dataset, window: str = "percentile") -> np.ndarray:
    """The red channel."""
    return decode_single(encode_dicom(dataset), ReadOptions(window=window)).pixels[:, :, 0]


def expected(values: np.ndarray) -> np.ndarray:
    """Minimum to 99.9th percentile."""
    low, high = values.min(), np.percentile(values, 99.9)
    return np.rint(np.clip((values - low) / (high - low), 0, 1) * 255)


def change(content: bytes, **changes: Any) -> Dataset:
    """A file's data set with other elements."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    for name, value in changes.items():
        setattr(dataset, name, value)
    return dataset


def open_only(content: bytes) -> Volume:
    """The one volume of a file."""
    (scan,) = load_scans(content)
    assert isinstance(scan.content, Volume)
    return scan.content


def shipped(name: str) -> bytes:
    """One of the files that pydicom brings along."""
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"pydicom brings no {name} along")
    return Path(str(path)).read_bytes()


class TestPixels:
    @pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
    def test_depth_and_sign(self, dtype: Any) -> None:
        bounds = np.iinfo(dtype)
        values = np.tile(np.linspace(bounds.min, bounds.max, 40), (48, 1)).astype(dtype)
        assert np.abs(decode(build_dicom(values)) - expected(values.astype(float))).max() <= 1

    def test_12_of_16_bits(self) -> None:
        values = ramp(high=4095).astype(np.uint16)
        assert np.abs(decode(build_dicom(values, BitsStored=12, HighBit=11)) - expected(values)).max() <= 1

    def test_negative_slope_turns_dark_and_light(self) -> None:
        pixels = decode(build_dicom(RescaleSlope="-2", RescaleIntercept="4000"))
        assert (pixels[0, 0], pixels[0, -1]) == (255, 0)

    def test_monochrome1_is_turned(self) -> None:
        pixels = decode(build_dicom(PhotometricInterpretation="MONOCHROME1"))
        assert (pixels[0, 0], pixels[0, -1]) == (255, 0)

    def test_window_of_the_file(self) -> None:
        dataset = build_dicom(WindowCenter="500", WindowWidth="200")
        pixels, values = decode(dataset, "file"), ramp()
        assert (pixels[values < 399] == 0).all()
        assert (pixels[values > 601] == 255).all()
        assert 110 <= pixels[0, np.argmin(np.abs(values[0] - 500))] <= 145
        assert len(np.unique(decode(dataset))) > 30  # by itself the slice's own values count

    def test_window_of_the_file_and_monochrome1(self) -> None:
        dataset = build_dicom(WindowCenter="500", WindowWidth="200", PhotometricInterpretation="MONOCHROME1")
        pixels, values = decode(dataset, "file"), ramp()
        assert (pixels[values < 399] == 255).all()
        assert (pixels[values > 601] == 0).all()

    @pytest.mark.parametrize(
        "name",
        [
            "MR_small_RLE.dcm",
            "MR_small_implicit.dcm",
            "MR_small_bigendian.dcm",
            "MR_small_jp2klossless.dcm",
            "MR_small_jpeg_ls_lossless.dcm",
            "MR_small_padded.dcm",
        ],
    )
    def test_every_encoding_gives_the_same(self, name: str) -> None:
        plain = decode_single(shipped("MR_small.dcm"))
        assert plain.modality == "MR"
        assert (decode_single(shipped(name)).pixels == plain.pixels).all()

    def test_lossless_and_lossy_jpeg(self) -> None:
        lossless, lossy = (
            decode_single(encode_dicom(change(shipped(name), SOPClassUID=MR))).pixels
            for name in ("SC_rgb_jpeg_gdcm.dcm", "SC_rgb_jpeg_lossy_gdcm.dcm")
        )
        assert lossless.shape == lossy.shape == (100, 100, 3)
        assert np.abs(lossless.astype(int) - lossy).mean() < 12

    def test_content_not_name(self, tmp_path: Path) -> None:
        path = tmp_path / "slice.png"
        path.write_bytes(encode_dicom())
        assert load_image(path).modality == "MR"

    def test_no_preamble_and_implicit(self) -> None:
        content = encode_dicom(build_dicom())
        dataset = pydicom.dcmread(io.BytesIO(content))
        dataset.file_meta, dataset.preamble = FileMetaDataset(), None
        stream = io.BytesIO()
        pydicom.dcmwrite(stream, dataset, implicit_vr=True, little_endian=True)
        bare = stream.getvalue()
        assert bare[128:132] != b"DICM"
        assert (decode_single(bare).pixels == decode_single(content).pixels).all()


class TestFrames:
    def test_enhanced_frames_stand_in_the_order_of_their_places(self) -> None:
        values = np.stack([ramp(high=high) for high in (300, 100, 200)])
        volume = open_only(encode_dicom(build_enhanced(values, (8.0, 0.0, 4.0))))
        assert volume.count == 3
        strengths = [volume.load(number).strength for number in range(3)]
        assert strengths == sorted(strengths)
        assert strengths[0] == pytest.approx(100 * 2 + 5, abs=2)  # the frame's own slope and intercept

    def test_several_at_one_place_and_says_so(self) -> None:
        volume = open_only(encode_dicom(build_enhanced(np.stack([ramp()] * 4), (0, 4, 0, 4))))
        assert volume.count == 2
        assert "the first of each was read, 2 were not" in volume.notes[0]

    def test_a_single_picture_is_asked_for(self) -> None:
        with pytest.raises(InputError, match="a DICOM file with 3 frames"):
            load_image(encode_dicom(build_dicom(np.stack([ramp()] * 3))))


class TestBadInput:
    def test_no_pixels(self) -> None:
        with pytest.raises(InputError, match="received one without pixels"):
            load_image(encode_dicom(build_dicom(PixelData=None)))

    @pytest.mark.parametrize("cut", [40, 900, 3000])
    def test_wrong_length(self, cut: int) -> None:
        with pytest.raises(InputError, match="damaged or cut off"):
            load_image(encode_dicom()[:-cut])

    def test_truncated_file(self) -> None:
        with pytest.raises(InputError, match="damaged or cut off"):
            load_image(shipped("MR_truncated.dcm"))

    @pytest.mark.parametrize("length", range(140, 900, 60))
    def test_cut_anywhere(self, length: int) -> None:
        with pytest.raises(InputError):
            load_image(encode_dicom()[:length])

    def test_dicomdir(self) -> None:
        folder = Path(str(get_testdata_file("MR_small.dcm", download=False))).parent
        with pytest.raises(InputError, match="DICOMDIR is a table of contents"):
            load_image(folder / "dicomdirtests" / "DICOMDIR")

    def test_structured_report(self) -> None:
        with pytest.raises(InputError, match=r"received SR \(a structured report\)"):
            load_image(shipped("test-SR.dcm"))

    def test_ct(self) -> None:
        (scan,) = load_scans(encode_dicom(build_dicom(Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")))
        assert isinstance(scan.content, DecodedImage)
        with pytest.raises(InputError, match=r"MR .* are accepted; received CT \(computed tomography\)"):
            check_modality(scan.content.modality, make_bundle(modalities=("MR",)))

    def test_colour_ultrasound(self) -> None:
        values = np.tile(np.array([200, 40, 90], np.uint8), (48, 40, 1))
        dataset = build_dicom(values, Modality="US", Rows=48, Columns=40, SamplesPerPixel=3, PlanarConfiguration=0)
        dataset.PhotometricInterpretation = "RGB"
        del dataset.NumberOfFrames
        (scan,) = load_scans(encode_dicom(dataset))
        assert isinstance(scan.content, DecodedImage)
        assert (scan.content.pixels == values).all()  # its colours are read as such
        with pytest.raises(InputError, match=r"received US \(ultrasound\)"):
            check_modality(scan.content.modality, make_bundle(modalities=("MR",)))

    def test_no_decoder_is_named(self) -> None:
        with pytest.raises(InputError, match=r"JPEG Extended .* no decoder here"):
            load_image(encode_dicom(change(shipped("JPGExtended.dcm"), SOPClassUID=MR)))

    def test_a_syntax_that_is_none(self) -> None:
        dataset = build_dicom()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID("1.2.840.10008.1.2.4.100")  # MPEG2
        dataset.PixelData = pydicom.encaps.encapsulate([b"\0" * 100])
        dataset["PixelData"].VR = "OB"
        with pytest.raises(InputError, match=r"MPEG2.*no decoder here"):
            load_image(encode_dicom(dataset))

    def test_deflated_is_not_inflated(self) -> None:
        dataset = build_dicom(np.zeros((3000, 3000), np.int16))
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        content = encode_dicom(dataset)
        with little_memory(), pytest.raises(InputError, match="Deflated Explicit VR"):
            load_image(content)

    def test_65535_by_65535(self) -> None:
        content = encode_dicom(build_dicom(Rows=65535, Columns=65535))
        with (
            little_memory(),
            pytest.raises(TooLargeError, match="at most 40 million pixels is accepted; received 4295 million"),
        ):
            load_image(content)

    def test_too_many_frames(self) -> None:
        content = encode_dicom(build_dicom(NumberOfFrames=100_000))
        with little_memory(), pytest.raises(TooLargeError, match="4,096 slices is accepted; received 100,000"):
            load_image(content)

    def test_frames_that_would_not_fit(self) -> None:
        content = encode_dicom(build_dicom(NumberOfFrames=4000, Rows=4096, Columns=4096))
        with little_memory(), pytest.raises(TooLargeError, match="512 MB"):
            load_image(content)

    def test_codestream_that_is_larger_than_its_header_says(self) -> None:
        content = shipped("MR_small_jp2klossless.dcm")
        at = content.find(b"\xff\x4f\xff\x51")
        larger = content[: at + 8] + (65535).to_bytes(4, "big") * 2 + content[at + 16 :]
        assert read_codestream_size(larger[at:]) == (65535, 65535)
        with pytest.raises(InputError, match="header and its pixels are not of one size"):
            load_image(larger)

    def test_rle_is_read_and_a_cut_one_refused(self) -> None:
        dataset = build_dicom()
        dataset.compress(RLELossless, generate_instance_uid=False)
        assert (load_image(encode_dicom(dataset)).pixels == load_image(encode_dicom()).pixels).all()
        dataset.PixelData = pydicom.encaps.encapsulate([b"\x02" + b"\0" * 70])
        with pytest.raises(InputError, match="damaged or cut off"):
            load_image(encode_dicom(dataset))

    def test_rle_bomb(self) -> None:
        dataset = build_dicom()
        dataset.file_meta.TransferSyntaxUID = RLELossless
        header = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56)
        dataset.PixelData = pydicom.encaps.encapsulate([header + b"\x81\x00" * (5 * 2**20)])
        content = encode_dicom(dataset)
        with little_memory(80 * 2**20), pytest.raises(TooLargeError, match="512 MB, decompressed"):
            load_image(content)

    @pytest.mark.parametrize(
        ("name", "value"), [("RescaleSlope", "1e400"), ("ImagePositionPatient", [1, 2]), ("WindowWidth", "0")]
    )
    def test_odd_values(self, name: str, value: Any) -> None:
        dataset = build_dicom(RescaleIntercept="0", RescaleSlope="1", WindowCenter="1", WindowWidth="1")
        setattr(dataset, name, value)
        try:
            assert decode(dataset, "file").shape == (48, 40)
        except InputError as error:
            assert "damaged" in str(error)

    def test_nothing_of_the_header_is_said(self, capfd: pytest.CaptureFixture[str]) -> None:
        dataset = build_dicom(Rows=40)
        dataset.PatientBirthDate = "no date at all"
        with pytest.raises(InputError) as raised:
            for scan in load_scans(encode_dicom(dataset)[:-2000]):
                assert isinstance(scan.content, Volume)
        captured = capfd.readouterr()
        for secret in ("Mustermann", "4711", "no date"):
            assert secret not in str(raised.value) + captured.out + captured.err

    def test_implicit_is_what_it_says(self) -> None:
        dataset = build_dicom()
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        assert load_image(encode_dicom(dataset)).pixels.shape == (48, 40, 3)
