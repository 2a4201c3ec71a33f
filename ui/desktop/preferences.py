"""What the program remembers from one start to the next, in the user's own folder; it does as well without.

Only the appearance is kept: neither files nor folders nor answers.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from platformdirs import user_config_path

_LOG = logging.getLogger(__name__)

APPEARANCES = ("System", "Light", "Dark")
"""What can be chosen; the first where nothing was."""


def preferences_path() -> Path:
    """Where it is kept; ``~/.config/gyrus/desktop.json`` on Linux."""
    return user_config_path("gyrus", appauthor=False) / "desktop.json"


def load_appearance() -> str:
    """What was chosen last, one of `APPEARANCES`; a missing, damaged or unreadable file counts for nothing."""
    try:
        kept = json.loads(preferences_path().read_text(encoding="utf-8"))
        appearance = kept["appearance"]
    except (OSError, ValueError, LookupError, TypeError, RuntimeError):  # RuntimeError: there is no home
        return APPEARANCES[0]
    return appearance if appearance in APPEARANCES else APPEARANCES[0]


def save_appearance(name: str) -> None:
    """Keep what was chosen; where nothing can be written, nothing is."""
    try:
        path = preferences_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"appearance": name}) + "\n", encoding="utf-8")
    except (OSError, RuntimeError) as error:
        _LOG.info("The appearance is not kept: %s", error)
