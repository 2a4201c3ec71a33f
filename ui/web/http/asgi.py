"""What every middleware needs of ASGI: its types, a request's path, headers and address, and the form of an error.

No middleware stands here, and nothing that knows a route. The terms are those of the ASGI specification, version 3.0.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse

from inference.answer.rows import Row

Scope = MutableMapping[str, Any]

Message = MutableMapping[str, Any]

Receive = Callable[[], Awaitable[Message]]

Send = Callable[[Message], Awaitable[None]]

AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def route_path(scope: Scope) -> str:
    """The path that routes are matched by: without the root path, which a proxy may pass on or strip."""
    path, root_path = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root_path) if path.startswith(f"{root_path}/") else path


def read_header(scope: Scope, name: bytes) -> str:
    """The last header of this lower-case name, as text; empty if there is none."""
    return bytes(dict(scope["headers"]).get(name, b"")).decode("latin-1")


def client_address(scope: Scope) -> str:
    """The address that a request is counted for.

    Of IPv6 it is the /64 network, because a provider gives a whole one to each customer (RFC 6177, RIPE-690).
    """
    host = str((scope.get("client") or ("unknown",))[0])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return host if address.is_loopback else str(ipaddress.ip_network((int(address), 64), strict=False))
    return host


def is_loopback(address: str) -> bool:
    """Whether a `client_address` is one of this machine."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def answer_error(sentence: str, status: int, *, path: str = "", headers: dict[str, str] | None = None) -> Response:
    """Answer with a sentence, in the same form as a row of results (`inference.answer.rows.Row`)."""
    return JSONResponse(Row(path=path, error=sentence).to_dict(), status_code=status, headers=headers)
