"""The shortcut baseline reads how bright a picture is, and nothing else."""

from __future__ import annotations

import numpy as np

from tests.training.heads import draw_head
from training.data.picture_statistics import measure_statistics
from training.measure.shortcut import score_shortcut


def test_probe_reads_the_look_of_a_picture_and_nothing_else() -> None:
    looks = np.stack([measure_statistics(np.repeat(draw_head(seed)[:, :, None], 3, 2)) for seed in range(60)])
    groups = [f"g{seed // 2}" for seed in range(60)]
    order = np.random.default_rng(0).permutation(30)
    chance = ["a" if order[seed // 2] < 15 else "b" for seed in range(60)]
    look = ["dark" if mean < np.median(looks[:, 3]) else "bright" for mean in looks[:, 3]]
    assert score_shortcut(looks, look, groups)["balanced_accuracy"] > 0.85
    # two files a group are the same picture: a classifier that saw one would know the label of the other
    copies = looks[np.arange(60) // 2 * 2]
    assert score_shortcut(copies, chance, groups)["balanced_accuracy"] < 0.7
    assert "skipped" in score_shortcut(looks, ["a"] * 59 + ["b"], groups)
