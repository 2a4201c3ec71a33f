"""The window: puts the panels together, binds the keys, and carries clicks to the session and its state back.

`tkinter` calls whatever fails in a callback ``report_callback_exception``; here that becomes a sentence in the window.
"""

from __future__ import annotations

import sys
import tkinter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tkinter import filedialog
from types import TracebackType
from typing import TYPE_CHECKING, Any

import ttkbootstrap as ttk
from tkinterdnd2 import DND_FILES, TkinterDnD

from ui.desktop.about import open_about
from ui.desktop.files import picture_suffixes
from ui.desktop.panels import ICON, Actions, AnswerPanel, PicturePanel, TopBar
from ui.desktop.preferences import load_appearance, save_appearance
from ui.desktop.result import save_result
from ui.desktop.theme import (
    DARK,
    LIGHT,
    Palette,
    apply_palette,
    register_theme,
    set_scale,
    system_palette,
)
from ui.words.answer import list_lines
from ui.words.errors import present_error
from ui.words.model import name_models

if TYPE_CHECKING:
    from inference.imaging.types import Convention
    from ui.desktop.session import Session
    from ui.desktop.worker import Worker

_POLL_MS = 30
"""How often finished jobs are looked for; shorter than the eye notices."""

_SIZE = (1080, 720)
_MIN_SIZE = (840, 520)
"""Width and height in units of the design; a smaller screen gets what it has."""


