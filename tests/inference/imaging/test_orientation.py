"""Slices are turned to the radiological convention whatever way they are stored, and every point can be led back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from inference.imaging.arrays import build_slice, orient_slice
from inference.imaging.orientation import RADIOLOGICAL, find_turn, restore_point, square_size, turn_plane
from inference.imaging.types import Turn
from inference.limits import check_picture_size

AXES = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
SHOWN = {"axial": "LP", "coronal": "LI", "sagittal": "PI"}


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    """Round x, y and z, one after the other."""
    x, y, z = np.deg2rad(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def directions(letters: str, degrees: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    return rotation(degrees) @ np.array([AXES[letter] for letter in letters], float).T


STORED = [
    (plane, "".join(pair))
    for plane, shown in SHOWN.items()
    for pair in itertools.permutations("LRAPSI", 2)
    if {abs(np.array(AXES[letter])).argmax() for letter in pair} == {np.abs(AXES[letter]).argmax() for letter in shown}
]


@pytest.mark.parametrize(("plane", "stored"), STORED)
@pytest.mark.parametrize("degrees", [(0, 0, 0), (20, -15, 10), (-30, 12, -25)])
def test_every_way_of_storing_a_slice_is_shown_alike(
    plane: str, stored: str, degrees: tuple[float, float, float]
) -> None:
    found = directions(stored, degrees)
    turn = find_turn(found)
    assert turn.orientation == RADIOLOGICAL[plane]
    shown = turn_plane(np.column_stack([found, [0, 0, 0]]), turn, (90, 120))
    assert shown is not None
    want = directions(SHOWN[plane], degrees)
    assert shown[:, :2] == pytest.approx(want, abs=1e-9)


def test_a_pixel_keeps_its_place() -> None:
    values = np.zeros((60, 90), np.uint8)
    values[12, 70] = 255
    for plane, stored in STORED:
        turn = find_turn(directions(stored))
        at = np.column_stack([directions(stored), [5.0, 6.0, 7.0]])
        pixels = orient_slice(build_slice(values), turn).image.pixels[:, :, 0]
        row, column = map(int, np.argwhere(pixels == 255)[0])
        shown = turn_plane(at, turn, (60, 90))
        assert shown is not None, plane
        assert shown @ [column, row, 1] == pytest.approx(at @ [70, 12, 1])
        point = ((column + 0.5) / pixels.shape[1], (row + 0.5) / pixels.shape[0])
        assert restore_point(point, turn) == pytest.approx((70.5 / 90, 12.5 / 60))


@pytest.mark.parametrize("degrees", [3, -3, 0, 1e-7, -1e-7, 40, -40])
def test_the_side_of_a_sagittal_series_does_not_hang_on_the_tilt(degrees: float) -> None:
    turn = find_turn(directions("PI", (0, 0, degrees)))
    assert turn == Turn(orientation=RADIOLOGICAL["sagittal"])


def test_noise_does_not_decide_halfway_between_two_planes() -> None:
    rng = np.random.default_rng(0)
    halfway = [directions("LP", (45, 0, 0)), directions("LP", (0, 0, 45)), directions("LP", (0, 45, 0))]
    for exact in halfway:
        turns = {find_turn(exact + rng.normal(0, 1e-5, exact.shape)) for _ in range(50)}
        assert len(turns) == 1


@pytest.mark.parametrize(
    "bad", [None, np.zeros((3, 2)), np.full((3, 2), np.nan), np.array([[1.0, 1], [0, 0], [0, 0]])], ids=str
)
def test_what_is_not_known_is_not_guessed(bad: np.ndarray | None) -> None:
    assert find_turn(bad) == Turn()


def test_pixels_become_square() -> None:
    turn = find_turn(directions("PL") * [0.9, 1.8], ratio=2.0)
    assert turn.is_transposed
    values = np.tile(np.arange(128, dtype=np.uint8)[:, None], (1, 256))
    one = orient_slice(build_slice(values), turn)
    assert one.image.pixels.shape == (256, 256, 3)
    at = np.column_stack([directions("PL") * [0.9, 1.8], [0, 0, 0]])
    shown = turn_plane(at, turn, (128, 256))
    assert shown is not None
    assert np.linalg.norm(shown[:, :2], axis=0) == pytest.approx([0.9, 0.9])
    assert (shown @ [-0.5, -0.5, 1]) == pytest.approx(at @ [-0.5, -0.5, 1])  # the corner stays where it is
    assert square_size(256, 128, 2.0) == (256, 256)


def test_nonsense_does_not_make_a_picture_too_large() -> None:
    turn = find_turn(None, ratio=1e6)
    assert turn.pixel_ratio == 1.0
    check_picture_size(*square_size(256, 256, turn.pixel_ratio))


def test_colours_are_turned_too() -> None:
    values = np.zeros((40, 50, 3), np.uint8)
    values[0, 0] = (255, 10, 20)
    pixels = orient_slice(build_slice(values), find_turn(directions("RP"))).image.pixels
    assert pixels[0, -1].tolist() == [255, 10, 20]
