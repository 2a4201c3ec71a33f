"""Augmented batches for the evidence network: which slice is drawn, and what the network should say of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2
import keras
import numpy as np

from inference.model.preprocess import build_batch
from training.brain.augment import Slice, borrow_histogram, change_appearance, reframe, strip_skull
from training.brain.counterfactuals import draw_harmless_box, draw_lesion, hide_region, paint_lesion, paste_tumour
from training.data.manifest import NO_TUMOUR, TUMOUR_TYPES, UNKNOWN_TUMOUR, Box, Sample

if TYPE_CHECKING:
    from inference.model.schema import InputSpec

Batch = tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]
"""What ``Model.fit`` takes: pictures, targets and weights; the last two by the names of the outputs."""

Item = TypeVar("Item")

DRAW_SHARES = {"glioma": 0.21, "meningioma": 0.19, "pituitary": 0.16, NO_TUMOUR: 0.36, UNKNOWN_TUMOUR: 0.08}
"""How often each label is drawn, whatever their number; healthy slices most often, since some are given a tumour."""

TUMOUR_SHARE = 2 / 3
"""How many of the drawn slices, counterfactuals included, show a tumour: about what the network comes to expect."""

DISTURBED_SHARE = 0.8
"""How often a harmless region is covered too, as a multiple of the share of counterfactuals."""

HEALED_SHARE = 0.8
"""How often a tumour is hidden, as a multiple of the share of counterfactuals; what is left of it (oedema, a shifted
midline) is now called healthy, so less often than a tumour is given."""

GIVEN_SHARE = 1.0
"""How often a healthy brain is given a tumour, as a multiple of the share of counterfactuals."""

PAINTED_SHARE = 0.3
"""How many of the tumours put into a healthy brain are painted instead of taken from another slice."""

BORROWED_SHARE = 0.5
"""How often a picture takes the grey values of another one, as a multiple of the share of counterfactuals."""

STRIPPED_SHARE = 0.12
"""How often the skull is taken away."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One drawn slice and its targets; ``box_known`` says whether the lesion map may be learnt from."""

    item: Slice
    label: str
    box_known: bool


@dataclass(frozen=True, kw_only=True)
class DrawPlan:
    """How batches are drawn.

    Attributes
    ----------
    batch_size, batches : int
        Slices a batch, and batches an epoch.
    counterfactuals : float
        Share of the draws that are counterfactuals, in [0, 1]; what `AugmentedBatches` starts with.
    strength : float
        Of the framing and appearance changes, see `training.brain.augment`.
    seed : int
    """

    batch_size: int
    batches: int
    counterfactuals: float = 0.0
    strength: float = 1.0
    seed: int = 0


