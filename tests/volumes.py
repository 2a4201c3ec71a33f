"""Volumes in the formats that are no NIfTI, made in code: each function gives the files of one, by their names."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Mapping

import nibabel
import numpy as np

from tests.clinical import encode_nifti

LPS = np.diag([-1.0, -1.0, 1.0])


def encode_mgh(values: np.ndarray, affine: np.ndarray) -> dict[str, bytes]:
    """FreeSurfer's."""
    return {"v.mgh": bytes(nibabel.MGHImage(values, affine).to_bytes())}


def encode_mgz(values: np.ndarray, affine: np.ndarray) -> dict[str, bytes]:
    """FreeSurfer's, compressed."""
    return {"v.mgz": gzip.compress(encode_mgh(values, affine)["v.mgh"], mtime=0)}


def _encode_pair(image: nibabel.analyze.AnalyzeImage) -> dict[str, bytes]:
    files = {"header": io.BytesIO(), "image": io.BytesIO()}
    image.to_file_map({name: nibabel.FileHolder(fileobj=stream) for name, stream in files.items()})
    return {"v.hdr": files["header"].getvalue(), "v.img": files["image"].getvalue()}


def encode_analyze(values: np.ndarray, affine: np.ndarray) -> dict[str, bytes]:
    """Two files, no directions."""
    return _encode_pair(nibabel.AnalyzeImage(values, affine))


def encode_nifti_pair(values: np.ndarray, affine: np.ndarray) -> dict[str, bytes]:
    """Two files."""
    return _encode_pair(nibabel.Nifti1Pair(values, affine))


def _nrrd_head(values: np.ndarray, affine: np.ndarray, encoding: str, data_file: str = "") -> bytes:
    directions = (LPS @ affine[:3, :3]).T
    rows = " ".join(f"({','.join(f'{number:g}' for number in row)})" for row in directions)
    origin = ",".join(f"{number:g}" for number in LPS @ affine[:3, 3])
    lines = [
        *("NRRD0004", "# made in code", f"type: {values.dtype.name}", f"dimension: {values.ndim}"),
        *("space: left-posterior-superior", f"sizes: {' '.join(map(str, values.shape))}", f"space directions: {rows}"),
        *("kinds: domain domain domain", "endian: little", f"encoding: {encoding}", f"space origin: ({origin})"),
        *([f"data file: {data_file}"] if data_file else []),
    ]
    return "\n".join(lines).encode() + b"\n" + (b"" if data_file else b"\n")


def encode_nrrd(values: np.ndarray, affine: np.ndarray, encoding: str = "gzip") -> dict[str, bytes]:
    """One file."""
    pack = {"raw": bytes, "gzip": lambda data: gzip.compress(data, mtime=0), "bzip2": bz2.compress}[encoding]
    return {"v.nrrd": _nrrd_head(values, affine, encoding) + pack(values.tobytes(order="F"))}


def encode_nrrd_pair(values: np.ndarray, affine: np.ndarray) -> dict[str, bytes]:
    """Two files."""
    return {"v.nhdr": _nrrd_head(values, affine, "raw", "v.raw"), "v.raw": values.tobytes(order="F")}


def _meta_head(values: np.ndarray, affine: np.ndarray, data_file: str, packed_bytes: int = 0) -> bytes:
    matrix = LPS @ affine[:3, :3]
    spacing = np.sqrt((matrix**2).sum(axis=0))
    name = {"int16": "MET_SHORT", "float32": "MET_FLOAT", "uint8": "MET_UCHAR"}[values.dtype.name]
    fields = {
        "ObjectType": "Image",
        "NDims": 3,
        "BinaryData": True,
        "BinaryDataByteOrderMSB": False,
        **({"CompressedData": True, "CompressedDataSize": packed_bytes} if packed_bytes else {}),
        "TransformMatrix": " ".join(f"{number:g}" for number in (matrix / spacing).T.ravel()),
        "Offset": " ".join(f"{number:g}" for number in LPS @ affine[:3, 3]),
        "ElementSpacing": " ".join(f"{number:g}" for number in spacing),
        "DimSize": " ".join(map(str, values.shape)),
        "ElementType": name,
        "ElementDataFile": data_file,
    }
    return "".join(f"{key} = {value}\n" for key, value in fields.items()).encode()


def encode_metaimage(values: np.ndarray, affine: np.ndarray, *, packed: bool = False) -> dict[str, bytes]:
    """One file."""
    content = values.tobytes(order="F")
    content = zlib.compress(content) if packed else content
    return {"v.mha": _meta_head(values, affine, "LOCAL", len(content) * packed) + content}


def encode_metaimage_pair(values: np.ndarray, affine: np.ndarray) -> dict[str, bytes]:
    """Two files."""
    return {"v.mhd": _meta_head(values, affine, "v.raw"), "v.raw": values.tobytes(order="F")}


def encode_npy(values: np.ndarray) -> bytes:
    """The bytes of an ``.npy`` file."""
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def encode_tar(files: Mapping[str, bytes]) -> bytes:
    """A tar archive of a fixed date."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


PACKERS = {"gz": lambda data: gzip.compress(data, mtime=0), "bz2": bz2.compress, "xz": lzma.compress}

ENCODERS = {
    "nifti": lambda values, affine: {"v.nii": encode_nifti(values, affine)},
    "mgh": encode_mgh,
    "mgz": encode_mgz,
    "nifti pair": encode_nifti_pair,
    "nrrd raw": lambda values, affine: encode_nrrd(values, affine, "raw"),
    "nrrd gzip": encode_nrrd,
    "nrrd bzip2": lambda values, affine: encode_nrrd(values, affine, "bzip2"),
    "nrrd pair": encode_nrrd_pair,
    "metaimage": encode_metaimage,
    "metaimage packed": lambda values, affine: encode_metaimage(values, affine, packed=True),
    "metaimage pair": encode_metaimage_pair,
    **{
        f"nii.{name}": lambda v, a, n=name, p=pack: {f"v.nii.{n}": p(encode_nifti(v, a))}
        for name, pack in PACKERS.items()
    },
}
"""From values (I, J, K) and affine to the files; all know the directions."""
