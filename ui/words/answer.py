"""An answer in words: its sentence, how far to trust it, its numbers, where the evidence is.

Percent signs, rounding and sentences belong to this room. Layout, events and markup do not: the strings are plain text,
and the front that puts them into HTML escapes them. What the subject is and what the classes are called comes from the
bundle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inference.answer.prediction import Heatmap, Prediction, Presence, Verdict, count_shown
from ui.words.finding import AnswerWords, may_mark, word_finding, word_level
from ui.words.model import word_disclaimer
from ui.words.numbers import capitalise, format_duration, format_percent, join_or
from ui.words.rows import rebuild_prediction
from ui.words.tone import Tone

if TYPE_CHECKING:
    from inference.answer.prediction import Finding
    from inference.answer.rows import Row
    from inference.model.bundle import ModelBundle

_MAX_NAMED = 5
"""How many candidates a sentence spells out; a model of very many classes may name dozens."""

_VOLUME_DETAIL = "How often this model is right about a whole volume is not known."

_AREAS = (
    ("upper left part", "upper part", "upper right part"),
    ("left part", "middle", "right part"),
    ("lower left part", "lower part", "lower right part"),
)
"""Nine areas of a picture, row by row; left and right as they are seen."""

_MIDDLE = (0.4, 0.6)
"""What counts as neither left nor right, upper nor lower, as fractions; narrow, because a subject that has a margin
round it does not fill the outer parts."""


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
        The classes to show, the most probable first, see `inference.answer.prediction.count_shown`; empty when there is
        no answer.
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
        Where the evidence is, or that it is nowhere stronger than elsewhere.
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
    group : str
        What rows are filtered by, a key of `ui.words.table.list_groups`.
    answer : str
        The answer, or the type of a finding, in a few words; of what failed the sentence that says why.
    percent : str
        How probable the finding is; else ``answer``, or its first candidate. Empty when none is named.
    probability : float or None
        The same in [0, 1], not rounded.
    sentence, detail : str
        See `Presentation`.
    """

    tone: Tone
    group: str
    answer: str
    percent: str = ""
    probability: float | None = None
    sentence: str = ""
    detail: str = ""


def present_prediction(prediction: Prediction, bundle: ModelBundle, *, is_volume: bool = False) -> Presentation:
    """Word an answer in the terms of the bundle that gave it; ``is_volume``: it is of a whole volume."""
    words = _word_prediction(prediction, bundle, is_volume=is_volume)
    ranked = sorted(prediction.probabilities.items(), key=lambda item: item[1], reverse=True)
    shown = ranked[: count_shown(len(ranked))]
    source = f"{prediction.model_name} {prediction.model_version}, {format_duration(prediction.duration_s)}"
    if len(shown) < len(ranked):
        source = f"{source}. The {len(shown)} most probable of {len(ranked):,} classes"
    return Presentation(
        tone=words.tone,
        sentence=words.sentence,
        detail=words.detail,
        rows=tuple(
            NumberRow(
                label=label,
                probability=probability,
                percent=format_percent(probability),
                named=label in words.named,
            )
            for label, probability in shown
        ),
        notes=tuple(prediction.notes),
        source=source,
    )


def present_row(row: Row, bundle: ModelBundle) -> RowPresentation:
    """Word one row of a batch."""
    if row.probabilities is None:
        tone = Tone.ERROR if row.is_failed else Tone.LEFT_OUT
        return RowPresentation(tone=tone, group=tone.value, answer=row.error or "", sentence=row.error or "")
    prediction = rebuild_prediction(row, bundle)
    words = _word_prediction(prediction, bundle, is_volume=row.volume is not None)
    finding = prediction.finding
    return RowPresentation(
        tone=words.tone,
        group=words.tone.value if finding is None else finding.presence.value,
        answer=words.answer,
        percent="" if words.probability is None else format_percent(words.probability),
        probability=words.probability,
        sentence=words.sentence,
        detail=words.detail,
    )


