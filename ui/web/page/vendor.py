"""Scripts of others that the page loads when it needs them: from this server and no other host.

What each is and where it comes from stands beside it in ``assets/vendor``.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from fastapi import FastAPI, Request, Response

FOLDER = Path(__file__).parent / "assets" / "vendor"

VIEWER_PATH = "/vendor/niivue-0.69.0.js"
"""The version is in the path, so that a browser may keep it for good."""

VIEWER_FILE = FOLDER / "niivue" / "niivue.umd.js"


def add_vendor(app: FastAPI) -> None:
    """Serve the viewer; it is public, with a password too."""

    @app.api_route(VIEWER_PATH, methods=["GET", "HEAD"], include_in_schema=False)
    def send_viewer(request: Request) -> Response:
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(VIEWER_FILE.read_bytes(), media_type="text/javascript", headers=headers)
        headers["Content-Encoding"] = "gzip"
        return Response(_compress(), media_type="text/javascript", headers=headers)


@cache
def _compress() -> bytes:
    return gzip.compress(VIEWER_FILE.read_bytes(), mtime=0)
