"""The page: which widgets stand where, and what happens when one is used. It builds and does not launch.

What the answer is comes from the classifier, what it is called from `ui.words.answer`, what it looks like from
`ui.web.page.theme`. The image, its picture and its answer live in the browser (the server keeps what it read of a
volume for as long as the upload, `ui.web.page.upload_cache`), and whatever changes the image withdraws the answer and
cancels a run that is still on its way. The tab Batch is one widget, which asks its own routes (`ui.web.batch.routes`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import gradio as gr

from ui.web.gradio_shell.mount import check_named_files
from ui.web.http.capacity import CapacityLimiter
from ui.web.page.batch import build_batch
from ui.web.page.handlers import Handlers, UploadsLike
from ui.web.page.panels import render_about, render_disclaimer, render_each, render_header, render_page_footer
from ui.web.page.upload_cache import UploadCache
from ui.web.page.volume_widgets import (
    build_downloads,
    build_scan,
    build_slices,
    build_viewer,
    not_saved_value,
    viewer_value,
)
from ui.web.page.widgets import (
    answer_value,
    build_classes,
    build_examples,
    build_heat,
    build_image_input,
    build_picker,
    build_picture,
    build_sides,
    build_verdict,
    page_title,
    picture_value,
    static_html,
)
from ui.words.states import present_busy, present_too_large, present_unreachable

if TYPE_CHECKING:
    from inference.answer.catalogue import Catalogue
    from inference.imaging.types import Convention
    from inference.model.bundle import ModelBundle

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Events that no API client sees. The page shows by itself that it is busy, in the verdict's sentence."""

_IN_BROWSER: dict[str, Any] = {**_QUIET, "fn": None, "queue": False}
"""Events that never ask the server."""


class SettingsLike(Protocol):
    """What the page needs of `inference.settings.Settings`."""

    @property
    def max_file_bytes(self) -> int:
        """Largest upload, in bytes."""

    @property
    def convention(self) -> Convention:
        """In which pictures are shown at first."""


def build_page(
    models: Catalogue,
    settings: SettingsLike,
    uploads: UploadsLike,
    capacity: CapacityLimiter | None = None,
    cache: UploadCache | None = None,
) -> gr.Blocks:
    """Build the page around its models; whoever calls mounts it with `ui.web.gradio_shell.mount.mount_page`.

    Parameters
    ----------
    models : Catalogue
    settings : SettingsLike
    uploads : UploadsLike
    capacity : CapacityLimiter or None
        Shared with the API, if there is one.
    cache : UploadCache or None
        Told by the server when an upload goes.

    Returns
    -------
    gradio.Blocks
        It offers one API call, ``/classify``: ``client.predict(gradio_client.handle_file(path), api_name="/classify")``
        returns ``(numbers, answer)``; ``model=NAME`` asks another model than the first, ``scan=2`` answers the second
        scan of an archive. ``numbers`` is ``{"label",
        "confidences": [{"label", "confidence"}]}``, the classes that the page shows, the most probable first,
        confidences in [0, 1] and not rounded, or ``{}`` when the image could not be read. ``answer`` is what
        `ui.web.page.widgets.answer_value` returns; its ``error`` is then a sentence.
    """
    capacity = capacity or CapacityLimiter()
    handlers = Handlers(models, uploads, cache or UploadCache(), capacity)
    page = gr.Blocks(
        title=page_title(models.default),
        analytics_enabled=False,
        fill_width=True,
    )
    with page:
        view = _lay_out(list(models.bundles.values()), settings)
        _connect(view, handlers, settings)
    check_named_files(page)
    return page


class _Widgets:
    """The widgets of the page that an event reads or changes."""

    model: gr.HTML
    image: gr.HTML
    scan: gr.HTML
    picture: gr.HTML
    viewer: gr.HTML
    sides: gr.HTML
    downloads: gr.HTML
    submit: gr.Button
    clear: gr.Button
    verdict: gr.HTML
    numbers: gr.Label


def _lay_out(bundles: Sequence[ModelBundle], settings: SettingsLike) -> _Widgets:
    view = _Widgets()
    with gr.Row(elem_id="top"):
        static_html(render_each(bundles, render_header), "masthead")
        view.model = build_picker(bundles)
    with gr.Tabs(elem_id="tabs"):
        with gr.Tab("One image", elem_id="one-image"):
            _lay_out_image(view, bundles, settings)
        with gr.Tab("Batch", elem_id="batch-tab"):
            build_batch(settings.max_file_bytes)
    build_classes(bundles)
    static_html(render_each(bundles, render_about), "about")
    static_html(render_page_footer(bundles), "footer")
    return view


