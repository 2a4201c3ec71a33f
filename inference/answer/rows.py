"""The rows of an answer: what the command line writes, the API answers and a report keeps.

How rows become lines of a file is in `inference.batch.tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from inference.errors import InputError, LeftOutError
from inference.imaging.types import Identifiers  # noqa: TC001 - FastAPI looks up what the fields of a `Row` are

if TYPE_CHECKING:
    from inference.answer.prediction import Prediction
    from inference.answer.volume import VolumePrediction
    from inference.imaging.types import Volume


LEFT_OUT = "left_out"
"""The verdict of what was recognised as something that is not to be answered; `Row.error` says as what."""


@dataclass(frozen=True, kw_only=True)
class VolumeSummary:
    """The fields of a volume's row that a picture's has not; slices are counted from 1.

    Attributes
    ----------
    series : str
        See `inference.imaging.types.Volume.series`.
    slices, empty : int
        How many there are, and how many of them are nearly empty.
    best_slice : int or None
    suspicious : list of int
        See `inference.answer.volume.VolumePrediction`.

    Examples
    --------
    >>> VolumeSummary(series="series 1 of 1, T1, 24 slices", slices=24, empty=2, best_slice=12, suspicious=[11, 12, 13])
    VolumeSummary(series='series 1 of 1, T1, 24 slices', slices=24, empty=2, best_slice=12, suspicious=[11, 12, 13])
    """

    series: str
    slices: int
    empty: int
    best_slice: int | None
    suspicious: list[int]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the command line's output, and the body of the API's answer, its keys in this order.

    Attributes
    ----------
    path : str
        As given or found; for an upload, its file name. What is in an archive has its name there behind it.
    slice : int or None
        Number of a volume's slice, counted from 1; None for a picture, and in the last row of a volume, which holds the
        answer for all of it.
    verdict, label, probabilities, candidates, novelty
        See `inference.answer.prediction.Prediction`. ``label`` is the most probable class, also of a rejected picture:
        read it together with ``verdict``. All None when there is an error; ``verdict`` is `LEFT_OUT` where that is
        nothing wrong.
    finding : str or None
        ``present``, ``absent`` or ``unclear``: whether there is anything but the background. With
        ``finding_probability``, in [0, 1], ``types``, the labels that it may be of, and ``type_probabilities``, of each
        label that is not the background how probable it is if something is there. All None of a model that
        says no finding, and of a rejected picture; see `inference.answer.prediction.Finding`.
    error : str or None
        A sentence when the picture has no answer.
    volume : VolumeSummary or None
        In a volume's last row only; `to_dict` leaves it out of the others.
    identifiers : Identifiers or None
        Whose it is; None, and left out by `to_dict`, unless that was asked for.

    Examples
    --------
    >>> row = Row(path="a.png", verdict="confident", label="Pear", probabilities={"Apple": 0.1, "Pear": 0.9})
    >>> row.to_dict(top=1)["probabilities"]
    {'Pear': 0.9}
    """

    path: str
    slice: int | None = None
    verdict: str | None = None
    label: str | None = None
    probabilities: dict[str, float] | None = None
    candidates: list[str] | None = None
    finding: str | None = None
    finding_probability: float | None = None
    types: list[str] | None = None
    type_probabilities: dict[str, float] | None = None
    novelty: float | None = None
    error: str | None = None
    volume: VolumeSummary | None = None
    identifiers: Identifiers | None = None

    @property
    def is_failed(self) -> bool:
        """Whether something is wrong: there is an error, and it is not that the picture was left out."""
        return self.error is not None and self.verdict != LEFT_OUT

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """The row as JSON has it; with ``top``, of more classes only so many, the most probable first."""
        row = asdict(self)
        if self.volume is None:
            del row["volume"]
        row |= row.pop("identifiers") or {}
        if top and self.probabilities and top < len(self.probabilities):
            ranked = sorted(self.probabilities.items(), key=lambda item: item[1], reverse=True)
            row["probabilities"] = dict(ranked[:top])
        return row


def build_row(
    path: str,
    prediction: Prediction,
    *,
    slice_number: int | None = None,
    volume: VolumeSummary | None = None,
    identifiers: Identifiers | None = None,
) -> Row:
    """The row of an answered picture, slice or volume."""
    finding = prediction.finding
    return Row(
        path=path,
        slice=slice_number,
        verdict=prediction.verdict.value,
        label=prediction.label,
        probabilities=dict(prediction.probabilities),
        candidates=list(prediction.candidates),
        finding=None if finding is None else finding.presence.value,
        finding_probability=None if finding is None else finding.probability,
        types=None if finding is None else list(finding.types),
        type_probabilities=None if finding is None else dict(finding.type_probabilities),
        novelty=prediction.novelty,
        volume=volume,
        identifiers=identifiers,
    )


def build_error_row(path: str, error: InputError, *, identifiers: Identifiers | None = None) -> Row:
    """The row of what has no answer."""
    verdict = LEFT_OUT if isinstance(error, LeftOutError) else None
    return Row(path=path, verdict=verdict, error=str(error), identifiers=identifiers)


def build_volume_rows(
    path: str, volume: Volume, prediction: VolumePrediction, *, slice_paths: Sequence[str] = ()
) -> list[Row]:
    """A row for each slice, and the volume's as the last.

    Parameters
    ----------
    path : str
        The volume's.
    volume : Volume
    prediction : VolumePrediction
    slice_paths : sequence of str
        Of each slice the path of its own file; empty if one file holds them all.
    """
    rows, identifiers = [], volume.identifiers
    for index, one in enumerate(prediction.slices):
        own = slice_paths[index] if slice_paths else path
        if isinstance(one, InputError):
            rows.append(Row(path=own, slice=index + 1, error=str(one), identifiers=identifiers))
        else:
            rows.append(build_row(own, one, slice_number=index + 1, identifiers=identifiers))
    summary = VolumeSummary(
        series=volume.series,
        slices=volume.count,
        empty=len(prediction.empty),
        best_slice=None if prediction.best_slice is None else prediction.best_slice + 1,
        suspicious=[index + 1 for index in prediction.suspicious],
    )
    return [*rows, build_row(path, prediction.answer, volume=summary, identifiers=identifiers)]
