"""No test asserts nothing: a test that cannot fail says nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent

_FAILING = ("pytest.raises", "pytest.warns", "pytest.fail", "expect")
"""Calls that fail by themselves."""


def find_functions(tree: ast.AST) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of a module by their names; methods too."""
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def can_fail(function: ast.AST, helpers: set[str]) -> bool:
    """Whether a function asserts something, or calls one that does."""
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and (name := ast.unparse(node.func)).startswith(_FAILING))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and name in helpers)
        for node in ast.walk(function)
    )


def list_assertless(source: str) -> Iterator[str]:
    """The names of the tests that assert nothing; a test may leave that to a function of its own module."""
    functions = find_functions(ast.parse(source))
    helpers = {name for name, function in functions.items() if can_fail(function, set())}
    for name, function in functions.items():
        if name.startswith("test") and not can_fail(function, helpers):
            yield name


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("assert compute()", []),
        ("with pytest.raises(ValueError): compute()", []),
        ("expect(page.locator('p')).to_be_visible()", []),
        ("check(compute())", []),
        ("compute()", ["test_it"]),
    ],
)
def test_what_counts(body: str, found: list[str]) -> None:
    checker = "def check(value):\n    assert value\n"
    assert list(list_assertless(f"{checker}def test_it():\n    {body}\n")) == found


def test_every_test_asserts_something() -> None:
    paths = sorted(FOLDER.rglob("test_*.py"))
    assert len(paths) > 100
    found = {path.relative_to(FOLDER).as_posix(): list(list_assertless(path.read_text("utf-8"))) for path in paths}
    assert {path: names for path, names in found.items() if names} == {}
