"""The runtimes that compute a network. No other module knows which of them runs.

ONNX Runtime serves bundles; Keras, which takes seconds and 670 MB to import, is imported only for a model that has
nothing but a Keras file.
"""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from inference.errors import BundleError, EngineError
from inference.failures import first_line
from inference.model.foreign import KERAS_2_HINT, ONNX_SUFFIXES, WEIGHTS_HINT
from inference.model.outputs import OTHER_OUTPUTS, ScoresSpec, choose_scores
from inference.model.vetting import vet_keras, vet_onnx

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.bundle import ModelBundle

_LOG = logging.getLogger(__name__)

MAX_FIXED_BATCH = 64
"""Most pictures that a network may demand at a time: one picture alone costs as much as so many. Exporters fix 1;
networks for accelerators have 8 to 64."""

ANY_SCORES = ScoresSpec()
"""Nothing is known of the scores beforehand."""

_SPIN_US = "100"
"""How long, in microseconds, an idle thread of ONNX Runtime spins before it sleeps: longer than the gaps inside a run,
and shorter than by default, which took a third more processor time from the threads that decode."""


@dataclass(frozen=True, kw_only=True)
class EngineOutput:
    """What a network computes for a batch.

    Attributes
    ----------
    scores : numpy.ndarray, shape (N, classes), float32
        Logits, or probabilities if the network ends in a softmax; (N, 1) if it ends in a sigmoid.
    features : numpy.ndarray, shape (N, F), float32, or None
        Pooled features, from a network that gives them.
    evidence : numpy.ndarray, shape (N, h, w, 1) or (N, h, w, classes), float32, or None
        Local probabilities in [0, 1], if they were asked for and the network gives them; see
        `inference.answer.heatmap`.

    Examples
    --------
    >>> output = EngineOutput(scores=np.zeros((2, 4), np.float32))
    >>> output.scores.shape, output.features, output.evidence
    ((2, 4), None, None)
    """

    scores: np.ndarray
    features: np.ndarray | None = None
    evidence: np.ndarray | None = None


class Engine(Protocol):
    """One loaded network; may be called from several threads."""

    def run(self, batch: np.ndarray, explain: bool = False) -> EngineOutput:
        """Compute a batch.

        Parameters
        ----------
        batch : numpy.ndarray, shape (N, H, W, C) or (N, C, H, W), float32
            As `inference.model.preprocess.build_batch` makes it.
        explain : bool
            Give the evidence map too, if the network has one.

        Raises
        ------
        EngineError
            The runtime failed.
        """


class OnnxEngine:
    """A network in ONNX's format, run by ONNX Runtime on the processor.

    ``batch_size`` is the number of pictures that it takes at a time, None for any; see `FixedBatchEngine`. Outputs are
    known by name: the scores (see `inference.model.outputs.choose_scores`), and where they exist ``features`` and
    ``evidence``. A network without ``evidence``, as a user's own file may be, has no heat map.

    Parameters
    ----------
    content : bytes
        The file. Loading from memory leaves no path from which external data could be read.
    name : str
        For messages.
    threads : int
        Cores to compute on; 0 for all.
    scores : ScoresSpec
        Which output holds the scores.

    Raises
    ------
    BundleError
        ONNX Runtime does not accept the file, or it is not clear which output holds the scores.

    Examples
    --------
    >>> from inference import load_bundle
    >>> bundle = load_bundle("models/brain_tumor")
    >>> engine = OnnxEngine(bundle.network_path.read_bytes(), bundle.network)
    >>> engine.run(np.zeros((2, *bundle.input.shape), np.float32)).scores.shape
    (2, 4)
    """

    def __init__(self, content: bytes, name: str, threads: int = 0, scores: ScoresSpec = ANY_SCORES) -> None:
        import onnxruntime

        vet_onnx(content, name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN_US)
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise BundleError(f"ONNX Runtime cannot load {name}: {first_line(error)}") from error
        inputs, outputs = self._session.get_inputs(), {one.name: one.shape for one in self._session.get_outputs()}
        if len(inputs) != 1:
            raise BundleError(f"The network {name} must have one input; it has {len(inputs)}.")
        self._input_name = inputs[0].name
        self._names = {"scores": choose_scores(outputs, scores, name)}
        self._names |= {other: other for other in OTHER_OUTPUTS if other in outputs}
        self.batch_size = _find_batch_size(inputs[0].shape)

    def run(self, batch: np.ndarray, explain: bool = False) -> EngineOutput:
        """See `Engine.run`."""
        wanted = [field for field in self._names if explain or field != "evidence"]
        try:
            arrays = self._session.run([self._names[field] for field in wanted], {self._input_name: batch})
        except Exception as error:
            raise EngineError(f"The network could not be run: {first_line(error)}") from error
        return EngineOutput(**{field: np.asarray(array) for field, array in zip(wanted, arrays, strict=True)})


