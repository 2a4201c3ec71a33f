"""One thread for whatever takes time, so that a window never waits; it knows neither toolkit nor pictures."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

Job = Callable[[], Any]
Done = Callable[[Any], None]
Wanted = Callable[[], bool]


class Worker:
    """Runs jobs one after the other on its own thread and hands the outcomes to whoever polls.

    Callbacks run in `poll`, on the thread that calls it, so that only jobs need to mind threads.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Job, Done, Wanted] | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[tuple[Any, Done, Wanted]] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self._thread.start()

    def submit(self, job: Job, done: Done, wanted: Wanted = lambda: True) -> None:
        """Put a job at the end of the line.

        Parameters
        ----------
        job : callable
            Runs on the worker's thread.
        done : callable
            Receives what the job returned, or the exception it raised, from `poll`.
        wanted : callable
            Asked before the job and again before ``done``; once it says False, the rest is left out.
        """
        self._jobs.put((job, done, wanted))

    def poll(self) -> bool:
        """Hand over what has been finished since the last call; True if there was anything."""
        any_done = False
        while True:
            try:
                outcome, done, wanted = self._outcomes.get_nowait()
            except queue.Empty:
                return any_done
            if wanted():
                done(outcome)
                any_done = True

    def close(self, timeout_s: float = 5.0) -> bool:
        """Leave out what waits and let the running job end; False if it has not ended after ``timeout_s`` seconds."""
        self._closed.set()
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, done, wanted = entry
            if self._closed.is_set():
                return
            if not wanted():
                continue
            try:
                outcome = job()
            except Exception as error:  # noqa: BLE001 - handed over as the outcome: a thread has nobody to raise it to
                outcome = error
            self._outcomes.put((outcome, done, wanted))
