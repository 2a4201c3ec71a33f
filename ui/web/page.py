"""The page: which parts stand where, and what happens when one is used. It builds and does not launch.

What the answer is comes from the classifier, what it is called from `ui.presenter`, what it looks like from
`ui.web.theme`. The page keeps no state on the server: the image, its picture and its answer live in the browser, and
whatever changes the image withdraws the answer and cancels a run that is still on its way.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
import numpy as np

from inference.bundle import ModelBundle
from inference.images import DecodedImage, load_image
from inference.prediction import Prediction
from ui.presenter import (
    present_busy,
    present_error,
    present_idle,
    present_missing,
    present_prediction,
    present_too_large,
    present_unreachable,
)
from ui.web.examples import load_examples
from ui.web.panels import render_about, render_disclaimer, render_footer, render_header
from ui.web.parts import (
    answer_for,
    answer_value,
    build_examples,
    build_heat,
    build_image_input,
    build_picture,
    build_still,
    build_verdict,
    picture_value,
    uploaded_path,
)

_CONCURRENT_RUNS = 2
"""Images classified at once; more wait. The runtime itself uses all cores for one image."""

_KEEP_UPLOADS_S = 2700
"""Uploads older than this are deleted, and all of them when the server stops."""

_CHECK_UPLOADS_S = 900
"""How often they are looked through; with `_KEEP_UPLOADS_S` an upload is kept for an hour at most."""

_NO_NUMBERS: dict[str, float] = {}
"""Empties `gradio.Label`."""

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Events that no API client sees. The page shows by itself that it is busy, in the verdict's sentence."""

_IN_BROWSER: dict[str, Any] = {**_QUIET, "fn": None, "queue": False}
"""Events that never ask the server."""

Answer = tuple[dict[str, float], dict[str, Any]]
"""What one run shows: the numbers for `gradio.Label`, and `ui.web.parts.answer_value`."""


class ClassifierLike(Protocol):
    """What the page needs of `inference.Classifier`; tests hand in a fake."""

    @property
    def bundle(self) -> ModelBundle:
        """What the classifier answers and how it is worded."""

    def predict(self, image: bytes | str | Path | np.ndarray | DecodedImage, /, *, explain: bool = False) -> Prediction:
        """Classify an encoded file, a path, or pixels; raises `inference.errors.GyrusError`."""

    def predict_many(
        self, sources: Iterable[DecodedImage], *, batch_size: int = 32, explain: bool = False
    ) -> Iterator[Prediction]:
        """Classify pictures in order."""


class SettingsLike(Protocol):
    """What the page needs of `inference.settings.Settings`."""

    @property
    def max_file_bytes(self) -> int:
        """Largest upload, in bytes."""


def build_page(classifier: ClassifierLike, settings: SettingsLike) -> gr.Blocks:
    """Build the page around a classifier; whoever calls mounts or launches it with `ui.web.theme.mount_options`.

    Parameters
    ----------
    classifier : ClassifierLike
    settings : SettingsLike

    Returns
    -------
    gradio.Blocks
        It offers one API call, ``/classify``: ``client.predict(gradio_client.handle_file(path), api_name="/classify")``
        returns ``(numbers, answer)``. ``numbers`` is ``{"label", "confidences": [{"label", "confidence"}]}``, the most
        probable class first, confidences in [0, 1] and not rounded, or ``{}`` when the image could not be read.
        ``answer`` is what `ui.web.parts.answer_value` returns; its ``error`` is then a sentence.
    """
    handlers = _Handlers(classifier)
    page = gr.Blocks(
        title=f"Gyrus: {classifier.bundle.title}",
        analytics_enabled=False,
        delete_cache=(_CHECK_UPLOADS_S, _KEEP_UPLOADS_S),
        fill_width=True,
    )
    with page:
        view = _lay_out(classifier.bundle, settings)
        _connect(view, handlers, classifier.bundle, settings)
    # Gradio checks that a file which an API call names was uploaded only once this is set, and a mounted page never
    # sets it: without the check, anyone could have any file of the server read.
    page.has_launched = True
    return page


class _View:
    """The parts of the page that an event reads or changes."""

    image: gr.HTML
    picture: gr.HTML
    submit: gr.Button
    clear: gr.Button
    verdict: gr.HTML
    numbers: gr.Label