class KerasEngine:
    """A ``.keras`` or ``.h5`` file, run by Keras; ``safe_mode`` is always on, so a file cannot bring code along.

    It has no heat map. ``batch_size`` is the number of pictures that it takes at a time, None for any; see
    `FixedBatchEngine`.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        For messages, and the suffix tells the format.
    scores : ScoresSpec
        Which output holds the scores.

    Raises
    ------
    BundleError
        `inference.model.vetting` or Keras does not accept the file, or it is not clear which output holds the scores.

    Examples
    --------
    >>> engine = KerasEngine(Path("model.keras").read_bytes(), "model.keras")  # doctest: +SKIP
    >>> engine.run(np.zeros((2, 150, 150, 3), np.float32)).scores.shape  # doctest: +SKIP
    (2, 4)
    """

    def __init__(self, content: bytes, name: str, scores: ScoresSpec = ANY_SCORES) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
        try:
            import keras
        except ImportError as error:
            raise BundleError(f"{name} is a Keras file, and TensorFlow is not installed here.") from error
        vet_keras(content, name)
        try:
            with tempfile.TemporaryDirectory() as folder:  # the bytes that were vetted are loaded
                copy = Path(folder) / f"network{Path(name).suffix}"
                copy.write_bytes(content)
                self._model: Any = keras.saving.load_model(copy, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises nearly anything on a file that it does not know
            if "no model config" in str(error).lower():
                raise BundleError(f"{name} holds weights and no network. {WEIGHTS_HINT.format(name=name)}") from error
            if "lambda" in str(error).lower():
                raise BundleError(f"{name} holds a Lambda layer, which is code; it is not loaded.") from error
            raise BundleError(
                f"Keras cannot read {name}. {KERAS_2_HINT.format(name=name)} ({first_line(error)})"
            ) from error
        inputs = getattr(self._model, "inputs", None) or []
        self.batch_size = _find_batch_size(inputs[0].shape) if len(inputs) == 1 else None
        outputs = _name_outputs(self._model)
        self._scores = choose_scores(outputs, scores, name) if len(outputs) > 1 or scores.name else None

    def run(self, batch: np.ndarray, explain: bool = False) -> EngineOutput:
        """See `Engine.run`."""
        try:
            output = self._model(batch, training=False)
            if self._scores is not None:
                output = _name_values(self._model, output)[self._scores]
        except Exception as error:
            raise EngineError(f"The network could not be run: {first_line(error)}") from error
        return EngineOutput(scores=np.asarray(output, dtype=np.float32))


class FixedBatchEngine:
    """A network that takes n pictures at a time, no more and no fewer, asked about any number of them.

    PyTorch exports networks so unless it is told otherwise, with n = 1. The last group is filled up with black pictures
    of which nothing is kept. What a picture gets does not depend on its place in a group.

    Parameters
    ----------
    engine : Engine
        The network.
    batch_size : int
        n, 1 or more.

    Examples
    --------
    >>> from inference import load_bundle
    >>> bundle = load_bundle("models/brain_tumor")
    >>> engine = FixedBatchEngine(OnnxEngine(bundle.network_path.read_bytes(), bundle.network), 2)
    >>> engine.run(np.zeros((5, *bundle.input.shape), np.float32)).scores.shape
    (5, 4)
    """

    def __init__(self, engine: Engine, batch_size: int) -> None:
        self._engine = engine
        self._batch_size = batch_size

    def run(self, batch: np.ndarray, explain: bool = False) -> EngineOutput:
        """See `Engine.run`."""
        starts = range(0, len(batch), self._batch_size)
        groups = [self._run_group(batch[start : start + self._batch_size], explain) for start in starts]
        fields = ("scores", "features", "evidence")
        columns = {field: [getattr(group, field) for group in groups] for field in fields}
        return EngineOutput(
            **{field: np.concatenate(arrays) for field, arrays in columns.items() if arrays[0] is not None}
        )

    def _run_group(self, group: np.ndarray, explain: bool) -> EngineOutput:
        missing = self._batch_size - len(group)
        whole = np.pad(group, [(0, missing)] + [(0, 0)] * (group.ndim - 1)) if missing else group
        output = self._engine.run(whole, explain)
        arrays = {"scores": output.scores, "features": output.features, "evidence": output.evidence}
        return EngineOutput(
            **{
                name: _pick_rows(array, self._batch_size)[: len(group)]
                for name, array in arrays.items()
                if array is not None
            }
        )


def _name_outputs(model: Any) -> dict[str, Sequence[Any]]:
    """The declared shape of each output of a Keras network, by name; empty where it has no fixed outputs."""
    if not getattr(model, "outputs", None):
        return {}
    return {name: tuple(output.shape) for name, output in _name_values(model, model.output).items()}


def _name_values(model: Any, values: Any) -> dict[str, Any]:
    """What a Keras network gives, by the names that its author or else Keras gave the outputs."""
    if isinstance(values, dict):
        return {str(name): value for name, value in values.items()}
    every = list(values) if isinstance(values, list | tuple) else [values]
    names = getattr(model, "output_names", None) or [f"output_{index}" for index in range(len(every))]
    return dict(zip(names, every, strict=True))


def _pick_rows(array: np.ndarray, batch_size: int) -> np.ndarray:
    """What a network gave for a group, a row a picture: a network for one picture may leave out the batch axis."""
    if batch_size == 1 and array.ndim == 1:
        return array[None]
    if array.ndim == 0 or len(array) != batch_size:
        raise EngineError(f"The network gives the shape {array.shape} for a batch of {batch_size}.")
    return array


def _find_batch_size(shape: Sequence[Any]) -> int | None:
    """The first axis of an input's declared shape; None where it is a name, unknown or not positive: any number."""
    first = shape[0] if shape else None
    return first if isinstance(first, int) and first > 0 else None


def load_engine(bundle: ModelBundle, threads: int = 0) -> Engine:
    """Load a bundle's network with the runtime that its file name calls for, on so many cores (0 for all).

    Raises
    ------
    BundleError
        The network's file is missing, altered or not readable.
    """
    path = bundle.network_path
    if not bundle.files and bundle.path.is_dir():
        _LOG.warning(
            "The bundle %s lists no SHA-256, so an altered file would not be noticed: "
            "python -m inference.model.checksums %s",
            bundle.name,
            bundle.path,
        )
    content = bundle.read_file(bundle.network)
    scores = ScoresSpec(name=bundle.scores, width=bundle.scores_width)
    if path.suffix.lower() in ONNX_SUFFIXES:
        engine: OnnxEngine | KerasEngine = OnnxEngine(content, path.name, threads, scores)
    else:
        engine = KerasEngine(content, path.name, scores)
    if engine.batch_size is None:
        return engine
    if engine.batch_size > MAX_FIXED_BATCH:
        raise BundleError(
            f"The network {path.name} takes {engine.batch_size} pictures at a time; {MAX_FIXED_BATCH} at most "
            f"are accepted, because one picture alone costs as much. Export it with a free batch axis."
        )
    return FixedBatchEngine(engine, engine.batch_size)
