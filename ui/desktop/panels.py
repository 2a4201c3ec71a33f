"""The window's three panels and what each shows: the bar at the top, the picture's column, the answer's column.

A panel shows the session's state and calls what it was given; it neither changes the session nor decides anything.
"""

from __future__ import annotations

import tkinter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import ttkbootstrap as ttk
from PIL import Image, ImageTk

from ui.desktop.files import shorten_middle
from ui.desktop.preferences import APPEARANCES
from ui.desktop.session import ACTION, Session
from ui.desktop.widgets import Bars, HeatBar, ScrollColumn, Stage, wrap_to_width
from ui.pictures import face_picture
from ui.words.labels import HEAT_SWITCH, SIDE_SWITCH
from ui.words.model import word_disclaimer
from ui.words.numbers import format_size
from ui.words.sides import word_sides
from ui.words.tone import TONE_COLORS
from ui.words.volume import word_slice

if TYPE_CHECKING:
    from inference.imaging.types import Convention
    from ui.desktop.theme import Palette

ICON = Path(__file__).parent / "assets" / "gyrus.png"

_NAME_CHARACTERS = 64
"""A longer file name is shortened in its middle; the window's title has all of it."""


@dataclass(frozen=True, kw_only=True)
class Actions:
    """What a click does; `ui.desktop.window` fills it in."""

    choose: Callable[[], None]
    classify: Callable[[], None]
    previous: Callable[[], None]
    next: Callable[[], None]
    select_model: Callable[[int], None]
    set_appearance: Callable[[str], None]
    copy: Callable[[], None]
    save: Callable[[], None]
    about: Callable[[], None]
    redraw: Callable[[], None]


class TopBar(ttk.Frame):
    """Name, model, appearance, About."""

    def __init__(
        self, parent: tkinter.Misc, actions: Actions, titles: Sequence[str], appearance: str, scale: float
    ) -> None:
        super().__init__(parent)
        gap = round(10 * scale)
        side = round(34 * scale)
        self._mark = ImageTk.PhotoImage(Image.open(ICON).resize((side, side), Image.Resampling.LANCZOS), master=self)
        ttk.Label(self, image=self._mark).pack(side="left")
        ttk.Label(self, text="Gyrus", style="Name.TLabel").pack(side="left", padx=(gap, 2 * gap))
        ttk.Button(self, text="About", underline=0, command=actions.about).pack(side="right")
        self.appearance = tkinter.StringVar(self, appearance)
        self._menu = menu = ttk.Menubutton(self, text="Appearance ", underline=1)
        menu["menu"] = choices = ttk.Menu(menu, tearoff=False)
        for name in APPEARANCES:
            choices.add_radiobutton(label=name, variable=self.appearance, command=partial(actions.set_appearance, name))
        menu.pack(side="right", padx=gap)
        self.model = ttk.Combobox(self, values=list(titles), state="readonly", width=32)
        self.model.current(0)
        self.model.bind("<<ComboboxSelected>>", lambda _event: self._select(actions))
        self.model.pack(side="right")
        ttk.Label(self, text="Model", style="Quiet.TLabel").pack(side="right", padx=gap)

    def open_appearance(self) -> None:
        """Open the appearance menu, as a click does."""
        self._menu.focus_set()
        self._menu.event_generate("<space>")

    def _select(self, actions: Actions) -> None:
        self.model.selection_clear()
        actions.select_model(self.model.current())


