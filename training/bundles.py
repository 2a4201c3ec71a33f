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

from inference.errors import SettingsError
from inference.model.engine import OnnxEngine
from inference.model.schema import InputSpec
from inference.model.self_check import build_check_batch
from training.recipe import Recipe

GOLDEN_TOLERANCE = 0.01
"""Largest difference of a logit or probability that another machine may have: a thousand times what processors and
versions of a runtime differ by in float32, and less than the 0.03 of an arithmetic in bfloat16."""


def describe_input(spec: InputSpec) -> dict[str, Any]:
    """The section ``input`` of ``bundle.json``."""
    return {
        "width_px": spec.width_px,
        "height_px": spec.height_px,
        "color_order": spec.color_order,
        "value_range": [spec.value_min, spec.value_max],
        "resize": spec.resize,
    }


def describe_golden(network: Path, spec: InputSpec) -> dict[str, Any]:
    """The section ``golden`` of ``bundle.json``: what an ONNX network gives here for the golden input."""
    output = OnnxEngine(network.read_bytes(), network.name).run(build_check_batch(spec))
    return {"scores": [round(float(score), 5) for score in output.scores[0]], "tolerance": GOLDEN_TOLERANCE}


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
    """Refuse a folder that holds anything but a bundle that a recipe made.

    Raises
    ------
    SettingsError
        It does, or it is no folder.
    """
    if out_dir.exists() and not out_dir.is_dir():
        raise SettingsError(f"{out_dir} is a file; a folder for the bundle is named with --out.")
    try:
        document = json.loads((out_dir / "bundle.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        if out_dir.is_dir() and any(out_dir.iterdir()):
            raise SettingsError(
                f"{out_dir} holds files that are no bundle; name a new or an empty folder with --out."
            ) from None
        return
    except (OSError, ValueError):
        document = None
    if not isinstance(document, dict) or "recipe" not in document.get("provenance", {}):
        raise SettingsError(f"{out_dir} holds a bundle that no recipe made; name another folder with --out.")


def publish(bundle: Path, out_dir: Path) -> None:
    """Copy a finished bundle to a folder that `check_out` passed, ``bundle.json`` last.

    Until then an older bundle's ``bundle.json`` lists other SHA-256 than the files have, so that neither is served.

    Raises
    ------
    SettingsError
        The folder cannot be written.
    """
    files = sorted((path for path in bundle.rglob("*") if path.is_file()), key=lambda path: path.name == "bundle.json")
    try:
        for drawn in out_dir.glob("figures/*.svg"):  # the new run may have fewer
            drawn.unlink()
        for path in files:
            target = out_dir / path.relative_to(bundle)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    except OSError as error:
        raise SettingsError(f"The folder {out_dir} cannot be written: {error.strerror}.") from error
