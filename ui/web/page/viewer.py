"""What the browser is given of a volume: voxels for the three planes, heat maps, and the slices for strip and plot.

Every bound on the size of that stands here. The voxels are the slices as they were read, in 8 bits and on one scale; of
the file's header only the affine goes along, so that nothing in it names a person.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from inference.answer.prediction import Heatmap, Prediction
from inference.errors import InputError
from ui.pictures import build_data_url, color_stops, encode_png, render_layer
from ui.words.answer import present_heatmap
from ui.words.volume import SliceRow, present_slices

if TYPE_CHECKING:
    from inference.answer.volume import VolumePrediction
    from inference.imaging.types import Volume
    from inference.model.bundle import ModelBundle

MAX_SIDE = 256
"""Voxels on a side, and slices; of more slices every second, third … is shown."""

MAX_VOXELS = 10 * 2**20
"""All voxels together, a byte each: 256 × 256 × 160. Compressed and in base64 at most 14 MB, mostly less than half."""

HEAT_SIDE = 96
"""Voxels on the longer side of a slice's heat map: it is smooth, and compressed it takes a tenth of the slices."""

MAX_THUMBNAILS = 24
"""Slices in the strip; of more suspicious ones the most suspicious."""

_THUMBNAIL_SIDE_PX = 128

_TOP_PERCENTILE = 95.0
"""White is where so many per cent of the slices have their white at most: one bright slice does not darken all."""

_HEAT_STOPS = 9


@dataclass(frozen=True, kw_only=True, eq=False)
class Voxels:
    """A volume as the viewer shows it.

    Attributes
    ----------
    values : numpy.ndarray, shape (columns, rows, slices), uint8
    affine : numpy.ndarray, shape (4, 4)
        Of these voxels, see `inference.imaging.types.Volume.affine`.
    slice_affine : numpy.ndarray, shape (4, 4)
        Of the volume's own slices, which may be finer and more.
    """

    values: np.ndarray
    affine: np.ndarray
    slice_affine: np.ndarray


def build_voxels(volume: Volume) -> Voxels:
    """Read a volume's slices into voxels, within `MAX_SIDE` and `MAX_VOXELS`; a slice that cannot be read is black.

    Raises
    ------
    InputError
        None of them can be read.
    """
    step = _find_step(volume.count)
    chosen = range(0, volume.count, step)
    pictures: dict[int, np.ndarray] = {}
    windows: dict[int, tuple[float, float]] = {}
    error: InputError | None = None
    for layer, index in enumerate(chosen):
        try:
            one = volume.load(index)
        except InputError as reason:
            error = reason
            continue
        grey = cv2.cvtColor(one.image.pixels, cv2.COLOR_RGB2GRAY)
        read_px = grey.shape[::-1]
        size_px = _fit_size(read_px[0], read_px[1], len(chosen))
        pictures[layer] = cv2.resize(grey, size_px, interpolation=cv2.INTER_AREA) if size_px != read_px else grey
        windows[layer] = one.window
    if not pictures:
        raise error or InputError("The volume holds no slice.")
    values = np.zeros((*size_px, len(chosen)), np.uint8)
    low = min(window[0] for window in windows.values())
    high = float(np.percentile([window[1] for window in windows.values()], _TOP_PERCENTILE))
    for layer, picture in pictures.items():
        black, white = windows[layer]
        scaled = (black - low + picture.astype(np.float32) * ((white - black) / 255.0)) / max(high - low, 1e-12)
        values[:, :, layer] = np.rint(np.clip(scaled, 0.0, 1.0) * 255.0).T
    slice_affine = _find_affine(volume, read_px)
    return Voxels(values=values, affine=_coarsen(slice_affine, read_px, size_px, step), slice_affine=slice_affine)


def voxels_value(volume: Volume) -> dict[str, Any]:
    """Lay out what the viewer shows.

    Returns
    -------
    dict
        ``voxels`` (a compressed NIfTI file in base64), ``affine`` (of the slices, its 16 numbers row by row) and its
        ``inverse``, ``slices`` (how many), ``placed`` (False: the file does not say where left and right are) and,
        for what is not placed, ``radiological`` (shown so, a plane has the columns of the slices as they were read).
    """
    voxels = build_voxels(volume)
    return {
        "voxels": _encode_nifti(voxels.values, voxels.affine),
        "affine": voxels.slice_affine.ravel().tolist(),
        "inverse": np.linalg.inv(voxels.slice_affine).ravel().tolist(),
        "slices": volume.count,
        "radiological": bool(voxels.slice_affine[0, 0] < 0),
        "placed": _is_placed(volume),
    }


def slices_value(found: VolumePrediction, volume: Volume, bundle: ModelBundle) -> dict[str, Any]:
    """Lay out a volume's answer slice by slice, for plot, strip and viewer.

    Returns
    -------
    dict
        ``title``, ``summary`` (sentences), ``rows`` (a dict for each slice: ``probability`` or None, ``percent``,
        ``remark``, ``suspicious``), ``best`` (counted from 0, or None), ``strip`` (a dict for each thumbnail:
        ``index`` counted from 0, ``src``, ``heat``, both ``data:`` URLs or empty, and ``peak``, column and row of the
        strongest evidence, or None), ``strip_title``, ``heat`` (a compressed NIfTI file in base64, or empty) and
        ``colors`` (its colours, from no to the strongest evidence).
        Without an answer there are no rows.
    """
    shown = present_slices(found, bundle)
    chosen = _choose(found, shown.rows)
    drawn = {index: heatmap for index in range(volume.count) if (heatmap := _find_heatmap(found, index))}
    return {
        "title": shown.title,
        "summary": list(shown.summary),
        "rows": [
            {
                "probability": None if row.probability is None else round(row.probability, 4),
                "percent": row.percent,
                "remark": row.remark,
                "suspicious": row.is_suspicious,
            }
            for row in shown.rows
        ],
        "best": found.best_slice,
        "strip": [_build_thumbnail(volume, index, drawn.get(index)) for index in chosen],
        "strip_title": shown.title_strip(len(chosen)),
        "heat": _encode_heat(drawn, volume),
        "colors": color_stops(_HEAT_STOPS),
    }


