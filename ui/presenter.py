"""Prediction or error → words, percentages and colours; no toolkit, so that every front says the same thing.

Percent signs, rounding and sentences belong here. Layout, events and markup do not: the strings are plain text, and the
front that puts them into HTML escapes them. What the subject is and what the classes are called comes from the bundle.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from inference.batch import Row
from inference.bundle import ModelBundle
from inference.combine import VolumePrediction
from inference.errors import BundleError, EngineError, GyrusError, InputError
from inference.prediction import Heatmap, Prediction, Verdict, count_shown
from ui.request import build_id, find_id, note_error

_LOG = logging.getLogger(__name__)

MODEL_PICKER = "Model"
"""Names the list from which a model is chosen."""

CLASSES_TITLE = "What can it recognise?"
"""Names the panel that lists every class of a model that has many."""

CLASSES_SEARCH = "Search the classes"
"""Names the field that narrows the list down."""

HEAT_SWITCH = "Show where the evidence is"
"""Names the switch that shows and hides the heat map."""

HEAT_OPACITY = "Opacity"
"""Names the slider of the heat map's opacity."""

HEAT_ENDS = ("no evidence", "strong evidence")
"""The two ends of the heat map's colour bar."""

SCAN_PICKER = "Scan in this archive"
"""Names the list from which one of an archive's scans is chosen."""

SAVE_TITLE = "Save the answer"
"""Names the buttons that save it."""

SAVE_NAMES = {
    "pdf": "PDF page",
    "sr": "DICOM report",
    "capture": "DICOM image",
    "csv": "CSV",
    "jsonl": "JSON Lines",
}
"""What each of these buttons is called."""

PLANES_LABEL = "Three planes through the volume, with crosshairs"
"""Names the viewer for those who cannot see it."""

NO_PLANES = "This browser cannot draw the three planes (it has no WebGL 2). The answer does not need them."
"""Stands in the place of the viewer."""

NOT_PLACED = "The file does not say where left and right are: the letters at the edges are a guess."
"""Stands beside a viewer whose directions are not known."""

SLICE_SLIDER = "Slice"
"""Names the slider that moves along a volume."""

SLICE_TABLE = ("All slices as a table", "Slice", "Probability", "Remark")
"""Names the table of a volume's slices, and its columns."""

BEST_MARK = "best"
"""Marks the slice that shows the answer best."""

_MAX_NAMED = 5
"""How many candidates a sentence spells out; a model of very many classes may name dozens."""

_VOLUME_DETAIL = "How often this model is right about a whole volume is not known."

_PLACES = (
    ("upper left part", "upper part", "upper right part"),
    ("left part", "middle", "right part"),
    ("lower left part", "lower part", "lower right part"),
)
"""Nine parts of a picture, row by row; left and right as they are seen."""

_MIDDLE = (0.4, 0.6)
"""What counts as neither left nor right, upper nor lower, as fractions; narrow, because a subject that has a margin
round it does not fill the outer parts."""


class Tone(str, Enum):
    """What kind of statement a `Presentation` makes; a front maps it to a colour."""

    IDLE = "idle"
    BUSY = "busy"
    CONFIDENT = "confident"
    UNCERTAIN = "uncertain"
    REJECTED = "rejected"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class ToneColor:
    """A tone's colour as ``#rrggbb``, one for a light and one for a dark ground.

    Both reach a contrast of 4.5 : 1 on the page's ground (WCAG 2.2, success criterion 1.4.3).
    """

    light: str
    dark: str


TONE_COLORS: Mapping[Tone, ToneColor] = {
    Tone.IDLE: ToneColor(light="#5b6672", dark="#9aa6b2"),
    Tone.BUSY: ToneColor(light="#5b6672", dark="#9aa6b2"),
    Tone.CONFIDENT: ToneColor(light="#0b6e69", dark="#5ecfc4"),
    Tone.UNCERTAIN: ToneColor(light="#8a5300", dark="#f0b458"),
    Tone.REJECTED: ToneColor(light="#5b6672", dark="#9aa6b2"),
    Tone.ERROR: ToneColor(light="#b3261e", dark="#ff9a8f"),
}


BATCH_VERDICTS: Mapping[Tone, str] = {
    Tone.CONFIDENT: "Confident",
    Tone.UNCERTAIN: "Not sure",
    Tone.REJECTED: "No answer",
    Tone.ERROR: "Failed",
}
"""Names the verdicts in the table of a batch."""


