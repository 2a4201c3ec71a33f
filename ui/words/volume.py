"""A volume's answer in words: for the whole, and slice by slice.

The words of a picture's answer are `ui.words.answer`'s; plots and thumbnails are each front's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference.answer.prediction import Prediction, Verdict
from ui.words.answer import VOLUME_DETAIL, Presentation, present_prediction
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
        What else is to be said of it: "nearly empty", "something was found"; may be empty.
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
    shown = present_prediction(found.answer, bundle)
    return replace(
        shown,
        detail=VOLUME_DETAIL if found.answer.verdict is Verdict.CONFIDENT else shown.detail,
        notes=(_word_slices(found, bundle), *shown.notes),
    )


def describe_volume(found: VolumePrediction, bundle: ModelBundle) -> tuple[str, ...]:
    """Say how many slices a volume has, which speak for its answer and which shows it best; numbers count from 1."""
    sentences = [f"{len(found.slices)} slices were looked at, {len(found.empty)} of them nearly empty."]
    if found.best_slice is None:
        return tuple(sentences)
    numbers = list_numbers([index + 1 for index in found.suspicious])
    what = "something was found" if bundle.background else f"{bundle.label_text(found.answer.label)} is likeliest"
    sentences.append(f"Slice {found.best_slice + 1} shows the answer best.")
    if not found.suspicious:
        sentences.append(f"There is no slice on which {what}.")
    elif len(found.suspicious) == 1:
        sentences.append(f"On one slice {what}: {numbers}.")
    else:
        sentences.append(f"On {len(found.suspicious)} slices {what}: {numbers}.")
    return tuple(sentences)


def present_slices(found: VolumePrediction, bundle: ModelBundle) -> SlicesPresentation:
    """Word a volume's answer slice by slice: how probable it is that something is there, or the answer's own label."""
    label = found.answer.label
    what = "something was found" if bundle.background else f"{bundle.label_text(label)} is likeliest"

    def word_row(index: int, one: Prediction | InputError) -> SliceRow:
        if not isinstance(one, Prediction) or index in found.empty or one.verdict is Verdict.REJECTED:
            remark = "nearly empty" if index in found.empty else "not of this kind"
            remark = remark if isinstance(one, Prediction) else "cannot be read"
            return SliceRow(probability=None, percent="", remark=remark, is_suspicious=False)
        background = bundle.background
        probability = one.probabilities[label] if background is None else 1.0 - one.probabilities[background]
        remarks = [what] if index in found.suspicious else []
        if index == found.best_slice:
            remarks.append("shows the answer best")
        return SliceRow(
            probability=probability,
            percent=format_percent(probability),
            remark=", ".join(remarks),
            is_suspicious=index in found.suspicious,
        )

    name = "something is there" if bundle.background else f"it is {bundle.label_text(label)}"
    rows = tuple(word_row(index, one) for index, one in enumerate(found.slices))
    return SlicesPresentation(
        title=f"How probable it is, slice by slice, that {name}",
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


def _word_slices(found: VolumePrediction, bundle: ModelBundle) -> str:
    count = len(found.slices)
    sentences = f"This is the answer for all {count} slices together."
    if found.best_slice is None:
        return sentences
    if found.answer.label == bundle.background:
        return f"{sentences} Slice {found.best_slice + 1}, which is shown, looks most suspicious."
    sentences = f"{sentences} Slice {found.best_slice + 1}, which is shown, shows it best."
    if bundle.background is None:
        return sentences
    return f"{sentences} {len(found.suspicious)} of {count} slices look suspicious."
