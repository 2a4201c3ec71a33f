"""Several models: which is loaded when, how often, and what an unknown name is told."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from inference import BundleError, Catalogue, SettingsError, UnknownModelError
from tests.fakes import FakeClassifier, make_breeds, make_bundle
from tests.tiny import write_bundle


def test_the_first_is_loaded_at_the_start_and_the_others_when_asked(tmp_path: Path) -> None:
    catalogue = Catalogue.open([write_bundle(tmp_path / name, name=name) for name in ("one", "two")])
    assert list(catalogue.bundles) == ["one", "two"]
    assert catalogue.default.name == "one"
    assert (catalogue.is_loaded("one"), catalogue.is_loaded("two")) == (True, False)
    assert catalogue.load().bundle.name == "one"
    two = catalogue.load("two")
    assert catalogue.is_loaded("two")
    assert catalogue.load("two") is two


def test_a_model_is_loaded_once_however_many_ask() -> None:
    loads: list[int] = []

    def load() -> FakeClassifier:
        loads.append(1)
        time.sleep(0.1)
        return FakeClassifier()

    catalogue = Catalogue([(make_bundle(), load)])  # type: ignore[list-item]
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(catalogue.load("fruit"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len({id(classifier) for classifier in got}) == 1


def test_a_slow_model_does_not_hold_up_another() -> None:
    started, release = threading.Event(), threading.Event()

    def load_slowly() -> FakeClassifier:
        started.set()
        release.wait(10)
        return make_breeds()

    entries = [(make_bundle(), FakeClassifier), (make_breeds().bundle, load_slowly)]
    catalogue = Catalogue(entries)  # type: ignore[arg-type]
    thread = threading.Thread(target=catalogue.load, args=("breeds",))
    thread.start()
    started.wait(10)
    assert catalogue.load("fruit").bundle.name == "fruit"
    release.set()
    thread.join()
    assert catalogue.is_loaded("breeds")


def test_a_bundle_that_is_wrong_is_told_at_the_start_and_a_network_when_it_is_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = write_bundle(tmp_path / "good", name="good"), write_bundle(tmp_path / "bad", name="bad")
    (bad / "model.onnx").write_bytes(b"no network")
    catalogue = Catalogue.open([good, bad])
    for _ in range(2):
        with pytest.raises(BundleError, match=r"^The model bad cannot be loaded\. The log of the program says why\.$"):
            catalogue.load("bad")
    assert f"The model bad cannot be loaded: The file {bad / 'model.onnx'} was altered" in caplog.text
    with pytest.raises(BundleError, match="was altered"):
        Catalogue.open([bad, good])
    write_bundle(bad, name="bad", labels=["one"])
    with pytest.raises(BundleError, match="labels"):
        Catalogue.open([good, bad])


def test_unknown_and_doubled_names(tmp_path: Path) -> None:
    catalogue = Catalogue.of(FakeClassifier(), make_breeds())  # type: ignore[arg-type]
    with pytest.raises(UnknownModelError, match=r"no model 'dogs' here\. What there is: fruit, breeds\."):
        catalogue.load("dogs")
    with pytest.raises(SettingsError, match=r"Two models are called tiny: .*one and .*two"):
        Catalogue.open([write_bundle(tmp_path / "one"), write_bundle(tmp_path / "two")])
    with pytest.raises(SettingsError, match="There is no model"):
        Catalogue.of()
