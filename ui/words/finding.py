"""A finding in words: whether something is there, how sure that is, and of which type; and when its place is marked.

What it is called comes from the bundle: the noun for everything but the background (`finding`), the classes and the
background as they are spoken. A bundle without a background has no findings, and `ui.words.answer` words its answers
by their verdicts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.answer.prediction import Presence
from ui.words.numbers import capitalise, format_percent, join_or
from ui.words.tone import Tone

if TYPE_CHECKING:
    from inference.answer.prediction import Finding
    from inference.model.bundle import ModelBundle

MAX_TYPES = 2
"""How many types a sentence names at most; the bars show the others."""

UNCLEAR = "Unclear"
"""Names the findings that are neither there nor not, in tables and filters."""

_ARTICLE = re.compile(r"^(an?|the)\s+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class AnswerWords:
    """What is said of one answer; plain text, not yet escaped.

    Attributes
    ----------
    tone : Tone
        How sure it is; of a finding, whatever its type is.
    answer : str
        In a few words for a table, of a finding its types: "Meningioma 56 % or glioma 41 %"; may be empty.
    probability : float or None
        How probable that is, in [0, 1]; of a finding, that something is there, or that nothing is where nothing was
        found. None where no answer is given.
    sentence, detail : str
        See `ui.words.answer.Presentation`.
    named : tuple of str
        The labels that are named.
    """

    tone: Tone
    answer: str
    probability: float | None = None
    sentence: str
    detail: str
    named: tuple[str, ...] = ()


def gives_findings(bundle: ModelBundle) -> bool:
    """Whether the bundle's answers say first whether something is there."""
    return bundle.background is not None and bundle.calibration.finding is not None


def name_finding(bundle: ModelBundle) -> str:
    """What is found, without its article and with a capital: "Tumour"."""
    return capitalise(_ARTICLE.sub("", bundle.finding))


def list_findings(bundle: ModelBundle) -> Mapping[Presence, str]:
    """What each finding is called in tables and filters; empty for a bundle that gives none."""
    if not (bundle.background and gives_findings(bundle)):
        return {}
    return {
        Presence.PRESENT: name_finding(bundle),
        Presence.ABSENT: capitalise(bundle.label_text(bundle.background)),
        Presence.UNCLEAR: UNCLEAR,
    }


def word_level(bundle: ModelBundle, presence: Presence | None = None) -> str:
    """What being so sure has meant: of a finding in figures, where the bundle has them."""
    rule = bundle.calibration.finding
    if rule is not None and presence is not None:
        right = rule.right_of_present if presence is Presence.PRESENT else rule.right_of_absent
        if right is not None:
            rounded = round(100.0 * right)
            count = "more than 99" if rounded == 100 and right < 1.0 else f"{rounded}"
            said = f"was sure of {bundle.finding}" if presence is Presence.PRESENT else f"ruled out {bundle.finding}"
            return f"When the model {said}, it was right on {count} of 100 test images."
    if bundle.about.figures:
        return "The model is usually right at this level."
    return "How often this model is right at this level is not known."


def word_finding(finding: Finding, bundle: ModelBundle) -> AnswerWords:
    """Word whether something is there and of which type, each with its own certainty.

    Parameters
    ----------
    finding : Finding
    bundle : ModelBundle
        Of the model that answered; it has a background.
    """
    return _WORDING[finding.presence](finding, bundle)


def may_mark(finding: Finding | None) -> bool:
    """Whether what is kept may mark the place of the strongest evidence: a report, its picture, its coordinates.

    Not where nothing was found, nor where that is unclear: a picture in a report goes on by itself, and the strongest
    of weak evidence lies somewhere in every picture. Where there are no findings, the map says whether a place stands
    out.
    """
    return finding is None or finding.presence is Presence.PRESENT


def _word_present(finding: Finding, bundle: ModelBundle) -> AnswerWords:
    name, percent = name_finding(bundle), format_percent(finding.probability)
    shares = [
        (bundle.label_text(label), format_percent(finding.probability * finding.type_probabilities[label]))
        for label in finding.types
    ]
    named = [f"{text} {share}" for text, share in shares[:MAX_TYPES]]
    if len(shares) == 1:
        text, share = shares[0]
        sentence, types = f"{capitalise(text)}, {share}.", f"{text} {share}"
    elif not shares:
        sentence, types = f"{name}, {percent}.", ""
    else:
        types = join_or(named) if len(shares) <= MAX_TYPES else f"likeliest {', then '.join(named)}"
        sentence = f"{name}, {percent}. Type uncertain: {types}."
    return AnswerWords(
        tone=Tone.CONFIDENT,
        answer=capitalise(types),
        probability=finding.probability,
        sentence=sentence,
        detail=word_level(bundle, finding.presence),
        named=finding.types,
    )


def _word_absent(finding: Finding, bundle: ModelBundle) -> AnswerWords:
    background = bundle.background or ""
    name, probability = capitalise(bundle.label_text(background)), 1.0 - finding.probability
    return AnswerWords(
        tone=Tone.CONFIDENT,
        answer="",
        probability=probability,
        sentence=f"{name}, {format_percent(probability)}.",
        detail=word_level(bundle, finding.presence),
        named=(background,),
    )


def _word_unclear(finding: Finding, bundle: ModelBundle) -> AnswerWords:
    possible = f"{bundle.finding} is possible"
    return AnswerWords(
        tone=Tone.UNCERTAIN,
        answer=capitalise(possible),
        probability=finding.probability,
        sentence=f"{UNCLEAR}: {possible} ({format_percent(finding.probability)}).",
        detail="At this level the model neither says that it is there nor rules it out.",
    )


_WORDING = {
    Presence.PRESENT: _word_present,
    Presence.ABSENT: _word_absent,
    Presence.UNCLEAR: _word_unclear,
}
