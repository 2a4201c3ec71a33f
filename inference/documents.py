"""What people write by hand, and how a mistake in it is told: the key, what is accepted, what was received."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """End the sentence "… is not known": with the nearest known name, else with all of them.

    Parameters
    ----------
    name : str
        What was received.
    known : iterable of str
    prefix : str
        What every name begins with, which makes none nearer to another.

    Examples
    --------
    >>> suggest("confident_att", ["temperature", "confident_at"])
    '; did you mean confident_at?'
    >>> suggest("colour", ["width_px", "height_px"])
    '. Known are: width_px, height_px.'
    """
    names = {one.removeprefix(prefix).lower(): one for one in known}
    near = get_close_matches(name.removeprefix(prefix).lower(), names, n=1)
    return f"; did you mean {names[near[0]]}?" if near else f". Known are: {', '.join(names.values())}."
