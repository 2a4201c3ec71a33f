"""Pictures at the size of a recipe's network, and the batches that it learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import keras
import numpy as np
from keras import layers

from inference.answer.decision import picture_novelty
from inference.imaging.load import load_image
from inference.model.preprocess import resize_image, scale_values
from inference.model.schema import InputSpec, NoveltyRule

if TYPE_CHECKING:
    from training.data.folder import Folder
    from training.data.progress import Progress
    from training.recipes.recipe import Recipe


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedSplit:
    """The pictures of one split, (N, H, W, C), uint8, as `load_pictures` gives them, and their classes, (N,)."""

    pictures: np.ndarray
    classes: np.ndarray


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
    for index, path in enumerate(paths):
        pixels = load_image(path).pixels
        pictures[index] = resize_image(pixels, spec)
        grey[index] = picture_novelty(pixels, NoveltyRule(grey_only=True)) < 1.0
        progress("Loading pictures", index + 1, len(paths))
    return pictures, grey


def load_splits(
    folder: Folder, splits: dict[str, np.ndarray], spec: InputSpec, progress: Progress
) -> tuple[dict[str, LoadedSplit], bool]:
    """Load the pictures of each split; also whether the training split has no colour."""
    loaded, grey = {}, False
    for name, indices in splits.items():
        pictures, is_grey = load_pictures([folder.paths[index] for index in indices], spec, progress)
        loaded[name] = LoadedSplit(pictures=pictures, classes=folder.classes[indices])
        grey = bool(is_grey.all()) if name == "train" else grey
    return loaded, grey


def build_augmenter(recipe: Recipe) -> keras.Sequential | None:
    """The random changes that Keras has layers for (all but the crop), on values 0–255; None if there are none."""
    plan = recipe.augmentation
    changes: list[layers.Layer] = []
    if plan.flip != "none":
        changes.append(layers.RandomFlip(plan.flip))
    if plan.rotation:
        changes.append(layers.RandomRotation(plan.rotation))
    if plan.zoom:
        changes.append(layers.RandomZoom(plan.zoom))
    if plan.contrast:
        changes.append(layers.RandomContrast(plan.contrast, value_range=(0, 255)))
    return keras.Sequential(changes) if changes else None


def crop_at_random(pictures: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Cut ``share`` of width and height away from each of (N, H, W, C) pictures and enlarge what is left."""
    height, width, channels = pictures.shape[1:]
    rows, columns = round(height * (1 - share)), round(width * (1 - share))
    cropped = np.empty_like(pictures)
    for index, picture in enumerate(pictures):
        top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
        window = np.ascontiguousarray(picture[top : top + rows, left : left + columns])
        cropped[index] = cv2.resize(window, (width, height)).reshape(height, width, channels)
    return cropped


class PictureBatches(keras.utils.PyDataset):
    """Batches for ``Model.fit``: shuffled and changed at random if there is a recipe, else in order and as they are.

    Parameters
    ----------
    split : LoadedSplit
    spec : InputSpec
    batch_size, seed : int
    recipe : Recipe or None
        Whose augmentation is applied.
    """

    def __init__(
        self, split: LoadedSplit, spec: InputSpec, batch_size: int, seed: int, recipe: Recipe | None = None
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=4)
        self._split, self._spec, self._batch_size = split, spec, batch_size
        self._recipe = recipe
        self._augmenter = build_augmenter(recipe) if recipe else None
        self._rng = np.random.default_rng(seed)
        self._order = np.arange(len(split.classes))
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        indices = self._order[batch * self._batch_size : (batch + 1) * self._batch_size]
        pictures = self._split.pictures[indices]
        if self._recipe and self._recipe.augmentation.crop:
            pictures = crop_at_random(pictures, self._recipe.augmentation.crop, self._rng)
        if self._augmenter:
            pictures = np.asarray(self._augmenter(pictures.astype(np.float32), training=True))
        return scale_values(pictures, self._spec), self._split.classes[indices]

    def on_epoch_end(self) -> None:
        """What Keras calls after each epoch."""
        if self._recipe:
            self._rng.shuffle(self._order)
