"""What tests of several rooms share: the browsers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


Launch = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(scope="session")
def launch() -> Iterator[Launch]:
    """Start a ``playwright.sync_api.Browser``: ``launch("--an-option")``; the test is skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the PyPI package playwright is not installed")
    path = os.environ.get("GYRUS_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed (on Debian: apt-get install chromium)")
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
    with sync_api.sync_playwright() as playwright:

        @contextmanager
        def start(*options: str) -> Iterator[Any]:
            args = ["--no-sandbox", "--disable-dev-shm-usage", *quiet, *options]
            running = playwright.chromium.launch(executable_path=path, args=args)
            yield running
            running.close()

        yield start


@pytest.fixture(scope="session")
def browser(launch: Launch) -> Iterator[Any]:
    """The browser of all tests that draw no planes."""
    with launch("--disable-gpu") as running:
        yield running
