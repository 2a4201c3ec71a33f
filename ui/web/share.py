"""The public demo link: who is told what about it, and when it is given up; the tunnel is the Gradio shell's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from inference.failures import log_failure
from ui.web.gradio_shell import tunnel
from ui.web.server import describe_address, reachable_host

if TYPE_CHECKING:
    from inference.settings import Settings

SHARE_LIMIT_S = 10.0
"""A link that is not there by then is given up, in seconds."""

_PROBE_LIMIT_S = 4.0

ALTERNATIVES = """\
No demo link could be made: {reason}
The page still runs at {address}. Instead of the link you can
  - show it on your own network: python app.py --host 0.0.0.0 --auth USER:PASSWORD, and send http://YOUR-ADDRESS:{port}
  - put it behind your own web server: see docs/service.md
  - use your own relay: set GRADIO_SHARE_SERVER_ADDRESS=HOST:PORT"""


def start_sharing(settings: Settings, tell: Callable[[str], None] = print) -> threading.Thread:
    """Try to make the link in the background, and tell how that went within `SHARE_LIMIT_S`.

    Parameters
    ----------
    settings : Settings
    tell : callable
        Receives the sentences for the operator.

    Returns
    -------
    threading.Thread
        Ends when the operator has been told.
    """
    thread = threading.Thread(target=lambda: tell(_make_link(settings)), name="share", daemon=True)
    thread.start()
    return thread


def _make_link(settings: Settings) -> str:
    outcome: list[str] = []
    worker = threading.Thread(target=lambda: outcome.append(_open_tunnel(settings)), name="tunnel", daemon=True)
    worker.start()
    worker.join(SHARE_LIMIT_S - 0.5)
    link = outcome[0] if outcome else f"the relay did not answer within {SHARE_LIMIT_S:.0f} s."
    if link.startswith("http"):
        guarded = "It asks for the password." if settings.auth else "Anyone who has it can use it."
        return f"Demo link: {link}\n{guarded} It works while this program runs, for a week at most."
    return ALTERNATIVES.format(reason=link, address=describe_address(settings), port=settings.port)


def _open_tunnel(settings: Settings) -> str:
    """The link, or a sentence that says why there is none."""
    host, port = tunnel.find_relay()
    try:
        socket.create_connection((host, int(port)), timeout=_PROBE_LIMIT_S).close()
    except (OSError, ValueError):
        return f"the relay {host} cannot be reached from here."
    try:
        return tunnel.open_tunnel(reachable_host(settings), settings.port)
    except OSError as error:
        return f"the relay {host} broke off: {error.strerror or error}."
    except Exception as error:  # noqa: BLE001 - the relay's client raises anything; what it said is in the log
        return log_failure(error)
