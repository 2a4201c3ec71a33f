"""The page's own parts: small `gradio.HTML` components, their values and the pictures in them.

Why not Gradio's: `gradio.Image` decodes what was uploaded and clips 16-bit data, and its browser half refuses a file
whose name does not look like a picture. Here the file reaches the classifier as it was uploaded, and the picture
that is shown is made on the server from the pixels that are classified.

The templates are constants and hold no text from outside: Gradio evaluates a template as a JavaScript template string,
so that even escaped text could run there. Values are put in with ``textContent`` by the scripts in ``assets/``.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import FileData
from PIL import Image

from inference.answer.prediction import Heatmap, Prediction
from inference.model.bundle import ModelBundle
from ui.pictures import DEFAULT_OPACITY, encode_picture, encode_png, render_layer
from ui.web.page.examples import Example, load_examples
from ui.web.page.panels import render_classes, render_each
from ui.words.answer import Presentation, present_heatmap
from ui.words.labels import HEAT_ENDS, HEAT_OPACITY, HEAT_SWITCH, MODEL_PICKER
from ui.words.model import name_models
from ui.words.states import present_idle, present_loading, present_model_changed
from ui.words.tone import Tone

ASSETS = Path(__file__).parent / "assets"

_PICTURE_SIDE_PX = 1024
"""Longest side of the picture that is sent to be looked at; the classifier gets the file itself."""

_LAYER_SIDE_PX = 384
"""Longest side of the heat map's layer; it is smooth, so that the browser can enlarge it."""

_THUMBNAIL_SIDE_PX = 160

_TEMPLATES = {
    "image_input": """
<input type="file" id="image-file" class="visually-hidden" multiple aria-describedby="image-hint">
<label for="image-file" class="choose">Choose an image</label>
<p id="image-hint" class="hint">or drop it anywhere on this page, or paste it</p>
""",
    "picture": """
<figure data-state="empty">
<div class="frame"><img alt="" hidden><div class="layer" aria-hidden="true" hidden></div></div>
<figcaption></figcaption></figure>
<p class="picture-message" role="status"></p>
""",
    "verdict": """
<div class="verdict" role="status" aria-live="polite" aria-atomic="true" data-tone="idle">
<p class="sentence"></p><p class="detail"></p><ul class="notes" hidden></ul><p class="source"></p></div>
""",
    "heat": f"""
<section class="heat" aria-label="Heat map" hidden><div class="heat-controls">
<label><input type="checkbox" role="switch" id="heat-switch" checked> {HEAT_SWITCH}</label>
<label class="opacity"><span>{HEAT_OPACITY}</span> <input type="range" id="heat-opacity" min="0" max="100" step="5"
value="{100 * DEFAULT_OPACITY:.0f}"></label>
<p class="heat-bar"><span>{HEAT_ENDS[0]}</span><span class="ramp"></span><span>{HEAT_ENDS[1]}</span></p></div>
<p class="heat-sentence"></p></section>
""",
    "picker": f"""
<label for="model-picker">{MODEL_PICKER}</label><div class="picker"><select id="model-picker"></select></div>
""",
    "examples": "${value}",
    "classes": "${value}",
}

_FILE_SCHEMA = {key: value for key, value in FileData.model_json_schema().items() if key != "description"}

_ANSWER_SCHEMA = {
    "type": "object",
    "description": "verdict, sentence, detail, candidates, novelty, notes, model, heatmap, error",
}


def build_image_input(max_bytes: int) -> gr.HTML:
    """Build the part that chooses, drops or pastes one file of any kind; `uploaded_path` reads its value.

    Events: ``start`` (a file was taken; the old image is gone), ``upload`` (it is on the server), ``refuse`` (it has
    more than ``max_bytes``) and ``fail`` (it could not be sent).

    Parameters
    ----------
    max_bytes : int
        A larger file is not sent.
    """
    part = build_widget("image_input", label="Image file", max_bytes=max_bytes, elem_id="image")
    # Set on the object, because Gradio writes a .pyi file beside the source of every subclass of its components.
    part.api_info = lambda: dict(_FILE_SCHEMA)  # type: ignore[method-assign]
    return part


