"""What Gradio prints past the log. Everything that goes through the log is `ui.web.http.logs`'."""

from __future__ import annotations

import logging
import sys
import traceback
from types import SimpleNamespace

_LOG = logging.getLogger(__name__)


def suppress_tracebacks() -> None:
    """Have Gradio log the kind of an exception where it would print a trace.

    Gradio prints each exception of a call with ``traceback.print_exc``, past the log. A trace shows the values of the
    call and with them the names of files, which may name a person. There is no setting for it, so every module of
    Gradio is given a `traceback` whose ``print_exc`` logs the exception's type instead.
    """
    quiet = SimpleNamespace(**{**vars(traceback), "print_exc": _log_kind})
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "gradio" and vars(module).get("traceback") is traceback:
            vars(module)["traceback"] = quiet


def _log_kind(*_: object, **__: object) -> None:
    _LOG.warning("A call failed in Gradio: %s", getattr(sys.exc_info()[0], "__name__", "unknown"))
