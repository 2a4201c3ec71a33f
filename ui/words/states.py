"""The states without an answer in words: before one, while it is computed, when something is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ui.words.answer import Presentation
from ui.words.tone import Tone

if TYPE_CHECKING:
    from inference.model.bundle import ModelBundle


def present_saving() -> str:
    """Word the time until a file is there."""
    return "Making the file…"


def present_saved(file_name: str) -> str:
    """Word a file that was handed over."""
    return f"{file_name} was saved."


def present_not_saved() -> str:
    """Word a server that did not make the file: it is stopped, or it does not have the image any more."""
    return "The file could not be made. Choose the image again."


def present_idle(bundle: ModelBundle, action: str = "Submit") -> Presentation:
    """Word the state before the first answer; ``action`` is what the front calls its button."""
    return Presentation(
        tone=Tone.IDLE,
        sentence="No answer yet.",
        detail=f"Choose {bundle.subject} and press {action}.",
    )


def present_model_changed(bundle: ModelBundle) -> Presentation:
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
