"""The page's own widgets: small `gradio.HTML` components, their values and the pictures in them.

Why not Gradio's: `gradio.Image` decodes what was uploaded and clips 16-bit data, and its browser half refuses a file
whose name does not look like a picture. Here the file reaches the classifier as it was uploaded, and the picture
that is shown is made on the server from the pixels that are classified.

A widget is a template in ``templates/widgets`` and a script of the same name in ``assets``. The templates are filled
with words of `ui.words.labels` and nothing else: Gradio evaluates them, so that even escaped text from outside could
run there (`ui.web.gradio_shell.components.build_html`). Values are put in by the scripts, with ``textContent``. Widgets
about volumes and downloads are in `ui.web.page.volume_widgets`, panels without a script in `ui.web.page.panels`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.answer.heatmap import mirror_heatmap
from ui.pictures import DEFAULT_OPACITY, build_data_url, encode_picture, encode_png, render_layer
from ui.web.gradio_shell.components import FILE_SCHEMA, build_html, build_value_html, describe_value
from ui.web.page.examples import render_examples
from ui.web.page.panels import render_classes, render_each
from ui.web.templates import load_templates
from ui.words.answer import Presentation, present_heatmap
from ui.words.labels import CONVENTION_PICKER, HEAT_ENDS, HEAT_OPACITY, HEAT_SWITCH, MODEL_PICKER
from ui.words.model import name_models
from ui.words.numbers import format_size
from ui.words.sides import CONVENTION_NAMES
from ui.words.states import present_idle, present_loading, present_model_changed
from ui.words.tone import Tone

if TYPE_CHECKING:
    import gradio as gr

    from inference.answer.prediction import Finding, Heatmap, Prediction
    from inference.imaging.types import Convention, DecodedImage, Orientation
    from inference.model.bundle import ModelBundle

_ASSETS = Path(__file__).parent / "assets"

_TEMPLATES = Path(__file__).parent / "templates" / "widgets"

_PICTURE_SIDE_PX = 1024
"""Longest side of the picture that the page shows; the classifier gets the file itself."""

_LAYER_SIDE_PX = 384
"""Longest side of the heat map's layer; it is smooth, so that the browser can enlarge it."""

_ANSWER_SCHEMA = {
    "type": "object",
    "description": "verdict, finding, finding_probability, types, sentence, detail, candidates, novelty, notes, model, "
    "heatmap, error",
}


def build_widget(
    name: str, *, labels: Mapping[str, Any] | None = None, scripts: Sequence[str] = (), **options: Any
) -> gr.HTML:
    """Build a widget from ``templates/widgets/<name>.html`` and its scripts.

    Parameters
    ----------
    name : str
    labels : mapping
        Words of the program's own for the template, never text from outside.
    scripts : sequence of str
        Files in ``assets`` that run one after the other in one function; by default ``<name>.js``.
    **options
        See `ui.web.gradio_shell.components.build_html`.
    """
    template = load_templates(_TEMPLATES).get_template(f"{name}.html").render(labels or {})
    return build_html(template, _read_scripts(scripts or (f"{name}.js",)), **options)


def _read_scripts(names: Sequence[str]) -> str:
    return "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in names)


def build_image_input(max_bytes: int) -> gr.HTML:
    """Build the widget that chooses, drops or pastes one file of any kind.

    Its value is read by `ui.web.gradio_shell.components.find_upload_path`.

    Events: ``start`` (a file was taken; the old image is gone), ``upload`` (it is on the server), ``refuse`` (it has
    more than ``max_bytes``) and ``fail`` (it could not be sent).

    Parameters
    ----------
    max_bytes : int
        A larger file is not sent.
    """
    widget = build_widget("image_input", label="Image file", max_bytes=max_bytes, elem_id="image")
    return describe_value(widget, FILE_SCHEMA)


def build_picture() -> gr.HTML:
    """Build the image on black; its value is a `picture_value`."""
    return build_widget("picture", value=picture_value(), elem_id="picture")


def build_picker(bundles: Sequence[ModelBundle]) -> gr.HTML:
    """Build the list from which a model is chosen; its value is the model's name, at first the first one's.

    It is not shown when there is one model. Event: ``choose`` (another model was chosen).
    """
    choices = list(name_models(bundles).items())
    widget = build_widget(
        "picker",
        labels={"label": MODEL_PICKER},
        value=bundles[0].name,
        choices=choices,
        label="Model",
        visible=len(choices) > 1,
        elem_id="picker",
    )
    return describe_value(widget, {"type": "string", "enum": [name for name, _ in choices]})


def build_verdict(bundles: Sequence[ModelBundle]) -> gr.HTML:
    """Build the sentence of an answer, a live region that screen readers speak; its value is an `answer_value`.

    While an answer is on its way, the widget asks `ui.web.http.capacity.add_queue_route` how many come first.
    """
    states = {bundle.name: _lay_out_states(bundle) for bundle in bundles}
    first = bundles[0].name
    widget = build_widget(
        "verdict", value=states[first]["idle"], states=states, first=first, label="Answer", elem_id="verdict"
    )
    return describe_value(widget, _ANSWER_SCHEMA)


