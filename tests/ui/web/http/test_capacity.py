"""A full server says so at once; who waits is told how many come first."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from inference import BusyError, Catalogue, Classifier
from tests.fakes import FakeClassifier
from tests.pictures import encode
from tests.serving import serve_in_thread
from tests.tiny import striped, write_bundle
from ui.web.http.capacity import MAX_AT_ONCE, RETRY_AFTER_S, CapacityLimiter


def test_slots_are_counted_and_given_back() -> None:
    capacity = CapacityLimiter(slots=2)
    with capacity.hold_slot():
        with pytest.raises(ValueError, match="x"), capacity.hold_slot():
            raise ValueError("x")
        with (
            capacity.hold_slot(),
            pytest.raises(BusyError, match=r"^2 images are before yours\. Try again"),
            capacity.hold_slot(),
        ):
            pass
    with capacity.hold_slot(), capacity.hold_slot():
        pass


def test_who_waits_sees_the_queue_shorten() -> None:
    capacity = CapacityLimiter()
    first, second, mine, later = (capacity.hold_slot() for _ in range(4))
    for one in (first, second, mine):
        one.__enter__()
    arrival, ahead = capacity.find_position()
    assert ahead == 2
    later.__enter__()
    assert capacity.find_position(arrival) == (arrival, 2)
    first.__exit__(None, None, None)
    assert capacity.find_position(arrival) == (arrival, 1)
    second.__exit__(None, None, None)
    mine.__exit__(None, None, None)
    assert capacity.find_position(arrival) == (arrival, 0)
    for nonsense in (-3, 10**9):
        assert capacity.find_position(nonsense).ahead <= 4


class HeldClassifier(FakeClassifier):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def predict(self, image, /, *, explain: bool = False):
        self.gate.wait(60)
        return super().predict(image, explain=explain)


def test_a_full_server_says_so_at_once_and_those_inside_are_answered() -> None:
    held = HeldClassifier()
    with serve_in_thread(held) as url, httpx.Client(timeout=60) as client, ThreadPoolExecutor(MAX_AT_ONCE) as pool:

        def ask() -> httpx.Response:
            return client.post(f"{url}api/classify", files={"file": ("a.png", encode())})

        inside = [pool.submit(ask) for _ in range(MAX_AT_ONCE)]
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            started = time.perf_counter()
            with httpx.Client(timeout=1.0) as other:
                try:
                    refused = other.post(f"{url}api/classify", files={"file": ("a.png", b"x")})
                except httpx.TimeoutException:
                    continue
            if refused.status_code == 503:
                break
        assert time.perf_counter() - started < 1.0
        assert refused.headers["Retry-After"] == str(RETRY_AFTER_S)
        assert refused.json()["error"] == f"{MAX_AT_ONCE} images are before yours. Try again in a moment."
        assert httpx.get(f"{url}healthz", timeout=5).status_code == 200
        held.gate.set()
        statuses = [one.result().status_code for one in inside]
        assert statuses.count(200) >= MAX_AT_ONCE - 2  # a probe above may have held a slot
        assert set(statuses) <= {200, 503}
        assert ask().status_code == 200


def test_a_crowd_gets_its_own_answers(tmp_path: Path) -> None:
    """32 clients with pictures of their own, through decoding, batches and the network; a bad file among them."""
    classifier = Classifier.load(write_bundle(tmp_path / "tiny"))
    colors = [(8 * number, 250 - 7 * number, (37 * number) % 251) for number in range(32)]
    alone = [dict(classifier.predict(striped(color, (90, 120))).probabilities) for color in colors]
    with serve_in_thread(Catalogue.of(classifier)) as url:

        def ask(person: int) -> None:
            with httpx.Client(timeout=60) as client:
                for turn in range(6):
                    if (person + turn) % 7 == 0:
                        bad = client.post(f"{url}api/classify", files={"file": ("a.png", b"no picture")})
                        assert bad.status_code == 422
                    picture = encode_color(colors[person])
                    answer = client.post(f"{url}api/classify", files={"file": ("a.png", picture)})
                    assert answer.status_code == 200
                    assert answer.json()["probabilities"] == pytest.approx(alone[person], abs=1e-5)

        with ThreadPoolExecutor(32) as pool:
            list(pool.map(ask, range(32)))


def encode_color(color: tuple[int, int, int]) -> bytes:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(striped(color, (90, 120))).save(stream, "PNG")
    return stream.getvalue()