def _find_step(count: int) -> int:
    """From one shown slice to the next: 1 if all are shown, 2 for every second one."""
    return -(-count // MAX_SIDE)


def _fit_size(width: int, height: int, slices: int) -> tuple[int, int]:
    scale = min(1.0, MAX_SIDE / max(width, height), (MAX_VOXELS / (width * height * slices)) ** 0.5)
    return max(1, int(width * scale)), max(1, int(height * scale))


def _is_placed(volume: Volume) -> bool:
    return _has_affine(volume) and volume.orientation is not None


def _has_affine(volume: Volume) -> bool:
    return volume.affine is not None and abs(float(np.linalg.det(volume.affine))) > 1e-9


def _find_affine(volume: Volume, size_px: tuple[int, ...]) -> np.ndarray:
    """The slices' own; if they do not say where they lie: seen from below, nose up, as thick as a pixel is wide."""
    if volume.affine is not None and _has_affine(volume):
        return volume.affine
    return np.array([[-1.0, 0, 0, size_px[0] - 1], [0, -1.0, 0, size_px[1] - 1], [0, 0, 1.0, 0], [0, 0, 0, 1.0]])


def _coarsen(affine: np.ndarray, from_px: tuple[int, ...], to_px: tuple[int, ...], step: int = 1) -> np.ndarray:
    """The affine of slices that were resized, and of which every ``step``-th is left; pixels lie round their middle."""
    wide, high = (before / after for before, after in zip(from_px, to_px, strict=True))
    change = [[wide, 0, 0, wide / 2 - 0.5], [0, high, 0, high / 2 - 0.5], [0, 0, step, 0], [0, 0, 0, 1]]
    return np.asarray(affine @ np.array(change))


def _choose(found: VolumePrediction, rows: Sequence[SliceRow]) -> list[int]:
    """The indices of the slices in the strip, rising; the best one is always among them."""
    if found.best_slice is None:
        return []
    others = [index for index in found.suspicious if index != found.best_slice]
    ranked = sorted(others, key=lambda index: rows[index].probability or 0.0, reverse=True)
    return sorted([found.best_slice, *ranked[: MAX_THUMBNAILS - 1]])


def _find_heatmap(found: VolumePrediction, index: int) -> Heatmap | None:
    """A slice's map if it is to be drawn: not of what is empty or refused, where nothing was found, in the volume or on
    the slice, nor where the evidence is even.
    """
    one = found.slices[index]
    if found.best_slice is None or index in found.empty or not isinstance(one, Prediction) or one.heatmap is None:
        return None
    findings = (found.answer.finding, one.finding)
    return one.heatmap if all(present_heatmap(one.heatmap, finding).drawn for finding in findings) else None


def _build_thumbnail(volume: Volume, index: int, heatmap: Heatmap | None) -> dict[str, Any]:
    pixels = volume.load(index).image.pixels
    scale = min(1.0, _THUMBNAIL_SIDE_PX / max(pixels.shape[:2]))
    size_px = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, size_px, interpolation=cv2.INTER_AREA)
    _, content = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return {
        "index": index,
        "src": build_data_url(content.tobytes(), "image/jpeg"),
        "heat": build_data_url(encode_png(render_layer(heatmap, _THUMBNAIL_SIDE_PX // 2)), "image/png")
        if heatmap
        else "",
        "peak": _find_peak(heatmap) if heatmap else None,
    }


def _find_peak(heatmap: Heatmap) -> list[float]:
    """Column and row of the strongest evidence, counted from 0 in the middle of a pixel."""
    return [heatmap.peak[0] * heatmap.width_px - 0.5, heatmap.peak[1] * heatmap.height_px - 0.5]


def _encode_heat(drawn: dict[int, Heatmap], volume: Volume) -> str:
    """The maps of all slices as one volume of levels 0–255, beside the voxels of `build_voxels`."""
    step = _find_step(volume.count)
    levels: np.ndarray | None = None
    for index, heatmap in drawn.items():
        one = render_layer(heatmap, HEAT_SIDE)[:, :, 3]
        if levels is None:
            read_px = (heatmap.width_px, heatmap.height_px)
            levels = np.zeros((*one.shape[::-1], len(range(0, volume.count, step))), np.uint8)
        if index % step == 0:
            levels[:, :, index // step] = one.T
    if levels is None:
        return ""
    affine = _find_affine(volume, read_px)
    return _encode_nifti(levels, _coarsen(affine, read_px, levels.shape[:2], step))


def _encode_nifti(values: np.ndarray, affine: np.ndarray) -> str:
    """A new NIfTI file in base64, with nothing in its header but shape, type and affine."""
    import nibabel

    image = nibabel.Nifti1Image(values, affine)
    image.header.set_xyzt_units("mm")
    return base64.b64encode(gzip.compress(image.to_bytes(), compresslevel=1, mtime=0)).decode("ascii")
