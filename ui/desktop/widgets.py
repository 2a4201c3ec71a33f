"""The widgets that ttk does not have: the stage, the bars, the heat map's colour bar, a column that scrolls.

Each draws what it is given and says what was done to it through a callback; none knows the session.
"""

from __future__ import annotations

import tkinter
from collections.abc import Sequence
from tkinter import font as tkfont
from typing import TYPE_CHECKING

import ttkbootstrap as ttk
from PIL import ImageTk

from ui.desktop.picture import render_color_bar, render_picture
from ui.desktop.theme import LIGHT, Palette
from ui.pictures import face_picture
from ui.words.labels import HEAT_ENDS

if TYPE_CHECKING:
    from inference.answer.prediction import Heatmap
    from inference.imaging.types import Convention, DecodedImage
    from ui.words.answer import NumberRow

_RESIZE_PAUSE_MS = 60
"""A window that is being dragged larger redraws its picture so often at most."""


class Stage(ttk.Canvas):
    """The picture on black, scaled to the frame; a sentence where there is none.

    Parameters
    ----------
    parent : tkinter.Misc
    scale : float
        Pixels per unit of the design.
    """

    def __init__(self, parent: tkinter.Misc, scale: float) -> None:
        super().__init__(
            parent, background="#000000", highlightthickness=0, borderwidth=0, takefocus=False, autostyle=False
        )
        self._scale = scale
        self._image: DecodedImage | None = None
        self._heatmap: Heatmap | None = None
        self._convention: Convention = "radiological"
        self._hint = ""
        self._target = False
        self._photo: ImageTk.PhotoImage | None = None
        self._pending: str | None = None
        self.bind("<Configure>", self._draw_soon)

    def show(self, image: DecodedImage | None, heatmap: Heatmap | None, convention: Convention, hint: str) -> None:
        """Show a picture in a convention, with its heat map or without; the hint where there is none."""
        same = image is self._image and heatmap is self._heatmap
        if same and (convention, hint) == (self._convention, self._hint):
            return
        self._image, self._heatmap, self._convention, self._hint = image, heatmap, convention, hint
        self.draw()

    def mark_target(self, target: bool) -> None:
        """Draw the frame that says a dragged file may be dropped here."""
        self._target = target
        self.draw()

    def draw(self) -> None:
        """Draw everything for the present size."""
        self._pending = None
        self.delete("all")
        width_px, height_px = self.winfo_width(), self.winfo_height()
        if width_px < 2 or height_px < 2:
            return
        if self._image is not None:
            shown = face_picture(self._image, self._convention, self._heatmap)
            picture = render_picture(shown, (width_px, height_px))
            self._photo = ImageTk.PhotoImage(picture, master=self)
            self.create_image(width_px // 2, height_px // 2, image=self._photo, tags="picture")
        elif self._hint:
            self.create_text(
                width_px // 2,
                height_px // 2,
                text=self._hint,
                fill="#9aa6b2",
                width=max(100, width_px - self._px(60)),
                justify="center",
                font="TkDefaultFont",
                tags="hint",
            )
        if self._target:
            inset = self._px(8)
            self.create_rectangle(
                inset, inset, width_px - inset, height_px - inset, outline="#5ecfc4", width=self._px(2), dash=(6, 4)
            )

    def _draw_soon(self, _event: object) -> None:
        if self._pending is None:
            self._pending = self.after(_RESIZE_PAUSE_MS, self.draw)

    def _px(self, units: float) -> int:
        return round(units * self._scale)


class Bars(ttk.Canvas):
    """One bar a class: its name, its percentage, and a bar as long as the probability."""

    def __init__(self, parent: tkinter.Misc, scale: float) -> None:
        super().__init__(parent, highlightthickness=0, borderwidth=0, height=0, takefocus=False, autostyle=False)
        self._scale = scale
        self._rows: Sequence[NumberRow] = ()
        self._palette = LIGHT
        self._color = LIGHT.accent
        self.bind("<Configure>", lambda _event: self._draw())

    def show(self, rows: Sequence[NumberRow], palette: Palette, color: str) -> None:
        """Draw the rows; those that the verdict names have the colour, the others are quiet."""
        self._rows, self._palette, self._color = rows, palette, color
        self.configure(background=palette.ground, height=max(1, len(rows) * self._row_px))
        self._draw()

    @property
    def _row_px(self) -> int:
        return round(46 * self._scale)

    def _draw(self) -> None:
        self.delete("all")
        right = self.winfo_width() - 1
        for index, row in enumerate(self._rows):
            self._draw_row(row, index * self._row_px, right)

    def _draw_row(self, row: NumberRow, top: int, right: int) -> None:
        strong = tkfont.nametofont("GyrusStrong", self)
        plain = tkfont.nametofont("TkDefaultFont", self)
        line = top + round(13 * self._scale)
        percent_px = strong.measure(row.percent)
        label = _fit_text(row.label, strong if row.named else plain, right - percent_px - round(12 * self._scale))
        self.create_text(
            0, line, text=label, anchor="w", fill=self._palette.ink, font=strong if row.named else plain, tags="label"
        )
        self.create_text(right, line, text=row.percent, anchor="e", fill=self._palette.ink, font=strong, tags="percent")
        middle, width_px = top + round(30 * self._scale), round(7 * self._scale)
        self._draw_line(0, right, middle, width_px, self._palette.track)
        filled = round(right * row.probability)
        if filled >= 1:
            self._draw_line(0, filled, middle, width_px, self._color if row.named else self._palette.quiet)

    def _draw_line(self, left: int, right: int, middle: int, width_px: int, color: str) -> None:
        inset = width_px // 2
        self.create_line(
            left + inset,
            middle,
            max(right - inset, left + inset + 1),
            middle,
            width=width_px,
            fill=color,
            capstyle="round",
        )


class HeatBar(ttk.Frame):
    """The heat map's colours with the words for both ends."""

    def __init__(self, parent: tkinter.Misc, scale: float) -> None:
        super().__init__(parent)
        size_px = (round(110 * scale), round(10 * scale))
        self._photo = ImageTk.PhotoImage(render_color_bar(*size_px), master=self)
        gap = round(8 * scale)
        ttk.Label(self, text=HEAT_ENDS[0], style="Small.TLabel").pack(side="left")
        ttk.Label(self, image=self._photo).pack(side="left", padx=gap)
        ttk.Label(self, text=HEAT_ENDS[1], style="Small.TLabel").pack(side="left")


class ScrollColumn(ttk.Frame):
    """A column whose ``inside`` scrolls up and down when it is higher than the room it has.

    Attributes
    ----------
    inside : ttkbootstrap.Frame
        Put the content here; it is always as wide as the column.
    """

    def __init__(self, parent: tkinter.Misc, width_px: int) -> None:
        super().__init__(parent, width=width_px)
        self.pack_propagate(False)  # the width is the one that was given, whatever the content asks for
        self._canvas = ttk.Canvas(self, highlightthickness=0, borderwidth=0, takefocus=False, autostyle=False)
        self._bar = ttk.Scrollbar(self, orient="vertical", command=self._canvas.yview, bootstyle="round")
        self._canvas.configure(yscrollcommand=self._bar.set)
        self._canvas.pack(side="left", fill="both", expand=True)
        self.inside = ttk.Frame(self._canvas)
        self._item = self._canvas.create_window(0, 0, anchor="nw", window=self.inside)
        self.inside.bind("<Configure>", lambda _event: self._fit())
        self._canvas.bind("<Configure>", lambda _event: self._fit())

    def paint(self, palette: Palette) -> None:
        """Take the palette's ground."""
        self._canvas.configure(background=palette.ground)

    def scroll(self, units: int) -> None:
        """Scroll by so many lines, if there is anything to scroll."""
        if self._overflows():
            self._canvas.yview_scroll(units, "units")

    def reveal(self, widget: tkinter.Misc) -> None:
        """Scroll until a widget of the column is seen; for those who walk with Tab."""
        if not str(widget).startswith(f"{self.inside}.") or not self._overflows():
            return
        top = widget.winfo_rooty() - self.inside.winfo_rooty()
        bottom, whole = top + widget.winfo_height(), max(1, self.inside.winfo_height())
        seen_top, seen_bottom = (fraction * whole for fraction in self._canvas.yview())
        if top < seen_top:
            self._canvas.yview_moveto(top / whole)
        elif bottom > seen_bottom:
            self._canvas.yview_moveto((bottom - self._canvas.winfo_height()) / whole)

    def _overflows(self) -> bool:
        return self.inside.winfo_reqheight() > self._canvas.winfo_height()

    def _fit(self) -> None:
        self._canvas.itemconfigure(self._item, width=self._canvas.winfo_width())
        self._canvas.configure(scrollregion=(0, 0, 1, self.inside.winfo_reqheight()))
        if self._overflows():
            self._bar.pack(side="right", fill="y", before=self._canvas)
        else:
            self._bar.pack_forget()
            self._canvas.yview_moveto(0)


def wrap_to_width(label: ttk.Label, margin_px: int = 0) -> None:
    """Let a label break its lines at its own width, whatever that becomes."""
    label.bind("<Configure>", lambda event: label.configure(wraplength=max(40, event.width - margin_px)))


def _fit_text(text: str, font: tkfont.Font, width_px: int) -> str:
    """Cut a text off with an ellipsis where it is wider than the room."""
    if font.measure(text) <= width_px:
        return text
    while text and font.measure(f"{text}…") > width_px:
        text = text[:-1]
    return f"{text}…"
