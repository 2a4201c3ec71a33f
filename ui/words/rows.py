"""Rows back to the answers that they were made of, so that a row is worded as its answer is.

No sentence is here: those are in `ui.words.answer` and `ui.words.volume`. Rows are made in `inference.answer.rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inference.answer.prediction import Finding, Prediction, Presence, Verdict
from inference.answer.volume import VolumePrediction
from inference.errors import InputError

if TYPE_CHECKING:
    from inference.answer.rows import Row
    from inference.model.bundle import ModelBundle


def rebuild_prediction(row: Row, bundle: ModelBundle) -> Prediction:
    """The prediction that a row without an error was made of; its duration is not known and 0.

    Raises
    ------
    ValueError
        The row has no answer.
    """
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
        finding=_rebuild_finding(row),
    )


def _rebuild_finding(row: Row) -> Finding | None:
    if row.finding is None or row.finding_probability is None:
        return None
    return Finding(
        presence=Presence(row.finding),
        probability=row.finding_probability,
        types=tuple(row.types or ()),
        type_probabilities=row.type_probabilities or {},
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

    Raises
    ------
    ValueError
        ``whole`` is not the row of a volume.

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
