"""The tree that `inference.errors` draws is the tree that there is."""

from __future__ import annotations

import re
from pathlib import Path

from inference import errors

ROOT = Path(__file__).resolve().parents[2]


def read_drawn() -> dict[str, str]:
    """Each class of the drawing and its base, told by how far it is indented."""
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"( {4}[ │├└─]*)(\w+Error)\b", line)
        if found:
            indent, name = len(found[1]), found[2]
            above = [(column, base) for column, base in above if column < indent]
            drawn[name] = above[-1][1] if above else "Exception"
            above.append((indent, name))
    return drawn


def test_the_drawing_is_complete() -> None:
    """Read from the sources, because importing every front needs every toolkit."""
    bases: dict[str, str] = {}
    for room in ("inference", "ui", "training", "reports"):
        for path in (ROOT / room).rglob("*.py"):
            bases |= dict(re.findall(r"^class (\w+Error)\((\w+)\):", path.read_text("utf-8"), re.MULTILINE))

    def is_ours(name: str) -> bool:
        return name == "GyrusError" or (name in bases and is_ours(bases[name]))

    assert read_drawn() == {name: base for name, base in bases.items() if is_ours(name)}
