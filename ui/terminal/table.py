"""The table that ``gyrus classify`` shows: a line a file as its answer comes, what else is to be said below it.

Rows come one after the other, so the widths of the columns are fixed at the start: by the terminal, and by the longest
answer that the model can give. Colours are the terminal's own sixteen, so that they suit its ground.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ui.terminal.bars import BLOCKS, LETTERS, plot_bars
from ui.words.answer import present_row
from ui.words.finding import gives_findings
from ui.words.model import describe_model, word_disclaimer
from ui.words.numbers import format_percent
from ui.words.rows import rebuild_volume
from ui.words.table import list_columns, list_groups
from ui.words.tone import Tone
from ui.words.volume import present_slices

if TYPE_CHECKING:
    from inference.answer.rows import Row
    from inference.batch.outcomes import Outcome
    from inference.model.bundle import ModelBundle

_STYLES: Mapping[Tone, str] = {
    Tone.CONFIDENT: "cyan",
    Tone.UNCERTAIN: "yellow",
    Tone.REJECTED: "dim",
    Tone.LEFT_OUT: "dim",
    Tone.ERROR: "red",
}
"""A tone's style in the words of rich."""

_GAP = 2
_MAX_FILE, _MIN_ANSWER, _MAX_ANSWER = 32, 20, 40
_MAX_BARS = 60


class TablePrinter:
    """Shows rows as a table; see `inference.__main__.Printer`.

    Parameters
    ----------
    bundle : ModelBundle
        Of the model that answers.
    top : int or None
        Show the probabilities of so many classes, too.
    console : rich.console.Console, optional
        Where to; standard output if it is not given.
    """

    def __init__(self, bundle: ModelBundle, *, top: int | None = None, console: Console | None = None) -> None:
        self._bundle, self._top = bundle, top
        self._console = console or Console(file=sys.stdout, highlight=False)
        self._ramp = LETTERS if self._console.options.ascii_only else BLOCKS
        self._columns = {key: name for key, name in list_columns(bundle).items() if key not in ("path", "slice")}
        self._groups = list_groups(bundle)
        self._widths = self._fit_columns()
        self._slices: list[Row] = []
        self._is_begun = False
        self._waiting = self._console.status("Reading…", refresh_per_second=4)
        self._waiting.start()

    def show(self, outcome: Outcome) -> None:
        """Show what became of a work item; a volume has one line."""
        for row in outcome.rows:
            if row.slice is not None:
                self._slices.append(row)
                continue
            slices, self._slices = self._slices, []
            self._show_row(row, slices, [note for path, note in outcome.notes if path == row.path])

    def close(self) -> None:
        """Say which model answered, and what its answers are not for."""
        self._waiting.stop()
        if self._is_begun:
            self._console.print()
            about = f"{describe_model(self._bundle)}. {word_disclaimer(self._bundle)}"
            self._console.print(Text(_clean(about.strip()), style="dim"))

    def _fit_columns(self) -> dict[str, int]:
        """The width of each column; file and answer share what the others leave of the terminal."""
        widths = {"group": max(map(len, self._groups.values())), "probability": len(self._columns["probability"])}
        named = [len(word) for word in self._bundle.label_texts]
        shares = 2 * len(" 99 %") if gives_findings(self._bundle) else 0
        longest = min(max(sum(sorted(named)[-2:]) + len(" or ") + shares, _MIN_ANSWER), _MAX_ANSWER)
        left = max(self._console.width - sum(widths.values()) - 3 * _GAP, 2 * _MIN_ANSWER)
        widths["answer"] = min(longest, left - _MIN_ANSWER)
        return {**widths, "path": min(left - widths["answer"], _MAX_FILE)}

    def _show_row(self, row: Row, slices: Sequence[Row], notes: Sequence[str]) -> None:
        if not self._is_begun:
            self._is_begun = True
            self._print_line(Text("File", style="dim"), {key: Text(name, "dim") for key, name in self._columns.items()})
        shown = present_row(row, self._bundle)
        style = _STYLES[shown.tone]
        file = Text(_shorten(_clean(row.path), self._widths["path"]))
        if shown.tone in (Tone.ERROR, Tone.LEFT_OUT):
            self._print_below(Text(_clean(shown.answer), style=style), file)
            return
        cells = {
            "group": Text(_clean(self._groups[shown.group]), style=style),
            "probability": Text(shown.percent),
            "answer": Text(_clean(shown.answer), style=style),
        }
        self._print_line(file, cells)
        for line in (*self._describe_slices(row, slices, style), *self._list_more(row), *map(_clean, notes)):
            self._print_below(line if isinstance(line, Text) else Text(line, style="dim"))

    def _describe_slices(self, row: Row, slices: Sequence[Row], style: str) -> list[Text | str]:
        """A plot along a volume, and which slices show what; nothing of a picture."""
        if row.volume is None:
            return []
        count = row.volume.series or ("1 slice" if row.volume.slices == 1 else f"{row.volume.slices} slices")
        found = present_slices(rebuild_volume(slices, row, self._bundle), self._bundle)
        if not found.rows:
            return [_clean(count)]
        room = max(min(self._console.width - self._widths["path"] - _GAP - len(count) - _GAP, _MAX_BARS), 1)
        bars = plot_bars([one.probability for one in found.rows], room, self._ramp)
        _, *sentences = found.summary  # the first has the number of slices
        return [Text.assemble((_clean(count), "dim"), " " * _GAP, (bars, style)), " ".join(sentences)]

    def _list_more(self, row: Row) -> list[str]:
        """What was asked for beside the answer: the classes of ``--top``, and whose a DICOM file is."""
        lines = []
        if self._top and row.probabilities:
            ranked = sorted(row.probabilities.items(), key=lambda item: item[1], reverse=True)[: self._top]
            named = [f"{self._bundle.label_text(label)} {format_percent(number)}" for label, number in ranked]
            lines.append(_clean(", ".join(named)))
        if row.identifiers is not None:
            known = {name: value for name, value in asdict(row.identifiers).items() if value}
            lines.append(_clean(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in known.items())))
        return lines

    def _print_line(self, file: Text, cells: Mapping[str, Text]) -> None:
        grid = Table.grid(padding=(0, _GAP, 0, 0))
        grid.add_column(width=self._widths["path"])
        for key in self._columns:
            grid.add_column(width=self._widths[key], justify="right" if key == "probability" else "left")
        grid.add_row(file, *(cells[key] for key in self._columns))
        self._console.print(grid)

    def _print_below(self, line: Text, file: Text | None = None) -> None:
        """Print something across all columns but the file's."""
        grid = Table.grid(padding=(0, _GAP, 0, 0))
        grid.add_column(width=self._widths["path"])
        grid.add_column()
        grid.add_row(file or "", line)
        self._console.print(grid)


def _clean(text: str) -> str:
    """Take out of a name or a sentence what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _shorten(path: str, width: int) -> str:
    """Leave out the beginning of a path that is too long; its end says more."""
    return path if len(path) <= width else f"…{path[len(path) - width + 1 :]}"
