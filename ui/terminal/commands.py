"""What ``gyrus`` can do, and where it is: the entry points ``gyrus.commands`` of ``pyproject.toml``, loaded by name.

Nothing heavy is imported here, so that ``gyrus --help`` is there at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

GROUP = "gyrus.commands"
"""The entry points' group."""


class Main(Protocol):
    """A command's ``main``: arguments in, exit status out."""

    def __call__(self, argv: Sequence[str], *, prog: str) -> int | None:
        """Run; ``prog`` is what its help calls it."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command.

    Attributes
    ----------
    name, summary : str
        What is typed, and a line of help.
    first : tuple of str
        Arguments that stand before those that were typed, where a ``main`` has commands of its own.
    extra : str
        The extra of ``pyproject.toml`` that it cannot do without; empty for none.
    needs : tuple of str
        Modules of that extra by which it is known whether it is installed.
    """

    name: str
    summary: str
    first: tuple[str, ...] = ()
    extra: str = ""
    needs: tuple[str, ...] = ()

    @property
    def is_installed(self) -> bool:
        """Whether all that it needs is there."""
        return all(find_spec(module) is not None for module in self.needs)

    def load(self) -> Main:
        """Import what does it.

        Raises
        ------
        LookupError
            There is no such entry point.
        """
        for entry in list_entry_points():
            if entry.name == self.name:
                main: Main = entry.load()
                return main
        raise LookupError(f"There is no entry point {self.name} in the group {GROUP}.")


COMMANDS = (
    Command(name="serve", summary="start the page and the API; http://127.0.0.1:7860"),
    Command(name="classify", summary="answer pictures, volumes, archives and folders"),
    Command(name="report", summary="write the answer as a PDF page or as DICOM"),
    Command(
        name="train",
        summary="make a model of your own pictures",
        first=("fit",),
        extra="train",
        needs=("keras", "sklearn", "scipy"),
    ),
    Command(
        name="audit",
        summary="say what is in a folder of pictures: copies, conflicts, shortcuts",
        first=("audit",),
        extra="train",
        needs=("sklearn", "scipy"),
    ),
    Command(
        name="evaluate",
        summary="measure a model on pictures whose answers are known",
        first=("evaluate",),
        extra="train",
        needs=("sklearn", "scipy"),
    ),
    Command(name="desktop", summary="open a window of its own", extra="desktop", needs=("ttkbootstrap",)),
    Command(name="bundle", summary="check a model's folder, list its checksums, print its schema"),
    Command(name="version", summary="say which version this is, of Gyrus and of its models"),
)


def list_entry_points() -> Iterator[EntryPoint]:
    """The entry points of what is installed, or of the source tree that this file stands in."""
    try:
        yield from distribution("gyrus").entry_points.select(group=GROUP)
    except PackageNotFoundError:
        source = Path(__file__).resolve().parents[2] / "pyproject.toml"
        named = tomllib.loads(source.read_text(encoding="utf-8"))["project"]["entry-points"][GROUP]
        yield from (EntryPoint(name, value, GROUP) for name, value in named.items())
