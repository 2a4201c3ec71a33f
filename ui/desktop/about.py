"""The window About: what the program is, what the chosen model says of itself, and the disclaimer first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import ttkbootstrap as ttk

from inference import __version__
from ui.words.model import Fact, describe_model, present_about, word_disclaimer

if TYPE_CHECKING:
    from inference.model.bundle import ModelBundle
    from ui.desktop.theme import Palette

_MAX_CLASSES = 20

KEYS = (
    ("Ctrl+O", "choose an image"),
    ("Enter", "classify it"),
    ("← →", "previous and next image of the folder"),
    ("H", "heat map on and off"),
    ("Ctrl+C", "copy the answer"),
    ("Ctrl+S", "save the answer as PNG and JSON"),
    ("F1", "this window"),
)
"""What the keyboard does, in words; on a Mac, Command takes the place of Ctrl."""


def open_about(root: ttk.App, bundle: ModelBundle, palette: Palette, scale: float) -> ttk.Toplevel:
    """Open the window; Escape closes it."""
    window = ttk.Toplevel("About Gyrus", master=root)
    window.geometry(f"{round(600 * scale)}x{round(560 * scale)}")
    window.transient(root)
    pad = round(20 * scale)
    text = ttk.Text(
        window,
        wrap="word",
        font="TkDefaultFont",
        padx=pad,
        pady=pad,
        relief="flat",
        borderwidth=0,
        highlightthickness=0,
        spacing2=round(3 * scale),
        spacing3=round(4 * scale),
        background=palette.card,
        foreground=palette.ink,
        autostyle=False,
    )
    text.tag_configure("name", font="GyrusName")
    text.tag_configure("heading", font="GyrusStrong", spacing1=round(16 * scale), spacing3=round(4 * scale))
    text.tag_configure("quiet", foreground=palette.quiet)
    bar = ttk.Scrollbar(window, orient="vertical", command=text.yview, bootstyle="round")
    text.configure(yscrollcommand=bar.set)
    close = ttk.Button(window, text="Close", command=window.destroy)
    close.pack(side="bottom", anchor="e", padx=pad, pady=pad // 2)
    bar.pack(side="right", fill="y")
    text.pack(side="left", fill="both", expand=True)
    for line, tag in _list_lines(bundle):
        text.insert("end", f"{line}\n", tag)
    text.configure(state="disabled")
    for sequence in ("<Escape>", "<Return>"):
        window.bind(sequence, lambda _event: window.destroy())
    close.focus_set()
    return window


def _list_lines(bundle: ModelBundle) -> Iterator[tuple[str, str]]:
    about = present_about(bundle)
    yield f"Gyrus {__version__}", "name"
    if disclaimer := word_disclaimer(bundle):
        yield disclaimer, ""
    yield "Images stay on this computer: nothing is sent anywhere.", ""
    yield f"{bundle.title}", "heading"
    yield describe_model(bundle), "quiet"
    if about.summary:
        yield about.summary, ""
    yield "Answers", "heading"
    more = len(about.classes) - _MAX_CLASSES
    yield ", ".join(about.classes[:_MAX_CLASSES]) + (f" and {more} more" if more > 0 else ""), ""
    yield from _list_facts("How well it does", about.figures)
    yield from _list_facts("What it learned from", about.data)
    if about.limits:
        yield "What it cannot do", "heading"
        for limit in about.limits:
            yield f"•  {limit}", ""
    yield "Keys", "heading"
    for key, meaning in KEYS:
        yield f"{key}: {meaning}", ""
    yield "Licence", "heading"
    yield "Gyrus is free software under the Apache License 2.0.", ""
    if about.licence:
        yield f"The model: {about.licence}", ""


def _list_facts(heading: str, facts: tuple[Fact, ...]) -> Iterator[tuple[str, str]]:
    if facts:
        yield heading, "heading"
    for fact in facts:
        yield f"•  {fact.name}: {', '.join(filter(None, (fact.value, fact.detail)))}", ""
