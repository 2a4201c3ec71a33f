"""Small, good files of every format that is read, built in code; the same bytes each time."""

from __future__ import annotations

import gzip
import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gdcm
import jpeg_ls
import nibabel
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.clinical import AXIAL, MR, box_volume, build_dicom, build_enhanced, encode_nifti
from tests.volumes import (
    PACKERS,
    encode_analyze,
    encode_metaimage,
    encode_metaimage_pair,
    encode_mgh,
    encode_mgz,
    encode_nifti_pair,
    encode_npy,
    encode_nrrd,
    encode_nrrd_pair,
    encode_tar,
)

PAIRS = {
    "pair-analyze": encode_analyze,
    "pair-nifti": encode_nifti_pair,
    "pair-nrrd": encode_nrrd_pair,
    "pair-metaimage": encode_metaimage_pair,
}
"""Volumes in two files."""

_SIZE_PX = (48, 56)
"""Height and width: small, so that many are read in a second, and above the least that is accepted."""


def build_seeds() -> dict[str, bytes]:
    """Every seed by its name, which begins with its format: ``"dicom-rle"``."""
    return {**_build_pictures(), **_build_dicoms(), **_build_niftis(), **_build_volumes(), **_build_archives()}


def _head(levels: int = 256) -> np.ndarray:
    """Something like a head on black, with a texture; float (H, W) from 0 to ``levels`` - 1."""
    rows, columns = np.mgrid[-1 : 1 : _SIZE_PX[0] * 1j, -1 : 1 : _SIZE_PX[1] * 1j]
    inside = np.hypot(rows / 0.8, columns / 0.7) < 1
    texture = 0.5 + 0.2 * np.sin(9 * rows) * np.cos(7 * columns) + 0.3 * (np.hypot(rows, columns - 0.3) < 0.2)
    return inside * texture * (levels - 1)


