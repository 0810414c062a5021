"""Shapes of the demo's document that both dialects have."""

from __future__ import annotations

from typing import Any

from inference.openapi.parts import OBJECT, TEXT, Schema, list_of, open_object, or_null, told
from wizard.demo import fields, schemas

SCHEMA = (
    f"a JSON schema of at most {schemas.LARGEST_SCHEMA:,} bytes that refers to itself at most "
    f"{schemas.MOST_REFERENCES} times"
)


def bounded(kind: Schema, least: float, most: float) -> Schema:
    """A number within bounds, or null."""
    return {**or_null(kind), "minimum": least, "maximum": most}


def stops() -> Schema:
    """A list of texts that end an answer."""
    text = {**TEXT, "maxLength": fields.LONGEST_STOP}
    return {"type": ["array", "null"], "items": text, "maxItems": fields.MOST_STOPS}


def tools() -> Schema:
    """Functions that the model may call."""
    function = open_object(
        {
            "name": {**TEXT, "minLength": 1},
            "description": or_null(TEXT),
            "parameters": told(OBJECT, SCHEMA),
        },
        "name",
    )
    item = open_object({"type": TEXT, "function": function}, "function")
    return told(
        {**list_of(item), "type": ["array", "null"], "maxItems": fields.MOST_TOOLS},
        "Tools that the model may call, as OpenAI describes them",
    )


def opened(schema: Any) -> Any:
    """The same where a server of another make may tell further fields."""
    if isinstance(schema, list):
        return [opened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: opened(item) for key, item in schema.items() if key != "additionalProperties"}
