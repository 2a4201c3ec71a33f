"""Which DICOM files are one series, in which volumes, in which order; and what is said when a file does not say."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from inference.errors import LeftOutError
from inference.imaging.dicom.header import read_header
from inference.imaging.dicom.series import group_series
from inference.imaging.dicom.stack import Stack
from inference.imaging.load import load_scans
from inference.imaging.scans import open_scans
from inference.imaging.types import Volume
from tests.clinical import AXIAL, NAME, build_dicom, build_enhanced, encode_dicom, ramp, write_series

CORONAL = (1, 0, 0, 0, 0, -1)
SAGITTAL = (0, 1, 0, 0, 0, -1)


def group(files: Mapping[str, Dataset]) -> list[Stack]:
    """The stacks of files."""
    return group_series((read_header(io.BytesIO(encode_dicom(dataset))), name) for name, dataset in files.items())


def place(number: int, **changes: Any) -> Dataset:
    """An axial slice, 4 mm above the one of the number before."""
    elements = {"ImageOrientationPatient": list(AXIAL), "ImagePositionPatient": [-20.0, -20.0, 4.0 * number]}
    return build_dicom(**{**elements, "InstanceNumber": number + 1, **changes})


def answered(stacks: Sequence[Stack]) -> list[tuple[str, list[str]]]:
    """Of each stack that is answered its kind and its files."""
    return [(stack.kind, list(stack.paths)) for stack in stacks if not stack.left_out]


def shuffled(names: Sequence[str]) -> list[str]:
    """In an order that is neither of the names nor of the slices."""
    return [names[index] for index in np.random.default_rng(3).permutation(len(names))]


class TestOrder:
    def test_by_position_not_by_name(self, tmp_path: Path) -> None:
        paths = write_series(tmp_path, 5)
        headers = [(read_header(io.BytesIO(path.read_bytes())), str(path)) for path in sorted(paths)]
        (stack,) = group_series(headers)
        assert list(stack.paths) == [str(path) for path in paths]
        assert (stack.name, stack.notes) == ("series 1 of 1, T1, 5 slices", ())

    def test_without_positions_by_instance_number(self) -> None:
        (stack,) = group({str(number): build_dicom(InstanceNumber=number) for number in (10, 9, 2)})
        assert list(stack.paths) == ["2", "9", "10"]
        assert stack.notes == (
            "The files do not say where their slices lie: the order is that of the instance numbers.",
        )

    def test_then_by_slice_location(self) -> None:
        files = {f"{index}": build_dicom(SliceLocation=height) for index, height in enumerate((8.0, -4.0, 2.5))}
        (stack,) = group(files)
        assert list(stack.paths) == ["1", "2", "0"]
        assert stack.notes[0].endswith("the order is that of the slice locations.")

    def test_then_by_name_in_natural_order(self) -> None:
        names = [f"im{number}.dcm" for number in (1, 10, 11, 2)]
        (stack,) = group({name: build_dicom(InstanceNumber=None) for name in names})
        assert list(stack.paths) == ["im1.dcm", "im2.dcm", "im10.dcm", "im11.dcm"]
        assert stack.notes[0].endswith("the order is that of the files' names.")

    def test_positions_that_an_exporter_filled_with_zeros(self) -> None:
        (stack,) = group({f"{number}": place(number, ImagePositionPatient=[0, 0, 0]) for number in (3, 1, 2)})
        assert list(stack.paths) == ["1", "2", "3"]
        assert "instance numbers" in stack.notes[0]

    @pytest.mark.parametrize("position", [None, [0.0, 0.0, 0.0]])
    def test_one_without_a_position(self, position: Any) -> None:
        files = {f"{number}": place(number) for number in range(8)}
        files["3"].ImagePositionPatient = position
        (stack,) = group(files)
        assert list(stack.paths) == list("01234567")
        assert stack.notes == ("1 slice without a position was placed by its instance number.",)

    def test_or_by_slice_location(self) -> None:
        numbers = (4, 1, 7, 2, 8, 3, 6, 5)
        files = {f"{i}": place(i, InstanceNumber=n, SliceLocation=90 - 4.0 * i) for i, n in enumerate(numbers)}
        del files["0"].ImagePositionPatient
        del files["4"].ImagePositionPatient
        (stack,) = group(files)
        assert list(stack.paths) == list("01234567")
        assert stack.notes == ("2 slices without a position were placed by their slice locations.",)

    def test_one_that_nothing_places_is_left_out_by_name(self) -> None:
        files = {f"{i}": place(i, InstanceNumber=n) for i, n in enumerate((4, 1, 7, 2, 8, 3, 6, 5))}
        del files["4"].ImagePositionPatient
        stack, lost = group(files)
        assert (stack.kind, list(stack.paths), list(lost.paths)) == ("", list("0123567"), ["4"])
        assert lost.left_out.startswith("Left out: this file does not say where its slice lies")
        assert stack.notes == ("Slices seem to be missing: there is room for 1 between slices 4 and 5.",)

    def test_a_zero_that_is_a_position(self) -> None:
        files = {f"{number}": place(number, ImagePositionPatient=[0, 0, 4 * (number - 2)]) for number in range(5)}
        (stack,) = group(files)
        assert (list(stack.paths), stack.notes) == (list("01234"), ())


class TestGaps:
    def test_missing_slices_are_said(self) -> None:
        (stack,) = group({f"{number:02}": place(number) for number in range(24) if not 9 <= number <= 15})
        assert stack.notes == ("Slices seem to be missing: there is room for 7 between slices 9 and 10.",)
        assert (stack.breaks, stack.is_even) == ((8,), False)

    def test_no_geometry_pretends_to_be_even(self, tmp_path: Path) -> None:
        paths = write_series(tmp_path, 8, PixelSpacing=[1, 1])
        for index, affine_is_given in ((None, True), (4, False)):
            if index is not None:
                paths[index].unlink()
            (scan,) = load_scans(tmp_path)
            assert isinstance(scan.content, Volume)
            assert (scan.content.affine is not None) is affine_is_given
        assert scan.content.breaks == (3,)

    def test_slices_that_are_not_even(self) -> None:
        heights = (0, 4, 9, 12, 16, 21)
        files = {f"{n}": place(n, ImagePositionPatient=[0, 0, height]) for n, height in enumerate(heights)}
        (stack,) = group(files)
        assert stack.notes == ("The slices do not lie evenly: they are 3 to 5 mm apart.",)
        assert (stack.breaks, stack.is_even) == ((), False)

    def test_many_gaps_are_counted(self) -> None:
        (stack,) = group({f"{n:02}": place(n) for n in range(30) if n % 6})
        assert stack.notes[0].endswith("between slices 15 and 16, and more in 1 other places.")


class TestKinds:
    @pytest.mark.parametrize("jitter_mm", [0.0, 0.003, 0.05, 0.2])
    def test_echoes(self, jitter_mm: float) -> None:
        """By their times, whatever the echo numbers are; a corrected position is still the same place."""
        rng = np.random.default_rng(1)
        instances = rng.permutation(24)
        files = {
            f"{echo}{number:02}": place(
                number,
                EchoTime=(15, 90)[echo],
                InstanceNumber=int(instances[12 * echo + number]),
                ImagePositionPatient=[0, 0, 4.0 * number + echo * rng.uniform(jitter_mm / 2, jitter_mm)],
            )
            for echo in (0, 1)
            for number in range(12)
        }
        assert answered(group({name: files[name] for name in shuffled(list(files))})) == [
            (f"echo {echo + 1}, {time} ms", [f"{echo}{number:02}" for number in range(12)])
            for echo, time in enumerate((15, 90))
        ]

    def test_echo_numbers_where_there_is_no_time(self) -> None:
        files = {f"{echo}{n}": place(n, EchoNumbers=echo) for echo in (2, 1) for n in range(4)}
        assert [kind for kind, _ in answered(group(files))] == ["echo 1", "echo 2"]

    @pytest.mark.parametrize("tag", ["standard", "siemens", "ge", "philips", "uih"])
    def test_b_values(self, tag: str) -> None:
        def diffusion(number: int, b_value: int) -> Dataset:
            dataset = place(number, InstanceNumber=(number * 7 + b_value) % 40)
            if tag == "standard":
                dataset.DiffusionBValue = b_value
            elif tag == "siemens":
                dataset.private_block(0x19, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", str(b_value))
            elif tag == "ge":
                block = dataset.private_block(0x43, "GEMS_PARM_01", create=True)
                block.add_new(0x39, "IS", [1_000_000_000 + b_value if b_value else 0, 8, 0, 0])
            elif tag == "philips":
                dataset.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x03, "FL", b_value)
            else:
                dataset.private_block(0x65, "Image Private Header", create=True).add_new(0x09, "FD", b_value)
            return dataset

        files = {f"{b:04}-{n}": diffusion(n, b) for n in range(5) for b in (0, 1000)}
        assert answered(group({name: files[name] for name in shuffled(list(files))})) == [
            (f"b = {b}", [f"{b:04}-{n}" for n in range(5)]) for b in (0, 1000)
        ]

    def test_directions_of_one_b_value_are_one_volume(self) -> None:
        """The b-value of a shell differs a little from direction to direction."""
        files = {f"0-{n}": place(n, DiffusionBValue=0.0, InstanceNumber=n) for n in range(4)}
        for direction in range(6):
            for n in range(4):
                b_value = 990.0 + 4 * direction
                files[f"{direction + 1}-{n}"] = place(n, DiffusionBValue=b_value, InstanceNumber=4 * direction + n + 9)
        none, diffusion = group(files)
        assert (none.kind, none.notes, diffusion.kind) == ("b = 0", (), "b = 1000")
        assert list(diffusion.paths) == [f"1-{n}" for n in range(4)]
        assert "the first of each was read, 20 were not" in diffusion.notes[0]

    def test_water_and_fat(self) -> None:
        words = {"w": "WATER", "f": "FAT"}
        files = {
            f"{key}{n}": place(n, ImageType=["DERIVED", "PRIMARY", "DIXON", word])
            for key, word in words.items()
            for n in range(4)
        }
        assert sorted(kind for kind, _ in answered(group(files))) == ["fat", "water"]

    def test_echoes_without_positions(self) -> None:
        files = {
            f"{echo}{n}": build_dicom(EchoTime=echo, InstanceNumber=4 * n + echo) for echo in (1, 2) for n in range(3)
        }
        assert [paths for _, paths in answered(group(files))] == [["10", "11", "12"], ["20", "21", "22"]]

    def test_frames_of_two_echoes(self) -> None:
        order = np.random.default_rng(2).permutation(12)
        dataset = build_enhanced(np.stack([ramp(high=100 * (n + 1)) for n in order]), [4.0 * (n % 6) for n in order])
        for item, number in zip(dataset.PerFrameFunctionalGroupsSequence, order, strict=True):
            echo = Dataset()
            echo.EffectiveEchoTime = 15.0 if number < 6 else 90.0
            item.MREchoSequence = [echo]
        first, second = load_scans(encode_dicom(dataset))
        assert (first.number, second.number) == (1, 2)
        assert first.series == "series 1 of 2, T1, echo 1, 15 ms, 6 slices"
        for scan, offset in ((first, 0), (second, 6)):
            assert isinstance(scan.content, Volume)
            assert [order[frame] for frame in scan.content.frames] == [offset + n for n in range(6)]


class TestTimePoints:
    def series(self, *, label: str, by_place: bool = False) -> dict[str, Dataset]:
        """Three time points of five places, numbered by time or by place."""
        files = {}
        for time in range(3):
            for n in range(5):
                number = 3 * n + time if by_place else 5 * time + n
                changes = {label: time + 1} if label else {}
                files[f"t{time}-{n}"] = place(n, InstanceNumber=number + 1, **changes)
        return files

    @pytest.mark.parametrize("by_place", [True, False])
    @pytest.mark.parametrize("label", ["", "TemporalPositionIdentifier", "AcquisitionNumber", "TriggerTime"])
    def test_the_first_is_read(self, label: str, by_place: bool) -> None:
        (stack,) = group(self.series(label=label, by_place=by_place))
        assert list(stack.paths) == [f"t0-{n}" for n in range(5)]
        assert "the first of each was read, 10 were not" in stack.notes[0]

    @pytest.mark.parametrize("label", ["", "TemporalPositionIdentifier", "AcquisitionNumber"])
    def test_one_that_lacks_a_slice_is_not_mended_with_another(self, label: str) -> None:
        files = self.series(label=label)
        del files["t0-2"]
        (stack,) = group(files)
        assert list(stack.paths) == [f"t1-{n}" for n in range(5)]
        assert "those of time point 2 of 3 were read, 9 were not" in stack.notes[0]


class TestDirections:
    def test_rounding_does_not_split(self) -> None:
        """A direction cosine at 0.255 that is rounded to either side of it."""
        cosine = 0.255
        rest = np.sqrt(1 - cosine**2)
        files = {}
        for n in range(12):
            jitter = 1e-6 * (-1) ** n
            columns = [0, cosine + jitter, -rest]
            files[f"{n:02}"] = place(n, ImageOrientationPatient=[1, 0, 0, *columns], ImagePositionPatient=[0, 4 * n, 0])
        assert [len(stack.members) for stack in group(files)] == [12]

    def test_two_planes_of_one_series(self) -> None:
        files = {
            f"{name}{n}": place(n, ImageOrientationPatient=list(plane), ImagePositionPatient=[4.0 * n] * 3)
            for name, plane in (("a", AXIAL), ("s", SAGITTAL), ("c", CORONAL))
            for n in range(3)
        }
        found = answered(group(files))
        assert [kind for kind, _ in found] == ["axial", "sagittal", "coronal"]
        assert [{path[0] for path in paths} for _, paths in found] == [{"a"}, {"s"}, {"c"}]

    def test_angles_of_a_projection_are_no_volume(self) -> None:
        angles = np.radians(np.arange(0, 60, 10))
        files = {
            f"{n}": place(n, ImageOrientationPatient=[np.cos(angle).round(9), np.sin(angle).round(9), 0, 0, 0, -1])
            for n, angle in enumerate(angles)
        }
        assert all(len(stack.members) == 1 for stack in group(files))


class TestIdentity:
    def test_several_are_told_apart(self, tmp_path: Path) -> None:
        write_series(tmp_path, 3, SeriesInstanceUID="1.2.9", SeriesNumber=7, SeriesDescription="FLAIR post gad")
        write_series(tmp_path, 4, names="wxyz", SeriesNumber=2)
        assert [scan.series for scan in load_scans(tmp_path)] == [
            "series 1 of 2, T1, 4 slices",
            "series 2 of 2, FLAIR after contrast, 3 slices",
        ]

    @pytest.mark.parametrize("uid", ["", None])
    def test_without_an_identifier(self, uid: str | None) -> None:
        files = {
            f"{words}{n}": place(n, SeriesInstanceUID=uid, SeriesNumber=number, SeriesDescription=words)
            for number, words in ((2, "t1"), (3, "t2"))
            for n in range(4)
        }
        stacks = group(files)
        assert [{path[:2] for path in stack.paths} for stack in stacks] == [{"t1"}, {"t2"}]
        assert all("do not say to which series they belong" in stack.notes[0] for stack in stacks)

    @pytest.mark.parametrize("element", ["PatientID", "StudyInstanceUID", "PatientName"])
    def test_one_identifier_of_two_patients(self, element: str) -> None:
        files = {f"{who}{n}": place(n, **{element: f"1.2.{who}"}) for who in "78" for n in range(4)}
        assert [{path[0] for path in stack.paths} for stack in group(files)] == [{"7"}, {"8"}]

    def test_an_identifier_for_every_slice(self) -> None:
        files = {f"{n}": place(n, SeriesInstanceUID=f"1.2.3.{n + 1}") for n in range(6)}
        (stack,) = group(files)
        assert list(stack.paths) == list("012345")
        assert stack.notes[0].startswith("Every file says that it is a series of its own")

    def test_single_pictures_of_one_place_stay_single(self) -> None:
        files = {f"{n}": place(1, SeriesInstanceUID=f"1.2.3.{n + 1}") for n in range(6)}
        assert [len(stack.members) for stack in group(files)] == [1] * 6

    def test_two_sizes(self) -> None:
        def sized(number: int) -> Dataset:
            values = ramp(64, 64) if number % 2 else ramp()
            return build_dicom(values, ImageOrientationPatient=list(AXIAL), ImagePositionPatient=[0, 0, 4.0 * number])

        stacks = group({f"{n}": sized(n) for n in range(8)})
        assert sorted("".join(stack.paths) for stack in stacks) == ["0246", "1357"]
        assert all(stack.notes[0].startswith("The series holds slices of several sizes") for stack in stacks)

    def test_no_name_comes_out(self) -> None:
        header = read_header(io.BytesIO(encode_dicom()))
        assert NAME not in repr(header)
        assert "1.2.3.4" not in repr(header)
        assert "4711" not in repr(header)


class TestLeftOut:
    @pytest.mark.parametrize(
        ("changes", "what"),
        [
            ({"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, "a phase image"),
            ({"ImageType": ["ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"]}, "a phase image"),
            ({"ImageType": ["ORIGINAL", "PRIMARY", "R_FFE", "R", "FFE"]}, "the real part"),
            ({"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC", "ND"]}, "a map computed from diffusion"),
            ({"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "FA"]}, "a map computed from diffusion"),
            ({"ImageType": ["DERIVED", "PRIMARY", "PERFUSION", "RELCBF"]}, "a map computed from perfusion"),
            ({"ImageType": ["DERIVED", "SECONDARY", "PROJECTION IMAGE"]}, "a projection"),
            ({"ImageType": ["DERIVED", "SECONDARY", "OTHER", "CSA MIP", "MIP"]}, "a projection"),
            ({"ImageType": ["DERIVED", "SECONDARY"], "SeriesDescription": "TOF MIP cor"}, "a projection"),
            ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "NORM", "LOCALIZER"]}, "a localizer"),
            ({"SeriesDescription": "survey_3pl"}, "a localizer"),
            ({"ImageType": ["DERIVED", "PRIMARY", "T2_STAR MAP"]}, "a map of relaxation"),
            ({"ImageType": ["DERIVED", "SECONDARY", "SUBTRACTION"]}, "a subtraction"),
            ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "a screen save"),
            ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "a screen save"),
        ],
    )
    def test_what_shows_no_anatomy_is_named(self, changes: dict[str, Any], what: str) -> None:
        (stack,) = group({"a": build_dicom(**changes)})
        assert stack.left_out.startswith(f"Left out: this is {what}")
        with pytest.raises(LeftOutError, match=what), open_scans(encode_dicom(build_dicom(**changes))) as scans:
            (scan,) = scans
            assert scan.number == 0, "nothing that could be chosen"
            scan.open()

    @pytest.mark.parametrize(
        "changes",
        [
            {"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"]},
            {"ImageType": ["DERIVED", "SECONDARY", "MPR"]},
            {"ImageType": ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE", "TRACEW"]},
            {"ImageType": ["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"]},
            {"ImageType": ["DERIVED", "PRIMARY", "MPR", "NORM"], "SeriesDescription": "t1 reformatted"},
            {"SeriesDescription": "ADC protocol, T2"},
        ],
    )
    def test_what_shows_anatomy_is_answered(self, changes: dict[str, Any]) -> None:
        (stack,) = group({"a": build_dicom(**changes)})
        assert stack.left_out == ""

    def test_ge_keeps_the_component_in_an_element_of_its_own(self) -> None:
        def part(number: int, component: int) -> Dataset:
            dataset = place(number, InstanceNumber=4 * number + component + 1)
            dataset.private_block(0x43, "GEMS_PARM_01", create=True).add_new(0x2F, "SS", component)
            return dataset

        stacks = group({f"{component}{n}": part(n, component) for n in range(4) for component in range(4)})
        assert answered(stacks) == [("", [f"0{n}" for n in range(4)])]
        assert [stack.left_out.split(",")[0] for stack in stacks[1:]] == ["Left out: 4 images of one series"] * 3

    def test_magnitude_and_phase_in_turn(self, tmp_path: Path) -> None:
        for number in range(10):
            for turn, letter in enumerate("MP" if number % 2 else "PM"):
                image_type = ["ORIGINAL", "PRIMARY", letter, "FFE"]
                dataset = place(number, InstanceNumber=2 * number + turn, ImageType=image_type)
                (tmp_path / f"{letter}{number}").write_bytes(encode_dicom(dataset))
        magnitude, phase = load_scans(tmp_path)
        assert isinstance(magnitude.content, Volume)
        assert {Path(path).name[0] for path in magnitude.content.paths} == {"M"}
        assert str(phase.content).startswith("Left out: 10 images of one series, each of them a phase image")


@pytest.mark.skipif(not os.environ.get("GYRUS_DATA"), reason="GYRUS_DATA names no folder of real images")
def test_real_series() -> None:
    (scan,) = [scan for scan in load_scans(Path(os.environ["GYRUS_DATA"]) / "dicom_t1") if scan.is_dicom]
    assert scan.series == "series 1 of 1, T1, 64 slices"
    assert isinstance(scan.content, Volume)
    assert scan.content.affine is not None
    assert np.linalg.norm(scan.content.affine[:3, 2]) == pytest.approx(4.0, abs=0.01)
    assert scan.content.notes == ()
