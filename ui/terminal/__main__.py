"""``gyrus COMMAND``: finds the command and hands it its arguments; ``python -m ui.terminal`` does the same."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches

from ui.terminal.commands import COMMANDS

_EPILOG = """\
Each command has a page of its own: gyrus classify --help

A research and teaching tool, not a medical device."""


def build_parser() -> argparse.ArgumentParser:
    """The command, and what it is given."""
    lines = "\n".join(f"  {command.name:<10}{command.summary}" for command in COMMANDS)
    parser = argparse.ArgumentParser(
        prog="gyrus",
        usage="gyrus COMMAND …",
        description=f"A brain MRI in, a trustworthy answer out.\n\ncommands:\n{lines}",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="the same as gyrus version")
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status, 2 when there is no such command or it is not installed."""
    parser = build_parser()
    options = parser.parse_args(argv)
    name = "version" if options.version else options.command
    if name is None:
        parser.print_help()
        return 2
    commands = {command.name: command for command in COMMANDS}
    command = commands.get(name)
    if command is None:
        close = get_close_matches(name, commands, n=1)
        hint = f"did you mean gyrus {close[0]}?" if close else "gyrus --help lists them."
        parser.error(f"there is no command {name}; {hint}")
    if not command.is_installed and not {"-h", "--help"}.intersection(options.arguments):
        print(f"gyrus {name} needs pip install 'gyrus[{command.extra}]'.", file=sys.stderr)
        return 2
    return command.load()([*command.first, *options.arguments], prog=f"gyrus {name}") or 0


if __name__ == "__main__":
    raise SystemExit(main())