@dataclass(frozen=True, kw_only=True)
class NumberRow:
    """One class of an answer.

    Attributes
    ----------
    label : str
        The class name as the bundle lists it.
    probability : float
        In [0, 1], as the prediction carries it, not rounded.
    percent : str
        The same for people: ``"94 %"``, ``">99 %"``.
    named : bool
        The verdict names this class.
    """

    label: str
    probability: float
    percent: str
    named: bool


@dataclass(frozen=True, kw_only=True)
class Presentation:
    """What a front shows for one answer, error or waiting state; plain text, not yet escaped.

    Attributes
    ----------
    tone : Tone
    sentence : str
        The one sentence that must be read.
    detail : str
        How far to trust it, or what to do next; may be empty.
    rows : tuple of NumberRow
        The classes to show, the most probable first, see `inference.prediction.count_shown`; empty when there is no
        answer.
    notes : tuple of str
        Sentences about the picture, such as "Only the first of 12 frames was read."
    source : str
        Which model answered, how long it took, and of how many classes ``rows`` is a part; may be empty.
    """

    tone: Tone
    sentence: str
    detail: str = ""
    rows: tuple[NumberRow, ...] = ()
    notes: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class HeatPresentation:
    """What a front says of a heat map; plain text, not yet escaped.

    Attributes
    ----------
    sentence : str
        Where the evidence is, or that no place stands out.
    drawn : bool
        False: there is nothing to colour, and the sentence stands alone.
    """

    sentence: str
    drawn: bool


