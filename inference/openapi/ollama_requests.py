"""What Ollama's routes take, by name."""

from __future__ import annotations

from inference.api import options
from inference.api.fields import MOST_IMAGES
from inference.images import MOST_PIXELS, MOST_PIXELS_TOGETHER
from inference.openapi.ollama_options import MEANINGS
from inference.openapi.parts import (
    FLAG,
    INTEGER,
    NUMBER,
    OBJECT,
    TEXT,
    Schema,
    list_of,
    open_object,
    or_null,
    told,
)


def schemas() -> Schema:
    """The schemas that they refer to."""
    return {"Options": open_object(_options()), "OllamaMessage": _message()}


def _options() -> Schema:
    kinds = (
        (options.INTEGERS, INTEGER),
        (options.FLOATS, NUMBER),
        (options.BOOLEANS, FLAG),
        (("stop",), list_of(TEXT)),
    )
    found: Schema = {}
    for names, kind in kinds:
        for name in names:
            found[name] = or_null(kind)
            if name in MEANINGS:
                found[name] |= {"description": MEANINGS[name]}
            if name in options.DEFAULTS:
                found[name] |= {"default": options.DEFAULTS[name]}
    return found


def _message() -> Schema:
    called = open_object({"name": TEXT, "arguments": or_null(OBJECT)})
    return open_object(
        {
            "role": told(
                TEXT,
                "system, user, assistant, tool, or what the template knows",
                minLength=1,
            ),
            "content": told(or_null(TEXT), "What is said"),
            "thinking": told(or_null(TEXT), "What was thought before it"),
            "images": images(),
            "tool_calls": told(
                {"type": ["array", "null"], "items": open_object({"function": called})},
                "Tools that the assistant called",
            ),
            "tool_name": told(or_null(TEXT), "Of a tool's message: the tool that answers"),
            "tool_call_id": told(or_null(TEXT), "Of a tool's message: the call that it answers"),
        },
        "role",
    )


def images() -> Schema:
    """Pictures of a message or a prompt."""
    return told(
        {"type": ["array", "null"], "items": TEXT, "maxItems": MOST_IMAGES},
        f"Pictures as base64 or data: URIs, of at most {MOST_PIXELS:,} pixels each, all of a "
        f"request of {MOST_PIXELS_TOGETHER:,}",
    )