def build_heat() -> gr.HTML:
    """Build the heat map's switch, slider and colour bar; `build_verdict` hands its map on to them."""
    labels = {
        "switch": HEAT_SWITCH,
        "opacity": HEAT_OPACITY,
        "opacity_percent": f"{100 * DEFAULT_OPACITY:.0f}",
        "ends": HEAT_ENDS,
    }
    return build_widget("heat", labels=labels, elem_id="heat")


def build_sides(convention: Convention) -> gr.HTML:
    """Build the list of conventions; its value is the chosen one. What is shown is redrawn by the scripts."""
    labels = {"label": CONVENTION_PICKER, "choices": list(CONVENTION_NAMES.items())}
    widget = build_widget("sides", labels=labels, value=convention, label="Convention", elem_id="sides")
    return describe_value(widget, {"type": "string", "enum": list(CONVENTION_NAMES)})


def build_examples(bundles: Iterable[ModelBundle]) -> gr.HTML | None:
    """Build a row of example pictures; one that is pressed is taken like an upload, and submitted."""
    html = render_each(bundles, render_examples)
    return build_value_html(html, _read_scripts(["examples.js"]), elem_id="examples") if html else None


def build_classes(bundles: Iterable[ModelBundle]) -> gr.HTML | None:
    """Build the panel that lists the classes of models that have many."""
    html = render_each(bundles, render_classes)
    return build_value_html(html, _read_scripts(["classes.js"]), elem_id="classes") if html else None


def static_html(html: str, elem_id: str) -> gr.HTML:
    """Build a widget that only shows HTML, which `ui.web.page.panels` rendered."""
    return build_value_html(html, elem_id=elem_id)


def answer_value(presentation: Presentation, prediction: Prediction | None = None) -> dict[str, Any]:
    """Lay out the value of `build_verdict`; it is also the second result of the API call ``/classify``.

    Returns
    -------
    dict
        ``verdict`` (or None), ``finding``, ``finding_probability`` and ``types`` (None, None and empty where an answer
        has no finding), ``sentence``, ``detail``, ``candidates`` (labels, the most probable first), ``novelty``,
        ``notes``, ``model``, ``heatmap`` (`heatmap_value`, or None), ``error`` (a sentence, or None), and for the page
        ``tone``, ``source``, ``percents`` and ``named`` (in the order in which `gradio.Label` lists the classes). All
        text is plain. What answers an image has ``image`` too, see `answer_for`.
    """
    finding = prediction.finding if prediction else None
    return {
        "verdict": prediction.verdict.value if prediction else None,
        "finding": finding.presence.value if finding else None,
        "finding_probability": finding.probability if finding else None,
        "types": list(finding.types) if finding else [],
        "sentence": presentation.sentence,
        "detail": presentation.detail,
        "candidates": list(prediction.candidates) if prediction else [],
        "novelty": prediction.novelty if prediction else None,
        "notes": list(presentation.notes),
        "model": f"{prediction.model_name} {prediction.model_version}" if prediction else None,
        "heatmap": heatmap_value(prediction.heatmap, finding) if prediction and prediction.heatmap else None,
        "error": presentation.sentence if presentation.tone is Tone.ERROR else None,
        "tone": presentation.tone.value,
        "source": presentation.source,
        "percents": [row.percent for row in presentation.rows],
        "named": [row.named for row in presentation.rows],
    }


def heatmap_value(heatmap: Heatmap, finding: Finding | None = None) -> dict[str, str]:
    """Lay out a heat map: ``sentence``, and ``src``, a ``data:`` URL of a transparent PNG to lay over the picture.

    ``src`` is empty if the evidence is nowhere stronger than elsewhere, or nothing was found. ``sentence_mirrored`` is
    about the picture as the neurological convention mirrors it.
    """
    presentation = present_heatmap(heatmap, finding)
    src = build_data_url(encode_png(render_layer(heatmap, _LAYER_SIDE_PX)), "image/png") if presentation.drawn else ""
    mirrored = present_heatmap(mirror_heatmap(heatmap), finding).sentence
    return {"sentence": presentation.sentence, "sentence_mirrored": mirrored, "src": src}


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
    image: str = "", decoded: DecodedImage | None = None, message: str = "", words: str = ""
) -> dict[str, Any]:
    """Lay out the value of `build_picture`.

    Parameters
    ----------
    image : str
        Path of the upload that is shown; the page drops a picture that is late.
    decoded : DecodedImage or None
        None shows the message, or an empty stage.
    message : str
        Why there is nothing to see.
    words : str
        Which slice of a volume it is.
    """
    if decoded is None:
        state = "problem" if message else "empty"
        return {
            "image": image,
            "state": state,
            "src": "",
            "alt": "",
            "caption": "",
            "message": message,
            **_lay_out_edges(),
        }
    height_px, width_px = decoded.pixels.shape[:2]
    size = ", ".join(filter(None, (format_size(width_px, height_px), words)))
    return {
        "image": image,
        "state": "shown",
        "src": encode_picture(decoded.pixels, _PICTURE_SIDE_PX),
        "alt": f"The image as it was read, {size}",
        "caption": f"{Path(image).name}, {size}",
        "message": "",
        **_lay_out_edges(decoded.orientation, width_px / height_px),
    }


def _lay_out_edges(orientation: Orientation | None = None, ratio: float = 1.0) -> dict[str, Any]:
    """What lies at the edges of a picture, which is so many times as wide as high; mirrored by the scripts."""
    return {"orientation": None if orientation is None else asdict(orientation), "ratio": round(ratio, 4)}
