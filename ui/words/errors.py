"""An error in words: a sentence for who asked, an id for the log."""

from __future__ import annotations

import logging

from inference.errors import BundleError, EngineError, GyrusError
from inference.failures import build_id, log_failure
from ui.request import find_id, note_error
from ui.words.answer import Presentation
from ui.words.tone import Tone

_LOG = logging.getLogger(__name__)


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
    return Presentation(
        tone=Tone.ERROR,
        sentence=log_failure(error, error_id),
        detail="No answer is given. The log of the program says more under this id.",
    )