class Window:
    """The program's one window.

    Parameters
    ----------
    session : Session
    worker : Worker
        The session's; polled here and closed with the window.
    convention : str
        In which pictures are shown at first.

    Attributes
    ----------
    root : ttkbootstrap.App
    """

    def __init__(self, session: Session, worker: Worker, convention: Convention = "radiological") -> None:
        self.session = session
        self._worker = worker
        self._status = ""
        self._closing = False
        self._appearance = load_appearance()
        self._palette = _find_palette(self._appearance)
        register_theme()
        self.root = ttk.App(title="Gyrus", iconphoto=str(ICON), className="gyrus")
        self.root.withdraw()
        self.root.report_callback_exception = self._report
        self.scale = set_scale(self.root)
        apply_palette(self.root, self._palette)
        self._build(convention)
        self._bind_keys()
        self._accept_drops()
        session.changed = self.refresh
        self.refresh()
        self.root.protocol("WM_DELETE_WINDOW", self.close)
        self.root.deiconify()
        self.root.after(_POLL_MS, self._poll)

    def run(self) -> None:
        """Show the window until it is closed."""
        self.root.mainloop()

    def close(self) -> None:
        """Take the window away at once; a job that is running has a moment to end."""
        if self._closing:
            return
        self._closing = True
        self.session.close()
        for timer in self.root.tk.splitlist(self.root.tk.call("after", "info")):
            self.root.tk.call("after", "cancel", timer)
        self.root.destroy()
        self._worker.close()

    def refresh(self) -> None:
        """Draw the session's state."""
        session = self.session
        self.picture.show(session, self.answer.heat.get())
        self.answer.show(session, self._palette, self._status, self.picture.convention)
        sentence = session.presentation.sentence if session.answer else ""
        self.root.title(": ".join(filter(None, ["Gyrus", session.path.name if session.path else "", sentence])))

    def choose(self) -> None:
        """Ask for a file."""
        patterns = " ".join(f"*{suffix}" for suffix in picture_suffixes())
        both = f"{patterns} {patterns.upper()}" if sys.platform.startswith("linux") else patterns
        folder = self.session.path.parent if self.session.path else Path.home()
        name = filedialog.askopenfilename(
            parent=self.root,
            title="Choose an image",
            initialdir=folder,
            filetypes=[("Images", both), ("All files", "*")],
        )
        if name:
            self.take(Path(name))

    def take(self, path: Path) -> None:
        """Show a file, ready to be classified."""
        self._status = ""
        self.session.choose(path)
        self.answer.classify.focus_set()

    def classify(self) -> None:
        """Ask the model."""
        self._status = ""
        self.session.classify()

    def step(self, offset: int) -> None:
        """Go to another picture of the folder."""
        self._status = ""
        self.session.step(offset)

    def copy(self) -> None:
        """Put the answer on the clipboard as text."""
        session = self.session
        if session.answer is None or session.path is None:
            self._say("There is no answer to copy yet.")
            return
        self.root.clipboard_clear()
        lines = list_lines(session.presentation, session.bundle, title=session.path.name)
        self.root.clipboard_append("\n".join(lines))
        self._say("The answer is on the clipboard.")

    def save(self) -> None:
        """Ask for a name and write the answer there, as PNG and as JSON."""
        path, answer = self.session.path, self.session.answer
        if answer is None or path is None:
            self._say("There is no answer to save yet.")
            return
        name = filedialog.asksaveasfilename(
            parent=self.root,
            title="Save the answer as PNG, and as JSON beside it",
            initialdir=path.parent,
            initialfile=f"{path.name.partition('.')[0]}-gyrus.png",
            defaultextension=".png",
            filetypes=[("PNG", "*.png")],
        )
        if name:
            self._save(Path(name))

    def about(self) -> None:
        """Open the window About."""
        open_about(self.root, self.session.bundle, self._palette, self.scale)

    def set_appearance(self, name: str) -> None:
        """Change the colours, and remember it: one of `ui.desktop.preferences.APPEARANCES`."""
        self._palette = _find_palette(name)
        apply_palette(self.root, self._palette)
        self.refresh()
        save_appearance(name)

    def _save(self, target: Path) -> None:
        answer, bundle = self.session.answer, self.session.bundle
        heat, convention = self.answer.heat.get(), self.picture.convention
        if answer is None:
            return

        def done(outcome: tuple[Path, Path] | Exception) -> None:
            if isinstance(outcome, Exception):
                self._say(present_error(outcome).sentence)
            else:
                self._say(f"Saved {outcome[0].name} and {outcome[1].name}.")

        self._worker.submit(lambda: save_result(target, answer, bundle, heat=heat, convention=convention), done)

    def _say(self, status: str) -> None:
        self._status = status
        self.refresh()

    def _build(self, convention: Convention) -> None:
        gap = round(18 * self.scale)
        actions = Actions(
            choose=self.choose,
            classify=self.classify,
            previous=lambda: self.step(-1),
            next=lambda: self.step(1),
            select_model=self._select_model,
            set_appearance=self.set_appearance,
            copy=self.copy,
            save=self.save,
            about=self.about,
            redraw=self.refresh,
        )
        names = name_models(self.session.bundles)
        titles = [names[bundle.name] for bundle in self.session.bundles]
        frame = ttk.Frame(self.root, padding=gap)
        frame.pack(fill="both", expand=True)
        self.bar = TopBar(frame, actions, titles, self._appearance, self.scale)
        self.picture = PicturePanel(frame, actions, self.scale, convention)
        self.answer = AnswerPanel(frame, actions, self.scale)
        self.bar.grid(row=0, column=0, columnspan=2, sticky="ew", pady=(0, gap))
        self.picture.grid(row=1, column=0, sticky="nsew", padx=(0, gap))
        self.answer.grid(row=1, column=1, sticky="nsew")
        frame.columnconfigure(0, weight=1)
        frame.rowconfigure(1, weight=1)
        self._set_size()

    def _set_size(self) -> None:
        room = (self.root.winfo_screenwidth(), round(self.root.winfo_screenheight() * 0.92))
        width_px, height_px = (min(round(side * self.scale), most) for side, most in zip(_SIZE, room, strict=True))
        self.root.geometry(f"{width_px}x{height_px}")
        self.root.minsize(*(min(round(side * self.scale), most) for side, most in zip(_MIN_SIZE, room, strict=True)))

    def _select_model(self, index: int) -> None:
        self._status = ""
        self.session.select_model(index)

    def _bind_keys(self) -> None:
        control = "Command" if self.root.tk.call("tk", "windowingsystem") == "aqua" else "Control"
        keys: dict[str, Callable[[], None]] = {
            f"<{control}-o>": self.choose,
            f"<{control}-c>": self.copy,
            f"<{control}-s>": self.save,
            f"<{control}-q>": self.close,
            "<F1>": self.about,
            "<Left>": lambda: self.step(-1),
            "<Right>": lambda: self.step(1),
            "<Alt-c>": self.classify,
            "<Alt-h>": self.choose,
            "<Alt-p>": self.bar.open_appearance,
            "<Alt-a>": self.about,
            "<Alt-s>": self.save,
            "<Key-h>": self._toggle_heat,
            "<Key-r>": self._toggle_sides,
            "<Prior>": lambda: self.answer.scroll(-8),
            "<Next>": lambda: self.answer.scroll(8),
        }
        for sequence, action in keys.items():
            self.root.bind(sequence, partial(self._on_key, action))
        for sequence in ("<Return>", "<KP_Enter>"):
            self.root.bind(sequence, self._on_return)
        self.root.bind("<FocusIn>", lambda event: self.answer.reveal(event.widget), add="+")
        self.picture.stage.bind("<Button-1>", lambda _event: None if self.session.path else self.choose())
        for sequence, units in (("<Button-4>", -3), ("<Button-5>", 3)):
            self.root.bind(sequence, partial(self._on_wheel, units))
        self.root.bind("<MouseWheel>", lambda event: self._on_wheel(-3 if event.delta > 0 else 3, event))

    def _on_key(self, action: Callable[[], None], event: tkinter.Event[tkinter.Misc]) -> None:
        if self._is_mine(event):
            action()

    def _on_return(self, event: tkinter.Event[tkinter.Misc]) -> None:
        """Enter presses the button that has the focus, and classifies from anywhere else."""
        if self._is_mine(event) and event.widget.winfo_class() not in ("TButton", "TMenubutton"):
            self.classify()

    def _on_wheel(self, units: int, event: tkinter.Event[tkinter.Misc]) -> None:
        if self._is_mine(event) and str(event.widget).startswith(str(self.answer)):
            self.answer.scroll(units)

    def _is_mine(self, event: tkinter.Event[tkinter.Misc]) -> bool:
        """Whether a key was meant for this window: Tk passes on those of the dialogs above it."""
        return isinstance(event.widget, tkinter.Misc) and event.widget.winfo_toplevel() is self.root

    def _toggle_heat(self) -> None:
        self.answer.heat.set(not self.answer.heat.get())
        self.refresh()

    def _toggle_sides(self) -> None:
        self.picture.toggle_sides()
        self.refresh()

    def _accept_drops(self) -> None:
        """Take dragged files, where tkdnd runs; without it the dialog is left."""
        try:
            TkinterDnD._require(self.root)  # noqa: SLF001 - its public way is a root window of its own class
        except RuntimeError:
            return
        stage: Any = self.picture.stage  # tkinterdnd2 gives every widget these methods
        stage.drop_target_register(DND_FILES)
        stage.dnd_bind("<<DropEnter>>", lambda event: self._on_drag(event, True))
        stage.dnd_bind("<<DropLeave>>", lambda event: self._on_drag(event, False))
        stage.dnd_bind("<<Drop>>", self._on_drop)

    def _on_drag(self, event: TkinterDnD.DnDEvent, inside: bool) -> str:
        self.picture.stage.mark_target(inside)
        return str(event.action)

    def _on_drop(self, event: TkinterDnD.DnDEvent) -> str:
        self.picture.stage.mark_target(False)
        names = self.root.tk.splitlist(event.data)
        if names:
            self.take(Path(names[0]))
        return str(event.action)

    def _poll(self) -> None:
        self._worker.poll()
        if not self._closing:
            self.root.after(_POLL_MS, self._poll)

    def _report(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self._say(present_error(error).sentence)


def _find_palette(appearance: str) -> Palette:
    return {"Light": LIGHT, "Dark": DARK}.get(appearance) or system_palette()
