"""Any folder of class folders: which pictures it has, which belong together, and which part each is in.

Pictures that are the same picture stay on one side of the split, whatever their files are called; the author's own
``train`` and ``test`` folders are not kept. Nothing here knows what is in the pictures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from inference.answer.decision import picture_novelty
from inference.errors import InputError
from inference.imaging.load import load_image
from inference.model.preprocess import resize_image
from inference.model.schema import InputSpec, NoveltyRule
from training.audit import read_survey
from training.audit_figures import find_groups
from training.recipe import SplitPlan
from training.twins import Progress, Twins, find_twins

PARTS = ("train", "validation", "test")

MIN_PICTURES = 4
"""Different pictures that a class needs: one to test, one to validate, two to learn from."""

MIN_CORRELATION = 0.99
"""Of two thumbnails, for pictures of any kind to count as the same. It is stricter than for brain MRI
(`training.dataset.TWIN_CORRELATION`): a drawing or a digit is alike at 32×32 pixels without being a copy."""

_LARGE_SHARE = 0.1
"""Share of its class from which a group of copies is learnt from rather than tested on."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The readable pictures of a folder, N of them, not held in memory.

    Attributes
    ----------
    name : str
    labels : tuple of str
        Class names, sorted; the order of the network's outputs.
    paths : list of pathlib.Path
    classes : numpy.ndarray, shape (N,), int
        Positions in ``labels``.
    groups : list of str
        Pictures with the same one are the same picture, or joined by a manifest.
    unreadable : list of tuple of str
        Path and sentence of each file that was skipped.
    left_out : int
        Files in no class folder.
    """

    name: str
    labels: tuple[str, ...]
    paths: list[Path]
    classes: np.ndarray
    groups: list[str]
    unreadable: list[tuple[str, str]]
    left_out: int

    def counts(self, places: np.ndarray | None = None) -> dict[str, int]:
        """Pictures of each class, of all or of those at ``places``."""
        classes = self.classes if places is None else self.classes[places]
        return dict(zip(self.labels, np.bincount(classes, minlength=len(self.labels)).tolist(), strict=True))


def read_folder(data_dir: Path, progress: Progress = lambda *_: None) -> Folder:
    """Decode every picture once and find those that are the same.

    Parameters
    ----------
    data_dir : pathlib.Path
        In one of the layouts of `training.listing`. A class is called what its folder is called.
    progress : callable

    Raises
    ------
    InputError
        There are no pictures, they are all of one class, or a class has too few.
    """
    survey = read_survey(data_dir, progress, name_class=str)
    groups = find_groups(survey, _keep_alike(find_twins(survey.thumbs, survey.digests, progress)))
    names = [sample.label for sample in survey.samples]
    labels = tuple(sorted(set(names)))
    folder = Folder(
        name=survey.name,
        labels=labels,
        paths=[sample.path for sample in survey.samples],
        classes=np.array([labels.index(name) for name in names]),
        groups=groups,
        unreadable=survey.unreadable,
        left_out=survey.left_out,
    )
    _check_sizes(folder)
    return folder


def _keep_alike(twins: Twins) -> Twins:
    kept = twins.correlation >= MIN_CORRELATION
    return replace(
        twins,
        first=twins.first[kept],
        second=twins.second[kept],
        correlation=twins.correlation[kept],
        kind=twins.kind[kept],
    )


def _check_sizes(folder: Folder) -> None:
    different = Counter(place for place, _ in set(zip(folder.classes.tolist(), folder.groups, strict=True)))
    for place, label in enumerate(folder.labels):
        if different[place] < MIN_PICTURES:
            raise InputError(
                f"The class {label} has too few pictures: {MIN_PICTURES} different ones are needed, "
                f"{different[place]} can be read (copies count once). Add pictures, or take the folder away."
            )


def split_folder(folder: Folder, plan: SplitPlan, seed: int) -> dict[str, np.ndarray]:
    """Part the pictures, each class by the same shares, whole groups at a time.

    Returns
    -------
    dict of str to numpy.ndarray of int
        The name of each of `PARTS` → places in ``folder.paths``, rising. In ``validation`` and ``test`` each picture is
        there once: its copies are in no part.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for place, group in enumerate(folder.groups):
        members[group].append(place)
    by_class: dict[int, list[str]] = defaultdict(list)
    for group in sorted(members):
        by_class[int(folder.classes[members[group][0]])].append(group)
    rng = np.random.default_rng(seed)
    parts: dict[str, list[int]] = {part: [] for part in PARTS}
    for _, groups in sorted(by_class.items()):
        pictures = sum(len(members[group]) for group in groups)
        shuffled = [groups[place] for place in rng.permutation(len(groups))]
        shuffled.sort(key=lambda group: len(members[group]) > max(1, _LARGE_SHARE * pictures))
        tests = max(1, round(plan.test * len(groups)))
        validations = max(1, round(plan.validation * (len(groups) - tests)))
        for rank, group in enumerate(shuffled):
            if rank < tests:
                parts["test"].append(members[group][0])
            elif rank < tests + validations:
                parts["validation"].append(members[group][0])
            else:
                parts["train"].extend(members[group])
    return {part: np.array(sorted(places), int) for part, places in parts.items()}


def load_pictures(
    paths: Sequence[Path], spec: InputSpec, progress: Progress = lambda *_: None
) -> tuple[np.ndarray, np.ndarray]:
    """Decode pictures and bring them to a network's size.

    Returns
    -------
    pictures : numpy.ndarray, shape (N, height_px, width_px, C), uint8, 0–255
        `inference.model.preprocess.scale_values` makes of them what `inference.model.preprocess.build_batch` gives.
    grey : numpy.ndarray, shape (N,), bool
        Which are so grey that a model of grey pictures would not refuse them.
    """
    pictures, grey = np.empty((len(paths), *spec.shape), np.uint8), np.empty(len(paths), bool)
    for place, path in enumerate(paths):
        pixels = load_image(path).pixels
        pictures[place] = resize_image(pixels, spec)
        grey[place] = picture_novelty(pixels, NoveltyRule(grey_only=True)) < 1.0
        progress("Loading pictures", place + 1, len(paths))
    return pictures, grey