def _lay_out_image(view: _Widgets, bundles: Sequence[ModelBundle], settings: SettingsLike) -> None:
    with gr.Row(elem_id="reading-room"):
        with gr.Column(elem_id="image-column", scale=3, min_width=300):
            with gr.Row(elem_id="image-row"):
                view.picture = build_picture()
                view.viewer = build_viewer()
                view.image = build_image_input(settings.max_file_bytes)
            view.scan = build_scan()
            with gr.Row(elem_id="action-row"):
                view.submit = gr.Button(
                    "Submit", variant="primary", size="lg", elem_id="submit", scale=3, min_width=120
                )
                view.clear = gr.Button("Clear", size="lg", elem_id="clear", scale=1, min_width=80)
            view.sides = build_sides(settings.convention)
            build_heat()
        with gr.Column(elem_id="answer-column", scale=2, min_width=300):
            with gr.Row(elem_id="label-row"):
                view.verdict = build_verdict(bundles)
                view.numbers = gr.Label(
                    label="numbers", show_label=False, show_heading=False, container=False, elem_id="numbers"
                )
            view.downloads = build_downloads()
            static_html(render_each(bundles, render_disclaimer), "disclaimer")
    build_slices()
    build_examples(bundles)


def _connect(view: _Widgets, handlers: Handlers, settings: SettingsLike) -> None:
    """Say what each event does.

    Gradio runs the functions of one event in the order in which they are registered and awaits each: what happens in
    the browser at once stands first. No event uses Gradio's queue. Its stream of messages loses one now and then when
    a browser has two runs on their way (seen with 6.31), and its cancelling takes back neither a running function nor
    its slot; the scripts in ``assets/`` put late answers aside instead. ``window.gyrus.still()`` is what stands where
    the answer will be while there is none, in the words of the chosen model.
    """
    answer = [view.numbers, view.verdict]
    blank = [view.scan, view.picture, view.viewer, *answer]
    asking, looking = [view.image, view.model, view.scan], [view.image, view.scan]
    no_picture = f"1, {_to_js(picture_value())}, {_to_js(viewer_value())}"
    unreachable = _to_js(answer_value(present_unreachable()))
    on_server: dict[str, Any] = {"queue": False, "trigger_mode": "multiple"}

    running = {**answer_value(present_busy()), "running": True}
    counted = _to_js(present_busy(slices="#").sentence)
    sentence = f"window.gyrus.slices > 1 ? {{sentence: {counted}.replace('#', window.gyrus.slices)}} : {{}}"
    view.submit.click(**_IN_BROWSER, outputs=answer, js=f"() => [{{}}, {{...{_to_js(running)}, ...({sentence})}}]")
    run = view.submit.click(handlers.classify, asking, answer, api_name="classify", show_progress="hidden", **on_server)
    of_asked = "image: image ? image.path : null, asked: model, scan"
    broken_off = f"(image, model, scan) => [{{}}, {{...{unreachable}, {of_asked}}}]"
    run.failure(**_IN_BROWSER, inputs=asking, outputs=answer, js=broken_off)

    view.model.choose(**_IN_BROWSER, outputs=answer, js="() => [{}, window.gyrus.still()]")
    loading = view.model.choose(handlers.prepare, view.model, view.verdict, **on_server, **_QUIET)
    not_loaded = f"(model) => ({{...{unreachable}, prepared: model}})"
    loading.failure(**_IN_BROWSER, inputs=view.model, outputs=view.verdict, js=not_loaded)

    view.image.start(**_IN_BROWSER, outputs=blank, js=f"() => [{no_picture}, {{}}, window.gyrus.still()]")
    view.image.upload(handlers.show_picture, looking, view.picture, **on_server, **_QUIET)
    view.scan.choose(
        **_IN_BROWSER,
        outputs=[view.viewer, *answer],
        js=f"() => [{_to_js(viewer_value())}, {{}}, window.gyrus.still()]",
    )
    view.scan.choose(handlers.show_picture, looking, view.picture, **on_server, **_QUIET)
    view.picture.look(handlers.show_planes, looking, view.viewer, **on_server, **_QUIET)
    too_large = _to_js(answer_value(present_too_large(settings.max_file_bytes)))
    view.image.refuse(**_IN_BROWSER, outputs=answer, js=f"() => [{{}}, {too_large}]")
    view.image.fail(**_IN_BROWSER, outputs=answer, js=f"() => [{{}}, {unreachable}]")
    cleared = f"() => [null, {no_picture}, {{}}, window.gyrus.still()]"
    view.clear.click(**_IN_BROWSER, outputs=[view.image, *blank], js=cleared)

    kept = [*asking, view.downloads, view.sides]
    saving = view.downloads.save(handlers.save, kept, view.downloads, **on_server, **_QUIET)
    saving.failure(**_IN_BROWSER, outputs=view.downloads, js=f"() => ({_to_js(not_saved_value())})")


def _to_js(value: object) -> str:
    """JSON is JavaScript, once ``</script>`` cannot end the element that carries it."""
    return json.dumps(value).replace("<", "\\u003c")
