"""A program in a process of its own, with real keys and a real mouse on a display."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PATIENCE_S = 90


@dataclass
class Program:
    """A running program and its window."""

    process: subprocess.Popen[str]
    window: str
    display: str

    def key(self, *keys: str) -> None:
        """Press keys, as ``xdotool`` names them."""
        for key in keys:
            xdotool(self.display, "windowfocus", "--sync", self.window)
            xdotool(self.display, "key", key)

    def click(self, x: int, y: int, part: str) -> str:
        """Click at a place of the window, in pixels from its upper left corner, and wait as `wait_for_title` does.

        A click on a window that is not painted yet meets nothing: it is repeated, as a person does.
        """
        for _ in range(PATIENCE_S // 10):
            xdotool(self.display, "mousemove", "--window", self.window, str(x), str(y), "click", "1")
            deadline_s = time.monotonic() + 10
            while time.monotonic() < deadline_s:
                if part in (title := xdotool(self.display, "getwindowname", self.window)):
                    return title
                time.sleep(0.05)
        raise AssertionError(f"no answer to a click, the title is {title!r}")

    def wait_for_title(self, part: str) -> str:
        """Wait until the window's title, which has the answer, has a part; gives the title."""
        deadline_s = time.monotonic() + PATIENCE_S
        while part not in (title := xdotool(self.display, "getwindowname", self.window)):
            assert time.monotonic() < deadline_s, f"the title is {title!r}"
            time.sleep(0.05)
        return title


@contextmanager
def run_program(
    command: Sequence[str], display: str, environ: dict[str, str], cwd: Path | None = None, user: int | None = None
) -> Iterator[Program]:
    """Start a program, wait for its window, and end it if it is still there afterwards."""
    if shutil.which("xdotool") is None:
        pytest.skip("no xdotool: nobody to press keys (on Debian: apt-get install xdotool)")
    process = subprocess.Popen(
        command,
        env={**environ, "DISPLAY": display, "GYRUS_SCALE": "1"},
        cwd=cwd,
        user=user,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Program(process, _find_window(process, display), display)
    finally:
        process.kill()
        process.communicate()


def xdotool(display: str, *arguments: str) -> str:
    """Run ``xdotool``; an empty text if it fails."""
    done = subprocess.run(
        ["xdotool", *arguments], env={**os.environ, "DISPLAY": display}, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _find_window(process: subprocess.Popen[str], display: str) -> str:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        if window := xdotool(display, "search", "--onlyvisible", "--class", "^gyrus$"):
            return window.splitlines()[0]
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    raise AssertionError("no window")
