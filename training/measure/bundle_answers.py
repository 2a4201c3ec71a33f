"""A bundle's answers, served as users are served: to the test split, the volumes, and what is no brain MRI.

Every picture is shown once; what the answers are worth is measured in `training.measure.figures`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference import Classifier, GyrusError, Prediction, load_image
from training.data.grey import read_pictures
from training.data.manifest import CLASS_LABELS, NO_TUMOUR, UNKNOWN_TUMOUR, Sample, read_manifest
from training.data.picture_statistics import measure_statistics
from training.data.splits import split_samples
from training.data.volumes import read_volumes
from training.report.evaluated import EvaluatedBundle

if TYPE_CHECKING:
    from inference.imaging.load import ImageSource
    from inference.imaging.types import DecodedImage

PHOTOGRAPHS = (
    "astronaut",
    "camera",
    "coffee",
    "chelsea",
    "rocket",
    "brick",
    "grass",
    "gravel",
    "coins",
    "text",
    "page",
)
"""Pictures that scikit-image ships; they are made grey, so that colour does not give them away."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SampleAnswers:
    """Pictures, and what a bundle says of each.

    Attributes
    ----------
    samples : list of Sample
    predictions : list of Prediction
        With heat maps, in the order of the samples.
    statistics : numpy.ndarray, shape (N, 15), float32
        What the shortcut baseline is told; `training.data.picture_statistics.STATISTICS`.
    """

    samples: list[Sample]
    predictions: list[Prediction]
    statistics: np.ndarray

    def known(self) -> list[tuple[Sample, Prediction]]:
        """The pictures whose class is known."""
        pairs = zip(self.samples, self.predictions, strict=True)
        return [(sample, prediction) for sample, prediction in pairs if sample.label != UNKNOWN_TUMOUR]

    def known_probabilities(self) -> tuple[np.ndarray, np.ndarray]:
        """Of `known`: calibrated probabilities (N, classes), and the true classes' indices (N,)."""
        order = list(CLASS_LABELS)
        known = self.known()
        probabilities = np.array([list(prediction.probabilities.values()) for _, prediction in known])
        return probabilities, np.array([order.index(sample.label) for sample, _ in known])


@dataclass(frozen=True, kw_only=True, eq=False)
class BundleAnswers(EvaluatedBundle):
    """All that a bundle was shown, and its answers.

    Attributes
    ----------
    test, volumes : SampleAnswers
        The test split; the slices of the volumes, none if it was trained on them.
    kinds : Mapping of str to list of Prediction
        What is no brain MRI, by kind.
    """

    test: SampleAnswers
    volumes: SampleAnswers
    kinds: Mapping[str, list[Prediction]]


def is_right(sample: Sample, prediction: Prediction) -> bool:
    """True for the true class; of a tumour of unknown type, for any tumour."""
    if sample.label == UNKNOWN_TUMOUR:
        return prediction.label != CLASS_LABELS[NO_TUMOUR]
    return prediction.label == CLASS_LABELS[sample.label]


def collect_answers(bundle_path: Path, data_dir: Path, *, groups: Path | None = None) -> BundleAnswers:
    """Show a bundle every picture once: the test split (see `split_samples`), the volumes, and what is no brain MRI.

    A bundle that was trained on the volumes too is not measured on them.
    """
    classifier = Classifier.load(bundle_path)
    samples = read_manifest(data_dir, groups)
    test = split_samples(samples, read_pictures(samples))["test"]
    trained_on_volumes = classifier.bundle.provenance.get("settings", {}).get("volumes")
    volumes = [] if trained_on_volumes else read_volumes(data_dir)
    return BundleAnswers(
        bundle=classifier.bundle,
        data_dir=data_dir,
        test=_answer(classifier, test, (sample.path for sample in test)),
        volumes=_answer(classifier, [sample for sample, _ in volumes], (grey for _, grey in volumes)),
        kinds=_answer_kinds(classifier, data_dir),
        slices={sample.path: grey for sample, grey in volumes},
    )


def _answer(classifier: Classifier, samples: list[Sample], sources: Iterable[ImageSource]) -> SampleAnswers:
    statistics = []

    def decode() -> Iterator[DecodedImage]:
        for source in sources:
            image = load_image(source)
            statistics.append(measure_statistics(image.pixels))
            yield image

    predictions = list(classifier.predict_many(decode(), explain=True))
    return SampleAnswers(samples=samples, predictions=predictions, statistics=np.array(statistics, np.float32))


def _answer_kinds(classifier: Classifier, data_dir: Path) -> dict[str, list[Prediction]]:
    """What is no brain MRI: the folders below ``not_brain``, photographs, noise, blank pictures."""
    sources: dict[str, Iterable[DecodedImage | np.ndarray]] = {}
    for folder in sorted(path for path in (data_dir / "not_brain").glob("*") if path.is_dir()):
        sources[folder.name] = _load_readable(sorted(folder.iterdir()))
    sources["photographs"] = _grey_photographs()
    sources["noise"] = _noise()
    sources["blank"] = [np.full((200, 200), level, np.uint8) for level in (0, 90, 255)]
    return {name: list(classifier.predict_many(images)) for name, images in sources.items()}


def _load_readable(paths: Iterable[Path]) -> Iterator[DecodedImage]:
    for path in paths:
        try:
            yield load_image(path)
        except GyrusError:
            continue  # a licence file beside the pictures


def _grey_photographs() -> list[np.ndarray]:
    import skimage.data

    pictures = [load_image(getattr(skimage.data, name)()).pixels for name in PHOTOGRAPHS]
    return [np.rint(picture.mean(axis=2)).astype(np.uint8) for picture in pictures]


def _noise() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(100, spread, (200, 200)).clip(0, 255).astype(np.uint8) for spread in (20, 40, 60) * 5]