class _Handlers:
    """What runs on the server; each method ends in something to show, whatever goes wrong."""

    def __init__(self, classifier: ClassifierLike) -> None:
        self._classifier = classifier
        self._slots = threading.BoundedSemaphore(_CONCURRENT_RUNS)

    def classify(self, image: object) -> Answer:
        """Classify an image file. Returns the numbers of every class, and the verdict in words."""
        path = uploaded_path(image)
        if path is None:
            return _NO_NUMBERS, answer_for(None, present_missing())
        try:
            with self._slots:
                prediction = self._classifier.predict(path, explain=True)
            presentation = present_prediction(prediction, self._classifier.bundle)
        except Exception as error:  # a front shows every error as a sentence; present_error logs what it does not know
            return _NO_NUMBERS, answer_for(path, present_error(error))
        return dict(prediction.probabilities), answer_for(path, presentation, prediction)

    def show_picture(self, image: object) -> dict[str, str]:
        """Decode an upload and make the picture that is looked at."""
        path = uploaded_path(image)
        if path is None:
            return picture_value()
        try:
            return picture_value(path, load_image(path).pixels)
        except Exception as error:
            return picture_value(path, message=present_error(error).sentence)


def _lay_out(bundle: ModelBundle, settings: SettingsLike) -> _View:
    view = _View()
    examples = load_examples(bundle)
    build_still(render_header(bundle), "masthead")
    with gr.Row(elem_id="reading-room"):
        with gr.Column(elem_id="image-column", scale=3, min_width=300):
            with gr.Row(elem_id="image-row"):
                view.picture = build_picture()
                view.image = build_image_input(settings.max_file_bytes)
            with gr.Row(elem_id="action-row"):
                view.submit = gr.Button(
                    "Submit", variant="primary", size="lg", elem_id="submit", scale=3, min_width=120
                )
                view.clear = gr.Button("Clear", size="lg", elem_id="clear", scale=1, min_width=80)
            build_heat()
        with gr.Column(elem_id="answer-column", scale=2, min_width=300):
            with gr.Row(elem_id="label-row"):
                view.verdict = build_verdict(present_idle(bundle))
                view.numbers = gr.Label(
                    label="numbers", show_label=False, show_heading=False, container=False, elem_id="numbers"
                )
            build_still(render_disclaimer(bundle), "disclaimer")
    if examples:
        build_examples(examples)
    build_still(render_about(bundle), "about")
    build_still(render_footer(bundle), "footer")
    return view


def _connect(view: _View, handlers: _Handlers, bundle: ModelBundle, settings: SettingsLike) -> None:
    """Say what each event does.

    Gradio runs the functions of one event in the order in which they are registered and awaits each: what happens in
    the browser at once stands first. No event uses Gradio's queue. Its stream of messages loses one now and then when
    a browser has two runs on their way (seen with 6.31), and its cancelling takes back neither a running function nor
    the place of the run; the scripts in ``assets/`` put late answers aside instead.
    """
    answer = [view.numbers, view.verdict]
    blank = [view.picture, *answer]
    idle = answer_value(present_idle(bundle))
    unreachable = present_unreachable()

    view.submit.click(**_IN_BROWSER, outputs=answer, js=_returns({}, answer_value(present_busy())))
    run = view.submit.click(
        handlers.classify,
        inputs=view.image,
        outputs=answer,
        api_name="classify",
        queue=False,
        trigger_mode="multiple",
        show_progress="hidden",
    )
    broken_off = f"(image) => [{{}}, {{...{_to_js(answer_value(unreachable))}, image: image ? image.path : null}}]"
    run.failure(**_IN_BROWSER, inputs=view.image, outputs=answer, js=broken_off)

    view.image.start(**_IN_BROWSER, outputs=blank, js=_returns(picture_value(), {}, idle))
    view.image.upload(handlers.show_picture, view.image, view.picture, queue=False, trigger_mode="multiple", **_QUIET)
    too_large = answer_value(present_too_large(settings.max_file_bytes))
    view.image.refuse(**_IN_BROWSER, outputs=answer, js=_returns({}, too_large))
    view.image.fail(**_IN_BROWSER, outputs=answer, js=_returns({}, answer_value(unreachable)))
    view.clear.click(**_IN_BROWSER, outputs=[view.image, *blank], js=_returns(None, picture_value(), {}, idle))


def _returns(*values: object) -> str:
    """JavaScript that sets the outputs to constants."""
    return f"() => {_to_js(values)}"


def _to_js(value: object) -> str:
    """JSON is JavaScript, once ``</script>`` cannot end the element that carries it."""
    return json.dumps(value).replace("<", "\\u003c")
