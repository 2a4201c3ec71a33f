"""One slice out of frames, windows, photographs and sheets; a picture that is nothing but a slice stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference import load_image
from inference.errors import InputError
from inference.imaging.arrays import spread_grey
from inference.imaging.framing.crop import cut_slice
from inference.imaging.types import DecodedImage

EXAMPLES = Path("models/brain_tumor/examples")
SEVERAL = "Several slices in one picture: one is accepted."


@pytest.fixture(scope="module", params=["mni152_axial_2mm.png", "mni152_axial_14mm.png"])
def head(request: pytest.FixtureRequest) -> np.ndarray:
    """A real slice, 240×240, grey."""
    pixels = cv2.imread(str(EXAMPLES / request.param), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    return cv2.resize(pixels, (240, 240), interpolation=cv2.INTER_AREA)


def frame(head: np.ndarray, grey: int = 255, edges_px: tuple[int, int, int, int] = (30, 30, 30, 30)) -> np.ndarray:
    return cv2.copyMakeBorder(head, *edges_px, cv2.BORDER_CONSTANT, value=grey)


def caption(head: np.ndarray) -> np.ndarray:
    page = frame(head, 255, (20, 80, 20, 20))
    cv2.putText(page, "Figure 3. After contrast", (24, 300), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 0, 1, cv2.LINE_AA)
    return page


def round_off(head: np.ndarray) -> np.ndarray:
    mask = cv2.morphologyEx(
        frame(np.ones_like(head), 0), cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (35, 35))
    )
    return np.where(mask, frame(head), 255).astype(np.uint8)


def show_in_window(head: np.ndarray, surface: int, ink: int) -> np.ndarray:
    window = np.full((340, 520), surface, np.uint8)
    window[60:320, 200:500] = 0
    window[70:310, 230:470] = head
    for line in range(7):
        cv2.putText(window, f"Series {line}", (12, 90 + 30 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA)
        cv2.rectangle(window, (12 + 30 * line, 12), (32 + 30 * line, 32), ink, 1)
    return window


def photograph(picture: np.ndarray, wall: int) -> np.ndarray:
    """Seen a little from the side, lit unevenly, with noise."""
    scene = frame(picture, wall, (40, 40, 40, 40)).astype(np.float32)
    height, width = scene.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = corners + np.array([[4, 6], [-6, 2], [3, -5], [-2, 4]], np.float32)
    scene = cv2.warpPerspective(scene, cv2.getPerspectiveTransform(corners, seen), (width, height), borderValue=wall)
    light = np.linspace(1.0, 0.8, width, dtype=np.float32)
    noise = np.random.default_rng(1).normal(0, 2, scene.shape)
    return np.clip(cv2.GaussianBlur(scene, (0, 0), 0.8) * light + noise, 0, 255).astype(np.uint8)


def photograph_film(head: np.ndarray) -> np.ndarray:
    return photograph(np.maximum(head, 10), 230)


def photograph_screen(head: np.ndarray) -> np.ndarray:
    return photograph(frame(frame(np.maximum(head, 8), 8, (6, 6, 60, 60)), 40, (14, 14, 14, 14)), 150)


SURROUNDED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "white frame": frame,
    "grey frame": lambda head: frame(head, 190),
    "uneven frame": lambda head: frame(head, 255, (5, 60, 0, 35)),
    "line of text below": caption,
    "rounded corners": round_off,
    "black in white": lambda head: frame(frame(head, 0, (80, 80, 80, 80))),
    "dark window": lambda head: show_in_window(head, 45, 190),
    "light window": lambda head: show_in_window(head, 235, 60),
    "film on a light box": photograph_film,
    "screen on a wall": photograph_screen,
}


def decode(plane: np.ndarray) -> DecodedImage:
    return DecodedImage(spread_grey(plane))


def outline(plane: np.ndarray) -> np.ndarray:
    """The head as 64×64: 1 where it is bright, in the box round it."""
    bright = cv2.morphologyEx(cv2.inRange(plane, 40, 255), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(bright)
    largest = 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())
    left, top, width, height = statistics[largest, :4]
    inside = (labels == largest).astype(np.uint8)[top : top + height, left : left + width]
    return cv2.resize(inside, (64, 64), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("kind", SURROUNDED)
def test_the_slice_is_cut_out_and_said_so(kind: str, head: np.ndarray) -> None:
    picture = SURROUNDED[kind](head)
    cut = cut_slice(decode(picture))
    height, width = cut.pixels.shape[:2]
    assert cut.notes == (
        f"What lies around the slice was cut off: {width} × {height} of {picture.shape[1]} × {picture.shape[0]} "
        "pixels were read.",
    )
    assert 0.8 < width / height < 1.3
    assert (outline(cut.pixels[:, :, 0].copy()) == outline(head)).mean() > 0.93


def test_a_plain_frame_is_cut_to_the_pixel(head: np.ndarray) -> None:
    small = cv2.resize(head, (120, 110), interpolation=cv2.INTER_AREA)
    cut = cut_slice(decode(frame(small, 255, (10, 12, 14, 16))))
    assert np.array_equal(cut.pixels[:, :, 0], small)


def test_a_tint_is_removed(head: np.ndarray) -> None:
    tinted = (frame(head)[:, :, None] * np.array([0.93, 1.0, 0.97])).astype(np.uint8)
    cut = cut_slice(DecodedImage(tinted))
    assert min(cut.pixels.shape[:2]) >= 236
    assert cut.pixels.strides[2] == 0


@pytest.mark.parametrize(
    "leave",
    [
        lambda head: head,
        lambda head: 255 - head,
        lambda head: head[40:200, 50:190],
        lambda head: np.maximum(head, 20),
        lambda head: np.full_like(head, 200),
        lambda head: cv2.circle(np.zeros_like(head), (120, 120), 119, 255, -1),
        lambda head: frame(np.zeros_like(head)),
        lambda head: np.hstack([head[:, :120], 255 - head[:, :120]]),
    ],
    ids=["slice", "inverted", "close up", "grey air", "blank", "disc", "empty frame", "half and half"],
)
def test_what_has_no_surround_stays(leave: Callable[[np.ndarray], np.ndarray], head: np.ndarray) -> None:
    image = decode(leave(head))
    assert cut_slice(image) is image


def test_a_coloured_picture_stays() -> None:
    cat = load_image(EXAMPLES / "chelsea.jpg").pixels
    framed = DecodedImage(cv2.copyMakeBorder(cat.copy(), 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=(255, 255, 255)))
    assert cut_slice(framed) is framed


@pytest.mark.parametrize("gap", [None, 0, 128, 255], ids=["no gap", "black", "grey", "white"])
@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (2, 1), (2, 2), (1, 3), (3, 4), (4, 5)])
def test_several_slices_are_named(rows: int, columns: int, gap: int | None, head: np.ndarray) -> None:
    one = head if gap is None else frame(head, gap, (10, 10, 10, 10))
    sheet = np.vstack([np.hstack([one] * columns)] * rows)
    with pytest.raises(InputError, match=SEVERAL):
        cut_slice(decode(sheet))


def test_the_last_places_of_a_sheet_may_be_empty(head: np.ndarray) -> None:
    with pytest.raises(InputError, match=SEVERAL):
        cut_slice(decode(np.vstack([np.hstack([head, head, head]), np.hstack([head, head, np.zeros_like(head)])])))


def test_files_are_cut_as_they_are_read(tmp_path: Path, head: np.ndarray) -> None:
    path = tmp_path / "figure.png"
    cv2.imwrite(str(path), frame(head))
    image = load_image(path)
    assert min(image.pixels.shape[:2]) >= 236
    assert image.notes[0].startswith("What lies around the slice was cut off")
    cv2.imwrite(str(path), np.hstack([head, head]))
    with pytest.raises(InputError, match=SEVERAL):
        load_image(path)
