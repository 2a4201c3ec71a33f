"""JSON that people write by hand, and the sentence about a mistake in it: the key, what is accepted, what was received.

A document is a pydantic model (`Part`) with the type, bounds, default and meaning of each key. Here is what the models
share; what a bundle, a recipe or a setting is stands with each of them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for some, pydantic reads all that is installed

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

MAX_JSON_BYTES = 1_000_000
"""The largest document that is read; a bundle of 1,000 classes has 60,000."""

_LONGEST_RECEIVED = 200
"""Characters of what was received that a sentence repeats."""

_REFUSED = "refused"

Model = TypeVar("Model", bound=BaseModel)


class Part(BaseModel):
    """A JSON object whose keys are all known; a value that does not change.

    Examples
    --------
    >>> class Size(Part):
    ...     width_px: int = 150
    >>> validate(Size, {"width_px": 224})
    Size(width_px=224)
    >>> validate(Size, {"width": 224})
    Traceback (most recent call last):
    ValueError: "width" is not known; did you mean "width_px"?
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_by_name=True)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is too large, no JSON, or JSON that means two things: a key that is given twice, a number that is none. The
        message is the end of a sentence about the file: ``"… is not valid JSON: …"``.
    """
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"has more than the {MAX_JSON_BYTES:,} bytes that are accepted")
    try:
        return json.loads(
            path.read_bytes().decode("utf-8"),
            object_pairs_hook=_to_object,
            parse_constant=_to_number,
            parse_float=_to_number,
        )
    except RecursionError as error:
        raise ValueError("is not valid JSON: it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"is not valid JSON: {error}") from error


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f'the key "{next(key for key in keys if keys.count(key) > 1)}" is given twice')
    return document


def _to_number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is no number")
    return number


def validate(model: type[Model], document: object) -> Model:
    """Make a model of a JSON document, by the names and types of JSON alone: no ``"1"`` for 1, no 1 for ``true``.

    Raises
    ------
    ValueError
        A key is wrong; the message is a sentence: ``'"input.width_px" must be a whole number …; received 0.'``
    """
    try:
        return model.model_validate_json(json.dumps(document), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
        first = next((mistake for mistake in mistakes if mistake["type"] == "extra_forbidden"), mistakes[0])
        raise ValueError(_describe_mistake(first, model.model_json_schema())) from error


def _describe_mistake(mistake: ErrorDetails, schema: Mapping[str, Any]) -> str:
    context, keys = mistake.get("ctx", {}), [step for step in mistake["loc"] if step != "[key]"]
    if mistake["type"] == "json_invalid":  # what Python's reader lets pass: half a surrogate pair
        return f"A text in it is none: {context['error'].partition(' at line')[0]}."
    if mistake["type"] == "extra_forbidden":
        known = _find_node(schema, keys[:-1])["properties"]
        return _name_key(keys) + " is not known" + suggest(str(keys[-1]), known, quote='"')
    accepted = context["accepted"] if mistake["type"] == _REFUSED else _describe_node(_find_node(schema, keys))
    received = mistake["input"]
    if key := context.get("key"):
        keys, received = [*keys, key], received.get(key) if isinstance(received, dict) else received
    received_text = "nothing" if mistake["type"] == "missing" else _shorten(repr(received))
    return f"{_name_key(keys)} must be {accepted}; received {received_text}."


def _name_key(keys: Iterable[int | str]) -> str:
    return f'"{".".join(map(str, keys))}"' if keys else "The document"


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_RECEIVED else f"{text[:_LONGEST_RECEIVED]}…"


def _find_node(schema: Mapping[str, Any], keys: Iterable[int | str]) -> Mapping[str, Any]:
    """The part of a JSON Schema that describes the value under these keys, from the outermost to the innermost."""
    node: Mapping[str, Any] = schema
    for step in keys:
        if isinstance(step, int):
            node = node["prefixItems"][step] if step < len(node.get("prefixItems", ())) else node["items"]
        else:
            node = node.get("properties", {}).get(step) or _find_any(node)
        node = node.get("anyOf", [node])[0]  # the second is null
        node = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    return node


def _find_any(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a JSON Schema that describes every value of an object whose keys the writer chooses."""
    patterns: Mapping[str, Mapping[str, Any]] = node.get("patternProperties") or {}
    return node.get("additionalProperties") or next(iter(patterns.values()), {})


def _describe_node(node: Mapping[str, Any]) -> str:
    """What is accepted, in words."""
    if "const" in node or "enum" in node:
        return " or ".join(map(str, node.get("enum", [node.get("const")])))
    kind = {
        "string": "a text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "array": "a list",
    }.get(node.get("type", ""), "an object")
    return f"{kind} from {node['minimum']:g} to {node['maximum']:g}" if {"minimum", "maximum"} <= node.keys() else kind


def refuse(accepted: str, key: str = "") -> PydanticCustomError:
    """What a validator raises: the value, or ``key`` inside it, must be something else.

    Parameters
    ----------
    accepted : str
        Ends the sentence "The value must be …".
    key : str
        Empty where the value itself is wrong.
    """
    return PydanticCustomError(_REFUSED, "must be {accepted}", {"accepted": accepted, "key": key})


def accepts(phrase: str) -> WrapValidator:
    """Say in these words what is accepted, whatever is wrong in a value."""

    def check(value: Any, inner: ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(tuple(value) if isinstance(value, list) else value)
        except ValidationError:
            raise refuse(phrase) from None

    return WrapValidator(check)


def describe_document(model: type[BaseModel], name: str, title: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document; ``name`` is its file in ``docs/schema``."""
    from pydantic.json_schema import GenerateJsonSchema  # takes longer to import than a bundle to read

    class PlainSchema(GenerateJsonSchema):
        """Without titles that only repeat the keys."""

        def field_title_should_be_set(self, schema: object) -> bool:
            return False

    schema = model.model_json_schema(schema_generator=PlainSchema)
    for part in (schema, *schema["$defs"].values()):  # the rest of a docstring is for Python
        part["description"] = " ".join(part["description"].partition("\n\n")[0].split())
    return {"$schema": GenerateJsonSchema.schema_dialect, "$id": name, **schema, "title": title}


def schema_pattern(name: str) -> str:
    """The regular expression of what ``$schema`` may be: any path or address of the published file."""
    return f"(^|/){re.escape(name)}$"


def suggest(name: str, known: Iterable[str], *, prefix: str = "", quote: str = "") -> str:
    """End the sentence "… is not known": with the nearest known name, else with all of them.

    Parameters
    ----------
    name : str
        What was received.
    known : iterable of str
    prefix : str
        What every name begins with, which makes none nearer to another.
    quote : str
        What is put round a name.

    Examples
    --------
    >>> suggest("confident_att", ["temperature", "confident_at"])
    '; did you mean confident_at?'
    >>> suggest("colour", ["width_px", "height_px"])
    '. Known are: width_px, height_px.'
    """
    names = {one.removeprefix(prefix).lower(): f"{quote}{one}{quote}" for one in known}
    near = get_close_matches(name.removeprefix(prefix).lower(), names, n=1)
    return f"; did you mean {names[near[0]]}?" if near else f". Known are: {', '.join(names.values())}."
