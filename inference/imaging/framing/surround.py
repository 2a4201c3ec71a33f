"""Where in a picture the slice lies, if something of another grey lies round it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SURROUND_FROM = 16
"""Grey value (0–255) from which a picture's edge is not the black that scanners put round a head."""

LIGHT_FROM = 100
"""Grey value from which it is paper or light, which a photograph shows unevenly."""

_SAME_GREY = 10
"""How far the pixels of a flat surround may lie from its grey, after JPEG and scaling."""

_SHADED = 0.6
"""Of a light surround's grey, the share above which its darker places are."""

_FLAT_SHARE = 0.85
"""Share of an edge that must be of the surround's grey, for the edge to lie in it."""

_LEAST_SHARE = 0.06
"""Share of the picture that the slice takes up at least: a viewer shows it no smaller."""

_INSET, _STRAIGHT = 0.06, 0.75
"""A rectangle is filled that far along lines this share of its side inside its edges; an ellipse for 0.47."""

_ALIKE = 0.5
"""Share of the largest rectangle's area from which another one is a slice like it."""

_SHEET_SHARE = 0.5
"""Share of a picture that its slices span, if it is a sheet of them."""

_LEAST_SPREAD = 4.0
"""Standard deviation of the grey values below which a rectangle is empty, as `inference.answer.decision` has it."""

_FILLED = 0.7
"""Share of what they span that slices side by side fill."""

_NOTHING_CUT = 0.97
"""Share of a picture from which what is left of it is all of it: scanners leave a line at an edge, too."""

_LAYERS = 3
"""A slice on black in a window on a wall: more is not looked for."""

_CONTENT_FROM = 0.12
"""Share of the brightest grey from which a pixel on black belongs to the head."""

_CONTENT_EDGE = 0.04
"""Share of the longer side in which a slanting surround may still be seen at the edge of its cut-out."""

_LARGE = 0.5
"""A head takes up at least this share of what scanners give: black round one that does stays."""

_LONG = 1.15
"""Longer over shorter side of what is a screen rather than a slice, in which black was put beside the head."""

_CONTENT_MARGIN = 0.06
"""Black that is left round the head, in shares of its longer side: the middle of what scanners leave."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """A part of a picture, in pixels from its upper left corner; right and bottom are the first outside.

    Examples
    --------
    >>> Box(left=2, top=1, right=5, bottom=3).cut(np.zeros((9, 9))).shape
    (2, 3)
    """

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """In pixels."""
        return (self.right - self.left) * (self.bottom - self.top)

    def cut(self, array: np.ndarray) -> np.ndarray:
        """That part of an array (H, W) or (H, W, 3): a view."""
        return array[self.top : self.bottom, self.left : self.right]

    def shrink(self) -> Box:
        """Without its outermost pixels."""
        return Box(left=self.left + 1, top=self.top + 1, right=self.right - 1, bottom=self.bottom - 1)

    def within(self, outer: Box) -> Box:
        """The same part of what ``outer`` was cut from."""
        return Box(
            left=self.left + outer.left,
            top=self.top + outer.top,
            right=self.right + outer.left,
            bottom=self.bottom + outer.top,
        )


def find_slices(grey: np.ndarray) -> list[Box]:
    """Look for the slices in what surrounds them.

    Parameters
    ----------
    grey : numpy.ndarray, shape (H, W), uint8, 0–255
        Small: a few hundred pixels a side are enough.

    Returns
    -------
    list of Box
        None: there is no surround. One: it, down to the black that it lies on. More: they lie side by side.
    """
    box = whole = Box(left=0, top=0, right=grey.shape[1], bottom=grey.shape[0])
    for _ in range(_LAYERS):
        looked_at = box if box is whole else box.shrink()  # its outermost pixels are partly the surround's
        found = [rectangle.within(looked_at) for rectangle in _find_rectangles(looked_at.cut(grey))]
        if len(found) > 1:
            return found
        if not found:
            break
        box = found[0]
    if box is whole:
        return []
    content = _find_content(box.cut(grey))
    return [box if content is None else content.within(box)]


def _find_rectangles(grey: np.ndarray) -> list[Box]:
    """The rectangles that stand in a picture's surround: the largest, and those like it."""
    levels = [float(np.median(edge)) for edge in _take_edges(grey)]
    candidates = sorted({round(level) for level in levels if level >= SURROUND_FROM}, reverse=True)
    for level in candidates:
        flat = cv2.inRange(grey, max(level - _SAME_GREY, SURROUND_FROM // 2), level + _SAME_GREY)
        light = cv2.inRange(grey, round(level * _SHADED), 255) if level >= LIGHT_FROM else None
        surrounds = [surround for surround in (light, flat) if surround is not None and _count_edges(surround)]
        found = max(map(_take_rectangles, surrounds), key=len, default=[])
        rectangles = [box for box in found if box.cut(grey).std() >= _LEAST_SPREAD]
        if rectangles and rectangles[0].area < _NOTHING_CUT * grey.size:
            return rectangles
    return []


def _take_edges(array: np.ndarray) -> tuple[np.ndarray, ...]:
    return array[0], array[-1], array[:, 0], array[:, -1]


def _count_edges(surround: np.ndarray) -> int:
    """How many of the picture's edges lie in a surround."""
    return sum(bool(np.count_nonzero(edge) >= _FLAT_SHARE * len(edge)) for edge in _take_edges(surround))


def _take_rectangles(surround: np.ndarray) -> list[Box]:
    """What stands in the part of a surround that reaches the picture's edge, without text and buttons."""
    _, labels = cv2.connectedComponents(surround, connectivity=4)
    outside = np.unique(np.concatenate(_take_edges(labels)))
    is_outside = np.zeros(labels.max() + 1, np.uint8)
    is_outside[outside[outside > 0]] = 1
    inside = 1 - is_outside[labels]
    opened = cv2.morphologyEx(np.pad(inside, 2, mode="edge"), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))[2:-2, 2:-2]
    count, _, statistics, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(opened), connectivity=4)
    boxes = [
        Box(left=left, top=top, right=left + width, bottom=top + height)
        for left, top, width, height, area in statistics[1:count].tolist()
        if area >= _LEAST_SHARE * surround.size / 4
    ]
    boxes = [box for box in boxes if _is_rectangle(box.cut(opened))]
    if not boxes:
        return []
    largest = max(box.area for box in boxes)
    alike = [box for box in boxes if box.area >= _ALIKE * largest]
    if sum(box.area for box in alike) < _LEAST_SHARE * surround.size:
        return []
    return alike if _make_sense(alike, surround) else []