@dataclass(frozen=True, kw_only=True)
class RowPresentation:
    """What a table shows of one row of a batch; plain text, not yet escaped.

    Attributes
    ----------
    tone : Tone
        Also what rows are filtered by, see `BATCH_VERDICTS`.
    answer : str
        In a few words; of what failed the sentence that says why.
    percent : str
        How probable ``answer`` is, or its first candidate; empty when none is named.
    sentence, detail : str
        See `Presentation`.
    """

    tone: Tone
    answer: str
    percent: str = ""
    sentence: str = ""
    detail: str = ""


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
        See `inference.combine.VolumePrediction`.
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

    def name_strip(self, shown: int) -> str:
        """Name the thumbnails, of which so many are shown."""
        if not self.suspicious:
            return "The slice that looks most suspicious"
        if shown < self.suspicious:
            return f"The {shown} most suspicious of {self.suspicious} slices"
        return "The suspicious slices"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One line of the panel about the model: a name, its value and a remark, each may be empty."""

    name: str = ""
    value: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class AboutModel:
    """What the panel about the model shows; plain text, not yet escaped.

    Attributes
    ----------
    summary, licence : str
    classes : tuple of str
        The labels in the order of the model's outputs.
    figures, data : tuple of Fact
        A data set's licence is its fact's ``value``.
    limits : tuple of str
    """

    summary: str
    classes: tuple[str, ...]
    figures: tuple[Fact, ...]
    data: tuple[Fact, ...]
    limits: tuple[str, ...]
    licence: str


def format_percent(probability: float) -> str:
    """Word a probability in [0, 1]; certainty is never claimed by rounding.

    Examples
    --------
    >>> format_percent(0.9367), format_percent(0.9999), format_percent(0.0001)
    ('94 %', '>99 %', '<1 %')
    """
    rounded = round(probability * 100)
    if rounded >= 100 and probability < 1:
        return ">99 %"
    if rounded <= 0 and probability > 0:
        return "<1 %"
    return f"{rounded} %"


def present_prediction(prediction: Prediction, bundle: ModelBundle) -> Presentation:
    """Word an answer in the terms of the bundle that gave it."""
    sentence, detail = _WORDING[prediction.verdict](prediction, bundle)
    ranked = sorted(prediction.probabilities.items(), key=lambda item: item[1], reverse=True)
    shown = ranked[: count_shown(len(ranked))]
    source = f"{prediction.model_name} {prediction.model_version}, {_format_duration(prediction.duration_s)}"
    if len(shown) < len(ranked):
        source = f"{source}. The {len(shown)} most probable of {len(ranked):,} classes"
    return Presentation(
        tone=Tone(prediction.verdict.value),
        sentence=sentence,
        detail=detail,
        rows=tuple(
            NumberRow(
                label=label,
                probability=probability,
                percent=format_percent(probability),
                named=label in prediction.candidates,
            )
            for label, probability in shown
        ),
        notes=tuple(prediction.notes),
        source=source,
    )


def present_volume(found: VolumePrediction, bundle: ModelBundle) -> Presentation:
    """Word the answer for a whole volume, of which a front shows the slice `VolumePrediction.best_slice`."""
    shown = present_prediction(found.answer, bundle)
    return replace(
        shown,
        detail=_VOLUME_DETAIL if found.answer.verdict is Verdict.CONFIDENT else shown.detail,
        notes=(_word_slices(found, bundle), *shown.notes),
    )


def present_row(row: Row, bundle: ModelBundle) -> RowPresentation:
    """Word one row of a batch."""
    if row.probabilities is None or row.verdict is None or row.label is None:
        return RowPresentation(tone=Tone.ERROR, answer=row.error or "", sentence=row.error or "")
    verdict, candidates = Verdict(row.verdict), tuple(row.candidates or ())
    sentence, detail = _WORDING[verdict](
        Prediction(
            label=row.label,
            index=list(row.probabilities).index(row.label),
            probabilities=row.probabilities,
            candidates=candidates,
            verdict=verdict,
            novelty=row.novelty or 0.0,
            model_name=bundle.name,
            model_version=bundle.version,
            duration_s=0.0,
        ),
        bundle,
    )
    if verdict is Verdict.REJECTED:
        return RowPresentation(tone=Tone.REJECTED, answer=f"Does not look like {bundle.subject}", sentence=sentence)
    named = [bundle.spoken_label(label) for label in candidates[:_MAX_NAMED]]
    return RowPresentation(
        tone=Tone(row.verdict),
        answer=_capitalise(join_or(named)),
        percent=format_percent(row.probabilities[candidates[0]]),
        sentence=sentence,
        detail=_VOLUME_DETAIL if row.volume is not None and verdict is Verdict.CONFIDENT else detail,
    )


def present_heatmap(heatmap: Heatmap) -> HeatPresentation:
    """Word where the evidence is, for those who cannot see the colours too."""
    if not heatmap.stands_out:
        return HeatPresentation(sentence="No place in the image stands out.", drawn=False)
    column, row = (sum(place > bound for bound in _MIDDLE) for place in heatmap.peak)
    sentence = f"The strongest evidence is in the {_PLACES[row][column]} of the image."
    return HeatPresentation(sentence=f"{sentence} The colour marks a place, not an outline.", drawn=True)


def describe_volume(found: VolumePrediction, bundle: ModelBundle) -> tuple[str, ...]:
    """Say how many slices a volume has, which speak for its answer and which shows it best; numbers count from 1."""
    sentences = [f"{len(found.slices)} slices were looked at, {len(found.empty)} of them nearly empty."]
    if found.best_slice is None:
        return tuple(sentences)
    numbers = list_numbers([number + 1 for number in found.suspicious])
    what = "something was found" if bundle.background else f"{bundle.spoken_label(found.answer.label)} is likeliest"
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
    what = "something was found" if bundle.background else f"{bundle.spoken_label(label)} is likeliest"

    def word(number: int, one: Prediction | InputError) -> SliceRow:
        if not isinstance(one, Prediction) or number in found.empty or one.verdict is Verdict.REJECTED:
            remark = "nearly empty" if number in found.empty else "not of this kind"
            remark = remark if isinstance(one, Prediction) else "cannot be read"
            return SliceRow(probability=None, percent="", remark=remark, is_suspicious=False)
        background = bundle.background
        probability = one.probabilities[label] if background is None else 1.0 - one.probabilities[background]
        remarks = [what] if number in found.suspicious else []
        if number == found.best_slice:
            remarks.append("shows the answer best")
        return SliceRow(
            probability=probability,
            percent=format_percent(probability),
            remark=", ".join(remarks),
            is_suspicious=number in found.suspicious,
        )

    name = "something is there" if bundle.background else f"it is {bundle.spoken_label(label)}"
    rows = tuple(word(number, one) for number, one in enumerate(found.slices))
    return SlicesPresentation(
        title=f"How probable it is, slice by slice, that {name}",
        summary=describe_volume(found, bundle),
        rows=() if found.best_slice is None else rows,
        suspicious=len(found.suspicious),
    )


def word_slice(number: int, count: int) -> str:
    """Name a slice, counted from 0."""
    return f"slice {number + 1} of {count}"


def present_saving() -> str:
    """Word the time until a file is there."""
    return "Making the file…"


def present_saved(file_name: str) -> str:
    """Word a file that was handed over."""
    return f"{file_name} was saved."


def present_not_saved() -> str:
    """Word a server that did not make the file: it is stopped, or it does not have the image any more."""
    return "The file could not be made. Choose the image again."


def list_numbers(numbers: Sequence[int]) -> str:
    """Word rising numbers: ``"3, 7–9"``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def present_error(error: BaseException) -> Presentation:
    """Word an error: a `GyrusError` speaks for itself; anything else is logged with an id and only the id is shown.

    What is the machine's fault and not the visitor's, a model or a runtime that fails, has both: sentence and id.
    """
    note_error(error)
    if isinstance(error, GyrusError) and not isinstance(error, BundleError | EngineError):
        return Presentation(tone=Tone.ERROR, sentence=str(error), detail="No answer is given.")
    error_id = find_id() or build_id()
    if isinstance(error, GyrusError):
        _LOG.error("Error %s", error_id, exc_info=error)
        return Presentation(
            tone=Tone.ERROR, sentence=f"{str(error).removesuffix('.')} (id {error_id}).", detail="No answer is given."
        )
    _LOG.error("Unexpected error %s", error_id, exc_info=error)
    return Presentation(
        tone=Tone.ERROR,
        sentence=f"Something went wrong (id {error_id}).",
        detail="No answer is given. The log of the program says more under this id.",
    )


