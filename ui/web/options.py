"""The options of ``python app.py``; each is the same as a ``GYRUS_*`` variable and wins over it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from inference.settings import Settings


def build_parser() -> argparse.ArgumentParser:
    """The options; ``dest`` is the name of the variable, but for ``--model``, whose paths may hold any character."""
    parser = argparse.ArgumentParser(
        prog="python app.py",
        description="Start the Gyrus web page and API.",
        epilog="Every option is also an environment variable: GYRUS_MODEL (several with "
        f"{os.pathsep} between them), GYRUS_HOST, GYRUS_PORT, GYRUS_AUTH, "
        "GYRUS_ROOT_PATH, GYRUS_SHARE=1, GYRUS_SHARE_WITHOUT_PASSWORD=1, GYRUS_RATE_LIMIT, GYRUS_TRUSTED_PROXIES, "
        "GYRUS_FRAME_ANCESTORS, GYRUS_LOG_FORMAT, GYRUS_LOG_LEVEL, GYRUS_METRICS=1. GYRUS_API_TOKEN has no option, and "
        "prefer GYRUS_AUTH to --auth on a machine with other users: they can read your command lines.",
    )
    parser.add_argument(
        "--model",
        dest="models",
        metavar="PATH",
        type=Path,
        action="append",
        help="bundle folder, or a .keras, .h5 or .onnx file; given several times, the page offers all of them",
    )
    parser.add_argument("--host", dest="GYRUS_HOST", metavar="HOST", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", dest="GYRUS_PORT", metavar="PORT", help="port to listen on (7860)")
    parser.add_argument("--auth", dest="GYRUS_AUTH", metavar="USER:PASSWORD", help="ask visitors for this password")
    parser.add_argument(
        "--root-path", dest="GYRUS_ROOT_PATH", metavar="/PATH", help="path that a reverse proxy shows the app under"
    )
    parser.add_argument(
        "--share", dest="GYRUS_SHARE", action="store_const", const="1", help="make a public demo link; needs --auth"
    )
    parser.add_argument(
        "--share-without-password",
        dest="GYRUS_SHARE_WITHOUT_PASSWORD",
        action="store_const",
        const="1",
        help="let anyone who has the link in",
    )
    parser.add_argument(
        "--rate-limit",
        dest="GYRUS_RATE_LIMIT",
        metavar="N",
        help="requests a minute that one address may make (300); 0 for no limit",
    )
    parser.add_argument(
        "--trusted-proxies",
        dest="GYRUS_TRUSTED_PROXIES",
        metavar="ADDRESS,…",
        help="reverse proxies whose word on a visitor's address is believed",
    )
    parser.add_argument(
        "--frame-ancestors",
        dest="GYRUS_FRAME_ANCESTORS",
        metavar="ORIGIN,…",
        help="who may show the page in a frame ('self')",
    )
    parser.add_argument(
        "--log-format", dest="GYRUS_LOG_FORMAT", metavar="FORMAT", help="text, or json: an object a line (text)"
    )
    parser.add_argument(
        "--log-level",
        dest="GYRUS_LOG_LEVEL",
        metavar="LEVEL",
        help="debug, info (a line a request), warning or error (warning)",
    )
    parser.add_argument(
        "--metrics", dest="GYRUS_METRICS", action="store_const", const="1", help="count, for Prometheus, at /metrics"
    )
    return parser


def read_settings(argv: Sequence[str] | None, environ: Mapping[str, str]) -> Settings:
    """Options over environment over defaults.

    Raises
    ------
    SettingsError
        A value cannot be used.
    """
    given = {name: value for name, value in vars(build_parser().parse_args(argv)).items() if value is not None}
    models = given.pop("models", None)
    settings = Settings.from_env({**environ, **given})
    return replace(settings, models=tuple(models)) if models else settings
