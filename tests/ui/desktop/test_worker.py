"""The worker: in order, on another thread, and nobody waits for what nobody wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ui.desktop.worker import Worker


def poll_until(worker: Worker, done: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline_s
        worker.poll()
        time.sleep(0.001)


def test_jobs_run_elsewhere_in_order_and_are_handed_over_here() -> None:
    worker, seen = Worker(), []
    for number in range(5):
        worker.submit(
            lambda number=number: (number, threading.current_thread().name),
            lambda outcome: seen.append((*outcome, threading.current_thread())),
        )
    poll_until(worker, lambda: len(seen) == 5)
    assert [entry[0] for entry in seen] == [0, 1, 2, 3, 4]
    assert {entry[1] for entry in seen} == {"worker"}
    assert {entry[2] for entry in seen} == {threading.current_thread()}
    assert worker.close()


def test_an_exception_is_an_outcome_and_the_next_job_runs() -> None:
    worker, seen = Worker(), []

    def fail() -> None:
        raise ValueError("no")

    worker.submit(fail, seen.append)
    worker.submit(lambda: 7, seen.append)
    poll_until(worker, lambda: len(seen) == 2)
    assert isinstance(seen[0], ValueError)
    assert seen[1] == 7
    assert worker.close()


def test_what_is_no_longer_wanted_neither_runs_nor_is_handed_over() -> None:
    worker, ran, seen = Worker(), [], []
    gate, wanted = threading.Event(), [True]

    def slow() -> str:
        gate.wait(10)
        return "slow"

    worker.submit(slow, seen.append, lambda: wanted[0])
    worker.submit(lambda: ran.append("late"), seen.append, lambda: wanted[0])
    worker.submit(lambda: "last", seen.append)
    wanted[0] = False
    gate.set()
    poll_until(worker, lambda: bool(seen))
    assert (ran, seen) == ([], ["last"])
    assert worker.close()


def test_closing_leaves_out_what_waits() -> None:
    worker, ran = Worker(), []
    begun, gate = threading.Event(), threading.Event()
    worker.submit(lambda: begun.set() or gate.wait(10), lambda outcome: None)
    assert begun.wait(10)
    worker.submit(lambda: ran.append(1), lambda outcome: None)
    assert not worker.close(timeout_s=0.05)
    gate.set()
    assert worker.close()
    assert ran == []


def test_poll_says_whether_there_was_anything() -> None:
    worker = Worker()
    done: list[Any] = []
    assert worker.poll() is False
    worker.submit(lambda: 1, done.append)
    poll_until(worker, lambda: bool(done))
    assert worker.close()
