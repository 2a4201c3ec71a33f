"""`import inference` gives the names that it promises, with their types, and loads nothing heavy for it."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from importlib import resources

import inference

HEAVY = ("fastapi", "gradio", "h5py", "keras", "nibabel", "onnxruntime", "pydantic_settings", "pydicom", "tensorflow")
"""What only some uses of `inference` need; importing one of them would cost each use its time."""


def test_exported_names_are_all() -> None:
    public = {
        name
        for name, value in vars(inference).items()
        if not name.startswith("_") and not inspect.ismodule(value) and getattr(value, "__name__", "") == name
    }
    assert public | {"__version__"} == set(inference.__all__)
    assert inference.__all__ == sorted(inference.__all__)


def test_importing_loads_nothing_heavy() -> None:
    program = "import json, sys, inference; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(json.loads(done.stdout))


def test_types_are_published() -> None:
    """PEP 561: without this file a type checker ignores every annotation of an installed package."""
    assert resources.files(inference).joinpath("py.typed").is_file()
