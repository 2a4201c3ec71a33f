"""The session: what withdraws an answer, what comes too late, and what an error becomes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from inference.errors import BundleError
from tests.fakes import FakeClassifier
from tests.ui.desktop.conftest import MEDLAR
from ui.desktop.session import Session
from ui.desktop.worker import Done, Job, Wanted
from ui.words.tone import Tone


class Later:
    """A worker that works when the test says so, on the test's thread."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Job, Done, Wanted]] = []

    def submit(self, job: Job, done: Done, wanted: Wanted = lambda: True) -> None:
        self.jobs.append((job, done, wanted))

    def run(self) -> None:
        while self.jobs:
            job, done, wanted = self.jobs.pop(0)
            if not wanted():
                continue
            try:
                outcome = job()
            except Exception as error:  # noqa: BLE001
                outcome = error
            if wanted():
                done(outcome)


def make_session(load: Callable[[Path], FakeClassifier] | None = None) -> tuple[Session, Later, FakeClassifier]:
    worker, classifier = Later(), FakeClassifier()
    return Session([classifier.bundle, MEDLAR], worker, load or (lambda path: classifier)), worker, classifier


def test_choose_classify_read(folder: Path) -> None:
    session, worker, _ = make_session()
    assert "press Classify" in session.presentation.detail
    session.choose(folder / "1 pear.png")
    worker.run()
    assert session.view is not None and session.view.image.pixels.shape == (90, 120, 3)
    assert session.position == (1, 5)
    session.classify()
    assert (session.busy, session.presentation.tone) == (True, Tone.BUSY)
    worker.run()
    assert (session.busy, session.presentation.tone) == (False, Tone.CONFIDENT)
    assert session.presentation.rows[0].percent == "94 %"
    assert session.answer is not None and session.answer.heat is not None and session.answer.heat.drawn


def test_classifying_before_the_picture_is_read_answers_and_keeps_the_folder(folder: Path) -> None:
    session, worker, _ = make_session()
    session.choose(folder / "1 pear.png")
    session.classify()
    worker.run()
    assert session.answer is not None
    assert session.position == (1, 5)


def test_without_an_image_there_is_a_sentence() -> None:
    session, worker, classifier = make_session()
    session.classify()
    worker.run()
    assert session.presentation.sentence == "There is no image yet."
    assert "press Classify" in session.presentation.detail
    assert classifier.calls == []


@pytest.mark.parametrize("change", ["choose", "step", "model"])
def test_a_change_withdraws_the_answer_and_drops_a_late_one(folder: Path, change: str) -> None:
    session, worker, _ = make_session()
    changes = {
        "choose": lambda: session.choose(folder / "2 unsure.png"),
        "step": lambda: session.step(1),
        "model": lambda: session.select_model(1),
    }
    session.choose(folder / "1 pear.png")
    session.classify()
    worker.run()
    assert session.answer is not None
    changes[change]()
    assert session.answer is None and session.presentation.tone is Tone.IDLE
    worker.run()
    session.classify()
    late = worker.jobs.pop()
    outcome = late[0]()
    if change == "step":
        session.step(1)
    elif change == "model":
        session.select_model(0)
    else:
        session.choose(folder / "1 pear.png")
    assert not session.busy
    assert not late[2](), f"{outcome} would be shown for another picture"
    worker.run()
    assert session.answer is None


def test_only_one_run_at_a_time(folder: Path) -> None:
    session, worker, classifier = make_session()
    session.choose(folder / "1 pear.png")
    for _ in range(3):
        session.classify()
    worker.run()
    assert len(classifier.calls) == 1


def test_steps_end_at_the_ends(folder: Path) -> None:
    session, worker, _ = make_session()
    session.choose(folder / "11 sure.png")
    assert not session.can_step(1)  # the folder is not known yet
    worker.run()
    names = []
    for _ in range(3):
        session.step(1)
        worker.run()
        names.append(session.path.name if session.path else None)
    assert names == ["12 broken.png"] * 3
    assert session.can_step(-1)


def test_a_broken_file_is_a_sentence_and_the_next_one_works(folder: Path) -> None:
    session, worker, _ = make_session()
    session.choose(folder / "12 broken.png")
    worker.run()
    assert session.presentation.tone is Tone.ERROR
    assert "received a text file" in session.presentation.sentence
    session.classify()
    worker.run()
    assert session.presentation.tone is Tone.ERROR and not session.busy
    session.step(-1)
    session.classify()
    worker.run()
    assert session.presentation.tone is Tone.CONFIDENT


def test_a_model_is_loaded_once_and_its_error_is_shown(folder: Path) -> None:
    loaded: list[Path] = []

    def load(path: Path) -> FakeClassifier:
        loaded.append(path)
        if path == MEDLAR.path:
            raise BundleError("The medlars are altered.")
        return FakeClassifier()

    session, worker, _ = make_session(load)
    session.preload()
    session.choose(folder / "1 pear.png")
    for _ in range(2):
        session.classify()
        worker.run()
    assert loaded == [session.bundle.path]
    session.select_model(1)
    worker.run()
    assert session.presentation.sentence.startswith("The medlars are altered (id ")
    session.select_model(0)
    session.classify()
    worker.run()
    assert session.answer is not None


def test_a_defect_shows_an_id_and_nothing_else(tmp_path: Path) -> None:
    from tests.pictures import encode

    (tmp_path / "magenta.png").write_bytes(encode((250, 10, 250)))
    session, worker, _ = make_session()
    session.choose(tmp_path / "magenta.png")
    session.classify()
    worker.run()
    assert "(id " in session.presentation.sentence
    assert "secret" not in session.presentation.sentence
