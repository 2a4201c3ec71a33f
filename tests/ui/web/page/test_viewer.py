"""What the browser is given of a volume: shapes, bounds, left and right, and nothing of the header."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from fastapi.testclient import TestClient

from inference import Catalogue
from inference.answer.volume import VolumePrediction, predict_volume
from inference.errors import InputError
from inference.imaging.load import load_scans
from inference.imaging.types import DecodedImage, ReadOptions, Slice, Volume
from inference.settings import Settings
from tests.clinical import NAME, box_volume, build_dicom, build_enhanced, encode_dicom, encode_nifti, encode_zip, ramp
from tests.clinical import write_series as write_dicom_series
from tests.fakes import FakeClassifier, make_bundle
from ui.web.page.vendor import FOLDER, VIEWER_PATH
from ui.web.page.viewer import MAX_SIDE, MAX_THUMBNAILS, MAX_VOXELS, build_voxels, slices_value, voxels_value
from ui.web.server import build_app

BUNDLE = make_bundle(background="Quince", modalities=("MR",))


def open_volume(content: bytes, plane: str = "axial") -> Volume:
    (scan,) = load_scans(content, ReadOptions(plane=plane))
    assert isinstance(scan.content, Volume)
    return scan.content


def make_volume(count: int, height: int = 40, width: int = 40, level: int = 200) -> Volume:
    pixels = np.full((height, width, 3), level, np.uint8)
    return Volume(count=count, load=lambda number: Slice(image=DecodedImage(pixels), strength=1.0))


def decode(text: str) -> nibabel.Nifti1Image:
    return nibabel.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(text)))


def answer(volume: Volume, **options: Any) -> tuple[VolumePrediction, dict[str, Any]]:
    found = predict_volume(FakeClassifier(bundle=BUNDLE, **options), volume, explain=True)
    return found, slices_value(found, volume, BUNDLE)


class TestVoxels:
    @pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
    @pytest.mark.parametrize("flips", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
    def test_every_voxel_of_nifti_stays_where_it_was(self, flips: tuple[int, int, int], plane: str) -> None:
        values = box_volume((40, 48, 36))
        values[30:34, 8:12, 20:24] = 900  # to the right, at the back
        affine = np.diag([*(2.0 * flip for flip in flips), 1.0])
        affine[:3, 3] = (-7.0, 11.0, 3.0)
        source = nibabel.Nifti1Image(values, affine)
        shown = decode(voxels_value(open_volume(encode_nifti(values, affine), plane))["voxels"])
        a, b = nibabel.as_closest_canonical(source), nibabel.as_closest_canonical(shown)
        assert a.shape == b.shape
        assert np.allclose(a.affine, b.affine)
        assert np.corrcoef(np.asarray(a.dataobj).ravel(), np.asarray(b.dataobj).ravel())[0, 1] > 0.99

    def test_pixels_that_were_made_square_keep_their_place(self) -> None:
        values = box_volume((40, 48, 36))
        volume = open_volume(encode_nifti(values, np.diag([1.0, 1.0, 3.0, 1.0])), "coronal")
        shown = decode(voxels_value(volume)["voxels"])
        assert shown.shape == (40, 108, 48)
        corners = np.array([[-0.5, -0.5, -0.5, 1.0], [39.5, 107.5, 47.5, 1.0]]) @ shown.affine.T
        assert np.allclose(np.sort(corners[:, :3], axis=0), [[-0.5, -0.5, -1.5], [39.5, 47.5, 106.5]])

    def test_left_and_right_of_dicom(self, tmp_path: Path) -> None:
        """A row of an axial DICOM image runs to the patient's left; the ramp is brightest there."""
        files = {path.name: path.read_bytes() for path in write_dicom_series(tmp_path, 5, PixelSpacing=[1.5, 2.0])}
        shown = decode(voxels_value(open_volume(encode_zip(files)))["voxels"])
        value = voxels_value(open_volume(encode_zip(files)))
        assert (value["radiological"], value["placed"], value["slices"]) == (True, True, 5)
        column_mm = 2.0 * 40 / 53  # 40 columns became 53, so that pixels are square
        assert np.allclose(np.diag(shown.affine), [-column_mm, -1.5, 4, 1])
        assert np.allclose(shown.affine[:3, 3], [20 - column_mm / 2 + 1.0, 20, 0])
        assert nibabel.aff2axcodes(shown.affine) == ("L", "P", "S")
        voxels = np.asarray(shown.dataobj)
        assert voxels[-1, 20, 4] > voxels[0, 20, 4] + 200
        assert voxels[-1, 20, 4] > voxels[-1, 20, 0] + 100, (
            "slices are on one scale, and the uppermost is the brightest"
        )

    def test_frames_of_enhanced_dicom_have_a_place_too(self) -> None:
        dataset = build_enhanced(np.stack([ramp()] * 3), (10.0, 0.0, 5.0))
        dataset.PixelSpacing = [1.0, 1.0]
        value = voxels_value(open_volume(encode_dicom(dataset)))
        assert value["placed"]
        assert np.allclose(np.reshape(value["affine"], (4, 4))[:3, 2], [0, 0, 5])

    def test_a_file_that_does_not_say_where_it_lies_is_marked(self) -> None:
        value = voxels_value(open_volume(encode_dicom(build_dicom(np.stack([ramp()] * 4)))))
        assert not value["placed"]
        assert np.allclose(np.reshape(value["affine"], (4, 4)) @ np.reshape(value["inverse"], (4, 4)), np.eye(4))

    @pytest.mark.parametrize(("count", "height", "width"), [(600, 64, 48), (256, 512, 512), (3, 300, 2000)])
    def test_bounds(self, count: int, height: int, width: int) -> None:
        voxels = build_voxels(make_volume(count, height, width))
        assert max(voxels.values.shape) <= MAX_SIDE
        assert voxels.values.size <= MAX_VOXELS
        ends = np.array([[-0.5, -0.5, 0, 1], [*(np.array(voxels.values.shape[:2]) - 0.5), 0, 1]])
        real = np.array([[-0.5, -0.5, 0, 1], [width - 0.5, height - 0.5, 0, 1]])
        assert np.allclose(ends @ voxels.affine.T, real @ voxels.slice_affine.T), "the edges stay the edges"

    def test_a_slice_that_cannot_be_read_is_black(self) -> None:
        good = make_volume(4)

        def load(number: int) -> Slice:
            if number == 2:
                raise InputError("Broken.")
            return good.load(number)

        values = build_voxels(Volume(count=4, load=load)).values
        assert [int(values[:, :, number].max()) for number in range(4)] == [200, 200, 0, 200]

    def test_nothing_of_the_header_goes_along(self) -> None:
        image = nibabel.Nifti1Image(box_volume(), np.eye(4))
        image.header["descrip"], image.header["db_name"] = NAME.encode(), b"K-4711"
        content = image.to_bytes()
        assert NAME.encode() in content
        sent = gzip.decompress(base64.b64decode(voxels_value(open_volume(content))["voxels"]))
        assert NAME.encode() not in sent and b"K-4711" not in sent
        dicom = encode_dicom(build_dicom(np.stack([ramp()] * 4)))
        assert NAME not in json.dumps(voxels_value(open_volume(dicom)))


