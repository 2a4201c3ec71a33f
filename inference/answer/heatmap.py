"""Where the evidence is: from the network's map to a `Heatmap` on the original picture.

The map is an output of the network that is served, so that no second framework and no second run is needed. The value
of a cell is the network's own statement: the probability, in [0, 1], that what the model looks for is *here*. It marks
a position, not an outline. A network with one map for all classes says where it found anything; one with a map for each
class says where it found evidence for that class.

Which answers get a map is decided in `inference.answer.classifier` (those that are given), its colours in ``ui``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from inference.answer.prediction import Heatmap

STANDS_OUT_AT = 0.5
"""Local probability from which a cell may be pointed at: the network thinks it likelier than not that what it looks for
is there. Below it, the largest of many small values is somewhere too, and means nothing."""


def build_heatmap(evidence: np.ndarray, index: int, shape_px: tuple[int, ...]) -> Heatmap:
    """Turn one picture's evidence into its heat map.

    Parameters
    ----------
    evidence : numpy.ndarray, shape (h, w, 1) or (h, w, classes), float32, in [0, 1]
        Of the picture as it was fed: stretched to the network's size, so that the map is stretched back.
    index : int
        The class whose map is taken where each class has one (index base 0).
    shape_px : tuple of int
        (height, width) of the original picture.

    Returns
    -------
    Heatmap
    """
    grid = np.clip(evidence[:, :, index if evidence.shape[2] > 1 else 0], 0.0, 1.0).astype(np.float32)
    grid.flags.writeable = False
    row, column = np.unravel_index(int(grid.argmax()), grid.shape)
    peak_value = float(grid[row, column])
    return Heatmap(
        grid=grid,
        width_px=shape_px[1],
        height_px=shape_px[0],
        peak=((int(column) + 0.5) / grid.shape[1], (int(row) + 0.5) / grid.shape[0]),
        peak_value=peak_value,
        stands_out=peak_value >= STANDS_OUT_AT,
    )


def mirror_heatmap(heatmap: Heatmap) -> Heatmap:
    """The heat map of the same picture with its columns in the other order."""
    grid = np.ascontiguousarray(heatmap.grid[:, ::-1])
    grid.flags.writeable = False
    x, y = heatmap.peak
    return replace(heatmap, grid=grid, peak=(1.0 - x, y))
