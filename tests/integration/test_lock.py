"""The lock and its exports fit ``pyproject.toml``; ``make lock`` makes them. Nothing here asks an index."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = ROOT / "requirements" / "lock.txt"

EXPORTS = {
    "requirements.txt": ("default", "keras"),
    "requirements/default.txt": ("default",),
    "requirements/desktop.txt": ("default", "package"),
    "requirements/train.txt": ("default", "train"),
    "requirements/bench.txt": ("default", "bench"),
    "requirements/dev.txt": ("default", "dev"),
    "requirements/audit.txt": ("audit",),
}
"""What each export holds, as the Makefile makes it: the default dependencies, an extra, a group."""

PYTHONS = ("3.11", "3.12", "3.13")
SYSTEMS = (("linux", "Linux", "posix"), ("win32", "Windows", "nt"), ("darwin", "Darwin", "posix"))
MACHINES = [
    {
        **default_environment(),
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": platform,
        "platform_system": system,
        "os_name": name,
        "extra": "",
    }
    for python, (platform, system, name) in product(PYTHONS, SYSTEMS)
]


@dataclass(frozen=True)
class Pin:
    """One line of a lock: a package, for the machines that its marker names, and its files' hashes."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        (only,) = self.requirement.specifier
        assert only.operator == "=="
        return only.version

    def is_for(self, machine: dict[str, str]) -> bool:
        return self.requirement.marker is None or self.requirement.marker.evaluate(machine)


def read_pins(path: Path) -> list[Pin]:
    text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    pins = []
    for line in text.splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        pins.append(Pin(Requirement(requirement), frozenset(hashes)))
    return pins


def list_wanted(name: str) -> Iterable[Requirement]:
    """What is named by the default dependencies, an extra or a group, with the extras that it takes along."""
    project = DOCUMENT["project"]
    extras, groups = project["optional-dependencies"], DOCUMENT["dependency-groups"]
    lines = project["dependencies"] if name == "default" else extras.get(name) or groups[name]
    for requirement in map(Requirement, lines):
        if requirement.name == project["name"]:
            for extra in sorted(requirement.extras):
                yield from list_wanted(extra)
        else:
            yield requirement


def find_missing(pins: list[Pin], wanted: Iterable[Requirement]) -> list[str]:
    """Requirements that have not exactly one fitting version on every machine."""
    missing = []
    for requirement, machine in product(list(wanted), MACHINES):
        own = [pin for pin in pins if pin.name == canonicalize_name(requirement.name) and pin.is_for(machine)]
        if len(own) != 1 or own[0].version not in requirement.specifier:
            missing.append(f"{requirement} on {machine['sys_platform']}, Python {machine['python_version']}")
    return missing


@pytest.fixture(scope="module")
def lock() -> list[Pin]:
    return read_pins(LOCK)


def test_lock_has_all_that_is_asked_for(lock: list[Pin]) -> None:
    names = ["default", *DOCUMENT["project"]["optional-dependencies"], *DOCUMENT["dependency-groups"]]
    assert [line for name in names for line in find_missing(lock, list_wanted(name))] == []


@pytest.mark.parametrize("path", EXPORTS)
def test_export_is_a_part_of_the_lock(path: str, lock: list[Pin]) -> None:
    locked = {(pin.name, pin.version): pin for pin in lock}
    pins = read_pins(ROOT / path)
    for pin in pins:
        assert pin.hashes == locked[pin.name, pin.version].hashes, pin.name
    assert [line for name in EXPORTS[path] for line in find_missing(pins, list_wanted(name))] == []


def test_every_file_of_requirements_is_tested() -> None:
    there = {f"requirements/{path.name}" for path in LOCK.parent.iterdir()}
    assert there == {path for path in EXPORTS if "/" in path} | {"requirements/lock.txt"}


@pytest.mark.parametrize("path", ["requirements/lock.txt", *EXPORTS])
def test_a_line_is_pinned_hashed_and_names_no_host(path: str) -> None:
    for pin in read_pins(ROOT / path):
        assert pin.requirement.url is None
        assert pin.hashes, pin.name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in pin.hashes), pin.name
    assert "://" not in (ROOT / path).read_text(encoding="utf-8")


def test_every_dependency_has_both_bounds() -> None:
    names = ["default", *DOCUMENT["project"]["optional-dependencies"], *DOCUMENT["dependency-groups"]]
    for requirement in {str(each): each for name in names for each in list_wanted(name)}.values():
        operators = {each.operator for each in requirement.specifier}
        assert operators == {">=", "<"}, str(requirement)


def test_space_has_the_gradio_of_the_lock(lock: list[Pin]) -> None:
    (gradio,) = (pin.version for pin in lock if pin.name == "gradio")
    assert f"sdk_version: {gradio}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
