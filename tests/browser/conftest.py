"""A real browser on the real server; the classifier is a fake, so that what it answers is known.

Every page that a test opens is listened to: a request to another host, an error in the console or an uncaught
exception fails the test, whatever else it looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fakes import FakeClassifier, make_bundle
from tests.pictures import COLORS, encode
from tests.serving import serve_in_thread

sync_api = pytest.importorskip("playwright.sync_api", reason="the PyPI package playwright is not installed")

TIMEOUT_MS = 20_000
"""Generous: the machine may be busy with other work."""

SETTLED = "() => new Promise(done => requestIdleCallback(() => setTimeout(done, 100), {timeout: 5000}))"
"""Resolves when the page's thread has had nothing to do for a moment."""

OpenPage = Callable[..., "sync_api.Page"]


@pytest.fixture(scope="session")
def fruit_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle folder with two examples."""
    folder = tmp_path_factory.mktemp("fruit")
    (folder / "examples").mkdir()
    for name in ("confident", "uncertain"):
        (folder / "examples" / f"{name}.png").write_bytes(encode(COLORS[name]))
    index = [
        {
            "file": "confident.png",
            "caption": "A pear",
            "promise": "pear",
            "verdict": "confident",
            "label": "Pear Fruit",
        },
        {"file": "uncertain.png", "caption": "A riddle", "promise": "unsure", "verdict": "uncertain", "label": "Apple"},
    ]
    (folder / "examples" / "examples.json").write_text(json.dumps({"examples": index}), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def session_classifier(fruit_folder: Path) -> FakeClassifier:
    return FakeClassifier(bundle=make_bundle(fruit_folder))


@pytest.fixture(scope="session")
def address(session_classifier: FakeClassifier) -> Iterator[str]:
    with serve_in_thread(session_classifier) as url:
        yield url


@pytest.fixture
def classifier(session_classifier: FakeClassifier) -> Iterator[FakeClassifier]:
    """The fake behind `address`; a test may set its ``delay_s``, and reads its ``calls``."""
    session_classifier.calls.clear()
    yield session_classifier
    session_classifier.delay_s, session_classifier.gives_maps = 0.0, True


@pytest.fixture
def open_page(browser: sync_api.Browser, address: str) -> Iterator[OpenPage]:
    """Open the page in a context of its own: ``open_page(width=375, color_scheme="dark")``."""
    contexts: list[sync_api.BrowserContext] = []
    complaints: list[str] = []

    def open_(*, width: int = 1280, height: int = 800, url: str = address, **options: object) -> sync_api.Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        page = context.new_page()
        host = urlsplit(url).netloc

        def check_request(request: sync_api.Request) -> None:
            target = urlsplit(request.url)
            if target.scheme in ("http", "https", "ws", "wss") and target.netloc != host:
                complaints.append(f"request to another host: {request.url}")

        page.on("request", check_request)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.goto(url)
        page.wait_for_selector("#verdict .sentence:not(:empty)")
        page.evaluate(SETTLED)  # on a busy machine the words stand there before Gradio listens to clicks
        return page

    sync_api.expect.set_options(timeout=TIMEOUT_MS)
    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(open_page: OpenPage) -> sync_api.Page:
    return open_page()