def present_idle(bundle: ModelBundle, action: str = "Submit") -> Presentation:
    """Word the state before the first answer; ``action`` is what the front calls its button."""
    return Presentation(
        tone=Tone.IDLE,
        sentence="No answer yet.",
        detail=f"Choose {bundle.subject} and press {action}.",
    )


def present_again(bundle: ModelBundle) -> Presentation:
    """Word the state after another model was chosen, while the image stays."""
    return Presentation(
        tone=Tone.IDLE,
        sentence="No answer yet.",
        detail=f"Press Submit to ask this model ({bundle.title}) about the same image.",
    )


def present_loading(bundle: ModelBundle) -> Presentation:
    """Word the time in which a model that was chosen is loaded."""
    return Presentation(tone=Tone.BUSY, sentence="Loading the model…", detail=bundle.title)


def present_busy(before: int = 0, slices: str = "") -> Presentation:
    """Word the time between Submit and the answer.

    Parameters
    ----------
    before : int
        How many images come first.
    slices : str
        How many slices a volume has, as a number or what stands for it.
    """
    waiting = f"{before} {'image is' if before == 1 else 'images are'} before yours." if before else ""
    sentence = f"Reading {slices} slices…" if slices else "Reading the image…"
    return Presentation(tone=Tone.BUSY, sentence=sentence, detail=waiting)


def present_missing(action: str = "Submit") -> Presentation:
    """Word a Submit without an image; ``action`` is what the front calls its button."""
    return Presentation(
        tone=Tone.ERROR,
        sentence="There is no image yet.",
        detail=f"Choose, drop or paste one, then press {action}.",
    )


def present_too_large(limit_bytes: int) -> Presentation:
    """Word a file that was refused before it was sent."""
    return Presentation(
        tone=Tone.ERROR,
        sentence=f"This file is larger than the {limit_bytes / 2**20:.0f} MB that are accepted.",
        detail="It was not sent, and no answer is given.",
    )


def present_unreachable() -> Presentation:
    """Word a server that could not be reached or that broke off."""
    return Presentation(
        tone=Tone.ERROR,
        sentence="The program could not be reached.",
        detail="No answer is given. Check the connection, then try again.",
    )


def describe_purpose(bundle: ModelBundle) -> str:
    """Say in one sentence what the model answers."""
    few = not has_many_classes(bundle)
    answers = join_or(bundle.spoken) if few else f"with one or two of {len(bundle.labels):,} classes"
    return f"Show it {bundle.subject}. It answers {answers}, or says that it cannot tell."