class TestSlices:
    def test_rows_strip_and_heat(self) -> None:
        volume = open_volume(encode_nifti(box_volume((40, 48, 6)), np.diag([-2.0, 2.0, 4.0, 1.0])))
        found, value = answer(volume)
        assert len(value["rows"]) == 6
        assert value["rows"][0]["probability"] == pytest.approx(1 - 0.0333330875, abs=1e-4)
        assert value["rows"][0]["percent"] == "97 %"
        assert value["best"] == found.best_slice
        assert [one["index"] for one in value["strip"]] == sorted(found.suspicious)
        assert all(one["src"].startswith("data:image/jpeg;base64,") for one in value["strip"])
        assert "shows the answer best" in value["rows"][value["best"]]["remark"]
        heat = decode(value["heat"])
        assert heat.shape[2] == 6
        assert max(heat.shape[:2]) == 96
        levels = np.asarray(heat.dataobj)[:, :, 3]
        column, row = np.unravel_index(int(levels.argmax()), levels.shape)
        peak_mm = (heat.affine @ [column, row, 3, 1])[:3]
        peak = np.reshape(voxels_value(volume)["affine"], (4, 4)) @ [*value["strip"][3]["peak"], 3, 1]
        assert np.allclose(peak_mm, peak[:3], atol=1.5), "the map lies where the picture's evidence is"

    def test_only_so_many_thumbnails(self) -> None:
        _, value = answer(make_volume(80))
        assert len(value["strip"]) == MAX_THUMBNAILS
        assert value["strip_title"] == f"The {MAX_THUMBNAILS} most suspicious of 80 slices"
        assert value["best"] in [one["index"] for one in value["strip"]]
        assert len(json.dumps(value)) < 400_000

    def test_no_answer_no_rows_and_no_colour(self) -> None:
        green = np.zeros((40, 40, 3), np.uint8)
        green[:, :, 1] = 255
        volume = Volume(count=5, load=lambda number: Slice(image=DecodedImage(green), strength=1.0))
        _, value = answer(volume)
        assert (value["rows"], value["strip"], value["heat"], value["best"]) == ([], [], "", None)

    def test_what_does_not_stand_out_is_not_drawn(self) -> None:
        blue = np.zeros((40, 40, 3), np.uint8)
        blue[:, :, 2] = 255
        volume = Volume(count=5, load=lambda number: Slice(image=DecodedImage(blue), strength=1.0))
        _, value = answer(volume)
        assert value["heat"] == ""
        assert {one["heat"] for one in value["strip"]} == {""}

    def test_empty_slices_break_the_line(self) -> None:
        good = make_volume(6)

        def load(number: int) -> Slice:
            return Slice(image=good.load(number).image, strength=0.01 if number < 2 else 1.0)

        _, value = answer(Volume(count=6, load=load))
        assert [row["remark"] for row in value["rows"][:2]] == ["nearly empty"] * 2
        assert [row["probability"] is None for row in value["rows"]] == [True, True, False, False, False, False]