def list_lines(
    presentation: Presentation, bundle: ModelBundle, *, title: str = "", has_source: bool = True
) -> list[str]:
    """An answer as lines of plain text, the disclaimer last; nothing that is empty has a line.

    Parameters
    ----------
    presentation : Presentation
    bundle : ModelBundle
        Of the model that answered.
    title : str
        The first line.
    has_source : bool
        Say which model answered.
    """
    rows = [f"{row.percent:>5}  {row.label}" for row in presentation.rows]
    lines = [title, presentation.sentence, presentation.detail, *rows, *presentation.notes]
    lines += [presentation.source if has_source else "", word_disclaimer(bundle)]
    return [line for line in lines if line]


def present_heatmap(heatmap: Heatmap, finding: Finding | None = None, *, is_kept: bool = False) -> HeatPresentation:
    """Word where the evidence is, for those who cannot see the colours too.

    Parameters
    ----------
    heatmap : Heatmap
    finding : Finding or None
        Of the answer that it stands beside. Where nothing was found, no place is marked.
    is_kept : bool
        It stands in a document: `ui.words.finding.may_mark` is asked. A front in which the reader looks where the
        suspicion comes from may show it where the finding is unclear.
    """
    if not heatmap.stands_out:
        return HeatPresentation(sentence="No place in the image stands out.", drawn=False)
    if finding is not None and finding.presence is Presence.ABSENT:
        return HeatPresentation(sentence="No place is marked, because nothing was found.", drawn=False)
    if is_kept and not may_mark(finding):
        return HeatPresentation(sentence="No place is marked, because the finding is unclear.", drawn=False)
    column, row = (sum(fraction > bound for bound in _MIDDLE) for fraction in heatmap.peak)
    sentence = f"The strongest evidence is in the {_AREAS[row][column]} of the image."
    return HeatPresentation(sentence=f"{sentence} The colour marks a place, not an outline.", drawn=True)


def _word_prediction(prediction: Prediction, bundle: ModelBundle, *, is_volume: bool) -> AnswerWords:
    """By its finding where it has one, else by its verdict."""
    if prediction.finding is not None:
        words = word_finding(prediction.finding, bundle)
    else:
        words = _WORDING[prediction.verdict](prediction, bundle)
    return replace(words, detail=_VOLUME_DETAIL) if is_volume and words.tone is Tone.CONFIDENT else words


def _word_confident(prediction: Prediction, bundle: ModelBundle) -> AnswerWords:
    name = capitalise(bundle.label_text(prediction.label))
    return AnswerWords(
        tone=Tone.CONFIDENT,
        answer=name,
        probability=prediction.probability,
        sentence=f"{name}, {format_percent(prediction.probability)}.",
        detail=word_level(bundle),
        named=prediction.candidates,
    )


def _word_uncertain(prediction: Prediction, bundle: ModelBundle) -> AnswerWords:
    labels = prediction.candidates[:_MAX_NAMED]
    texts = [bundle.label_text(label) for label in labels]
    named = [
        f"{text} ({format_percent(prediction.probabilities[label])})" for text, label in zip(texts, labels, strict=True)
    ]
    if more := len(prediction.candidates) - len(named):
        named.append(f"one of {more} more")
    return AnswerWords(
        tone=Tone.UNCERTAIN,
        answer=capitalise(join_or(texts)),
        probability=prediction.probabilities[labels[0]],
        sentence=f"Not sure: {join_or(named)}.",
        detail="The model does not give one answer at this level.",
        named=prediction.candidates,
    )


def _word_rejected(prediction: Prediction, bundle: ModelBundle) -> AnswerWords:
    return AnswerWords(
        tone=Tone.REJECTED,
        answer=f"Does not look like {bundle.subject}",
        sentence=f"This does not look like {bundle.subject}, so no answer is given.",
        detail="The numbers below are what the network computed; they mean nothing for this image.",
    )


_WORDING = {
    Verdict.CONFIDENT: _word_confident,
    Verdict.UNCERTAIN: _word_uncertain,
    Verdict.REJECTED: _word_rejected,
}
