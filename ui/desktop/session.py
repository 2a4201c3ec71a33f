"""What is chosen and what was answered: the window's state and its rules, without a toolkit.

What is drawn and which key does what is `ui.desktop.window`'s.
Whatever changes the picture or the model withdraws the answer; an outcome that comes late is put aside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from inference.answer.classifier import Classifier
from ui.desktop.answering import ShownAnswer, View, answer_file, read_view
from ui.desktop.files import list_neighbours
from ui.words.errors import present_error
from ui.words.states import present_busy, present_idle, present_missing

if TYPE_CHECKING:
    from inference.answer.volume import SliceClassifier
    from inference.model.bundle import ModelBundle
    from ui.desktop.worker import Done, Job, Wanted
    from ui.words.answer import Presentation

ACTION = "Classify"
"""The name of the button in the sentences of `ui.words.states`."""


class WorkerLike(Protocol):
    """What a session needs of `ui.desktop.worker.Worker`."""

    def submit(self, job: Job, done: Done, wanted: Wanted = ...) -> None:
        """See `ui.desktop.worker.Worker.submit`."""


class Session:
    """One picture, one model, one answer.

    Parameters
    ----------
    bundles : sequence of ModelBundle
        At least one; the first is chosen.
    worker : WorkerLike
    load : callable
        Loads a model from its path; runs on the worker's thread.

    Attributes
    ----------
    path : pathlib.Path or None
        The chosen file.
    view : View or None
        The file's picture, or the slice of it that is shown, as soon as it has been read.
    answer : ShownAnswer or None
    presentation : Presentation
        The sentence to show, whatever the state.
    busy : bool
        A run is on its way.
    changed : callable
        Called after every change of state; the window sets it.
    """

    def __init__(
        self,
        bundles: Sequence[ModelBundle],
        worker: WorkerLike,
        load: Callable[[Path], SliceClassifier] = Classifier.load,
    ) -> None:
        self.bundles = tuple(bundles)
        self.bundle = self.bundles[0]
        self.path: Path | None = None
        self.view: View | None = None
        self.answer: ShownAnswer | None = None
        self.presentation = self._idle()
        self.busy = False
        self.changed: Callable[[], None] = lambda: None
        self._worker = worker
        self._load = load
        self._loaded: dict[Path, SliceClassifier] = {}  # touched by jobs only, which run one after the other
        self._neighbours: tuple[Path, ...] = ()
        self._revision = 0

    @property
    def position(self) -> tuple[int, int] | None:
        """The picture's number in its folder, from 1, and how many there are; None until the folder is known."""
        if self.path not in self._neighbours:
            return None
        return self._neighbours.index(self.path) + 1, len(self._neighbours)

    def preload(self) -> None:
        """Load the chosen model, so that the first answer does not wait for it."""
        bundle = self.bundle
        self._worker.submit(lambda: self._classifier(bundle.path), self._show_failure, lambda: self.bundle is bundle)

    def choose(self, path: Path) -> None:
        """Take another picture; the old answer is gone at once."""
        self._withdraw()
        if self.path is None or path.parent != self.path.parent:
            self._neighbours = ()
        self.path, self.view = path, None
        self._worker.submit(lambda: read_view(path), self._show_view, lambda: self.path == path)
        self._worker.submit(lambda: list_neighbours(path), self._show_neighbours, lambda: self.path == path)
        self.changed()

    def can_step(self, offset: int) -> bool:
        """Whether the folder has a picture ``offset`` further on."""
        position = self.position
        return position is not None and 1 <= position[0] + offset <= position[1]

    def step(self, offset: int) -> None:
        """Go to the next (1) or the previous (-1) picture of the folder; nothing happens at its ends."""
        if self.can_step(offset) and self.position:
            self.choose(self._neighbours[self.position[0] - 1 + offset])

    def select_model(self, index: int) -> None:
        """Take another model; the picture stays, the answer goes."""
        if self.bundles[index] is self.bundle:
            return
        self.bundle = self.bundles[index]
        self._withdraw()
        self.preload()
        self.changed()

    def classify(self) -> None:
        """Ask the model about the picture; nothing happens while a run is on its way."""
        if self.busy:
            return
        path, view, bundle = self.path, self.view, self.bundle
        if path is None:
            self.presentation = present_missing(ACTION)
            self.changed()
            return
        self._withdraw()
        revision = self._revision
        self.busy = True
        self.presentation = present_busy()

        def wanted() -> bool:
            return self._revision == revision

        def run() -> ShownAnswer:
            return answer_file(self._classifier(bundle.path), path, view, wanted)

        self._worker.submit(run, self._show_answer, wanted)
        self.changed()

    def close(self) -> None:
        """Give up what is on its way; nothing is told any more."""
        self.changed = lambda: None
        self._withdraw()

    def _classifier(self, path: Path) -> SliceClassifier:
        if path not in self._loaded:
            self._loaded[path] = self._load(path)
        return self._loaded[path]

    def _idle(self) -> Presentation:
        return present_idle(self.bundle, ACTION)

    def _withdraw(self) -> None:
        """Forget the answer, and whatever is still on its way."""
        self._revision += 1
        self.answer, self.busy = None, False
        self.presentation = self._idle()

    def _show_failure(self, outcome: object) -> None:
        if isinstance(outcome, Exception) and not self.busy:  # a run that is on its way says it itself
            self.presentation = present_error(outcome)
            self.changed()

    def _show_view(self, outcome: View | Exception) -> None:
        if isinstance(outcome, View):
            self.view = outcome
            self.changed()
        else:
            self._show_failure(outcome)

    def _show_neighbours(self, outcome: tuple[Path, ...] | Exception) -> None:
        if isinstance(outcome, Exception):
            self._show_failure(outcome)
            return
        self._neighbours = outcome
        self.changed()

    def _show_answer(self, outcome: ShownAnswer | Exception) -> None:
        self.busy = False
        if isinstance(outcome, Exception):
            self.presentation = present_error(outcome)
        else:
            self.answer, self.view, self.presentation = outcome, outcome.view, outcome.presentation
        self.changed()
