"""Colours, fonts and scale; no layout and no words.

The widgets' shapes are ttkbootstrap's, which draws them for the screen's scale. The colours are those of the web page
(a reading room: the picture on black, quiet grounds, one accent), the colours of verdicts are the presenter's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from tkinter import font as tkfont

import darkdetect
import ttkbootstrap as ttk
from ttkbootstrap.utils import enable_high_dpi_awareness

_FAMILY = "gyrus"

_POINTS_PER_INCH = 72
_PLAIN_DPI = 96
"""Dots an inch at which one unit of the design is one pixel."""

_SERIF = ("Iowan Old Style", "Palatino Linotype", "Palatino", "P052", "Noto Serif", "Liberation Serif", "DejaVu Serif")
"""For the name of the program; the first that is installed."""


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of one mode, ``#rrggbb``; text reaches 4.5 : 1 on ``ground`` and on ``card`` (WCAG 2.2, 1.4.3)."""

    dark: bool
    ground: str
    card: str
    ink: str
    quiet: str
    line: str
    track: str
    accent: str
    accent_strong: str
    on_accent: str


LIGHT = Palette(
    dark=False,
    ground="#f5f4f1",
    card="#ffffff",
    ink="#1c2228",
    quiet="#5b6672",
    line="#d9d6cf",
    track="#e3e0d8",
    accent="#0b6e69",
    accent_strong="#095a56",
    on_accent="#ffffff",
)
DARK = Palette(
    dark=True,
    ground="#0d1013",
    card="#14181c",
    ink="#e8ebee",
    quiet="#9aa6b2",
    line="#2a3138",
    track="#242b32",
    accent="#5ecfc4",
    accent_strong="#83ddd4",
    on_accent="#06211f",
)


def register_theme() -> None:
    """Declare the light and the dark theme; before the root window is made."""
    ttk.Theme(
        name=_FAMILY,
        primary="#0b6e69",
        success="#0b6e69",
        info="#5b6672",
        warning="#8a5300",
        danger="#b3261e",
        neutral="#5b6672",
        light={"background": LIGHT.ground, "foreground": LIGHT.ink},
        dark={"background": DARK.ground, "foreground": DARK.ink},
    ).register()


def theme_name(palette: Palette) -> str:
    """What `register_theme` called it."""
    return f"{_FAMILY}-{'dark' if palette.dark else 'light'}"


def system_palette() -> Palette:
    """What the system asks for; light where it cannot be known."""
    return DARK if darkdetect.isDark() else LIGHT


def apply_palette(root: ttk.App, palette: Palette) -> None:
    """Colour every widget; those that draw themselves follow ``<<ThemeChanged>>``."""
    root.theme_use(theme_name(palette))
    style = root.style
    style.configure("TLabel", borderwidth=0)
    style.configure("Quiet.TLabel", foreground=palette.quiet)
    style.configure("Card.TFrame", background=palette.card)
    style.configure("Card.TLabel", background=palette.card, foreground=palette.ink)
    style.configure("Name.TLabel", font="GyrusName")
    style.configure("Small.TLabel", foreground=palette.quiet, font="GyrusSmall")
    style.configure("Sentence.TLabel", font="GyrusSentence")
    style.configure("TButton", font="TkDefaultFont")
    style.configure("primary.TButton", font="GyrusStrong")
    strong = [("disabled", palette.track), ("pressed !disabled", palette.accent_strong)]
    strong += [("hover !disabled", palette.accent_strong), ("", palette.accent)]
    ink = [("disabled", palette.quiet), ("", palette.on_accent)]
    style.map(
        "primary.TButton",
        background=strong,
        bordercolor=strong,
        darkcolor=strong,
        lightcolor=strong,
        foreground=ink,
        focuscolor=ink,
    )


def set_scale(root: ttk.App, environ: Mapping[str, str] = os.environ) -> float:
    """Make the design fit the screen's scale, and set the fonts for it; returns pixels per unit of the design.

    Before `apply_palette`: a theme draws its widgets for the scale that it finds when it is first used.

    ``GYRUS_SCALE`` (1 is 100 %) wins. Windows and macOS tell Tk their scale. On X11 Tk knows the screen's millimetres,
    which are seldom true; desktops announce theirs as the resource ``Xft.dpi`` or in ``GDK_SCALE``.
    """
    known = float(root.tk.call("tk", "scaling")) * _POINTS_PER_INCH / _PLAIN_DPI
    if root.tk.call("tk", "windowingsystem") == "aqua":
        known *= _PLAIN_DPI / _POINTS_PER_INCH  # Tk counts points there, and the system enlarges them
    scale = _read_scale(environ.get("GYRUS_SCALE", ""))
    if scale is None and root.tk.call("tk", "windowingsystem") == "x11":
        scale = max(_read_scale(environ.get("GDK_SCALE", "")) or 1.0, _xft_scale() or 1.0, known)
        scale = 1.0 if scale < 1.2 else scale  # a screen's true 100 dots an inch are meant as 100 %
    if scale is None:
        scale = known
    elif abs(scale - known) > 1e-3:
        enable_high_dpi_awareness(root, scale * _PLAIN_DPI / _POINTS_PER_INCH)
    _set_fonts(root, scale)
    return scale


def _read_scale(text: str) -> float | None:
    try:
        scale = float(text)
    except ValueError:
        return None
    return scale if 0.5 <= scale <= 5 else None


def _xft_scale() -> float | None:
    if shutil.which("xrdb") is None:
        return None
    try:
        listed = subprocess.run(["xrdb", "-query"], capture_output=True, text=True, timeout=1, check=False).stdout  # noqa: S607
    except (OSError, subprocess.SubprocessError):
        return None
    lines = [line.partition(":")[2].strip() for line in listed.splitlines() if line.startswith("Xft.dpi:")]
    return _read_scale(str(float(lines[0]) / _PLAIN_DPI)) if lines and lines[0].isdecimal() else None


def _set_fonts(root: ttk.App, scale: float) -> None:
    """Sizes in pixels (negative for Tk), so that every font follows the one scale."""
    sans = tkfont.nametofont("TkDefaultFont", root).actual("family")
    installed = set(tkfont.families(root))
    serif = next((name for name in _SERIF if name in installed), sans)

    def px(size: int) -> int:
        return -round(size * scale)

    for name in ("TkDefaultFont", "TkTextFont", "TkMenuFont", "TkHeadingFont", "TkCaptionFont", "TkIconFont"):
        tkfont.nametofont(name, root).configure(size=px(14))
    tkfont.nametofont("TkTooltipFont", root).configure(size=px(13))
    tkfont.nametofont("TkFixedFont", root).configure(size=px(13))
    for name, family, size, weight in (
        ("GyrusName", serif, 27, "bold"),
        ("GyrusSentence", sans, 21, "bold"),
        ("GyrusStrong", sans, 15, "bold"),
        ("GyrusSmall", sans, 12, "normal"),
    ):
        root.tk.call("font", "create", name, "-family", family, "-size", px(size), "-weight", weight)
