"""Average the weights of networks that grew from one another: robust ones keep more of what the plain one knew.

References
----------
Wortsman et al. 2022, robust fine-tuning by interpolation, https://arxiv.org/abs/2109.01903, and model soups,
https://arxiv.org/abs/2203.05482.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

import training.brain.network  # noqa: F401  (registers the layers that a saved network names)
from inference.errors import InputError
from training.brain.work_folder import gather_settings, read_settings, write_history
from training.data.splits import TEST_FOLD


def parse_share(text: str) -> tuple[Path, float]:
    """``runs/plain:0.3`` as (work folder, share).

    Raises
    ------
    InputError
        It is not of this form.
    """
    folder, _, share = text.rpartition(":")
    try:
        return Path(folder), float(share)
    except ValueError as error:
        raise InputError(f"A network and its share are given as runs/plain:0.3; received {text}.") from error


def average_networks(shares: Sequence[tuple[Path, float]], work_dir: Path) -> Path:
    """Write the weighted average of trained networks, as if it were a run of its own.

    Parameters
    ----------
    shares : sequence of (pathlib.Path, float)
        Work folders of `training.brain.fit`, and shares that sum to 1.
    work_dir : pathlib.Path
        Receives ``trained.keras`` and ``settings.json``.

    Returns
    -------
    pathlib.Path
        Of the averaged network.

    Raises
    ------
    InputError
        The shares do not sum to 1, a folder holds no trained network, or they left out different data.
    """
    if abs(sum(share for _, share in shares) - 1.0) > 1e-6:
        raise InputError(f"The shares must sum to 1; received {' + '.join(f'{share:g}' for _, share in shares)}.")
    for folder, _ in shares:
        if not (folder / "trained.keras").is_file():
            raise InputError(f"{folder} holds no trained.keras; run python -m training fit --work {folder} first.")
    runs = [read_settings(folder) for folder, _ in shares]
    left_out = {(run.get("test_fold", TEST_FOLD), run.get("without", "")) for run in runs}
    if len(left_out) > 1:
        raise InputError("These runs left out different folds or sources; their average would know them all.")
    networks = [keras.models.load_model(folder / "trained.keras", compile=False) for folder, _ in shares]
    result = networks[0]
    values = [
        sum(share * np.asarray(weight, np.float64) for weight, (_, share) in zip(weights, shares, strict=True))
        for weights in zip(*(network.get_weights() for network in networks), strict=True)
    ]
    result.set_weights([np.asarray(value, np.float32) for value in values])
    work_dir.mkdir(parents=True, exist_ok=True)
    result.save(work_dir / "trained.keras")
    test_fold, without = left_out.pop()
    settings = {
        "average": {folder.name: share for folder, share in shares},
        "test_fold": test_fold,
        "without": without,
        "volumes": any(run.get("volumes") for run in runs),
        "healthy": any(run.get("healthy") for run in runs),
        "runs": gather_settings(*(folder for folder, _ in shares)),
    }
    (work_dir / "settings.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    write_history(work_dir, *(folder for folder, _ in shares))
    return work_dir / "trained.keras"