def build_picture() -> gr.HTML:
    """Build the image on black; its value is a `picture_value`."""
    return build_widget("picture", value=picture_value(), elem_id="picture")


def build_picker(bundles: Sequence[ModelBundle]) -> gr.HTML:
    """Build the list from which a model is chosen; its value is the model's name, at first the first one's.

    It is not shown when there is one model. Event: ``choose`` (another model was chosen).
    """
    choices = list(name_models(bundles).items())
    part = build_widget(
        "picker", value=bundles[0].name, choices=choices, label="Model", visible=len(choices) > 1, elem_id="picker"
    )
    schema = {"type": "string", "enum": [name for name, _ in choices]}
    part.api_info = lambda: dict(schema)  # type: ignore[method-assign]
    return part


def build_verdict(bundles: Sequence[ModelBundle]) -> gr.HTML:
    """Build the sentence of an answer, a live region that screen readers speak; its value is an `answer_value`.

    While an answer is on its way, the part asks `ui.web.http.capacity.add_queue_route` how many come first.
    """
    states = {bundle.name: _lay_out_states(bundle) for bundle in bundles}
    first = bundles[0].name
    part = build_widget(
        "verdict", value=states[first]["idle"], states=states, first=first, label="Answer", elem_id="verdict"
    )
    part.api_info = lambda: dict(_ANSWER_SCHEMA)  # type: ignore[method-assign]
    return part


def build_heat() -> gr.HTML:
    """Build the heat map's switch, slider and colour bar; `build_verdict` hands its map on to them."""
    return build_widget("heat", elem_id="heat")


def build_examples(bundles: Iterable[ModelBundle]) -> gr.HTML | None:
    """Build a row of example pictures; one that is pressed is taken like an upload, and submitted."""
    html = render_each(bundles, _render_examples)
    return build_widget("examples", value=html, elem_id="examples") if html else None


def build_classes(bundles: Iterable[ModelBundle]) -> gr.HTML | None:
    """Build the panel that lists the classes of models that have many."""
    html = render_each(bundles, render_classes)
    return build_widget("classes", value=html, elem_id="classes") if html else None


def static_html(html: str, elem_id: str) -> gr.HTML:
    """Build a part that only shows HTML, which `ui.web.page.panels` rendered."""
    return gr.HTML(html, elem_id=elem_id, apply_default_css=False, js_on_load=None)


def uploaded_path(value: object) -> str | None:
    """Read the value of `build_image_input`: the path of the untouched upload, or None.

    Gradio has checked, before an event's function runs, that a file which is marked as such is one that was uploaded.
    A value without the mark was not checked and counts as none, so that nobody can name a file of the server.
    """
    try:
        return FileData.model_validate(value, context={"validate_meta": True}).path if value else None
    except ValueError:
        return None


def answer_value(presentation: Presentation, prediction: Prediction | None = None) -> dict[str, Any]:
    """Lay out the value of `build_verdict`; it is also the second result of the API call ``/classify``.

    Returns
    -------
    dict
        ``verdict`` (or None), ``sentence``, ``detail``, ``candidates`` (labels, the most probable first), ``novelty``,
        ``notes``, ``model``, ``heatmap`` (`heatmap_value`, or None), ``error`` (a sentence, or None), and for the page
        ``tone``, ``source``, ``percents`` and ``named`` (in the order in which `gradio.Label` lists the classes). All
        text is plain. What answers an image has ``image`` too, see `answer_for`.
    """
    return {
        "verdict": prediction.verdict.value if prediction else None,
        "sentence": presentation.sentence,
        "detail": presentation.detail,
        "candidates": list(prediction.candidates) if prediction else [],
        "novelty": prediction.novelty if prediction else None,
        "notes": list(presentation.notes),
        "model": f"{prediction.model_name} {prediction.model_version}" if prediction else None,
        "heatmap": heatmap_value(prediction.heatmap) if prediction and prediction.heatmap else None,
        "error": presentation.sentence if presentation.tone is Tone.ERROR else None,
        "tone": presentation.tone.value,
        "source": presentation.source,
        "percents": [row.percent for row in presentation.rows],
        "named": [row.named for row in presentation.rows],
    }


