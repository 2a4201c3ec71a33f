"""The tunnel from one of Gradio's relays to this machine; whether and how one is offered is `ui.web.share`'s."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from gradio import networking


def find_relay() -> tuple[str, str]:
    """Find the host and the port that a tunnel is asked of first, so that one can try whether it answers.

    Gradio has no function for it. The names are those of `gradio.networking`: a relay of one's own, from
    ``GRADIO_SHARE_SERVER_ADDRESS``, or the address at which Gradio lists its relays.
    """
    if relay := networking.GRADIO_SHARE_SERVER_ADDRESS:
        host, _, port = relay.rpartition(":")
        return host, port
    return urlsplit(networking.GRADIO_API_SERVER).hostname or "", "443"


def open_tunnel(host: str, port: int) -> str:
    """Open a tunnel to an address of this machine, for as long as the process runs.

    ``share=True`` does this when Gradio itself serves the page; a mounted page has no such option, so the function
    behind it is called.

    Returns
    -------
    str
        The public address.

    Raises
    ------
    Exception
        Of any kind, from `OSError` to `ValueError`.
    """
    relay = networking.GRADIO_SHARE_SERVER_ADDRESS
    return networking.setup_tunnel(host, port, secrets.token_urlsafe(32), relay, None)
