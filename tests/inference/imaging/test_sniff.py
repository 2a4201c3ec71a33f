"""What is not read is named, with the way on; what is read is known by its first bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.errors import InputError
from inference.imaging.load import load_image, load_scans
from inference.imaging.sniff import Kind, advise, describe, recognise
from tests.clinical import encode_zip

PAD = bytes(range(256)) * 8

FOREIGN = {
    "a PDF document": b"%PDF-1.7",
    "a JPEG XL picture": b"\xff\x0a\xfa\x7f",
    "an HDF5 file": b"\x89HDF\r\n\x1a\n",
    "a MATLAB file": b"MATLAB 5.0 MAT-file, Platform: GLNXA64",
    "a MATLAB 7.3 file": b"MATLAB 7.3 MAT-file, Platform: GLNXA64",
    "a MINC 1 or netCDF file": b"CDF\x01",
    "a rar archive": b"Rar!\x1a\x07\x01\0",
    "a 7z archive": b"7z\xbc\xaf\x27\x1c",
    "a Zstandard file": b"\x28\xb5\x2f\xfd",
    "a Photoshop picture": b"8BPS\0\1",
    "a GIMP picture": b"gimp xcf v011\0",
    "an OpenEXR picture": b"\x76\x2f\x31\x01",
    "a Word, PowerPoint or Excel document": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "a film": b"\0\0\0\x18ftypmp42",
    "a Philips PAR header": b"# === DATA DESCRIPTION FILE ======\n",
    "an AFNI header": b"type  = string-attribute\nname  = HISTORY\n",
    "a Bruker parameter file": b"##TITLE=Parameter List\n",
    "a VTK file": b"# vtk DataFile Version 3.0\n",
    "a Python pickle": b"\x80\x04\x95",
    "an old GE image": b"IMGF\0\0",
    "an old Siemens image (IMA)": bytes(150) + b"SIEMENS",
}

UNMARKED = {
    "brain.img": "the voxels of a volume in two files",
    "brain.raw": "bare voxels",
    "brain.REC": "the voxels of a Philips PAR header",
    "brain+orig.BRIK": "the voxels of an AFNI header",
    "model.onnx": "a network",
    "2dseq": "the voxels of a Bruker study",
}


@pytest.mark.parametrize(("name", "start"), FOREIGN.items(), ids=FOREIGN)
def test_a_foreign_file_is_named_with_the_way_on(name: str, start: bytes) -> None:
    content = start + PAD
    assert recognise(content) is Kind.OTHER
    assert describe(content).startswith(name)
    assert advise(content).endswith(".")
    with pytest.raises(InputError) as caught:
        load_image(content)
    assert f"are accepted; received {name}" in str(caught.value)
    assert str(caught.value).endswith(advise(content))


def test_a_file_that_was_not_copied_to_its_end() -> None:
    with pytest.raises(InputError, match=r"received nothing but zeros\. It was not copied or downloaded to its end"):
        load_image(bytes(5000))


@pytest.mark.parametrize(("name", "called"), UNMARKED.items(), ids=UNMARKED)
def test_bare_voxels_are_named_by_what_the_file_is_called(name: str, called: str, tmp_path: Path) -> None:
    content = bytes([7, 200]) * 3000
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"received {called}"):
        list(load_scans(tmp_path / name))
    (scan,) = load_scans(encode_zip({f"s/{name}": content}))
    assert f"received {called}" in str(scan.content)


def test_a_text_that_talks_about_a_format_is_a_text() -> None:
    for text in (b"NDims is the number", b"The NRRD0004 format", b"Comment = nothing else\n"):
        assert recognise(text) is Kind.OTHER
        assert describe(text) == "a text file"


@pytest.mark.parametrize("head", [b"", b"\0", b"\0\0\0\1", b"BZ", b"II", b"\0\0\0\x20ftyp", b"\x5c\1\0\0", b"NRRD"])
def test_few_bytes_are_something_else(head: bytes) -> None:
    assert recognise(head) is Kind.OTHER
