"""Which pictures of a folder are learnt from, which validate and which test.

Pictures that are the same picture stay on one side, whatever their files are called.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.data.folder import Folder
    from training.recipes.recipe import SplitPlan

SPLITS = ("train", "validation", "test")

_LARGE_SHARE = 0.1
"""Share of its class from which a group of copies is learnt from rather than tested on."""


def split_folder(folder: Folder, plan: SplitPlan, seed: int) -> dict[str, np.ndarray]:
    """Divide the pictures, each class by the same shares, whole groups at a time.

    Returns
    -------
    dict of str to numpy.ndarray of int
        The name of each of `SPLITS` → indices in ``folder.paths``, rising. In ``validation`` and ``test`` each
        picture is there once: its copies are in no split.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(folder.groups):
        members[group].append(index)
    by_class: dict[int, list[str]] = defaultdict(list)
    for group in sorted(members):
        by_class[int(folder.classes[members[group][0]])].append(group)
    rng = np.random.default_rng(seed)
    splits: dict[str, list[int]] = {name: [] for name in SPLITS}
    for _, groups in sorted(by_class.items()):
        pictures = sum(len(members[group]) for group in groups)
        shuffled = [groups[index] for index in rng.permutation(len(groups))]
        shuffled.sort(key=lambda group: len(members[group]) > max(1, _LARGE_SHARE * pictures))
        tests = max(1, round(plan.test * len(groups)))
        validations = max(1, round(plan.validation * (len(groups) - tests)))
        for rank, group in enumerate(shuffled):
            if rank < tests:
                splits["test"].append(members[group][0])
            elif rank < tests + validations:
                splits["validation"].append(members[group][0])
            else:
                splits["train"].extend(members[group])
    return {name: np.array(sorted(indices), int) for name, indices in splits.items()}