class PicturePanel(ttk.Frame):
    """The stage, the file's name, and what changes the picture."""

    def __init__(self, parent: tkinter.Misc, actions: Actions, scale: float, convention: Convention) -> None:
        super().__init__(parent)
        gap = round(8 * scale)
        self._is_radiological = tkinter.BooleanVar(self, convention == "radiological")
        self.stage = Stage(self, scale)
        self.stage.grid(row=0, column=0, columnspan=4, sticky="nsew")
        self._name = ttk.Label(self, font="GyrusStrong", padding=0)
        self._facts = ttk.Label(self, style="Small.TLabel", padding=0)
        self._name.grid(row=1, column=0, columnspan=4, sticky="ew", pady=(gap, 0))
        self._facts.grid(row=2, column=0, columnspan=4, sticky="ew")
        self.previous = ttk.Button(self, text="‹ Previous", command=actions.previous)
        self.next = ttk.Button(self, text="Next ›", command=actions.next)
        self.choose = ttk.Button(self, text="Choose image…", underline=1, command=actions.choose)
        self.side_switch = ttk.Checkbutton(
            self, text=SIDE_SWITCH, variable=self._is_radiological, command=actions.redraw, bootstyle="round-toggle"
        )
        self.side_switch.grid(row=3, column=0, sticky="w", pady=(gap, 0))
        for column, button in enumerate((self.previous, self.next, self.choose), start=1):
            button.grid(row=3, column=column, padx=(gap, 0), pady=(gap, 0))
        self.columnconfigure(0, weight=1)
        self.rowconfigure(0, weight=1)
        wrap_to_width(self._name)

    @property
    def convention(self) -> Convention:
        """The convention that the switch stands at."""
        return "radiological" if self._is_radiological.get() else "neurological"

    def toggle_sides(self) -> None:
        """Put the switch the other way, where there is one."""
        if self.side_switch.winfo_ismapped():
            self._is_radiological.set(not self._is_radiological.get())

    def show(self, session: Session, heat: bool) -> None:
        """Show the session's picture, with its heat map if ``heat``."""
        answer = session.answer
        drawn = heat and answer is not None and answer.heat is not None and answer.heat.drawn
        heatmap = answer.prediction.heatmap if drawn and answer else None
        image = None if session.view is None else session.view.image
        self.stage.show(image, heatmap, self.convention, self._hint(session))
        orientation = None if image is None else face_picture(image, self.convention).orientation
        if orientation is not None and orientation.has_sides:
            self.side_switch.grid()
        else:
            self.side_switch.grid_remove()
        self._name.configure(text=shorten_middle(session.path.name, _NAME_CHARACTERS) if session.path else "No image")
        self._facts.configure(text=". ".join(filter(None, (self._describe(session), word_sides(orientation)))))
        for button, offset in ((self.previous, -1), (self.next, 1)):
            button.configure(state="normal" if session.can_step(offset) else "disabled")

    @staticmethod
    def _hint(session: Session) -> str:
        return "" if session.path else f"Choose {session.bundle.subject}, or drop one here"

    @staticmethod
    def _describe(session: Session) -> str:
        facts = []
        if session.view is not None:
            height_px, width_px = session.view.image.pixels.shape[:2]
            facts.append(format_size(width_px, height_px))
            if session.view.count > 1:
                facts.append(word_slice(session.view.number - 1, session.view.count))
        if session.position and session.position[1] > 1:
            facts.append(f"{session.position[0]} of {session.position[1]} in this folder")
        return ", ".join(facts)


