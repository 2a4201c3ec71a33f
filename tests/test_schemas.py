"""The published JSON Schemas are those of the code, they take what the code takes, and the docs name every key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from docs.schema.build import build_schemas
from inference.errors import BundleError
from inference.model.bundle import load_bundle
from inference.model.schema import build_json_schema
from tests.tiny import write_bundle
from training.recipes.recipe import RECIPES

ROOT = Path(__file__).resolve().parents[1]

SCHEMAS = {name: json.loads(text) for name, text in build_schemas().items()}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_up_to_date(name: str) -> None:
    published = (ROOT / "docs/schema" / name).read_text(encoding="utf-8")
    assert published == build_schemas()[name], "run python -m docs.schema.build"
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("path", [*ROOT.glob("models/*/bundle.json"), *RECIPES.glob("*.json")], ids=str)
def test_what_is_shipped_fits_its_schema(path: Path) -> None:
    name = "bundle-1.json" if path.name == "bundle.json" else "recipe-1.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMAS[name])
    if address := document.get("$schema"):
        assert (path.parent / address).resolve() == ROOT / "docs/schema" / name


@pytest.mark.parametrize(
    "change",
    [
        {"modality": "MR"},
        {"calibration": {"confident_att": 0.9}},
        {"input": {"width_px": 224.9}},
        {"labels": ["a", "a"]},
        {"network": "../model.onnx"},
        {"network": ".."},
        {"$schema": "other.json"},
        {"about": {"limits": "none"}},
        {"files": {"model.onnx": "12"}},
    ],
)
def test_schema_and_code_refuse_the_same(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = write_bundle(tmp_path / "b", **change)
    with pytest.raises(BundleError):
        load_bundle(folder)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads((folder / "bundle.json").read_text(encoding="utf-8")), SCHEMAS["bundle-1.json"])


def _list_keys(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Every key of a schema, with its section; of a list of objects, ``about.figures.name``."""
    definitions = SCHEMAS["bundle-1.json"]["$defs"]
    for key, node in schema.get("properties", {}).items():
        inner = node.get("anyOf", [node])[0]
        inner = inner.get("items", inner)
        if "$ref" in inner:
            yield from _list_keys(definitions[inner["$ref"].rpartition("/")[2]], f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def test_the_docs_name_every_key_and_no_other() -> None:
    text = (ROOT / "docs/bundle.md").read_text(encoding="utf-8").partition("## Every key")[2].partition("\n## ")[0]
    documented = set()
    for cell in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE):
        section = ""
        for key in re.findall(r"`([^`]+)`", cell):
            section = key.rpartition(".")[0] if "." in key else section
            documented.add(key if "." in key or not section else f"{section}.{key}")
    assert documented == set(_list_keys(build_json_schema()))


def test_the_example_of_the_docs_loads(tmp_path: Path) -> None:
    example = (ROOT / "docs/bundle.md").read_text(encoding="utf-8").partition("```json\n")[2].partition("```")[0]
    (tmp_path / "bundle.json").write_text(example, encoding="utf-8")
    (tmp_path / "dog_breed_mobilenetv2.h5").write_bytes(b"")
    bundle = load_bundle(tmp_path)
    assert (len(bundle.labels), bundle.input.value_min, bundle.input.resize) == (19, -1.0, "area")
    jsonschema.validate(json.loads(example), SCHEMAS["bundle-1.json"])
