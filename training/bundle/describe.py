"""The sections of ``bundle.json`` that every bundle made here has: its input, its golden scores, its origin."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from inference.model.engine import OnnxEngine
from inference.model.schema import SCHEMA_NAME, SCHEMA_VERSION, InputSpec
from inference.model.self_check import build_check_batch

GOLDEN_TOLERANCE = 0.01
"""Largest difference of a logit or probability that another machine may have: a thousand times what processors and
versions of a runtime differ by in float32, and less than the 0.03 of an arithmetic in bfloat16."""


def describe_schema() -> dict[str, Any]:
    """What ``bundle.json`` begins with: the name of its JSON Schema, for editors, and the version of the form."""
    return {"$schema": SCHEMA_NAME, "schema": SCHEMA_VERSION}


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


def describe_origin(recipe: dict[str, Any]) -> dict[str, Any]:
    """What ``provenance`` says of every bundle that a recipe made; the recipe as it is written there."""
    return {
        "created": datetime.date.today().isoformat(),
        "recipe": recipe,
        "packages": describe_packages(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
