"""One server for page and API: routes, limits, the password, and the way a server starts and stops.

What the page looks like is `ui.web.page`; what an answer is, `inference`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import json
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Annotated, Any

import gradio as gr
import uvicorn
from fastapi import FastAPI, File, Query, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel

from inference import (
    Catalogue,
    GyrusError,
    InputError,
    ModelBundle,
    SettingsError,
    TooLargeError,
    UnknownModelError,
    __version__,
)
from inference.batch import Row, build_row
from inference.settings import Settings
from ui.heat import encode_png, render_overlay
from ui.presenter import describe_purpose, present_about, present_error, present_heatmap, word_disclaimer
from ui.web.page import build_page
from ui.web.theme import mount_options
from ui.web.vendor import add_vendor
from ui.web.volumes import answer_scans, find_picture

OWN_PATHS = ("/api/", "/docs", "/redoc", "/openapi.json", "/version", "/static-offline-docs")
"""Paths of ours that ask for the password by HTTP Basic; the page asks for it with Gradio's own form."""

MULTIPART_OVERHEAD_BYTES = 64 * 1024
"""What a form may add to the file: boundaries and headers."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def build_app(models: Catalogue, settings: Settings) -> FastAPI:
    """Build the server: the page at ``/``, the API beside it. Nothing listens yet.

    Parameters
    ----------
    models : Catalogue
    settings : Settings

    Returns
    -------
    fastapi.FastAPI
    """
    app: FastAPI = FastAPIOffline(
        title="Gyrus",
        version=__version__,
        description=_describe(models),
        static_url="/static-offline-docs",
    )
    app.root_path = settings.root_path
    _close_uploads(app)
    _add_probes(app, models)
    _add_models(app, models)
    _add_classify(app, models)
    add_vendor(app)
    app.add_exception_handler(RequestValidationError, _answer_bad_request)
    app.add_exception_handler(Exception, _answer_defect)
    if settings.auth is not None:
        app.add_middleware(_PasswordMiddleware, auth=settings.auth)
    app.add_middleware(_BodyLimitMiddleware, limit_bytes=settings.max_file_bytes + MULTIPART_OVERHEAD_BYTES)
    gr.mount_gradio_app(
        app,
        build_page(models, settings),
        path="/",
        server_name=settings.host,
        server_port=settings.port,
        auth=settings.auth,
        root_path=settings.root_path or None,
        max_file_size=settings.max_file_bytes,
        **mount_options(models.default),
    )
    return app


def _close_uploads(app: FastAPI) -> None:
    """Gradio hands an upload to anyone who knows its path; the page never fetches one, so nobody may."""

    @app.api_route("/gradio_api/file={path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    @app.api_route("/gradio_api/file/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    def refuse(path: str) -> Response:
        return _answer_error("Uploaded images are not handed out again.", 404)


def _describe(models: Catalogue) -> str:
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


def _add_classify(app: FastAPI, models: Catalogue) -> None:
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
        500: {"model": Row, "description": "The model cannot be loaded, or a defect; `error` says which, or its id."},
    }

    @app.post("/api/classify", tags=["classify"], summary="Classify one picture", responses=responses)
    def classify(
        file: Annotated[
            UploadFile, File(description="a picture, DICOM file or NIfTI volume, or a zip archive of them")
        ],
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
    ) -> Response:
        """Answers the row that ``python -m inference`` writes. ``label`` is the most probable class even when the
        verdict is ``rejected``: read the two together. ``probabilities`` has every class, in the model's order, unless
        ``top`` asks for fewer. Sentences about the decoding (only the first frame was read) come in the header
        ``Gyrus-Note``; with ``explain=1``, one about the place of the evidence too.

        Of a volume (NIfTI, multi-frame DICOM, a zip of a series) the row is the whole's, with ``volume`` (which slices
        show it) and ``slices``, a row for each; of an archive with several, ``scans`` has one such answer for each.
        """
        name = file.filename or ""
        try:
            classifier = models.load(model)
            content = file.file.read()
            image = find_picture(content)
            if image is None:
                body, notes = answer_scans(classifier, content, name)
                return JSONResponse(body, headers=_note_header(notes))
            prediction = classifier.predict(image, explain=explain)
        except GyrusError as error:
            return _answer_error(str(error), _status_of(error), path=name)
        row = build_row(name, prediction).to_dict(top)
        if prediction.heatmap is None:
            return JSONResponse(row, headers=_note_header(prediction.notes))
        headers = _note_header((*prediction.notes, present_heatmap(prediction.heatmap).sentence))
        headers["Gyrus-Row"] = json.dumps(row)  # ASCII, and no line break can end the header
        content = encode_png(render_overlay(image.pixels, prediction.heatmap))
        return Response(content, media_type="image/png", headers=headers)


def _note_header(notes: Iterable[str]) -> dict[str, str]:
    return {"Gyrus-Note": text} if (text := " ".join(notes)) else {}


def _status_of(error: GyrusError) -> int:
    if isinstance(error, TooLargeError):
        return 413
    if isinstance(error, UnknownModelError):
        return 404
    return 422 if isinstance(error, InputError) else 500


_QUERY_RULES = {"explain": "explain is 1 or 0.", "top": "top is a whole number from 1."}


async def _answer_bad_request(request: Request, error: Exception) -> Response:
    sentence = "Send one picture as the field “file” of a multipart form."
    if isinstance(error, RequestValidationError) and error.errors()[0]["loc"][0] == "query":
        sentence = _QUERY_RULES.get(error.errors()[0]["loc"][-1], sentence)
    return _answer_error(sentence, 422)


async def _answer_defect(request: Request, error: Exception) -> Response:
    return _answer_error(present_error(error).sentence, 500)


def _answer_error(sentence: str, status: int, *, path: str = "", headers: dict[str, str] | None = None) -> Response:
    """Every error has the same body as an answer."""
    return JSONResponse(Row(path=path, error=sentence).to_dict(), status_code=status, headers=headers)


def _route_path(scope: Scope) -> str:
    """The path that routes are matched by: without the root path, which a request may carry or leave out."""
    path, root_path = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root_path) if path.startswith(f"{root_path}/") else path


class _PasswordMiddleware:
    """Ask for the password on `OWN_PATHS` by HTTP Basic (RFC 7617)."""

    def __init__(self, app: AsgiApp, auth: tuple[str, str]) -> None:
        self._app = app
        self._expected = ":".join(auth).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _route_path(scope).startswith(OWN_PATHS) or self._may_enter(scope):
            await self._app(scope, receive, send)
            return
        answer = _answer_error(
            "This server asks for a user and a password.",
            401,
            headers={"WWW-Authenticate": 'Basic realm="Gyrus", charset="UTF-8"'},
        )
        await answer(scope, receive, send)

    def _may_enter(self, scope: Scope) -> bool:
        header = dict(scope["headers"]).get(b"authorization", b"")
        kind, _, value = header.partition(b" ")
        try:
            received = base64.b64decode(value.strip(), validate=True)
        except binascii.Error:
            return False
        return kind.lower() == b"basic" and secrets.compare_digest(received, self._expected)


class _BodyLimitMiddleware:
    """Answer 413 to a body above the limit before it is read to the end; Gradio's uploads have their own limit."""

    def __init__(self, app: AsgiApp, limit_bytes: int) -> None:
        self._app, self._limit_bytes = app, limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _route_path(scope).startswith("/api/"):
            await self._app(scope, receive, send)
            return
        if int(dict(scope["headers"]).get(b"content-length", b"0")) > self._limit_bytes:
            await self._answer_too_large(scope, receive, send)
            return
        received_bytes = 0

        async def receive_limited() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > self._limit_bytes:
                raise _BodyTooLargeError
            return message

        async def send_unless_too_large(message: Message) -> None:
            if received_bytes <= self._limit_bytes:  # FastAPI words what it catches while reading a body as a 400
                await send(message)

        with contextlib.suppress(_BodyTooLargeError):
            await self._app(scope, receive_limited, send_unless_too_large)
        if received_bytes > self._limit_bytes:
            await self._answer_too_large(scope, receive, send)

    async def _answer_too_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit_mb = (self._limit_bytes - MULTIPART_OVERHEAD_BYTES) / 2**20
        sentence = f"A file of at most {limit_mb:.0f} MB is accepted; the one received is larger."
        await _answer_error(sentence, 413, headers={"Connection": "close"})(scope, receive, send)


