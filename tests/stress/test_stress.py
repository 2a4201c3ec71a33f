"""The commands find what they are made to find; how they fare for minutes is not for pytest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.stress.fuzz import Reader, Tally, find_faults, fuzz_reading, judge
from tests.stress.mutate import build_input
from tests.stress.reading import find_fault, read
from tests.stress.seeds import build_seeds
from tests.stress.soak import Watch, same


def test_every_seed_is_good() -> None:
    outcomes = {name: read(content)["outcome"] for name, content in build_seeds().items()}
    assert set(outcomes.values()) == {"picture", "volume"}


def test_an_input_is_its_number() -> None:
    seeds = build_seeds()
    assert [build_input(seeds, 5, number) for number in range(60)] == [
        build_input(build_seeds(), 5, number) for number in range(60)
    ]
    assert build_input(seeds, 6, 0) != build_input(seeds, 5, 0)


def test_every_format_is_damaged() -> None:
    seeds = build_seeds()
    inputs = [build_input(seeds, 7, number) for number in range(300)]
    assert {name.split("-")[0] for name, _ in inputs} == {name.split("-")[0] for name in seeds}
    assert sum(content != seeds[name] for name, content in inputs) > 280


@pytest.mark.parametrize("sentence", ["no capital.", "No end", "KeyError: 3.", "Read in x.py.", "Two\nlines.", ""])
def test_what_is_no_sentence(sentence: str) -> None:
    assert find_fault(sentence)


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    first = fuzz_reading(tmp_path, 8, 20)
    second = fuzz_reading(tmp_path, 8, 40)
    assert (first.next, second.next, sum(second.outcomes.values())) == (20, 40, 40)
    assert second.findings == {}
    assert json.loads((tmp_path / "reading.json").read_text())["next"] == 40


def test_a_process_that_dies_is_a_finding_and_the_next_one_reads_on(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "log")
    good = build_seeds()["png-8"]
    try:
        assert reader.read(good)["outcome"] == "picture"
        assert reader._process is not None
        reader._process.kill()
        reader._process.wait()
        answer = reader.read(good)
        assert (answer["outcome"], judge(answer)) == ("crash", "crash")
        assert reader.read(good)["outcome"] == "picture"
    finally:
        reader.close()


def test_what_breaks_a_rule() -> None:
    fine = {"outcome": "refused", "detail": "", "seconds": 0.1, "grown_bytes": 0}
    assert judge(fine) == ""
    assert judge({**fine, "outcome": "defect"}) == "defect"
    assert judge({**fine, "seconds": 5.1}) == "slow"
    assert judge({**fine, "grown_bytes": 2**31}) == "memory"
    tally = Tally(1)
    tally.add(3, {**fine, "seconds": 2.0})
    assert (tally.longest_s, tally.longest, tally.outcomes) == (2.0, 3, {"refused": 1})


def test_answers_of_the_api() -> None:
    assert find_faults(200, {"error": None}) == ""
    assert find_faults(422, {"error": "The file is empty."}) == ""
    assert "500" in find_faults(500, {"error": "It broke."})
    assert "without a sentence" in find_faults(422, {"error": None})
    assert "Traceback" in find_faults(422, {"error": "Traceback in line 3."})
    assert "no whole sentence" in find_faults(200, {"error": None, "slices": [{"error": "broken"}]})


def test_the_same_answer() -> None:
    row = {"label": "a", "probabilities": {"a": 0.5}, "slices": [1, None]}
    assert same(row, {**row, "probabilities": {"a": 0.5002}})
    assert not same(row, {**row, "probabilities": {"a": 0.51}})
    assert not same(row, {**row, "label": "b"})
    assert not same(row, {**row, "slices": [1]})


def test_growth_is_what_comes_after_the_warm_up() -> None:
    seconds = list(np.arange(0.0, 100.0, 2.0))
    warm = [100 + min(int(s), 20) for s in seconds]
    first, last = Watch(seconds, warm, list(range(50))).fit_growth()
    assert last - first == pytest.approx(0, abs=1e-6)
    first, last = Watch(seconds, [100 + 3 * int(s) for s in seconds], list(range(50))).fit_growth()
    assert last - first == pytest.approx(3 * (98 - 20))
