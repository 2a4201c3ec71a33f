"""The routes beside the page: the probes, the models, and `/api/classify`.

An answer is `inference`'s, its words are `ui.words.answer`'s; whoever may ask, and how much, is
`ui.web.http.headers`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, File, Query, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from inference import Catalogue, GyrusError, InputError, ModelBundle, TooLargeError, UnknownModelError, __version__
from inference.answer.rows import Row
from inference.imaging.types import CONVENTIONS, PLANES, WINDOWS, Convention, ReadOptions
from ui.pictures import draw_letters, encode_png, face_picture, render_overlay
from ui.web.api.volumes import UploadOptions, answer_upload
from ui.web.http.asgi import answer_error
from ui.words.answer import present_heatmap
from ui.words.errors import present_error
from ui.words.model import describe_purpose, present_about, word_disclaimer
from ui.words.sides import word_sides


def add_routes(app: FastAPI, models: Catalogue, convention: Convention) -> None:
    """Add every route that is not the page's, and the form of every error."""
    _add_probes(app, models)
    _add_models(app, models)
    _add_classify(app, models, convention)
    app.add_exception_handler(RequestValidationError, _answer_bad_request)
    app.add_exception_handler(HTTPException, _answer_refusal)


def describe_api(models: Catalogue) -> str:
    """What the documentation says of the whole, in the words of the models."""
    lines = (f"**{b.title}** (`{b.name}`). {describe_purpose(b)} {word_disclaimer(b)}" for b in models.bundles.values())
    return "\n\n".join(line.strip() for line in lines)


def _add_probes(app: FastAPI, models: Catalogue) -> None:
    first = models.default

    @app.get("/healthz", tags=["operation"], summary="Is the process alive?")
    def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", tags=["operation"], summary="Is the first model loaded?")
    def readyz() -> dict[str, str]:
        return {"status": "ready", "model": first.name}

    @app.get("/version", tags=["operation"], summary="Versions of the program and of its first model")
    def version() -> dict[str, str]:
        return {"gyrus": __version__, "model": first.name, "model_version": first.version}


class InputDescription(BaseModel):
    """What the network is fed; a picture of any size is brought into this form."""

    width_px: int
    height_px: int
    color_order: str
    value_range: tuple[float, float]


class ModelDescription(BaseModel):
    """One entry of ``/api/models``; ``notes`` are the limits that the model's makers name."""

    name: str
    title: str
    version: str
    subject: str
    labels: list[str]
    input: InputDescription
    summary: str
    notes: list[str]
    disclaimer: str
    loaded: bool


def _describe_model(bundle: ModelBundle, loaded: bool) -> ModelDescription:
    spec, about = bundle.input, present_about(bundle)
    return ModelDescription(
        name=bundle.name,
        title=bundle.title,
        version=bundle.version,
        subject=bundle.subject,
        labels=list(bundle.labels),
        input=InputDescription(
            width_px=spec.width_px,
            height_px=spec.height_px,
            color_order=spec.color_order,
            value_range=(spec.value_min, spec.value_max),
        ),
        summary=about.summary,
        notes=list(about.limits),
        disclaimer=word_disclaimer(bundle),
        loaded=loaded,
    )


def _add_models(app: FastAPI, models: Catalogue) -> None:
    @app.get("/api/models", tags=["classify"], summary="Which models there are, and what each can recognise")
    def list_models() -> list[ModelDescription]:
        """The first one answers when ``/api/classify`` names none. One that is not loaded is loaded when it is first
        asked; that answer takes longer.
        """
        return [_describe_model(bundle, models.is_loaded(name)) for name, bundle in models.bundles.items()]


def _read_options(
    plane: Annotated[
        Literal["axial", "coronal", "sagittal"],
        Query(description="How a volume is cut into slices; a DICOM series is not"),
    ] = "axial",
    window: Annotated[
        Literal["percentile", "file"],
        Query(description="How raw values of DICOM become grey: by each slice's own, or as the file says"),
    ] = "percentile",
) -> ReadOptions:
    return ReadOptions(plane=plane, window=window)