class _BodyTooLargeError(Exception):
    """A body without a length went over the limit; never leaves `_BodyLimitMiddleware`."""


def open_socket(settings: Settings) -> socket.socket:
    """Take the address before anything heavy is loaded, so that a taken port is told at once.

    Raises
    ------
    SettingsError
        The port is taken, or the host is not an address of this machine.
    """
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"Port {settings.port} on {settings.host} is taken by another program. "
                f"Stop that one, or choose another port: python app.py --port {settings.port % 65535 + 1}"
            ) from error
        raise SettingsError(f"{settings.host}:{settings.port} cannot be used: {error.strerror or error}.") from error
    return listener


def serve(app: FastAPI, listener: socket.socket) -> int:
    """Answer requests until SIGINT or SIGTERM; requests in flight are finished first. Returns the exit status."""
    config = uvicorn.Config(
        app, access_log=False, log_level="warning", server_header=False, timeout_graceful_shutdown=10, ws="none"
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal again when it has stopped in good order
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def reachable_host(settings: Settings) -> str:
    """The host under which this machine reaches the server: loopback when it listens everywhere."""
    return "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104


def describe_address(settings: Settings) -> str:
    """The page's address as a person on this machine types it; a proxy's path is not part of it."""
    host = reachable_host(settings)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