def heatmap_value(heatmap: Heatmap) -> dict[str, str]:
    """Lay out a heat map: ``sentence``, and ``src``, a ``data:`` URL of a transparent PNG to lay over the picture.

    ``src`` is empty if no place stands out.
    """
    presentation = present_heatmap(heatmap)
    content = encode_png(render_layer(heatmap, _LAYER_SIDE_PX)) if presentation.drawn else b""
    src = f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}" if content else ""
    return {"sentence": presentation.sentence, "src": src}


def answer_for(
    image: str | None, asked: object, presentation: Presentation, prediction: Prediction | None = None, **more: Any
) -> dict[str, Any]:
    """Lay out an `answer_value` that ends a run: for which upload, asked of which model; a late one is put aside.

    ``more`` is ``scan`` (which of an archive), ``volume`` (`ui.web.page.viewer.slices_value`) and ``saves``
    (`ui.web.page.downloads.list_kinds`).
    """
    return {**answer_value(presentation, prediction), "image": image, "asked": asked, **more}


def _lay_out_states(bundle: ModelBundle) -> dict[str, Any]:
    """What stands where the answer will be, for the scripts: before one, after a change of model, while it loads."""
    return {
        "title": page_title(bundle),
        "idle": answer_value(present_idle(bundle)),
        "again": answer_value(present_model_changed(bundle)),
        "loading": answer_value(present_loading(bundle)),
    }


def page_title(bundle: ModelBundle) -> str:
    """The document's title."""
    return f"Gyrus: {bundle.title}"


def picture_value(
    image: str = "", pixels: np.ndarray | None = None, message: str = "", words: str = ""
) -> dict[str, Any]:
    """Lay out the value of `build_picture`.

    Parameters
    ----------
    image : str
        Path of the upload that is shown; the page drops a picture that is late.
    pixels : numpy.ndarray, shape (H, W, 3), uint8, RGB, or None
        None shows the message, or an empty stage.
    message : str
        Why there is nothing to see.
    words : str
        Which slice of a volume it is.
    """
    if pixels is None:
        state = "problem" if message else "empty"
        return {"image": image, "state": state, "src": "", "alt": "", "caption": "", "message": message}
    height_px, width_px = pixels.shape[:2]
    size = f"{width_px} × {height_px} pixels{words and ', '}{words}"
    return {
        "image": image,
        "state": "shown",
        "src": encode_picture(pixels, _PICTURE_SIDE_PX),
        "alt": f"The image as it was read, {size}",
        "caption": f"{Path(image).name}, {size}",
        "message": "",
    }


def _render_examples(bundle: ModelBundle) -> str:
    items = "".join(map(_render_example, load_examples(bundle)))
    return f"<h2>Try one</h2><ul>{items}</ul>" if items else ""


def _render_example(example: Example) -> str:
    content = base64.b64encode(example.path.read_bytes()).decode("ascii")
    return (
        f'<li><button type="button" data-name="{escape(example.path.name)}" data-content="{content}">'
        f'<img src="{_thumbnail(example.path)}" alt=""><span class="caption">{escape(example.caption)}</span> '
        f'<span class="promise">{escape(example.promise)}</span></button></li>'
    )


def _thumbnail(path: Path) -> str:
    with Image.open(path) as picture:
        return encode_picture(np.asarray(picture.convert("RGB")), _THUMBNAIL_SIDE_PX)


def build_widget(name: str, template: str = "", **options: Any) -> gr.HTML:
    """Build a part with the script ``assets/<name>.js``; ``template`` is a constant, by default one of those above."""
    return gr.HTML(
        html_template=template or _TEMPLATES[name],
        js_on_load=(ASSETS / f"{name}.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        **options,
    )
