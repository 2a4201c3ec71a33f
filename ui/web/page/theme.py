"""What the page looks like: Gradio's theme values, the style sheet, and the page's head; no layout and no words.

The page is a reading room: the image stands on black, the answer beside it, the rest is quiet. Fonts are the reader's
own, so that nothing is fetched from another host.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.pictures import color_stops
from ui.web.page.panels import render_panel
from ui.words.model import describe_purpose
from ui.words.tone import TONE_COLORS

if TYPE_CHECKING:
    from inference.model.bundle import ModelBundle

_ASSETS = Path(__file__).parent / "assets"

FAVICON_PATH = _ASSETS / "favicon.png"

_SHEETS = ("page.css", "batch.css", "volume.css")

_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Liberation Sans", "sans-serif")

_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")


def build_theme() -> gr.themes.Base:
    """Gradio's values, so that its own widgets (buttons, toasts) match the style sheet."""
    return gr.themes.Base(font=_SANS, font_mono=_MONO).set(
        body_background_fill="#f5f4f1",
        body_background_fill_dark="#0d1013",
        body_text_color="#1c2228",
        body_text_color_dark="#e8ebee",
        body_text_color_subdued="#5b6672",
        body_text_color_subdued_dark="#9aa6b2",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#14181c",
        border_color_primary="#d9d6cf",
        border_color_primary_dark="#2a3138",
        button_primary_background_fill="#0b6e69",
        button_primary_background_fill_hover="#095a56",
        button_primary_background_fill_dark="#5ecfc4",
        button_primary_background_fill_hover_dark="#83ddd4",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#06211f",
        button_primary_border_color="transparent",
        button_primary_border_color_dark="transparent",
        button_primary_border_color_hover="transparent",
        button_primary_border_color_hover_dark="transparent",
        button_secondary_background_fill="transparent",
        button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover="#e9e6df",
        button_secondary_background_fill_hover_dark="#1d2329",
        button_secondary_text_color="#1c2228",
        button_secondary_text_color_dark="#e8ebee",
        button_secondary_border_color="#8b8f94",
        button_secondary_border_color_dark="#6a747e",
        button_border_width="1px",
        button_large_radius="10px",
        button_large_text_weight="600",
        layout_gap="20px",
    )


def build_css() -> str:
    """The style sheet, with a pair of variables for the colour of each tone, and one for the heat map's colours."""
    light = "".join(f"--tone-{tone.value}: {color.light};" for tone, color in TONE_COLORS.items())
    dark = "".join(f"--tone-{tone.value}: {color.dark};" for tone, color in TONE_COLORS.items())
    stops = ", ".join(f"rgb({red} {green} {blue} / {alpha / 255:.3f})" for red, green, blue, alpha in color_stops())
    sheet = "".join((_ASSETS / name).read_text(encoding="utf-8") for name in _SHEETS)
    return f":root {{{light}--heat: {stops};}}\n.dark {{{dark}}}\n{sheet}"


def build_head(bundle: ModelBundle) -> str:
    """Description, colour scheme, and the script that the page's widgets share."""
    script = (_ASSETS / "head.js").read_text(encoding="utf-8")
    return render_panel("head", description=describe_purpose(bundle), script=script)


def build_theme_options(bundle: ModelBundle) -> dict[str, Any]:
    """The options of `gradio.mount_gradio_app` that say what the page looks like.

    Those that switch something off are `ui.web.gradio_shell.mount`'s.
    """
    return {
        "theme": build_theme(),
        "css": build_css(),
        "head": build_head(bundle),
        "favicon_path": str(FAVICON_PATH),
    }