def has_many_classes(bundle: ModelBundle) -> bool:
    """Whether there are more classes than an answer shows, so that they are listed and searched by themselves."""
    return count_shown(len(bundle.labels)) < len(bundle.labels)


def list_classes(bundle: ModelBundle) -> list[str]:
    """Every class as a reader looks it up, in the alphabet's order."""
    return sorted(bundle.labels, key=str.casefold)


def name_models(bundles: Iterable[ModelBundle]) -> dict[str, str]:
    """Word each model's name for a list to choose from: its title, and its name too where a title is not enough."""
    titles = {bundle.name: bundle.title for bundle in bundles}
    unclear = {title for title, count in Counter(titles.values()).items() if count > 1}
    return {name: f"{title} ({name})" if title in unclear else title for name, title in titles.items()}


def describe_model(bundle: ModelBundle) -> str:
    """Name the model and its version, for a footer."""
    return f"Model {bundle.name} {bundle.version}"


def word_disclaimer(bundle: ModelBundle) -> str:
    """The sentence that stands beside every answer; empty unless the bundle has one."""
    return _text(bundle.about.get("disclaimer"))


def present_about(bundle: ModelBundle) -> AboutModel:
    """Collect what the bundle says of itself; every key of ``about`` may be missing or of another shape.

    Notes
    -----
    The keys are ``summary`` (text), ``figures`` (list of ``{"name", "value", "detail"}``), ``data`` (list of
    ``{"name", "licence", "detail"}``), ``limits`` (list of text), ``licence`` (text) and ``disclaimer`` (text).
    """
    about = bundle.about
    return AboutModel(
        summary=_text(about.get("summary")),
        classes=bundle.labels,
        figures=_facts(about.get("figures"), "value"),
        data=_facts(about.get("data"), "licence"),
        limits=tuple(text for text in map(_text, _items(about.get("limits"))) if text),
        licence=_text(about.get("licence")),
    )


def join_or(words: Sequence[str]) -> str:
    """Join words as a sentence does: ``"a, b or c"``."""
    *head, last = words
    return f"{', '.join(head)} or {last}" if head else last


def _word_slices(found: VolumePrediction, bundle: ModelBundle) -> str:
    count = len(found.slices)
    words = f"This is the answer for all {count} slices together."
    if found.best_slice is None:
        return words
    if found.answer.label == bundle.background:
        return f"{words} Slice {found.best_slice + 1}, which is shown, looks most suspicious."
    words = f"{words} Slice {found.best_slice + 1}, which is shown, shows it best."
    if bundle.background is None:
        return words
    return f"{words} {len(found.suspicious)} of {count} slices look suspicious."


def _word_confident(prediction: Prediction, bundle: ModelBundle) -> tuple[str, str]:
    spoken = _capitalise(bundle.spoken_label(prediction.label))
    detail = (
        "The model is usually right at this level."
        if bundle.about.get("figures")
        else "How often this model is right at this level is not known."
    )
    return f"{spoken}, {format_percent(prediction.probability)}.", detail


def _word_uncertain(prediction: Prediction, bundle: ModelBundle) -> tuple[str, str]:
    named = [
        f"{bundle.spoken_label(label)} ({format_percent(prediction.probabilities[label])})"
        for label in prediction.candidates[:_MAX_NAMED]
    ]
    if more := len(prediction.candidates) - len(named):
        named.append(f"one of {more} more")
    return f"Not sure: {join_or(named)}.", "The model does not give one answer at this level."


def _word_rejected(prediction: Prediction, bundle: ModelBundle) -> tuple[str, str]:
    return (
        f"This does not look like {bundle.subject}, so no answer is given.",
        "The numbers below are what the network computed; they mean nothing for this image.",
    )


_WORDING = {
    Verdict.CONFIDENT: _word_confident,
    Verdict.UNCERTAIN: _word_uncertain,
    Verdict.REJECTED: _word_rejected,
}


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def _format_duration(duration_s: float) -> str:
    return f"{duration_s * 1000:.0f} ms" if duration_s < 1 else f"{duration_s:.1f} s"


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _items(value: object) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()


def _facts(value: object, value_key: str) -> tuple[Fact, ...]:
    return tuple(
        Fact(name=_text(item.get("name")), value=_text(item.get(value_key)), detail=_text(item.get("detail")))
        for item in _items(value)
        if isinstance(item, Mapping)
    )
