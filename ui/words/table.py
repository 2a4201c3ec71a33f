"""The table of a batch in words: its columns and its groups, which are what a model's answers are sorted into.

A model that gives findings has its rows sorted by them, every other one by the verdicts. What one row says is
`ui.words.answer.present_row`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ui.words.finding import list_findings
from ui.words.tone import Tone

if TYPE_CHECKING:
    from inference.model.bundle import ModelBundle

_VERDICTS: Mapping[str, str] = {Tone.CONFIDENT.value: "Confident", Tone.UNCERTAIN.value: "Not sure"}

_WITHOUT_ANSWER: Mapping[str, str] = {
    Tone.REJECTED.value: "No answer",
    Tone.LEFT_OUT.value: "Left out",
    Tone.ERROR.value: "Failed",
}


def list_groups(bundle: ModelBundle) -> Mapping[str, str]:
    """What the rows of a table are sorted into, and what each group is called."""
    findings = {presence.value: name for presence, name in list_findings(bundle).items()}
    return {**(findings or _VERDICTS), **_WITHOUT_ANSWER}


def list_columns(bundle: ModelBundle) -> Mapping[str, str]:
    """The table's columns, from left to right, and what each is called."""
    if list_findings(bundle):
        return {"path": "File", "slice": "Slice", "group": "Finding", "probability": "Probability", "answer": "Type"}
    return {"path": "File", "slice": "Slice", "answer": "Answer", "probability": "Probability", "group": "Verdict"}


def name_filter(bundle: ModelBundle) -> str:
    """What stands in the filter while every row is shown."""
    return "all findings" if list_findings(bundle) else "all verdicts"
