"""A display of the tests' own, and a window on it that may not raise in any callback."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeClassifier, make_bundle
from tests.pictures import COLORS, encode
from ui.desktop.session import Session
from ui.desktop.worker import Worker

MEDLAR = make_bundle(Path("medlar"), name="medlar", title="Medlars", subject="a medlar")

_DONT_WAIT = 2
"""Tcl's TCL_DONT_WAIT, for Pythons without Tk too."""

_INTERPRETERS: list[Any] = []
"""Tcl aborts the process when an interpreter is freed on another thread than its own. Python's garbage collector runs
on whichever thread allocates, such as a server's that other tests left running; so no interpreter is ever freed."""


def pytest_runtest_logfinish(nodeid: str, location: object) -> None:
    """Free a test's window and its pictures on the thread that made them, now that no fixture holds them.

    On another thread each picture waits a second for a main loop that is over, and a server's answer with it.
    """
    gc.collect()


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """The name of a running X display of 1280 × 1024 pixels."""
    pytest.importorskip("tkinter", reason="this Python has no Tk (on Debian: apt-get install python3-tk)")
    if shutil.which("Xvfb") is None:
        pytest.skip("no Xvfb: there is no display to open a window on (on Debian: apt-get install xvfb)")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()
    if not number:
        pytest.skip("Xvfb does not start here")
    yield f":{number}"
    server.terminate()
    server.wait(10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures that `tests.fakes.FakeClassifier` answers differently, and one that cannot be read."""
    names = {
        "1 pear.png": "confident",
        "2 unsure.png": "uncertain",
        "10 other.png": "rejected",
        "11 sure.png": "certain",
    }
    images = tmp_path / "images"
    images.mkdir()
    for name, kind in names.items():
        (images / name).write_bytes(encode(COLORS[kind]))
    (images / "12 broken.png").write_text("no picture", encoding="utf-8")
    return images


@dataclass
class Desk:
    """A window and what a test does with it."""

    window: Any
    classifier: FakeClassifier
    errors: list[BaseException] = field(default_factory=list)

    def close(self, window: Any) -> None:
        """Close a window, and keep its interpreter."""
        window.close()
        _INTERPRETERS.append(window.root.tk)

    def wait(self, done: Callable[[], bool] | None = None, timeout_s: float = 20) -> None:
        """Let the window live until ``done``, or until nothing is left to do at once."""
        deadline_s = time.monotonic() + timeout_s
        self._update()
        while done is not None and not done():
            assert time.monotonic() < deadline_s, "the window did not get there"
            self._update()
            time.sleep(0.01)
        self._update()

    def _update(self, longest_s: float = 0.5) -> None:
        """As Tk's ``update``, which does not return while an animation's next step is always due already."""
        deadline_s = time.monotonic() + longest_s
        while self.window.root.tk.dooneevent(_DONT_WAIT) and time.monotonic() < deadline_s:
            pass

    def press(self, key: str) -> None:
        """Press a key in the window."""
        self.window.root.focus_force()
        self.wait()
        (self.window.root.focus_get() or self.window.root).event_generate(key)
        self.wait()

    def click(self, widget: Any) -> None:
        """Click into the middle of a widget, as a mouse does."""
        self.wait()
        x, y = widget.winfo_width() // 2, widget.winfo_height() // 2
        for event in ("<Enter>", "<Motion>", "<ButtonPress-1>", "<ButtonRelease-1>"):
            widget.event_generate(event, x=x, y=y)
        self.wait()

    def classify(self, path: Path) -> None:
        """Choose a file, classify it and wait for the answer."""
        self.window.take(path)
        self.window.classify()
        self.wait(lambda: not self.window.session.busy)

    def texts(self, parent: Any = None) -> list[str]:
        """Every text that is seen: of labels, buttons and drawings."""
        found = []
        for widget in (parent or self.window.root).winfo_children():
            if widget.winfo_ismapped():
                found += _texts_of(widget) + self.texts(widget)
        return found

    def sees(self, text: str) -> bool:
        """Whether a text is seen anywhere, be it part of a longer one."""
        return any(text in seen for seen in self.texts())


def _texts_of(widget: Any) -> list[str]:
    if widget.winfo_class() == "Canvas":
        return [widget.itemcget(item, "text") for item in widget.find_all() if widget.type(item) == "text"]
    return [str(widget.cget("text"))] if "text" in widget.keys() else []  # noqa: SIM118


@pytest.fixture
def desk(display: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A window about fruit; the test fails if a callback raises."""
    from ui.desktop.window import Window

    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setenv("GYRUS_SCALE", "1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    classifier = FakeClassifier()
    worker = Worker()
    window = Window(Session([classifier.bundle, MEDLAR], worker, load=lambda path: classifier), worker)
    desk = Desk(window, classifier)

    def report(kind: type[BaseException], error: BaseException, trace: object) -> None:
        desk.errors.append(error)

    window.root.report_callback_exception = report
    desk.wait()
    yield desk
    desk.close(window)
    assert desk.errors == []
