"""What is drawn for training, from the real pictures."""

import os
from pathlib import Path

import numpy as np
import pytest

from inference.model.schema import InputSpec
from training.brain.batches import TUMOUR_SHARE, AugmentedBatches, DrawPlan
from training.data.grey import read_pictures
from training.data.manifest import NO_TUMOUR, read_manifest
from training.data.splits import split_samples

DATA = Path(os.environ.get("GYRUS_DATA") or "nowhere")
SPEC = InputSpec(width_px=150, height_px=150, color_order="bgr", resize="area")


@pytest.mark.skipif(not DATA.is_dir(), reason="GYRUS_DATA names no folder of real images")
@pytest.mark.parametrize("counterfactuals", [0.0, 0.25])
def test_two_of_three_drawn_slices_show_a_tumour(counterfactuals: float) -> None:
    """`training.brain.export` takes the network's expectation from this share."""
    samples = read_manifest(DATA)[::7]
    pictures = read_pictures(samples)
    train = split_samples(samples, pictures)["train"]
    batches = AugmentedBatches(train, pictures, SPEC, (19, 19), DrawPlan(batch_size=1, batches=1))
    batches.counterfactuals = counterfactuals
    rng = np.random.default_rng(0)

    tumours = [batches.draw(rng).label != NO_TUMOUR for _ in range(600)]

    assert np.mean(tumours) == pytest.approx(TUMOUR_SHARE, abs=0.06)