def _save(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def _build_pictures() -> dict[str, bytes]:
    grey = Image.fromarray(_head().astype(np.uint8))
    deep = Image.fromarray(_head(2**16).astype(np.uint16))
    colour = Image.merge("RGB", (grey, grey, grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
    clear = colour.copy()
    clear.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "png-8": _save(grey, "PNG"),
        "png-16": _save(deep, "PNG"),
        "png-rgba": _save(clear, "PNG"),
        "png-palette": _save(colour.convert("P"), "PNG", transparency=0),
        "jpeg-grey": _save(grey, "JPEG"),
        "jpeg-progressive": _save(colour, "JPEG", progressive=True, exif=exif),
        "jpeg-cmyk": _save(colour.convert("CMYK"), "JPEG"),
        "tiff-raw": _save(grey, "TIFF"),
        "tiff-deflate": _save(colour, "TIFF", compression="tiff_adobe_deflate"),
        "tiff-lzw": _save(deep, "TIFF", compression="tiff_lzw"),
        "tiff-float": _save(Image.fromarray(_head().astype(np.float32)), "TIFF"),
        "tiff-pages": _save(grey, "TIFF", save_all=True, append_images=[grey, grey]),
        "webp-lossy": _save(colour, "WEBP"),
        "webp-lossless": _save(clear, "WEBP", lossless=True),
        "webp-animated": _save(colour, "WEBP", save_all=True, append_images=[clear]),
        "gif": _save(grey, "GIF"),
        "gif-animated": _save(grey, "GIF", save_all=True, append_images=[grey.rotate(90)]),
        "avif": _save(colour, "AVIF"),
        "jpeg2000": _save(grey, "JPEG2000"),
        "jpeg2000-bare": _save(deep, "JPEG2000", no_jp2=True),
        "jpegls": bytes(jpeg_ls.encode_array(_head().astype(np.uint8))),
        "bmp": _save(colour, "BMP"),
        "bmp-palette": _save(colour.convert("P"), "BMP"),
    }


def encode_dicom(dataset: Dataset, syntax: UID | None = None) -> bytes:
    """The file's bytes, also of a data set that breaks the standard's rules."""
    if syntax is not None:
        dataset.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def _fixed(values: np.ndarray, **changes: Any) -> Dataset:
    dataset = build_dicom(values, **changes)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{int(dataset.InstanceNumber)}"
    return dataset


def _build_dicoms() -> dict[str, bytes]:
    deep, grey = _head(1000).astype(np.int16), _head().astype(np.uint8)
    several = np.stack([deep, deep // 2, deep // 3])
    enhanced = build_enhanced(several, [8.0, 0.0, 4.0])
    enhanced.SOPInstanceUID = enhanced.file_meta.MediaStorageSOPInstanceUID = "1.2.3.9"
    colour = _fixed(grey, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    colour.PixelData = np.repeat(grey[:, :, None], 3, axis=2).tobytes()
    palette = _fixed(grey, PhotometricInterpretation="PALETTE COLOR")
    for name in ("Red", "Green", "Blue"):
        setattr(palette, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(palette, f"{name}PaletteColorLookupTableData", np.arange(0, 65536, 256, dtype=np.uint16).tobytes())
    plain = encode_dicom(_fixed(deep, RescaleSlope="2", RescaleIntercept="-5", WindowCenter="500", WindowWidth="900"))
    return {
        "dicom-explicit": plain,
        "dicom-implicit": encode_dicom(_fixed(deep), ImplicitVRLittleEndian),
        "dicom-big": encode_dicom(_fixed(grey), ExplicitVRBigEndian),
        "dicom-frames": encode_dicom(_fixed(several)),
        "dicom-enhanced": encode_dicom(enhanced),
        "dicom-rgb": encode_dicom(colour),
        "dicom-palette": encode_dicom(palette),
        "dicom-rle": _encode_rle(_fixed(several)),
        "dicom-jpeg": _encapsulate(_fixed(grey), JPEGBaseline8Bit, [_save(Image.fromarray(grey), "JPEG")]),
        "dicom-jpeg2000": _encapsulate(
            _fixed(np.stack([grey, grey])),
            JPEG2000Lossless,
            [_save(Image.fromarray(grey), "JPEG2000", no_jp2=True, irreversible=False)] * 2,
        ),
        "dicom-jpeg-lossless": _transcode(plain, gdcm.TransferSyntax.JPEGLosslessProcess14_1, JPEGLosslessSV1),
        "dicom-jpegls": _transcode(plain, gdcm.TransferSyntax.JPEGLSLossless, JPEGLSLossless),
    }


def _encode_rle(dataset: Dataset) -> bytes:
    dataset.compress(RLELossless, generate_instance_uid=False)
    return encode_dicom(dataset)


def _encapsulate(dataset: Dataset, syntax: UID, frames: list[bytes]) -> bytes:
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    return encode_dicom(dataset, syntax)


def _transcode(content: bytes, target: int, syntax: UID) -> bytes:
    """Let GDCM compress; only its pixels are taken, because it writes the time into the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slice"
        path.write_bytes(content)
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(str(path))
        change.SetTransferSyntax(gdcm.TransferSyntax(target))
        if not reader.Read():
            raise RuntimeError("GDCM cannot read the slice.")
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise RuntimeError(f"GDCM cannot compress to {syntax.name}.")
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        if not writer.Write():
            raise RuntimeError("GDCM cannot write the slice.")
        frame = get_frame(pydicom.dcmread(path).PixelData, 0, number_of_frames=1)
    return _encapsulate(pydicom.dcmread(io.BytesIO(content)), syntax, [frame])


def _build_niftis() -> dict[str, bytes]:
    turned = np.diag([-1.0, 1.0, 2.0, 1.0])
    second = nibabel.Nifti2Image(box_volume((36, 40, 3)), np.eye(4)).to_bytes()
    four = np.stack([box_volume((36, 40, 3))] * 2, axis=-1)
    return {
        "nifti-int16": encode_nifti(box_volume((36, 40, 4)), turned),
        "nifti-float": encode_nifti(box_volume((36, 40, 3), np.float32) / 7),
        "nifti-4d": encode_nifti(four),
        "nifti-2": bytes(second),
        "nifti-gz": gzip.compress(encode_nifti(box_volume((36, 40, 4))), mtime=0),
    }


def _build_volumes() -> dict[str, bytes]:
    """Formats other than NIfTI; one in two files is an archive of both."""
    values, affine = box_volume((36, 40, 4)), np.diag([-1.0, 1.0, 2.0, 1.0])
    pairs = {name: encode_zip(encode(values, affine)) for name, encode in PAIRS.items()}
    return {
        "mgh": encode_mgh(values, affine)["v.mgh"],
        "mgz": encode_mgz(values, affine)["v.mgz"],
        "nrrd-raw": encode_nrrd(values, affine, "raw")["v.nrrd"],
        "nrrd-gzip": encode_nrrd(values, affine, "gzip")["v.nrrd"],
        "metaimage": encode_metaimage(values, affine)["v.mha"],
        "metaimage-packed": encode_metaimage(values, affine, packed=True)["v.mha"],
        "numpy-stack": encode_npy(values),
        "numpy-picture": encode_npy(_head().astype(np.float32)),
        **pairs,
        "packed-xz": PACKERS["xz"](encode_nifti(values)),
        "packed-bz2": PACKERS["bz2"](encode_npy(values)),
    }


def encode_zip(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of a fixed date."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


def _build_archives() -> dict[str, bytes]:
    place: Callable[[int], list[float]] = lambda number: [-20.0, -20.0, 4.0 * number]  # noqa: E731
    slices = {
        f"IM{number}": encode_dicom(
            _fixed(
                _head(500 + 100 * number).astype(np.int16),
                InstanceNumber=number + 1,
                ImagePositionPatient=place(number),
                ImageOrientationPatient=list(AXIAL),
                SOPClassUID=MR,
            )
        )
        for number in range(3)
    }
    grey = _save(Image.fromarray(_head().astype(np.uint8)), "PNG")
    volume = gzip.compress(encode_nifti(box_volume((36, 40, 3))), mtime=0)
    return {
        "zip-series": encode_zip(slices),
        "tar": encode_tar({"a/slice.png": grey, "b/scan.nii.gz": volume, **slices}),
        "tar-gz": PACKERS["gz"](encode_tar({"slice.png": grey, "b/scan.nii.gz": volume})),
        "zip-mixed": encode_zip({"a/slice.png": grey, "b/scan.nii.gz": volume, **slices}),
        "zip-stored": encode_zip({"slice.png": grey}, zipfile.ZIP_STORED),
        "zip-bzip2": encode_zip({"slice.png": grey, "notes.txt": b"text"}, zipfile.ZIP_BZIP2),
        "zip-lzma": encode_zip({"slice.png": grey}, zipfile.ZIP_LZMA),
    }
