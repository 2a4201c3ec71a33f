"""A volume's answer in words: for the whole, and slice by slice.

The words of a picture's answer are `ui.words.answer`'s; plots and thumbnails are each front's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference.answer.prediction import Prediction, Presence, Verdict
from ui.words.answer import Presentation, present_prediction
from ui.words.numbers import format_percent, list_numbers

if TYPE_CHECKING:
    from inference.answer.volume import VolumePrediction
    from inference.errors import InputError
    from inference.model.bundle import ModelBundle


@dataclass(frozen=True, kw_only=True)
class SliceRow:
    """One slice of a volume's answer; plain text, not yet escaped.

    Attributes
    ----------
    probability : float or None
        What the plot shows, in [0, 1]; None where the slice does not count.
    percent : str
        The same for people; empty where there is none.
    remark : str
        What else is to be said of it: "nearly empty", "suspicious"; may be empty.
    is_suspicious : bool
        See `inference.answer.volume.VolumePrediction`.
    """

    probability: float | None
    percent: str
    remark: str
    is_suspicious: bool


@dataclass(frozen=True, kw_only=True)
class SlicesPresentation:
    """A volume's answer along the volume; plain text, not yet escaped.

    Attributes
    ----------
    title : str
        What the plot shows.
    summary : tuple of str
        See `describe_volume`.
    rows : tuple of SliceRow
        Of every slice, in order; empty if the volume was rejected.
    suspicious : int
        How many slices are suspicious.
    """

    title: str
    summary: tuple[str, ...]
    rows: tuple[SliceRow, ...]
    suspicious: int

    def title_strip(self, shown: int) -> str:
        """The title of the thumbnails, of which so many are shown."""
        if not self.suspicious:
            return "The slice that looks most suspicious"
        if shown < self.suspicious:
            return f"The {shown} most suspicious of {self.suspicious} slices"
        return "The suspicious slices"


def present_volume(found: VolumePrediction, bundle: ModelBundle) -> Presentation:
    """Word the answer for a whole volume, of which a front shows the slice `VolumePrediction.best_slice`."""
    shown = present_prediction(found.answer, bundle, is_volume=True)
    return replace(shown, notes=(_word_slices(found, bundle), *shown.notes))


def describe_volume(found: VolumePrediction, bundle: ModelBundle) -> tuple[str, ...]:
    """Say how many slices a volume has, which speak for its answer and which shows it best; numbers count from 1."""
    sentences = [f"{len(found.slices)} slices were looked at, {len(found.empty)} of them nearly empty."]
    if found.best_slice is None:
        return tuple(sentences)
    best, count = found.best_slice + 1, len(found.suspicious)
    numbers = list_numbers([index + 1 for index in found.suspicious])
    if bundle.background is None:
        what = f"{bundle.label_text(found.answer.label)} is likeliest"
        on = "On one slice" if count == 1 else f"On {count} slices"
        where = f"{on} {what}: {numbers}." if count else f"There is no slice on which {what}."
        return (*sentences, f"Slice {best} shows the answer best.", where)
    does = "shows the answer best" if _is_found(found.answer, bundle) else "looks most suspicious"
    sentences.append(f"Slice {best} {does}.")
    if not count:
        sentences.append("No slice looks suspicious by itself.")
    else:
        look = "One slice looks" if count == 1 else f"{count} slices look"
        sentences.append(f"{look} suspicious: {numbers}.")
    return tuple(sentences)


def present_slices(found: VolumePrediction, bundle: ModelBundle) -> SlicesPresentation:
    """Word a volume's answer slice by slice: how probable it is that something is there, or the answer's own label."""
    label, background = found.answer.label, bundle.background
    what = "suspicious" if background else f"{bundle.label_text(label)} is likeliest"
    best = "shows the answer best" if _is_found(found.answer, bundle) else "looks most suspicious"

    def word_row(index: int, one: Prediction | InputError) -> SliceRow:
        if not isinstance(one, Prediction) or index in found.empty or one.verdict is Verdict.REJECTED:
            remark = "nearly empty" if index in found.empty else "not of this kind"
            remark = remark if isinstance(one, Prediction) else "cannot be read"
            return SliceRow(probability=None, percent="", remark=remark, is_suspicious=False)
        probability = one.probabilities[label] if background is None else _find_probability(one, background)
        remarks = [what] if index in found.suspicious else []
        if index == found.best_slice:
            remarks.append(best)
        return SliceRow(
            probability=probability,
            percent=format_percent(probability),
            remark=", ".join(remarks),
            is_suspicious=index in found.suspicious,
        )

    rows = tuple(word_row(index, one) for index, one in enumerate(found.slices))
    return SlicesPresentation(
        title=f"How probable {bundle.finding if background else bundle.label_text(label)} is, slice by slice",
        summary=describe_volume(found, bundle),
        rows=() if found.best_slice is None else rows,
        suspicious=len(found.suspicious),
    )


def word_slice(index: int, count: int) -> str:
    """Name a slice, whose index counts from 0 and whose number counts from 1.

    Examples
    --------
    >>> word_slice(0, 6)
    'slice 1 of 6'
    """
    return f"slice {index + 1} of {count}"


def _is_found(answer: Prediction, bundle: ModelBundle) -> bool:
    """Whether the answer says that something is there; without a background, it always does."""
    if answer.finding is not None:
        return answer.finding.presence is Presence.PRESENT
    return answer.label != bundle.background


def _find_probability(one: Prediction, background: str) -> float:
    """How probable it is that something is there, in [0, 1]."""
    return 1.0 - one.probabilities[background] if one.finding is None else one.finding.probability


def _word_slices(found: VolumePrediction, bundle: ModelBundle) -> str:
    count = len(found.slices)
    sentences = f"This is the answer for all {count} slices together."
    if found.best_slice is None:
        return sentences
    if not _is_found(found.answer, bundle):
        return f"{sentences} Slice {found.best_slice + 1}, which is shown, looks most suspicious."
    sentences = f"{sentences} Slice {found.best_slice + 1}, which is shown, shows it best."
    if bundle.background is None:
        return sentences
    return f"{sentences} {len(found.suspicious)} of {count} slices look suspicious."
