"""Who waits on the page reads how many images come first."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from inference.answer.prediction import Prediction
from tests.browser.conftest import TIMEOUT_MS
from tests.fakes import FakeClassifier
from tests.pictures import encode
from tests.serving import serve_in_thread

sync_api = pytest.importorskip("playwright.sync_api", reason="the PyPI package playwright is not installed")


class GatedClassifier(FakeClassifier):
    """Each answer waits until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: list[threading.Event] = []

    def predict(self, image, /, *, explain: bool = False) -> Prediction:
        gate = threading.Event()
        self.gates.append(gate)
        gate.wait(60)
        return super().predict(image, explain=explain)


def test_who_waits_reads_how_many_come_first(browser: sync_api.Browser) -> None:
    gated = GatedClassifier()
    with serve_in_thread(gated) as url, ThreadPoolExecutor(2) as pool:

        def ask() -> int:
            return httpx.post(f"{url}api/classify", files={"file": ("a.png", encode())}, timeout=60).status_code

        page = browser.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(url)
        page.set_input_files("#image-file", {"name": "a.png", "mimeType": "", "buffer": encode()})
        sync_api.expect(page.locator("#picture img")).to_be_visible(timeout=TIMEOUT_MS)
        others = [pool.submit(ask) for _ in range(2)]
        while len(gated.gates) < 2:
            time.sleep(0.02)
        page.locator("#submit").click()
        detail = page.locator("#verdict .detail")
        sync_api.expect(detail).to_have_text("2 images are before yours.", timeout=TIMEOUT_MS)
        gated.gates[0].set()
        sync_api.expect(detail).to_have_text("1 image is before yours.", timeout=TIMEOUT_MS)
        for gate in gated.gates:
            gate.set()
        sync_api.expect(page.locator("#verdict .sentence")).to_have_text("Pear, 94 %.", timeout=TIMEOUT_MS)
        sync_api.expect(detail).to_have_text("The model is usually right at this level.")
        assert [other.result() for other in others] == [200, 200]
        page.close()