def test_the_viewer_is_the_one_that_its_note_names() -> None:
    noted = dict(
        line.split(":", 1) for line in (FOLDER / "niivue" / "SOURCE.txt").read_text().splitlines() if ":" in line
    )
    sha256, name = noted["sha256"].split()
    assert hashlib.sha256((FOLDER / "niivue" / name).read_bytes()).hexdigest() == sha256
    assert noted["version"].strip() in VIEWER_PATH
    assert "BSD 2-Clause" in (FOLDER / "niivue" / "LICENSE").read_text()


def test_the_viewer_is_served_compressed_and_kept_by_browsers() -> None:
    settings = Settings(auth=("a", "b"))
    with TestClient(build_app(Catalogue.of(FakeClassifier()), settings)) as client:
        assert client.get(VIEWER_PATH).status_code == 401
        client.auth = ("a", "b")
        sent = client.get(VIEWER_PATH)
        plain = client.get(VIEWER_PATH, headers={"Accept-Encoding": "identity"})
        assert client.get("/vendor/../page.py").status_code != 200
    assert sent.headers["content-type"].startswith("text/javascript")
    assert "immutable" in sent.headers["cache-control"]
    assert int(sent.headers["content-length"]) < 900_000
    assert sent.content == plain.content == (FOLDER / "niivue" / "niivue.umd.js").read_bytes()


def test_page_start_names_no_viewer_script() -> None:
    from ui.web.page.theme import build_head

    assert "niivue" not in build_head(BUNDLE).lower()