def _make_sense(boxes: list[Box], surround: np.ndarray) -> bool:
    """Whether it is a surround that the boxes leave, and not the bright half of a head."""
    if len(boxes) == 1:
        return _count_edges(surround) > 1
    covered = np.zeros_like(surround)
    for box in boxes:
        box.cut(covered)[:] = 1
    area = int(covered.sum())
    *_, across, down = cv2.boundingRect(covered)
    is_large = across * down >= _SHEET_SHARE * surround.size
    return is_large and area == sum(box.area for box in boxes) and area >= _FILLED * across * down


def _is_rectangle(inside: np.ndarray) -> bool:
    height, width = inside.shape
    if min(height, width) < 16 or not 0.25 <= width / height <= 4.0:
        return False
    across, down = max(1, round(_INSET * width)), max(1, round(_INSET * height))
    lines = (inside[down], inside[-1 - down], inside[:, across], inside[:, -1 - across])
    return all(np.count_nonzero(line) >= _STRAIGHT * len(line) for line in lines) and bool(inside.mean() >= _STRAIGHT)


def _find_content(grey: np.ndarray) -> Box | None:
    """The head on its black, in a square with a margin; None if it fills what there is, or does not lie on black."""
    floor = np.percentile(grey, 10)
    bright = cv2.inRange(grey, float(floor + _CONTENT_FROM * (np.percentile(grey, 99) - floor)), 255)
    opened = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    edge = max(1, round(_CONTENT_EDGE * max(grey.shape)))
    opened[:edge], opened[-edge:], opened[:, :edge], opened[:, -edge:] = 0, 0, 0, 0
    joined = cv2.dilate(opened, np.ones((5, 5), np.uint8))
    count, _, statistics, _ = cv2.connectedComponentsWithStats(joined)
    if count < 2:
        return None
    left, top, width, height, _ = max(statistics[1:].tolist(), key=lambda one: one[cv2.CC_STAT_AREA])
    if width * height < 0.1 * grey.size:
        return None
    side = round((1 + 2 * _CONTENT_MARGIN) * max(width, height))
    (left, right), (top, bottom) = (
        _place(start + extent / 2, min(side, length), length)
        for start, extent, length in ((left, width, grey.shape[1]), (top, height, grey.shape[0]))
    )
    content = Box(left=left, top=top, right=right, bottom=bottom)
    is_long = max(grey.shape) > _LONG * min(grey.shape)
    return content if is_long or content.area < _LARGE * grey.size else None


def _place(middle: float, extent: int, length: int) -> tuple[int, int]:
    """Start and end of a stretch round a middle, moved to lie within a length."""
    start = min(max(0, round(middle - extent / 2)), length - extent)
    return start, start + extent
