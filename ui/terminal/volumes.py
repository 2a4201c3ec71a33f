"""A volume's rows → the answer that they are of, and a plot of it in one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inference.answer.prediction import Prediction, Verdict
from inference.answer.volume import VolumePrediction
from inference.errors import InputError

if TYPE_CHECKING:
    from inference.answer.rows import Row
    from inference.model.bundle import ModelBundle

BLOCKS, LETTERS = "▁▂▃▄▅▆▇█", ".:-=+*%@"
"""Eight heights of a bar, for a terminal that shows Unicode and for one that does not."""

NO_BAR = "·"
"""Stands for slices that do not count."""


def rebuild_prediction(row: Row, bundle: ModelBundle) -> Prediction:
    """The prediction that a row without an error was made of; its duration is not known and 0."""
    if row.verdict is None or row.label is None or row.probabilities is None:
        raise ValueError(f"The row of {row.path} has no answer.")
    return Prediction(
        label=row.label,
        index=list(row.probabilities).index(row.label),
        probabilities=row.probabilities,
        candidates=tuple(row.candidates or ()),
        verdict=Verdict(row.verdict),
        novelty=row.novelty or 0.0,
        model_name=bundle.name,
        model_version=bundle.version,
        duration_s=0.0,
    )


def rebuild_volume(slices: Sequence[Row], whole: Row, bundle: ModelBundle) -> VolumePrediction:
    """The answer that a volume's rows were made of.

    Parameters
    ----------
    slices : sequence of Row
        One a slice, in order.
    whole : Row
        The volume's, with its summary.
    bundle : ModelBundle

    Notes
    -----
    Rows do not say which slices are nearly empty. ``empty`` has those that would be suspicious if they were not; of the
    others it makes no difference to what is said and plotted.
    """
    if whole.volume is None:
        raise ValueError(f"The row of {whole.path} is not of a volume.")
    answer = rebuild_prediction(whole, bundle)
    found = [InputError(row.error) if row.error else rebuild_prediction(row, bundle) for row in slices]
    suspicious = {number - 1 for number in whole.volume.suspicious}

    def speaks(one: Prediction | InputError) -> bool:
        if not isinstance(one, Prediction) or one.verdict is Verdict.REJECTED:
            return False
        return one.label == answer.label if bundle.background is None else one.label != bundle.background

    return VolumePrediction(
        answer=answer,
        slices=tuple(found),
        empty=tuple(index for index, one in enumerate(found) if speaks(one) and index not in suspicious),
        best_slice=None if whole.volume.best_slice is None else whole.volume.best_slice - 1,
        suspicious=tuple(sorted(suspicious)),
    )


def plot_bars(probabilities: Sequence[float | None], width: int, ramp: str = BLOCKS) -> str:
    """Draw probabilities as bars side by side; if there are too many, the highest of neighbours stands for them.

    Parameters
    ----------
    probabilities : sequence of float or None
        In [0, 1]; None has no bar.
    width : int
        Characters at most.
    ramp : str
        A character for each height, rising.

    Examples
    --------
    >>> plot_bars([0.0, 0.3, 0.99, 1.0, None, 0.5], 6)
    '▁▃██·▅'
    >>> plot_bars([0.0, 0.3, 0.99, 1.0, None, None], 3)
    '▃█·'
    """
    count = len(probabilities)
    shown = min(count, width)
    bars = []
    for index in range(shown):
        group = [p for p in probabilities[index * count // shown : (index + 1) * count // shown] if p is not None]
        bars.append(ramp[min(int(max(group) * len(ramp)), len(ramp) - 1)] if group else NO_BAR)
    return "".join(bars)
