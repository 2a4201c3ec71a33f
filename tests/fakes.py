"""Stand-ins that tests hand to a front instead of a trained model."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inference.answer.heatmap import build_heatmap
from inference.answer.prediction import Finding, Heatmap, Prediction, Presence, Verdict
from inference.imaging.load import load_image
from inference.imaging.types import DecodedImage
from inference.model.bundle import ModelBundle
from inference.model.schema import Calibration

LABELS = ("Apple", "Pear Fruit", "Quince")
SPOKEN = ("apple", "pear", "quince")

CONFIDENT = {"Apple": 0.0234567891, "Pear Fruit": 0.9432101234, "Quince": 0.0333330875}
UNCERTAIN = {"Apple": 0.48, "Pear Fruit": 0.11, "Quince": 0.41}
CERTAIN = {"Apple": 0.9981, "Pear Fruit": 0.0018, "Quince": 0.0001}

MAGENTA = (255, 0, 255)
"""The colour of a picture on which `FakeClassifier` fails."""

ABOUT: Mapping[str, Any] = {
    "summary": "Tells fruit apart.",
    "figures": [{"name": "Accuracy", "value": "0.93", "detail": "on 200 held-out fruit"}],
    "data": [{"name": "Orchard", "licence": "CC0", "detail": "900 photographs"}],
    "limits": ["It has never seen a medlar."],
    "licence": "MIT",
    "disclaimer": "A teaching tool: not a medical device, not a greengrocer.",
}


def make_bundle(path: Path | None = None, **changes: Any) -> ModelBundle:
    """A bundle about fruit, so that a page which knows brains fails."""
    values: dict[str, Any] = {
        "path": path or Path("nowhere"),
        "name": "fruit",
        "version": "1.2.3",
        "title": "Fruit",
        "subject": "a fruit",
        "labels": LABELS,
        "label_texts": SPOKEN,
        "network": "model.onnx",
        "about": ABOUT,
    }
    return ModelBundle(**{**values, **changes})


BREEDS = (*(f"Breed {number}" for number in range(1, 39)), "Épagneul <b>breton</b>", "Zwergpudel")
"""Forty classes, more than are shown at once."""

BREED_PROBABILITIES = dict.fromkeys(BREEDS[:-1], 0.005) | {"Breed 7": 0.14, BREEDS[-1]: 0.67}


def make_breeds() -> FakeClassifier:
    """A model of many classes that always sees a Zwergpudel, without heat maps, examples or a disclaimer."""
    bundle = make_bundle(
        name="breeds",
        title="Dog breeds",
        subject="a dog",
        labels=BREEDS,
        label_texts=BREEDS,
        about={"summary": "Dogs."},
    )
    return FakeClassifier(bundle=bundle, gives_maps=False, always=BREED_PROBABILITIES)


LEAF_LABELS = ("Canker", "Healthy", "Mildew", "Scab")

SETTLED = {"Canker": 0.02, "Healthy": 0.01, "Mildew": 0.01, "Scab": 0.96}
TYPE_UNCERTAIN = {"Canker": 0.56, "Healthy": 0.025, "Mildew": 0.41, "Scab": 0.005}
ABSENT = {"Canker": 0.01, "Healthy": 0.97, "Mildew": 0.01, "Scab": 0.01}
UNCLEAR = {"Canker": 0.3, "Healthy": 0.62, "Mildew": 0.05, "Scab": 0.03}


def make_leaf_bundle(path: Path | None = None, **changes: Any) -> ModelBundle:
    """A bundle about leaves, of which one label says that there is no disease: its answers are findings."""
    values: dict[str, Any] = {
        "name": "leaf",
        "title": "Leaves",
        "subject": "a leaf",
        "labels": LEAF_LABELS,
        "label_texts": ("canker", "no disease", "mildew", "scab"),
        "background": "Healthy",
        "finding": "a disease",
        "calibration": Calibration(finding={}),
    }
    return make_bundle(path, **{**values, **changes})


def make_finding(probabilities: Mapping[str, float], background: str = "Healthy") -> Finding:
    """The finding that suits the numbers: sure from 90 % on, the types those with a tenth of it at least."""
    probability = 1.0 - probabilities[background]
    shares = {label: share / probability for label, share in probabilities.items() if label != background}
    ranked = sorted(shares, key=lambda label: shares[label], reverse=True)
    presence = Presence.PRESENT if probability >= 0.9 else Presence.ABSENT if probability <= 0.1 else Presence.UNCLEAR
    return Finding(
        presence=presence,
        probability=probability,
        types=tuple(label for label in ranked if shares[label] >= 0.1) if presence is Presence.PRESENT else (),
        type_probabilities=shares,
    )


def make_leaves(path: Path | None = None, **changes: Any) -> FakeClassifier:
    """A model that gives findings: red is a disease of an uncertain type, blue none, yellow unclear, else scab."""
    return FakeClassifier(bundle=make_leaf_bundle(path, **changes), finds=True)


def make_prediction(probabilities: Mapping[str, float] = CONFIDENT, **changes: Any) -> Prediction:
    """A prediction with the verdict that suits the numbers, unless it is given."""
    ranked = sorted(probabilities, key=lambda label: probabilities[label], reverse=True)
    verdict = changes.get("verdict", Verdict.CONFIDENT if probabilities[ranked[0]] > 0.5 else Verdict.UNCERTAIN)
    named = {Verdict.CONFIDENT: 1, Verdict.UNCERTAIN: 2, Verdict.REJECTED: 0}[verdict]
    values: dict[str, Any] = {
        "label": ranked[0],
        "index": list(probabilities).index(ranked[0]),
        "probabilities": probabilities,
        "candidates": tuple(ranked[:named]),
        "verdict": verdict,
        "novelty": 0.25,
        "model_name": "fruit",
        "model_version": "1.2.3",
        "duration_s": 0.012,
    }
    return Prediction(**{**values, **changes})


def make_heatmap(peak_value: float = 0.9, shape_px: tuple[int, ...] = (90, 120)) -> Heatmap:
    """A map of 19 × 19 cells with one spot, in the upper right part."""
    grid = np.zeros((19, 19, 1), np.float32)
    grid[3:6, 13:16] = peak_value / 2
    grid[4, 14] = peak_value
    return build_heatmap(grid, 0, shape_px)


@dataclass
class FakeClassifier:
    """Decodes like the real one, then answers by the picture's mean colour.

    Red is uncertain, green is refused, blue is nearly certain and no place stands out, a magenta picture is a defect of
    the program, anything else is a confident pear. With ``gives_maps=False`` it is a model without heat maps; with
    ``always`` these are the probabilities whatever the picture is; with ``finds`` the answers are those of
    `make_leaves`, each with a place that stands out.
    """

    bundle: ModelBundle = field(default_factory=make_bundle)
    delay_s: float = 0.0
    gives_maps: bool = True
    always: Mapping[str, float] | None = None
    finds: bool = False
    calls: list[Any] = field(default_factory=list)

    def predict_many(self, sources: Iterable[DecodedImage], *, explain: bool = False) -> Iterator[Prediction]:
        """Answer each by colour."""
        return (self.predict(source, explain=explain) for source in sources)

    def predict(self, image: bytes | str | Path | np.ndarray | DecodedImage, /, *, explain: bool = False) -> Prediction:
        """Answer by colour."""
        self.calls.append(image)
        decoded = image if isinstance(image, DecodedImage) else load_image(image)
        time.sleep(self.delay_s)
        heatmap = make_heatmap(0.9, decoded.pixels.shape[:2]) if explain and self.gives_maps else None
        named = {"model_name": self.bundle.name, "model_version": self.bundle.version, "notes": decoded.notes}
        if self.always:
            finding = make_finding(self.always) if self.finds else None
            return make_prediction(self.always, heatmap=heatmap, finding=finding, **named)
        high = tuple(bool(value > 127) for value in decoded.pixels.reshape(-1, 3).mean(axis=0))
        if high == (True, False, True):
            raise RuntimeError("secret detail of a defect")
        if self.finds and high != (False, True, False):
            colors = {(True, False, False): TYPE_UNCERTAIN, (False, False, True): ABSENT, (True, True, False): UNCLEAR}
            found = colors.get(high, SETTLED)
            return make_prediction(found, heatmap=heatmap, finding=make_finding(found), **named)
        if high == (True, False, False):
            return make_prediction(UNCERTAIN, notes=decoded.notes, heatmap=heatmap)
        if high == (False, True, False):
            return make_prediction(CONFIDENT, verdict=Verdict.REJECTED, novelty=3.0, notes=decoded.notes)
        if high == (False, False, True):
            faint = heatmap and make_heatmap(0.2, decoded.pixels.shape[:2])
            return make_prediction(CERTAIN, notes=decoded.notes, heatmap=faint)
        return make_prediction(CONFIDENT, notes=decoded.notes, heatmap=heatmap)
