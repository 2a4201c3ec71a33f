"""Slices of a healthy head through any plane, from one volume and its brain: what the picture collections lack.

Their healthy slices are nearly all axial and through the middle of the brain, so a network takes the skull base, the
vertex and whatever takes up contrast in anybody for tumours. The volume is cut at any height, in three directions and
tilted, a little warped, with the skull and without; every fifth time through the sella, shining as after contrast; half
of the others as another sequence would show them, fluid, grey and white matter each in a random grey.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import binary_dilation, map_coordinates

from inference.errors import InputError
from training.data.grey import STORED_SIZE_PX
from training.data.manifest import NO_TUMOUR, Sample

SOURCE = "healthy"

PLANES = {"axial": ((0, 1, 2), 0.6), "coronal": ((0, 2, 1), 0.2), "sagittal": ((1, 2, 0), 0.2)}
"""Axes of the volume (index base 0: left–right, back–front, foot–head) along columns, rows and across; how often."""

HEALTHY_SLICES = 900
"""How many a training run cuts: twice as many as the picture collections have without a tumour."""

STRIPPED_SHARE = 0.3
"""How many slices show the brain without its skull."""

CONTRAST_SHARE = 0.2
"""How many slices go through the sella, which takes up contrast."""

OTHER_SEQUENCE_SHARE = 0.5
"""How many of the other slices show the brain's tissues in random greys."""

TAKES_UP_CONTRAST = (((0, 3, -32), (7, 5, 4)), ((-13, -1, -31), (4, 9, 5)), ((13, -1, -31), (4, 9, 5)))
"""The pituitary gland and the two cavernous sinuses: centre and radii, in mm of MNI space (x, y, z)."""

_MIN_BRIGHT = 0.03
"""Share of a slice, and of each volume, that must be brighter than the background."""


@dataclass(frozen=True, kw_only=True)
class HealthySlice:
    """One cut.

    ``grey`` (S, S), uint8; ``brain`` (S, S), bool: where a tumour may be put by `training.brain.batches`.
    """

    sample: Sample
    grey: np.ndarray
    brain: np.ndarray


def slice_head(head: Path, brain: Path, *, count: int, seed: int = 0) -> Iterator[HealthySlice]:
    """Cut a healthy head into slices.

    Parameters
    ----------
    head, brain : pathlib.Path
        NIfTI volumes on one grid in MNI space: the head, and the same without anything but the brain (0 elsewhere).
    count : int
    seed : int
        The same seed cuts the same slices.

    Raises
    ------
    InputError
        A file cannot be read, the two are not of one size, or one is nearly empty.
    """
    (values, to_mm), (marked, _) = _read(head), _read(brain)
    inside = marked > 0
    if values.shape != inside.shape:
        raise InputError(f"{head} and {brain} must be of one size; received {values.shape} and {inside.shape}.")
    for path, filled in ((head, values > 0), (brain, inside)):
        if filled.mean() < _MIN_BRIGHT:
            raise InputError(f"{path} is nearly empty.")
    values = np.clip(values / np.percentile(values[values > 0], 99.8) * 255.0, 0, 255).astype(np.float32)
    tissues = _tissue_greys(values[inside])
    reach = binary_dilation(inside, iterations=2).astype(np.float32)  # with the fluid round the brain
    rng = np.random.default_rng(seed)
    number = 0
    while number < count:
        sella = np.linalg.solve(to_mm, [*TAKES_UP_CONTRAST[0][0], 1.0])[:3] if rng.random() < CONTRAST_SHARE else None
        grid = _draw_plane(values.shape, sella, rng)
        grey, in_brain = _cut(values, grid, order=1), _cut(inside, grid, order=0) > 0.5
        if sella is not None:
            grey = _take_up_contrast(grey, np.tensordot(to_mm[:3, :3], grid, 1) + to_mm[:3, 3, None, None], rng)
        elif rng.random() < OTHER_SEQUENCE_SHARE:
            grey = _change_sequence(grey, _cut(reach, grid, order=1), tissues, rng)
        if rng.random() < STRIPPED_SHARE:
            grey = grey * in_brain
        if (grey > 12).mean() < _MIN_BRIGHT:
            continue
        sample = Sample(path=Path(f"{head}#{number}"), label=NO_TUMOUR, source=SOURCE, group=SOURCE)
        yield HealthySlice(sample=sample, grey=np.clip(grey, 0, 255).astype(np.uint8), brain=in_brain)
        number += 1


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values, and the matrix from voxels to mm."""
    import nibabel
    from nibabel.filebasedimages import ImageFileError

    try:
        volume = nibabel.as_closest_canonical(nibabel.load(path))
        return np.asarray(volume.dataobj, np.float32), np.asarray(volume.affine, np.float32)
    except (OSError, ValueError, ImageFileError) as error:
        raise InputError(f"{path} is not a NIfTI volume that can be read: {error}.") from error


def _draw_plane(shape: tuple[int, ...], near: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Positions in the volume of one slice's pixels, in voxels: (3, S, S), rows from the top or the nose
    downwards.

    ``near``: a position, in voxels, that the slice goes through or nearly so; None for anywhere.
    """
    names = list(PLANES)
    column, row, across = PLANES[names[int(rng.choice(len(names), p=[share for _, share in PLANES.values()]))]][0]
    field = max(shape[column], shape[row]) * rng.uniform(0.95, 1.25)
    steps = (np.arange(STORED_SIZE_PX) + 0.5) / STORED_SIZE_PX - 0.5
    positions = np.zeros((3, STORED_SIZE_PX, STORED_SIZE_PX), np.float32)
    positions[column] = steps[None, :] * field * (1.0 if rng.random() < 0.5 else -1.0)
    positions[row] = -steps[:, None] * field
    middle = (np.array(shape) - 1) / 2
    pivot = middle if near is None else near
    for axis in (column, row):
        positions[across] += np.tan(np.deg2rad(rng.normal(0.0, 8.0))) * (positions[axis] + middle[axis] - pivot[axis])
    middle[across] = rng.uniform(0.03, 0.97) * shape[across] if near is None else near[across] + rng.normal(0.0, 4.0)
    warp = rng.normal(0.0, 0.015 * field, (3, 4, 4)).astype(np.float32)
    for axis in range(3):
        size = (STORED_SIZE_PX, STORED_SIZE_PX)
        positions[axis] += middle[axis] + cv2.resize(warp[axis], size, interpolation=cv2.INTER_CUBIC)
    return positions


