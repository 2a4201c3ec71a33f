"""The examples in docstrings do what they say, and every public class of `inference` has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType

import pytest

import inference

ROOT = Path(__file__).resolve().parents[1]

FLAGS = doctest.ELLIPSIS


def list_modules(package: ModuleType) -> Iterator[str]:
    """The modules of a package, itself included."""
    yield package.__name__
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.ispkg:
            yield module.name


def list_modules_with_examples(folder: str) -> Iterator[str]:
    """Found by their text, because importing every front loads toolkits; those of the desktop need a screen's."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        if ">>>" in path.read_text("utf-8") and "desktop" not in path.parts:
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = [*list_modules(inference), *list_modules_with_examples("ui"), *list_modules_with_examples("training")]


def list_public_classes() -> Iterator[type]:
    """Whatever has state or fields; the sentence of an exception is example enough, and a Protocol makes nothing."""
    for name in list_modules(inference):
        module = importlib.import_module(name)
        for one in vars(module).values():
            if not inspect.isclass(one) or one.__module__ != name or one.__name__.startswith("_"):
                continue
            if not issubclass(one, BaseException | Enum) and not getattr(one, "_is_protocol", False):
                yield one


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    printed: list[str] = []
    for example in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(example, out=printed.append)
    assert runner.failures == 0, "".join(printed)


@pytest.mark.parametrize("one", list(list_public_classes()), ids=lambda one: f"{one.__module__}.{one.__name__}")
def test_every_public_class_has_an_example(one: type) -> None:
    assert doctest.DocTestParser().get_examples(inspect.getdoc(one) or ""), "write one under Examples"


def test_every_public_name_says_what_it_is() -> None:
    documented = [getattr(inference, name) for name in inference.__all__ if name != "__version__"]
    assert all(inspect.getdoc(one) for one in documented)
