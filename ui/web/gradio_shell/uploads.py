"""The route that takes uploads, instead of Gradio's; where an upload lies is `ui.web.http.uploads`'."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from inference.errors import TooLargeError
from inference.limits import check_file_size
from ui.web.http.asgi import answer_error
from ui.web.http.uploads import Uploads, UploadsFullError


def replace_upload_route(app: FastAPI, uploads: Uploads, max_file_bytes: int) -> None:
    """Add a route at the path of Gradio's upload route, before the page is mounted, so that it is matched first.

    Gradio calls an upload's folder after the content, so that two visitors with the same file share one, and the first
    who leaves deletes the other's. Nor does it bound the room that all uploads take together.
    """

    @app.post("/gradio_api/upload", include_in_schema=False)
    async def upload(request: Request) -> Response:
        try:
            form = await request.form(max_files=1, max_fields=1)
        except (MultiPartException, HTTPException):
            return answer_error("Send one file as the field “files” of a multipart form.", 400)
        try:
            file = next((value for value in form.values() if isinstance(value, UploadFile)), None)
            if file is None:
                return answer_error("Send one file as the field “files” of a multipart form.", 400)
            return await _store(uploads, file, max_file_bytes)
        finally:
            await form.close()


async def _store(uploads: Uploads, file: UploadFile, max_file_bytes: int) -> Response:
    """Store an upload and answer in Gradio's form, a list with its path."""
    size_bytes = file.size or 0
    try:
        check_file_size(size_bytes, max_file_bytes)
        path = await asyncio.to_thread(uploads.store, file.filename or "", file.file, size_bytes)
    except TooLargeError as error:
        return answer_error(str(error), 413)
    except UploadsFullError as error:
        return answer_error(str(error), 503, headers={"Retry-After": "60"})
    return JSONResponse([path])
