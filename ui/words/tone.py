"""What kind of statement is made, and its colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Tone(str, Enum):
    """What kind of statement a `Presentation` makes; a front maps it to a colour."""

    IDLE = "idle"
    BUSY = "busy"
    CONFIDENT = "confident"
    UNCERTAIN = "uncertain"
    REJECTED = "rejected"
    LEFT_OUT = "left_out"
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
    Tone.LEFT_OUT: ToneColor(light="#5b6672", dark="#9aa6b2"),
    Tone.ERROR: ToneColor(light="#b3261e", dark="#ff9a8f"),
}
