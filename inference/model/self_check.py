"""A network is run once on made-up pictures when it is loaded, and its output compared with what its bundle says."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from inference.errors import BundleError, EngineError
from inference.model.preprocess import scale_values, stack_batch

if TYPE_CHECKING:
    from inference.model.bundle import ModelBundle
    from inference.model.engine import Engine, EngineOutput
    from inference.model.schema import Golden, InputSpec

_SEED = b"gyrus golden input"

_BLOCK_BYTES = 4096

_UNCLEAR = "numbers from 0 to 1 that do not sum to 1"


def build_check_batch(spec: InputSpec) -> np.ndarray:
    """Make the batch that a network is tried with: the golden input, and a black picture.

    Returns
    -------
    numpy.ndarray, shape (2, spec.height_px, spec.width_px, C), or (2, C, height, width) for ``nchw``; float32
        In the network's range. The first picture is the output of SHAKE-256 (FIPS 202), repeated, as uint8: every
        machine and version makes the same one, and no resizing or decoding is part of it.
    """
    block = np.frombuffer(hashlib.shake_256(_SEED).digest(_BLOCK_BYTES), np.uint8)
    golden = np.resize(block, spec.shape)
    return stack_batch([scale_values(pixels, spec) for pixels in (golden, np.zeros_like(golden))], spec)


def check_engine(engine: Engine, bundle: ModelBundle) -> str:
    """Run a network once on made-up pictures, to see that it takes and gives what was declared.

    Returns
    -------
    str
        What its scores are, see `ModelBundle.output`: as the bundle says, else as the numbers show. Rows of numbers
        from 0 to 1 that sum to 1 are probabilities, because logits never do so on both pictures; where they do not sum
        to 1 the numbers alone do not tell.

    Raises
    ------
    BundleError
        The network does not take the declared shape, or its output has another width or is of another kind or does
        not tell of which, or its evidence is no map, or it gives something else for the golden input than when the
        bundle was made.
    """
    batch = build_check_batch(bundle.input)
    name, classes = bundle.network, len(bundle.labels)
    try:
        output = engine.run(batch, explain=True)
    except EngineError as error:
        raise BundleError(f"The network {name} does not take pictures of shape {batch.shape[1:]}. {error}") from error
    scores = output.scores
    if scores.shape != (len(batch), bundle.scores_width):
        single = bundle.output == "sigmoid"
        wanted = "one number a picture" if single else f"{classes} numbers a picture, one for each label"
        raise BundleError(f"The network {name} must give {wanted}; its output has the shape {tuple(scores.shape[1:])}.")
    if output.evidence is not None:
        _check_evidence(output.evidence, len(batch), classes, name)
    if bundle.golden is not None:
        _check_golden(output, bundle.golden, name)
    return _find_kind(scores, bundle)


def takes_one_only(engine: Engine, bundle: ModelBundle) -> bool:
    """Whether a network that says it takes any number of pictures takes, or answers, only one.

    Exporters leave such networks: a reshape inside has the batch size of the trial run.
    """
    batch = build_check_batch(bundle.input)

    def takes(pictures: np.ndarray) -> bool:
        try:
            scores = engine.run(pictures).scores
        except EngineError:
            return False
        return scores.ndim > 0 and len(scores) == len(pictures)

    return not takes(batch) and takes(batch[:1])


def _find_kind(scores: np.ndarray, bundle: ModelBundle) -> str:
    in_range = bool((scores >= 0).all() and (scores <= 1.001).all())
    sums_to_1 = np.allclose(scores.sum(axis=1), 1.0, atol=1e-3)
    seen = _UNCLEAR if in_range and not sums_to_1 else "probabilities" if in_range else "logits"
    fitting = {
        _UNCLEAR: ("logits", "sigmoids", "sigmoid"),
        "probabilities": ("probabilities", "sigmoids", "sigmoid"),
        "logits": ("logits",),
    }[seen]
    if bundle.output is None and seen == _UNCLEAR:
        raise BundleError(
            f"The network {bundle.network} gives {seen}. Say in bundle.json what they are: "
            f'"output": "sigmoids", where each is the probability of one label for itself, or "output": "logits".'
        )
    kind = bundle.output or seen
    if kind not in fitting:
        given = "numbers that are not all from 0 to 1" if seen == "logits" and "sigmoid" in kind else seen
        raise BundleError(f'The bundle says "output": "{kind}", and the network {bundle.network} gives {given}.')
    return kind


def _check_golden(output: EngineOutput, golden: Golden, name: str) -> None:
    received = output.scores[0]
    expected = np.array(golden.scores)
    if received.shape != expected.shape:
        raise BundleError(f'"golden.scores" has {len(expected)} numbers, and the network {name} gives {len(received)}.')
    difference = float(np.abs(received - expected).max())
    if not difference <= golden.tolerance:  # so that NaN is no agreement
        raise BundleError(
            f"The network {name} does not compute here what it computed when the bundle was made: on the golden input "
            f"its output differs by {difference:.3g}, and {golden.tolerance:g} is accepted. The network, the "
            f"runtime or this machine's arithmetic is another."
        )


def _check_evidence(evidence: np.ndarray, pictures: int, classes: int, name: str) -> None:
    is_map = evidence.ndim == 4 and len(evidence) == pictures and evidence.shape[3] in (1, classes)
    if not is_map or evidence.min() < -1e-3 or evidence.max() > 1.001:
        raise BundleError(
            f"The network {name} has an output evidence, which must be of shape (N, h, w, 1) or (N, h, w, {classes}) "
            f"with values from 0 to 1; received the shape {tuple(evidence.shape)} and values from "
            f"{evidence.min():g} to {evidence.max():g}."
        )
