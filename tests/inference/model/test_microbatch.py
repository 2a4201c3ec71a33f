"""Many threads, one network: nobody waits for company, nobody gets another's answer, nobody suffers for another."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from inference import Classifier, EngineError
from inference.model.bundle import DEFAULT_MODEL
from inference.model.engine import EngineOutput
from inference.model.microbatch import MOST_SINGLE, MicrobatchEngine
from tests.tiny import striped, write_bundle


class SlowEngine:
    """Doubles what it is fed; a negative number is too much for it. Records the batches; never runs twice at once."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.batches: list[list[float]] = []
        self.running = 0
        self.gate = threading.Event()
        self.gate.set()

    def run(self, batch: np.ndarray, explain: bool = False) -> EngineOutput:
        self.running += 1
        assert self.running == 1
        self.batches.append(batch[:, 0].tolist())
        self.gate.wait(10)
        time.sleep(self.delay_s)
        self.running -= 1
        if (batch < 0).any():
            raise EngineError(f"{batch.min():g} is too much.")
        return EngineOutput(scores=batch * 2, features=batch * 3, evidence=batch[:, :, None, None] if explain else None)


def ask(gathering: MicrobatchEngine, *numbers: float, explain: bool = False) -> EngineOutput:
    return gathering.run(np.array(numbers, np.float32)[:, None], explain)


def start_behind(engine: SlowEngine, gathering: MicrobatchEngine, *asked: tuple[float, ...]) -> list[list[float]]:
    """Ask the rest, in order, while the network is held up by the first; the batches that were run."""
    engine.gate.clear()
    with ThreadPoolExecutor(len(asked)) as pool:
        for number, numbers in enumerate(asked):
            pool.submit(ask, gathering, *numbers)
            while sum(map(len, (gathering._single, gathering._many))) + len(engine.batches) <= number:
                time.sleep(0.001)
        engine.gate.set()
    return engine.batches


def test_who_comes_alone_is_run_alone_and_at_once() -> None:
    engine = SlowEngine()
    gathering = MicrobatchEngine(engine)
    assert ask(gathering, 5).scores.tolist() == [[10]]
    assert ask(gathering, 6).features.tolist() == [[18]]
    assert engine.batches == [[5], [6]]


def test_who_comes_during_a_run_shares_the_next() -> None:
    engine = SlowEngine()
    assert start_behind(engine, MicrobatchEngine(engine), (1,), (2,), (3,), (4,)) == [[1], [2, 3, 4]]


def test_a_batch_is_bounded_and_volumes_hold_up_no_picture() -> None:
    engine = SlowEngine()
    volumes = [tuple(range(100 * k, 100 * k + 16)) for k in range(1, 4)]
    pictures = [(float(number),) for number in range(MOST_SINGLE + 1)]
    batches = start_behind(engine, MicrobatchEngine(engine), (-0.0,), *volumes, *pictures)
    assert [len(batch) for batch in batches] == [1, MOST_SINGLE + 16, 1 + 16, 16]
    assert batches[1][:MOST_SINGLE] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert [batch[-1] for batch in batches[1:]] == [115, 215, 315]


def test_evidence_is_for_those_who_asked() -> None:
    engine = SlowEngine(0.05)
    gathering = MicrobatchEngine(engine)
    with ThreadPoolExecutor(3) as pool:
        pool.submit(ask, gathering, 1)
        time.sleep(0.01)
        plain, explained = pool.submit(ask, gathering, 2), pool.submit(ask, gathering, 3, explain=True)
    assert plain.result().evidence is None
    assert explained.result().evidence.tolist() == [[[[3]]]]
    assert len(engine.batches) == 2


def test_what_the_network_cannot_take_fails_alone_and_the_rest_goes_on() -> None:
    engine = SlowEngine(0.02)
    gathering = MicrobatchEngine(engine)
    with ThreadPoolExecutor(6) as pool:
        answers = {number: pool.submit(ask, gathering, number) for number in (1, 2, -3, 4, -5, 6)}
    for number, answer in answers.items():
        if number > 0:
            assert answer.result().scores.tolist() == [[2 * number]]
        else:
            with pytest.raises(EngineError, match=rf"^{number} is too much\.$"):
                answer.result()
    assert ask(gathering, 7).scores.tolist() == [[14]]


def test_a_crowd_gets_its_own_answers() -> None:
    engine = SlowEngine()
    gathering = MicrobatchEngine(engine)

    def ask_often(person: int) -> None:
        rng = np.random.default_rng(person)
        for turn in range(200):
            numbers = (person * 1000.0 + turn + np.arange(1 if rng.random() < 0.7 else 16)).tolist()
            assert ask(gathering, *numbers).scores[:, 0].tolist() == [2 * number for number in numbers]

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(ask_often, range(32)))
    assert len(engine.batches) < 32 * 200


@pytest.mark.parametrize("shipped", [False, True])
def test_a_picture_has_the_same_answer_in_company(tmp_path: Path, shipped: bool) -> None:
    classifier = Classifier.load(DEFAULT_MODEL if shipped else write_bundle(tmp_path / "tiny"))
    rng = np.random.default_rng(0)
    pictures = [
        striped((level, level, level), (60, 60)) + rng.integers(0, 9, (60, 60, 1), np.uint8)
        for level in range(8, 232, 7)
    ]
    alone = [classifier.predict(picture, explain=True) for picture in pictures]
    with ThreadPoolExecutor(32) as pool:
        for _ in range(3):
            for one, other in zip(
                alone, pool.map(lambda p: classifier.predict(p, explain=True), pictures), strict=True
            ):
                assert np.allclose(list(one.probabilities.values()), list(other.probabilities.values()), atol=1e-5)
                assert (one.verdict, one.candidates) == (other.verdict, other.candidates)
                assert one.novelty == pytest.approx(other.novelty, rel=1e-4)
                assert (one.heatmap is None) == (other.heatmap is None)
                assert one.heatmap is None or np.allclose(one.heatmap.grid, other.heatmap.grid, atol=1e-5)
