"""The classifier, which every front is handed: decode → preprocess → engine → calibrate → decide, for pictures.

Volumes are combined in `inference.answer.volume`; errors of single scans are kept apart in `inference.answer.answer`.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from inference.answer.decision import (
    MAX_NOVELTY,
    SIGMOIDS_NOTE,
    FeatureStatistics,
    decide,
    feature_distance,
    picture_novelty,
    to_logits,
    to_probabilities,
)
from inference.answer.finding import find_all
from inference.answer.heatmap import build_heatmap, mirror_heatmap
from inference.answer.prediction import Prediction, Verdict
from inference.errors import BundleError, InputError
from inference.imaging.arrays import reduce_grey
from inference.imaging.dicom.kinds import spell_modality
from inference.imaging.load import ImageSource, load_image
from inference.imaging.types import DecodedImage, Slice
from inference.model.bundle import ModelBundle, load_bundle
from inference.model.engine import Engine, EngineOutput, FixedBatchEngine, load_engine
from inference.model.microbatch import MicrobatchEngine
from inference.model.preprocess import prepare_image, stack_batch
from inference.model.self_check import check_engine, takes_one_only

BATCH_SIZE = 16
"""Pictures that are decoded and classified together. On two cores a picture costs 5 ms in batches of 12 or 16, and a
third more from 20 on: arrays of that size are taken from the system and given back for each batch."""


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """A picture, ready for the network.

    Attributes
    ----------
    image : DecodedImage
    input : numpy.ndarray, shape (H, W, C), float32
        As the network is fed.
    novelty : float
        The novelty score of the picture alone.
    """

    image: DecodedImage
    input: np.ndarray
    novelty: float


class Classifier:
    """A model bundle with its running network. May be called from several threads.

    Parameters
    ----------
    bundle : ModelBundle
    engine : Engine
        The bundle's network, loaded.
    threads : int
        Cores on which the pictures of a batch are decoded; 0 for all.

    Raises
    ------
    BundleError
        Bundle and network contradict each other.

    Examples
    --------
    >>> classifier = Classifier.load("models/brain_tumor")
    >>> prediction = classifier.predict("models/brain_tumor/examples/chelsea.jpg")
    >>> prediction.verdict.value, prediction.candidates
    ('rejected', ())
    """

    def __init__(self, bundle: ModelBundle, engine: Engine, threads: int = 0) -> None:
        self.bundle = bundle
        self._engine = engine
        self._decoders = ThreadPoolExecutor(threads or os.cpu_count(), "decode")  # starts a thread when it needs one
        self._output = check_engine(engine, bundle)
        self._statistics = _load_statistics(bundle)

    @classmethod
    def load(cls, path: str | Path, threads: int = 0) -> Classifier:
        """Load a bundle folder, or a bare ``.keras``, ``.h5`` or ``.onnx`` file.

        Parameters
        ----------
        path : str or pathlib.Path
        threads : int
            Cores to compute and to decode on; 0 for all.

        Raises
        ------
        BundleError
            Something is missing, altered or inconsistent; the message says what.
        """
        return cls.open(load_bundle(path), threads)

    @classmethod
    def open(cls, bundle: ModelBundle, threads: int = 0) -> Classifier:
        """Load the network of a bundle whose ``bundle.json`` was read before.

        Raises
        ------
        BundleError
            See `load`.
        """
        for name in bundle.files.keys() - {bundle.network, bundle.novelty.statistics}:
            bundle.read_file(name)  # compares its SHA-256; the other two are compared when they are read to be used
        engine = load_engine(bundle, threads)
        try:
            return cls(bundle, MicrobatchEngine(engine), threads)
        except BundleError:
            if not takes_one_only(engine, bundle):
                raise
        return cls(bundle, MicrobatchEngine(FixedBatchEngine(engine, 1)), threads)

    def predict(self, source: ImageSource | DecodedImage | Slice, *, explain: bool = False) -> Prediction:
        """Classify one picture.

        Parameters
        ----------
        source : bytes, str, pathlib.Path, numpy.ndarray, DecodedImage or Slice
            An encoded file's bytes, its path, RGB pixels (see `inference.imaging.load.load_image`), or a picture or a
            volume's slice that was decoded before.
        explain : bool
            Give `Prediction.heatmap` too; it costs next to nothing.

        Raises
        ------
        InputError
            The picture cannot be read, or it is of a modality that the model is not about.
        EngineError
            The network failed.
        """
        return next(self.predict_many([source], batch_size=1, explain=explain))

    def predict_many(
        self,
        sources: Iterable[ImageSource | DecodedImage | Slice],
        *,
        batch_size: int = BATCH_SIZE,
        explain: bool = False,
    ) -> Iterator[Prediction]:
        """Classify pictures in batches, in order, holding no more than one batch in memory.

        Parameters
        ----------
        sources : iterable
            Of what `predict` takes.
        batch_size : int
        explain : bool
            See `predict`.

        Yields
        ------
        Prediction

        Raises
        ------
        InputError
            A picture cannot be read; `inference.answer.answer.AnswerQueue` turns that into a row instead.
        """
        remaining = iter(sources)
        while chunk := list(islice(remaining, batch_size)):
            started = time.perf_counter()
            prepare = map if len(chunk) == 1 else self._decoders.map
            pictures = list(prepare(self._prepare, chunk))
            output = self._engine.run(stack_batch([one.input for one in pictures], self.bundle.input), explain=explain)
            yield from self._decide(pictures, output, started)

    def _prepare(self, source: ImageSource | DecodedImage | Slice) -> _Prepared:
        """Decode and prepare one picture; several threads do it at the same time."""
        if isinstance(source, Slice):
            source = source.image
        image = source if isinstance(source, DecodedImage) else load_image(source)
        check_modality(image.modality, self.bundle)
        pixels = reduce_grey(image.fed_pixels)
        return _Prepared(
            image=image,
            input=prepare_image(pixels, self.bundle.input),
            novelty=picture_novelty(pixels, self.bundle.novelty),
        )

    def _decide(self, pictures: Sequence[_Prepared], output: EngineOutput, started: float) -> list[Prediction]:
        bundle = self.bundle
        novelties = self._score_novelty(pictures, output)
        logits = to_logits(output.scores, self._output)
        probabilities = to_probabilities(logits, novelties, bundle.calibration, exclusive=bundle.is_exclusive)
        maps = [None] * len(pictures) if output.evidence is None else list(output.evidence)
        duration_s = (time.perf_counter() - started) / len(pictures)
        return [
            replace(
                self._build_prediction(one.image, row, float(novelty), evidence), finding=finding, duration_s=duration_s
            )
            for one, row, novelty, evidence, finding in zip(
                pictures, probabilities, novelties, maps, find_all(logits, novelties, bundle), strict=True
            )
        ]

    def _score_novelty(self, pictures: Sequence[_Prepared], output: EngineOutput) -> np.ndarray:
        scores = np.array([one.novelty for one in pictures])
        if self._statistics is not None and output.features is not None:
            distances = feature_distance(output.features, self._statistics)
            scores = np.maximum(scores, distances / self.bundle.novelty.distance_limit)
        return np.asarray(np.minimum(scores, MAX_NOVELTY))

    def _build_prediction(
        self,
        image: DecodedImage,
        probabilities: np.ndarray,
        novelty: float,
        evidence: np.ndarray | None,
    ) -> Prediction:
        labels = self.bundle.labels
        verdict, candidates = decide(
            probabilities, novelty, self.bundle.calibration, exclusive=self.bundle.is_exclusive
        )
        index = int(np.argmax(probabilities))
        heatmap = None
        if evidence is not None and verdict is not Verdict.REJECTED:
            heatmap = build_heatmap(evidence, index, image.pixels.shape[:2])
            heatmap = mirror_heatmap(heatmap) if image.is_fed_mirrored else heatmap
        return Prediction(
            label=labels[index],
            index=index,
            probabilities=dict(zip(labels, (float(value) for value in probabilities), strict=True)),
            candidates=tuple(labels[candidate] for candidate in candidates),
            verdict=verdict,
            novelty=novelty,
            model_name=self.bundle.name,
            model_version=self.bundle.version,
            duration_s=0.0,
            notes=image.notes if self.bundle.is_exclusive else (*image.notes, SIGMOIDS_NOTE),
            heatmap=heatmap,
        )


def check_modality(modality: str | None, bundle: ModelBundle) -> None:
    """Raise `InputError` for a DICOM modality that the model is not about; None, which says nothing, passes."""
    if modality and bundle.modalities and modality not in bundle.modalities:
        accepted = " or ".join(spell_modality(code) for code in bundle.modalities)
        raise InputError(f"DICOM images of {accepted} are accepted; received {spell_modality(modality)}.")


def _load_statistics(bundle: ModelBundle) -> FeatureStatistics | None:
    name = bundle.novelty.statistics
    if name is None:
        return None
    try:
        with np.load(io.BytesIO(bundle.read_file(name)), allow_pickle=False) as arrays:
            return FeatureStatistics(
                mean=arrays["mean"].astype(np.float32),
                components=arrays["components"].astype(np.float32),
                scale=arrays["scale"].astype(np.float32),
                residual_scale=float(arrays["residual_scale"]),
            )
    except (KeyError, ValueError, OSError) as error:
        raise BundleError(f"The bundle {bundle.path} has feature statistics in {name} that cannot be read.") from error