class AnswerPanel(ScrollColumn):
    """The button, the sentence, the bars, the heat map's switch, and what takes the answer along.

    The disclaimer stands below all of it and does not scroll: where an answer is seen, it is seen.
    """

    def __init__(self, parent: tkinter.Misc, actions: Actions, scale: float) -> None:
        super().__init__(parent, width_px=round(370 * scale))
        gap = round(8 * scale)
        self._gap = gap
        inside = self.inside
        self.classify = ttk.Button(
            inside, text=ACTION, underline=0, bootstyle="primary", command=actions.classify, padding=gap
        )
        self.running = ttk.Progressbar(inside, mode="indeterminate", bootstyle="primary-thin")
        self._sentence = self._label("Sentence.TLabel")
        self._detail = self._label("Quiet.TLabel")
        self._bars = Bars(inside, scale)
        self._notes = self._label("TLabel")
        self._heat = ttk.Frame(inside)
        self.heat = tkinter.BooleanVar(self, True)
        self.heat_switch = ttk.Checkbutton(
            self._heat, text=HEAT_SWITCH, variable=self.heat, command=actions.redraw, bootstyle="round-toggle"
        )
        self._heat_bar = HeatBar(self._heat, scale)
        self._heat_sentence = self._label("Quiet.TLabel", self._heat)
        self._card = ttk.Frame(self, style="Card.TFrame", padding=round(12 * scale))
        self._disclaimer = self._label("Card.TLabel", self._card)
        self._disclaimer.pack(fill="x")
        self._take = ttk.Frame(inside)
        self.copy = ttk.Button(self._take, text="Copy", command=actions.copy)
        self.save = ttk.Button(self._take, text="Save…", underline=0, command=actions.save)
        self.copy.pack(side="left")
        self.save.pack(side="left", padx=gap)
        self._source = self._label("Small.TLabel")
        self._status = self._label("Quiet.TLabel")
        self._stack = (
            (self.classify, 0),
            (self.running, gap),
            (self._sentence, 2 * gap),
            (self._detail, gap // 2),
            (self._bars, 2 * gap),
            (self._notes, gap),
            (self._heat, gap),
            (self._take, 2 * gap),
            (self._status, gap),
            (self._source, gap),
        )
        for row, (widget, above) in enumerate(self._stack):
            widget.grid(row=row, column=0, sticky="ew", pady=(above, 0), padx=(0, round(4 * scale)))
        inside.columnconfigure(0, weight=1)

    def show(self, session: Session, palette: Palette, status: str, convention: Convention) -> None:
        """Show the session's sentence, numbers and what else there is; the picture is shown in this convention."""
        self.paint(palette)
        shown = session.presentation
        tone = TONE_COLORS[shown.tone]
        color = tone.dark if palette.dark else tone.light
        self._sentence.configure(text=shown.sentence, foreground=color)
        self._detail.configure(text=shown.detail)
        self._bars.show(shown.rows, palette, color)
        self._notes.configure(text="\n".join(shown.notes))
        self._show_disclaimer(word_disclaimer(session.bundle))
        self._source.configure(text=shown.source)
        self._status.configure(text=status)
        self._show_heat(session, convention)
        self._keep(self._detail, bool(shown.detail))
        self._keep(self._bars, bool(shown.rows))
        self._keep(self._notes, bool(shown.notes))
        self._keep(self._take, session.answer is not None)
        self._keep(self._source, bool(shown.source))
        self._keep(self._status, bool(status))
        self._keep(self.running, session.busy)
        self.classify.configure(state="disabled" if session.busy else "normal")
        if session.busy:
            self.running.start(40)
        else:
            self.running.stop()

    def _show_disclaimer(self, text: str) -> None:
        """Under everything; no empty card where the model has none."""
        self._disclaimer.configure(text=text)
        if text:
            pads = {"pady": (self._gap, 0), "padx": (0, self._gap // 2)}
            self._card.pack(side="bottom", fill="x", before=self._canvas, **pads)
        else:
            self._card.pack_forget()

    def _show_heat(self, session: Session, convention: Convention) -> None:
        answer = session.answer
        heat = answer.heat if answer else None
        self._keep(self._heat, heat is not None)
        for widget in (self.heat_switch, self._heat_bar, self._heat_sentence):
            widget.pack_forget()
        if answer is None or heat is None:
            return
        if heat.drawn:
            self.heat_switch.pack(anchor="w", pady=(self._gap, 0))
            self._heat_bar.pack(anchor="w", pady=self._gap)
        self._heat_sentence.configure(text=answer.word_heat(convention).sentence)
        self._heat_sentence.pack(fill="x")

    def _label(self, style: str, parent: tkinter.Misc | None = None) -> ttk.Label:
        label = ttk.Label(parent or self.inside, style=style, justify="left", padding=0)
        wrap_to_width(label)
        return label

    @staticmethod
    def _keep(widget: tkinter.Widget, shown: bool) -> None:
        widget.grid() if shown else widget.grid_remove()
