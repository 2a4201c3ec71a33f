"""Write the JSON Schemas beside this file: ``python -m docs.schema.build``; a test holds that they are up to date."""

from __future__ import annotations

import json
from pathlib import Path

from inference.model import schema as bundle
from training.recipes import recipe


def build_schemas() -> dict[str, str]:
    """File name → its text."""
    schemas = {bundle.SCHEMA_NAME: bundle.build_json_schema(), recipe.SCHEMA_NAME: recipe.build_json_schema()}
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas.items()}


if __name__ == "__main__":
    for name, text in build_schemas().items():
        Path(__file__).with_name(name).write_text(text, encoding="utf-8")
