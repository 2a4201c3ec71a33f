"""Text in a CSV file that a spreadsheet may open: one rule for every such file that Gyrus writes.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@`` as a formula, also behind a tab or a line break
(OWASP, "CSV Injection"). File names and headers come from outside, so text that begins so gets an apostrophe in front;
numbers do not. JSON Lines has every text as it is.
"""

from __future__ import annotations

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""The last four are the wide letters, which some spreadsheets read as the narrow ones."""


def guard_cell(value: object) -> object:
    """A cell as it is written: text that would be run gets an apostrophe in front, all else stays."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_STARTS) else value


def unguard_text(text: str) -> str:
    """What `guard_cell` was given."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_STARTS) else text