def _cut(values: np.ndarray, positions: np.ndarray, *, order: int) -> np.ndarray:
    cut = map_coordinates(values, positions, order=order, output=np.float32, mode="constant", prefilter=False)
    return np.asarray(cut)


def _take_up_contrast(grey: np.ndarray, positions_mm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Let the structures of `TAKES_UP_CONTRAST` shine, more or less; ``positions_mm``: (3, S, S) in MNI space."""
    weight = np.zeros_like(grey)
    for center, radii in TAKES_UP_CONTRAST:
        shifted = positions_mm - np.array(center)[:, None, None] - rng.normal(0.0, 1.5, (3, 1, 1))
        sizes = np.array(radii)[:, None, None] * np.exp(rng.normal(0.0, 0.2, (3, 1, 1)))
        weight = np.maximum(weight, rng.uniform(0.5, 1.0) * np.exp(-(((shifted / sizes) ** 2).sum(axis=0) ** 2)))
    return grey + weight * (rng.uniform(150.0, 255.0) - grey)


def _tissue_greys(brain: np.ndarray) -> np.ndarray:
    """The greys of fluid, grey and white matter in a T1 picture: three means, (3,), rising."""
    sampled = np.ascontiguousarray(brain[:: max(1, brain.size // 20_000)], np.float32)
    stop = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 50, 0.1)
    start = np.digitize(sampled, np.quantile(sampled, [0.15, 0.6])).astype(np.int32)
    _, _, means = cv2.kmeans(sampled, 3, start[:, None], stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    return np.sort(means.ravel())


def _change_sequence(
    grey: np.ndarray, in_brain: np.ndarray, tissues: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Give each tissue of the brain another grey, as T2, FLAIR or proton density would, and dim what is round it.

    The idea of drawing the greys at random is Billot et al. 2023, SynthSeg, https://arxiv.org/abs/2107.09559.
    """
    matter = rng.uniform(50.0, 190.0)
    white = np.clip(matter + rng.normal(0.0, 35.0), 20.0, 240.0)
    fluid = rng.uniform(0.0, 40.0) if rng.random() < 0.4 else rng.uniform(40.0, 250.0)
    curve = np.interp(grey, [*tissues, 255.0], [fluid, matter, white, white + rng.uniform(-30.0, 30.0)])
    return np.asarray(in_brain * curve + (1.0 - in_brain) * grey * rng.uniform(0.4, 1.2), np.float32)
