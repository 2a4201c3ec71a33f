"""Requests that come at the same time share one run of the network.

Nobody waits for company: who comes while the network is idle runs it at once, alone. Who comes while it runs waits for
that run to end; whatever has come by then is one batch, computed by the first of those who wait, on his own thread. So
there is no thread to stop, no time to set, and a run that has begun ends for all who are in it. No lock is held while
the network runs, and decoding is over before anybody comes here.

A volume comes with many slices at a time. A batch takes one such part and, beside it, up to `MOST_SINGLE` pictures that
came alone: volumes do not hold up pictures, nor the other way round.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

import numpy as np

from inference.model.engine import Engine, EngineOutput

MOST_SINGLE = 8
"""Pictures of their own that share a run. More would take more memory and keep the first waiting longer; from four to
eight on, a picture costs the same in a batch of any size (5.5 ms alone on one core, 4.9 of eight, 5.4 of 32)."""


class MicrobatchEngine:
    """Any engine, asked by several threads.

    The numbers that a picture gets are those it gets alone, to 1e-5 of a logit: the runtime may add in another order.
    If a run fails, each part of it is run alone, so that only what makes the network fail sees its error.

    Parameters
    ----------
    engine : Engine
        Is run by one thread at a time.

    Examples
    --------
    >>> from inference import load_bundle
    >>> from inference.model.engine import load_engine
    >>> bundle = load_bundle("models/brain_tumor")
    >>> engine = MicrobatchEngine(load_engine(bundle))
    >>> engine.run(np.zeros((1, *bundle.input.shape), np.float32)).scores.shape
    (1, 4)
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._is_running = False
        self._single: deque[_Part] = deque()
        self._many: deque[_Part] = deque()

    def run(self, batch: np.ndarray, explain: bool = False) -> EngineOutput:
        """See `inference.model.engine.Engine.run`."""
        part = _Part(batch, explain)
        with self._lock:
            (self._single if len(batch) == 1 else self._many).append(part)
            leads, self._is_running = not self._is_running, True
        if not leads:
            part.woken.wait()
        if not part.is_done:
            self._lead(part)
        return part.result()

    def _lead(self, leader: _Part) -> None:
        """Run the batch that ``leader`` is in, then hand over to the first of those who came meanwhile."""
        with self._lock:
            parts = [self._single.popleft() for _ in range(min(len(self._single), MOST_SINGLE))]
            if self._many:
                parts.append(self._many.popleft())
        try:
            _compute(self._engine, parts)
        finally:
            with self._lock:
                following = next((lane[0] for lane in (self._single, self._many) if lane), None)
                self._is_running = following is not None
            for part in (following, *parts):
                if part is not None and part is not leader:
                    part.woken.set()


class _Part:
    """What one thread brought, and what came of it."""

    def __init__(self, batch: np.ndarray, explain: bool) -> None:
        self.batch, self.explain = batch, explain
        self.woken = threading.Event()  # its answer is there, or it is its turn to run the network
        self.is_done = False
        self.output: EngineOutput | None = None
        self.error: BaseException | None = None

    def finish(self, output: EngineOutput | None, error: BaseException | None = None) -> None:
        self.output, self.error, self.is_done = output, error, True

    def result(self) -> EngineOutput:
        if self.output is None:
            raise self.error or RuntimeError("A run of the network ended without an answer.")
        return self.output


def _compute(engine: Engine, parts: Sequence[_Part]) -> None:
    """Give every part its output or its error."""
    explain = any(part.explain for part in parts)
    try:
        batch = parts[0].batch if len(parts) == 1 else np.concatenate([part.batch for part in parts])
        output = engine.run(batch, explain=explain)
    except BaseException as error:  # noqa: BLE001
        if len(parts) == 1:
            parts[0].finish(None, error)
            return
        for part in parts:
            _compute(engine, [part])
        return
    end = 0
    for part in parts:
        start, end = end, end + len(part.batch)
        part.finish(_cut(output, slice(start, end), part.explain))


def _cut(output: EngineOutput, rows: slice, explain: bool) -> EngineOutput:
    """One part's rows of what a whole batch gave."""

    def cut(array: np.ndarray | None) -> np.ndarray | None:
        return None if array is None else array[rows]

    return EngineOutput(
        scores=output.scores[rows],
        features=cut(output.features),
        evidence=cut(output.evidence) if explain else None,
    )
