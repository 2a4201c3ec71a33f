"""What every bundle that is made here has in common: its input, its origin, and how it gets to its folder."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shutil
from dataclasses import asdict
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from inference.bundle import InputSpec
from inference.errors import SettingsError
from training.recipe import Recipe


def describe_input(spec: InputSpec) -> dict[str, Any]:
    """The section ``input`` of ``bundle.json``."""
    return {
        "width_px": spec.width_px,
        "height_px": spec.height_px,
        "color_order": spec.color_order,
        "value_range": [spec.value_min, spec.value_max],
        "resize": spec.resize,
    }


def describe_packages() -> dict[str, str]:
    """Versions of what made the network."""
    return {name: package_version(name) for name in ("tensorflow", "keras", "onnxruntime", "numpy")}


def describe_origin(recipe: Recipe) -> dict[str, Any]:
    """What ``provenance`` says of every bundle that a recipe made."""
    return {
        "created": datetime.date.today().isoformat(),
        "recipe": asdict(recipe),
        "packages": describe_packages(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def check_out(out_dir: Path) -> None:
    """Refuse to write over a bundle that no recipe made.

    Raises
    ------
    SettingsError
        It does.
    """
    try:
        document = json.loads((out_dir / "bundle.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if "recipe" not in document.get("provenance", {}):
        raise SettingsError(f"{out_dir} holds a bundle that no recipe made; name another folder with --out.")


def publish(bundle: Path, out_dir: Path) -> None:
    """Copy a finished bundle to its folder, ``bundle.json`` last.

    Raises
    ------
    SettingsError
        The folder cannot be written.
    """
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        (out_dir / "bundle.json").unlink(missing_ok=True)
        for path in sorted(bundle.iterdir(), key=lambda path: path.name == "bundle.json"):
            if path.is_dir():
                shutil.rmtree(out_dir / path.name, ignore_errors=True)
                shutil.copytree(path, out_dir / path.name)
            else:
                shutil.copy(path, out_dir / path.name)
    except OSError as error:
        raise SettingsError(f"The folder {out_dir} cannot be written: {error.strerror}.") from error
