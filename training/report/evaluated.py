"""What an evaluation page is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from inference.model.bundle import ModelBundle


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluatedBundle:
    """A bundle that was evaluated, and where the pictures are that it was shown.

    Attributes
    ----------
    bundle : ModelBundle
    data_dir : pathlib.Path
    slices : Mapping of pathlib.Path to numpy.ndarray, shape (H, W), uint8
        The volumes' slices, which are no files.
    """

    bundle: ModelBundle
    data_dir: Path
    slices: Mapping[Path, np.ndarray]