class AugmentedBatches(keras.utils.PyDataset):
    """Endless variety, fixed length: each epoch draws anew, reproducibly from (seed, epoch, batch).

    Parameters
    ----------
    samples : sequence of Sample
    pictures : dict of Path to numpy.ndarray
        See `training.data.grey.read_pictures`.
    spec : InputSpec
    evidence_shape : tuple of int
        (height, width) of the evidence map.
    plan : DrawPlan
    brains : dict of Path to numpy.ndarray, shape (S, S), bool
        Where in a healthy slice a tumour may be put; anywhere in the head when a slice is not in it.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        pictures: dict[Path, np.ndarray],
        spec: InputSpec,
        evidence_shape: tuple[int, int],
        plan: DrawPlan,
        *,
        brains: dict[Path, np.ndarray] | None = None,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._by_label: dict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            self._by_label[sample.label].append(sample)
        self._samples = samples
        self._donors = [(sample, sample.box) for sample in samples if sample.box is not None]
        self._pictures, self._spec, self._evidence_shape = pictures, spec, evidence_shape
        self._plan, self._brains = plan, brains or {}
        self.counterfactuals = plan.counterfactuals
        self.epoch = 0

    def __len__(self) -> int:
        return self._plan.batches

    def __getitem__(self, batch: int) -> Batch:
        rng = np.random.default_rng((self._plan.seed, self.epoch, batch))
        return self.collate([self.draw(rng) for _ in range(self._plan.batch_size)])

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Stack examples into (batch, targets, weights) for ``Model.fit``."""
        images = [np.repeat(example.item.grey[:, :, None], 3, axis=2) for example in examples]
        size = self._evidence_shape[::-1]
        maps = [cv2.resize(example.item.lesion, size, interpolation=cv2.INTER_AREA) for example in examples]
        types = [TUMOUR_TYPES.index(example.label) if example.label in TUMOUR_TYPES else -1 for example in examples]
        targets = {
            "detection": np.array([[example.label != NO_TUMOUR] for example in examples], np.float32),
            "type": np.maximum(np.array(types, np.int32), 0),
            "evidence": np.stack(maps)[..., None].astype(np.float32),
        }
        weights = {
            "detection": np.ones(len(examples), np.float32),
            "type": (np.array(types) >= 0).astype(np.float32),
            "evidence": np.array([example.box_known for example in examples], np.float32),
        }
        return build_batch(images, self._spec), targets, weights

    def collate_plain(self, samples: Sequence[Sample]) -> Batch:
        """Stack samples as they are, unaugmented; see `collate`."""
        return self.collate([self._build_real(sample) for sample in samples])

    def _build_real(self, sample: Sample) -> Example:
        item = Slice(grey=self._pictures[sample.path], lesion=draw_lesion(sample.box))
        return Example(item=item, label=sample.label, box_known=sample.box is not None or not sample.has_tumour)

    def draw(self, rng: np.random.Generator) -> Example:
        """Draw one training slice: real or a counterfactual, reframed, its appearance changed."""
        labels = [label for label in DRAW_SHARES if self._by_label[label]]
        shares = np.array([DRAW_SHARES[label] for label in labels])
        sample = _pick(rng, self._by_label[labels[int(rng.choice(len(labels), p=shares / shares.sum()))]])
        share = self.counterfactuals * (HEALED_SHARE if sample.has_tumour else GIVEN_SHARE)
        drawn = self.draw_counterfactual(sample, rng) if rng.random() < share else None
        example, box = drawn or (self._build_real(sample), sample.box)
        grey = example.item.grey
        if example.box_known and rng.random() < self.counterfactuals * DISTURBED_SHARE:
            grey = _disturb(grey, box if example.label != NO_TUMOUR else None, rng)
        strength = self._plan.strength
        if rng.random() < self.counterfactuals * BORROWED_SHARE:
            strength *= 0.5
            grey = borrow_histogram(grey, self._pictures[_pick(rng, self._samples).path])
        if rng.random() < STRIPPED_SHARE * self._plan.strength:
            grey = strip_skull(grey, rng)
        item = reframe(Slice(grey=grey, lesion=example.item.lesion), rng, strength=self._plan.strength)
        item = Slice(grey=change_appearance(item.grey, rng, strength=strength), lesion=item.lesion)
        return Example(item=item, label=example.label, box_known=example.box_known)

    def draw_counterfactual(self, sample: Sample, rng: np.random.Generator) -> tuple[Example, Box | None] | None:
        """The same picture with the other answer: a tumour hidden, or one from elsewhere put into a healthy brain."""
        grey = self._pictures[sample.path]
        if sample.has_tumour:
            healed = None if sample.box is None else hide_region(grey, sample.box, rng)
            if healed is None:
                return None
            if rng.random() < PAINTED_SHARE:
                return self._paint(healed, None, rng)
            return Example(item=Slice(grey=healed, lesion=draw_lesion(None)), label=NO_TUMOUR, box_known=True), None
        brain = self._brains.get(sample.path)
        if rng.random() < PAINTED_SHARE:
            return self._paint(grey, brain, rng)
        donor, donor_box = _pick(rng, self._donors)
        pasted = paste_tumour(grey, self._pictures[donor.path], donor_box, rng)
        if pasted is None or not _lies_in(brain, pasted[1]):
            return None
        ill, box = pasted
        return Example(item=Slice(grey=ill, lesion=draw_lesion(box)), label=donor.label, box_known=True), box

    def _paint(
        self, grey: np.ndarray, brain: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[Example, Box | None] | None:
        where = draw_harmless_box(grey, rng, avoid=None)
        if where is not None and not _lies_in(brain, where):
            return None
        painted = None if where is None else paint_lesion(grey, where, rng)
        if painted is None:
            return None
        ill, box = painted
        return Example(item=Slice(grey=ill, lesion=draw_lesion(box)), label=UNKNOWN_TUMOUR, box_known=True), box


def _pick(rng: np.random.Generator, items: Sequence[Item]) -> Item:
    return items[int(rng.integers(len(items)))]


def _lies_in(brain: np.ndarray | None, box: Box) -> bool:
    """Whether half of a lesion, at least, lies in the brain; True when it is not known what is."""
    return brain is None or bool(brain[draw_lesion(box) > 0.5].mean() >= 0.5)


def _disturb(grey: np.ndarray, tumour: Box | None, rng: np.random.Generator) -> np.ndarray:
    """Do to a harmless region what counterfactuals do to tumours, so that the doing itself tells nothing."""
    region = draw_harmless_box(grey, rng, avoid=tumour)
    changed = None if region is None else hide_region(grey, region, rng, avoid=tumour)
    return grey if changed is None else changed