def _add_classify(app: FastAPI, models: Catalogue, default_convention: Convention) -> None:
    responses: dict[int | str, dict[str, Any]] = {
        200: {
            "model": Row,
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
            "description": "The row; with `explain=1`, the picture with the heat map as a PNG file, and the row in the "
            "header `Gyrus-Row`. There is no heat map, and the row comes as ever, when the verdict is `rejected` or "
            "the model gives none.",
        },
        404: {"model": Row, "description": "There is no model of this name; `error` says what there is."},
        413: {"model": Row, "description": "The file or the picture is larger than accepted; see `error`."},
        422: {"model": Row, "description": "No file, or not a picture that can be read; see `error`."},
        503: {
            "model": Row,
            "description": "The server has as much to do as it takes on; ask again after `Retry-After`.",
        },
        500: {"model": Row, "description": "The model cannot be loaded, or a defect; `error` says which, or its id."},
    }

    @app.post("/api/classify", tags=["classify"], summary="Classify one picture", responses=responses)
    def classify(
        file: Annotated[
            UploadFile, File(description="a picture, DICOM file or volume, or a zip or tar archive of them")
        ],
        reading: Annotated[ReadOptions, Depends(_read_options)],
        explain: Annotated[
            bool, Query(description="Answer the picture with the heat map: where the evidence is")
        ] = False,
        model: Annotated[
            str | None, Query(description="Name of the model that is asked, see `/api/models`; by default the first")
        ] = None,
        top: Annotated[
            int | None,
            Query(ge=1, description="Answer only so many probabilities, the most probable first; by default all"),
        ] = None,
        scan: Annotated[
            int | None, Query(ge=1, description="Which scan of an archive, counted from 1; by default all of them")
        ] = None,
        convention: Annotated[
            Convention, Query(description="With explain=1: on which side the picture has the patient's right")
        ] = default_convention,
    ) -> Response:
        """Answers the row that ``python -m inference`` writes. ``label`` is the most probable class even when the
        verdict is ``rejected``: read the two together. ``probabilities`` has every class, in the model's order, unless
        ``top`` asks for fewer. Sentences about the decoding (only the first frame was read) come in the header
        ``Gyrus-Note``; with ``explain=1``, one about the place of the evidence too.

        Of a volume (NIfTI or another format, multi-frame DICOM, a zip of a series) the row is the whole's, with
        ``volume`` (which slices show it) and ``slices``, a row for each; of an archive with several, ``scans`` has one
        such answer for each.
        With ``explain=1`` the picture is the slice that shows the answer best, and the header has the row of the whole;
        an archive of several scans is asked for one of them with ``scan``.
        """
        name = file.filename or ""
        try:
            classifier = models.load(model)
            options = UploadOptions(reading=reading, explain=explain, top=top, number=scan)
            found = answer_upload(classifier, file.file.read(), name, options)
        except GyrusError as error:
            return answer_error(present_error(error).sentence, _status_of(error), path=name)
        heatmap = found.explained.heatmap if found.explained else None
        if heatmap is None or found.image is None:
            return JSONResponse(found.body, headers=_note_header(found.notes))
        shown = face_picture(found.image, convention, heatmap)
        heatmap = shown.heatmap or heatmap
        headers = _note_header((*found.notes, present_heatmap(heatmap).sentence, word_sides(shown.orientation)))
        row = {key: value for key, value in found.body.items() if key != "slices"}  # a header holds no thousand rows
        headers["Gyrus-Row"] = json.dumps(row)  # ASCII, and no line break can end the header
        content = encode_png(draw_letters(render_overlay(shown.pixels, heatmap), shown.orientation))
        return Response(content, media_type="image/png", headers=headers)


def _note_header(notes: Iterable[str]) -> dict[str, str]:
    return {"Gyrus-Note": text} if (text := " ".join(filter(None, notes))) else {}


def _status_of(error: GyrusError) -> int:
    if isinstance(error, TooLargeError):
        return 413
    if isinstance(error, UnknownModelError):
        return 404
    return 422 if isinstance(error, InputError) else 500


_FORM_RULE = "Send one picture as the field “file” of a multipart form."

_QUERY_RULES = {
    "explain": "explain is 1 or 0.",
    "top": "top is a whole number from 1.",
    "scan": "scan is a whole number from 1.",
    "plane": f"plane is one of {', '.join(PLANES)}.",
    "window": f"window is one of {', '.join(WINDOWS)}.",
    "convention": f"convention is one of {', '.join(CONVENTIONS)}.",
}


async def _answer_bad_request(request: Request, error: Exception) -> Response:
    sentence = _FORM_RULE
    if isinstance(error, RequestValidationError) and error.errors()[0]["loc"][0] == "query":
        sentence = _QUERY_RULES.get(error.errors()[0]["loc"][-1], sentence)
    return answer_error(sentence, 422)


async def _answer_refusal(request: Request, error: Exception) -> Response:
    """FastAPI's own refusals; it words whatever breaks while a form is read, a full disk too, as a 400."""
    if isinstance(error.__cause__, OSError):
        return answer_error(present_error(error.__cause__).sentence, 500)
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if status == 400:
        return answer_error(_FORM_RULE, 422)
    return answer_error(f"{HTTPStatus(status).phrase}.", status, headers=headers)
