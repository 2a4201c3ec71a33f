"""Which of a network's outputs holds the scores; how they are read is in `inference.model.self_check`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference.errors import BundleError

OTHER_OUTPUTS = ("features", "evidence")
"""Names of outputs that hold something else, see `inference.model.engine.EngineOutput`."""


@dataclass(frozen=True, kw_only=True)
class ScoresSpec:
    """What is known beforehand of the output that holds the scores.

    Attributes
    ----------
    name : str or None
        What `inference.model.schema.BundleDocument.scores` calls it.
    width : int or None
        How many numbers it gives a picture.

    Examples
    --------
    >>> choose_scores({"embedding": [1, 512], "prob": [1, 4]}, ScoresSpec(width=4), "model.onnx")
    'prob'
    """

    name: str | None = None
    width: int | None = None


def choose_scores(outputs: Mapping[str, Sequence[Any]], spec: ScoresSpec, network: str) -> str:
    """Choose by name, else by what is called ``logits``, else by width; the first where the width tells nothing.

    Parameters
    ----------
    outputs : mapping of str to sequence
        Of each output the declared shape, in the network's order; an axis may be a number, a name or None.
    spec : ScoresSpec
    network : str
        For messages.

    Raises
    ------
    BundleError
        There is no output of that name, or there are several that may hold the scores.
    """
    if spec.name is not None:
        if spec.name not in outputs:
            raise BundleError(
                f'The bundle says "scores": "{spec.name}", and the network {network} has no such output; '
                f"it has {list_outputs(outputs)}."
            )
        return spec.name
    if "logits" in outputs:
        return "logits"
    candidates = [name for name in outputs if name not in OTHER_OUTPUTS] or list(outputs)
    fitting = [name for name in candidates if tuple(outputs[name][1:]) == (spec.width,)]
    if len(fitting) > 1:
        raise BundleError(
            f"The network {network} has several outputs that may hold the scores: {list_outputs(fitting)}. "
            f'Name the right one in bundle.json, such as "scores": "{fitting[0]}".'
        )
    return (fitting or candidates)[0]


def list_outputs(names: Sequence[str] | Mapping[str, Any]) -> str:
    """Names as they stand in a sentence."""
    return ", ".join(f'"{name[:80]}"' for name in names)
