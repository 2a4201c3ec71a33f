"""Augmented batches for the evidence network: which slice is drawn, and what the network should say of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
import numpy as np

from inference.bundle import InputSpec
from inference.preprocess import build_batch
from training.augment import Slice, change_appearance, draw_lesion, paste_healthy, paste_tumour, reframe, remove_tumour
from training.dataset import NO_TUMOUR, TUMOUR_TYPES, UNKNOWN_TUMOUR, Sample

DRAW_SHARES = {"glioma": 0.22, "meningioma": 0.20, "pituitary": 0.18, NO_TUMOUR: 0.33, UNKNOWN_TUMOUR: 0.07}
"""How often each label is drawn: the four classes about equally, whatever their number."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One drawn slice and its targets; ``box_known`` says whether the lesion map may be learnt from."""

    item: Slice
    label: str
    box_known: bool


class AugmentedBatches(keras.utils.PyDataset):
    """Endless variety, fixed length: each epoch draws anew, reproducibly from (seed, epoch, batch).

    Parameters
    ----------
    samples : sequence of Sample
    pictures : dict of Path to numpy.ndarray
        See `training.dataset.read_pictures`.
    spec : InputSpec
    evidence_shape : tuple of int
        (height, width) of the evidence map.
    batch_size, batches : int
    counterfactuals : float
        Share of the draws that are counterfactuals, in [0, 1].
    seed : int
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        pictures: dict[Path, np.ndarray],
        spec: InputSpec,
        evidence_shape: tuple[int, int],
        *,
        batch_size: int,
        batches: int,
        counterfactuals: float = 0.0,
        strength: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._by_label: dict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            self._by_label[sample.label].append(sample)
        self._boxed = [sample for sample in samples if sample.box is not None]
        self._pictures, self._spec, self._evidence_shape = pictures, spec, evidence_shape
        self._batch_size, self._batches, self._strength, self._seed = batch_size, batches, strength, seed
        self.counterfactuals = counterfactuals
        self.epoch = 0

    def __len__(self) -> int:
        return self._batches

    def __getitem__(self, batch: int):
        rng = np.random.default_rng((self._seed, self.epoch, batch))
        return self.collate([self._draw(rng) for _ in range(self._batch_size)])

    def collate(self, examples: Sequence[Example]):
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

    def collate_plain(self, samples: Sequence[Sample]):
        """Stack samples as they are, unaugmented; see `collate`."""
        return self.collate([self._build_real(sample) for sample in samples])

    def _build_real(self, sample: Sample) -> Example:
        item = Slice(grey=self._pictures[sample.path], lesion=draw_lesion(sample.box))
        return Example(item=item, label=sample.label, box_known=sample.box is not None or not sample.has_tumour)

    def _draw(self, rng: np.random.Generator) -> Example:
        example = self._draw_counterfactual(rng) if rng.random() < self.counterfactuals else None
        example = example or self._draw_real(rng)
        item = reframe(example.item, rng, strength=self._strength)
        item = Slice(grey=change_appearance(item.grey, rng, strength=self._strength), lesion=item.lesion)
        return Example(item=item, label=example.label, box_known=example.box_known)

    def _pick(self, rng: np.random.Generator, samples: Sequence[Sample]) -> Sample:
        return samples[int(rng.integers(len(samples)))]

    def _draw_real(self, rng: np.random.Generator) -> Example:
        labels = [label for label in DRAW_SHARES if self._by_label[label]]
        shares = np.array([DRAW_SHARES[label] for label in labels])
        label = labels[int(rng.choice(len(labels), p=shares / shares.sum()))]
        return self._build_real(self._pick(rng, self._by_label[label]))

    def _draw_counterfactual(self, rng: np.random.Generator) -> Example | None:
        """A tumour in a healthy brain (5 of 10), an ill brain healed (3), a healthy piece in a healthy brain (2)."""
        kind = rng.random()
        host, other = (self._pictures[self._pick(rng, self._by_label[NO_TUMOUR]).path] for _ in range(2))
        donor = self._pick(rng, self._boxed)
        if kind < 0.2:
            return _build_healthy(paste_healthy(host, other, rng))
        if kind < 0.5:
            return _build_healthy(remove_tumour(self._pictures[donor.path], donor.box))
        pasted = paste_tumour(host, self._pictures[donor.path], donor.box, rng)
        if pasted is None:
            return None
        grey, box = pasted
        return Example(item=Slice(grey=grey, lesion=draw_lesion(box)), label=donor.label, box_known=True)


def _build_healthy(grey: np.ndarray | None) -> Example | None:
    """An example without a tumour, or None when the picture could not be made."""
    if grey is None:
        return None
    return Example(item=Slice(grey=grey, lesion=draw_lesion(None)), label=NO_TUMOUR, box_known=True)
