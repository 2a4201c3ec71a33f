"""A Keras network as an ONNX file, compared with what it was."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.errors import BundleError
from inference.model.engine import OnnxEngine

if TYPE_CHECKING:
    import keras

LOGIT_TOLERANCE = 1e-4
"""Largest difference between Keras's and ONNX Runtime's logits that an export accepts."""


def export_onnx(
    network: keras.Model, target: Path, check_batch: np.ndarray, tolerance: float = LOGIT_TOLERANCE
) -> float:
    """Write a Keras network as ONNX and compare the two.

    Parameters
    ----------
    network : keras.Model
        With an output ``logits``; `training.brain.network.build_serving_net`.
    target : pathlib.Path
    check_batch : numpy.ndarray, shape (N, H, W, C), float32
        Preprocessed pictures that both are run on.
    tolerance : float

    Returns
    -------
    float
        The largest difference between the logits.

    Raises
    ------
    BundleError
        It exceeds ``tolerance``; nothing is left at ``target``.
    """
    theirs = network.predict(check_batch, batch_size=32, verbose=0)["logits"]
    network.trainable = False  # else the export traces some batch norms in training mode
    network.export(str(target), format="onnx", verbose=False)
    ours = OnnxEngine(target.read_bytes(), target.name).run(check_batch).scores
    difference = float(np.abs(ours - theirs).max())
    if difference > tolerance:
        target.unlink()
        raise BundleError(f"ONNX Runtime's logits differ from Keras's by {difference:g}; {tolerance:g} is accepted.")
    return difference


def run_network(engine: OnnxEngine, batches: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, classes) and features (N, F) of preprocessed batches, in their order."""
    outputs = [engine.run(batch) for batch in batches]
    return np.concatenate([output.scores for output in outputs]), np.concatenate([o.features for o in outputs])
