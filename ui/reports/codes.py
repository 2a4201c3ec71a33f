"""Codes for what no public scheme names: a model's classes, verdicts, and the numbers that Gyrus gives.

The scheme is private (PS3.16, 8.2: its name begins with 99). A class's code is made of the model's name and the label,
so that it stays the same from report to report and from one version of the model to the next.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from inference.answer.prediction import Presence

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

    from inference.model.bundle import ModelBundle


SCHEME = "99GYRUS"

_CODE_CHARACTERS = 14
"""Beside a letter and a dash in a code value of 16 characters (PS3.5, 6.2: SH)."""

_MEANING_CHARACTERS = 64
"""Of a code meaning (PS3.5, 6.2: LO)."""


def build_code(value: str, meaning: str) -> Code:
    """A code of the private scheme; a long meaning is cut off."""
    from pydicom.sr.coding import Code

    return Code(value, SCHEME, meaning[:_MEANING_CHARACTERS].replace("\\", "/"))


def class_code(bundle: ModelBundle, label: str) -> Code:
    """A class as an answer."""
    return build_code(f"C-{_digest(bundle, label)}", bundle.label_text(label))


def probability_code(bundle: ModelBundle, label: str) -> Code:
    """A class's probability as what is measured."""
    return build_code(f"P-{_digest(bundle, label)}", f"Probability of {bundle.label_text(label)}")


def presence_code(bundle: ModelBundle) -> Code:
    """What is asked first, where a bundle gives findings: whether something is there."""
    return build_code(f"F-{_digest(bundle, bundle.finding)}", f"Presence of {bundle.finding}")


def finding_probability_code(bundle: ModelBundle) -> Code:
    """How probable that is, as what is measured."""
    return build_code(f"Q-{_digest(bundle, bundle.finding)}", f"Probability of {bundle.finding}")


def value_code(presence: Presence) -> Code:
    """Its answer, in SNOMED CT."""
    from pydicom.sr.codedict import codes

    answers: dict[Presence, Code] = {
        Presence.PRESENT: codes.SCT.Present,
        Presence.ABSENT: codes.SCT.Absent,
        Presence.UNCLEAR: codes.SCT.Indeterminate,
    }
    return answers[presence]


def _digest(bundle: ModelBundle, label: str) -> str:
    return hashlib.sha256(f"{bundle.name}\0{label}".encode()).hexdigest()[:_CODE_CHARACTERS].upper()
