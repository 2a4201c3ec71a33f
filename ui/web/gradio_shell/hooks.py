"""Gradio's behaviour where only its private parts can change it; each hook says why."""

from __future__ import annotations

import sys
from types import SimpleNamespace

from gradio import queueing, routes

from ui.web.gradio_shell.gate import _LOG


def suppress_tracebacks() -> None:
    """Keep Gradio from printing traces: they show the values of a call, with the names of files."""

    def log_kind() -> None:
        _LOG.warning("A call failed in Gradio: %s", getattr(sys.exc_info()[0], "__name__", "unknown"))

    for module in (routes, queueing):
        module.traceback = SimpleNamespace(print_exc=log_kind)  # type: ignore[attr-defined]
