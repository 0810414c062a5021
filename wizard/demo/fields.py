"""Reading requests field by field: what is not named here is never forwarded."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from inference.images import pixels
from wizard.demo import schemas
from wizard.demo.errors import BadOption, BadRequest, TooLarge
from wizard.demo.values import Limits

T = TypeVar("T")
LONGEST_NAME = 200
MOST_MESSAGES = 200
MOST_TOOLS = 32
MOST_STOPS = 16
LONGEST_STOP = 200
MOST_TOP_LOGPROBS = 20
_ACTION = re.compile(
    r"\{\{-?\s*(?:(?:if\s+)?\.(?:System|Prompt|Suffix|Response)|else|end)\s*-?\}\}"
)
_NAMES = {str: "string", bool: "boolean", list: "array", dict: "object", int: "integer"}


def typed(document: Mapping[str, Any], key: str, kind: type[T], default: T) -> T:
    """A field of a type, or its default where it is absent or null. Raises BadRequest."""
    value = document.get(key)
    if value is None:
        return default
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadRequest(f'"{key}" must be of type {_NAMES[kind]}', param=key)
    return value


def number(
    document: Mapping[str, Any], key: str, least: float, most: float, *, whole: bool = False
) -> float | int | None:
    """A number within bounds, or None where it is not given. Raises BadRequest."""
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        kind = "integer" if whole else "number"
        raise BadRequest(f'"{key}" must be of type {kind}', param=key)
    if not least <= value <= most:
        raise BadRequest(f'"{key}" must be between {least:g} and {most:g}', param=key)
    return int(value) if whole else float(value)


def model_name(document: Mapping[str, Any]) -> str:
    """``model``, or ``name`` as older clients say; empty where neither is given."""
    return (typed(document, "model", str, "") or typed(document, "name", str, ""))[:LONGEST_NAME]


def images(given: list[Any], limits: Limits) -> list[str]:
    """Images in base64, data URIs stripped to it. Raises BadRequest and TooLarge."""
    if len(given) > limits.images:
        raise BadRequest(f"a request to this demo can have {limits.images} images")
    return [image(item, limits) for item in given]


def image(item: Any, limits: Limits) -> str:
    """One image in base64. Links are not fetched."""
    if not isinstance(item, str):
        raise BadRequest("images must be base64-encoded strings")
    data = item.partition(",")[2] if item.startswith("data:") else item
    # Encoders for mail break lines, and Ollama does not mind.
    data = data.replace("\r", "").replace("\n", "")
    if len(data) * 3 // 4 > limits.image_bytes + 3:
        raise TooLarge(f"an image is larger than {limits.image_bytes} bytes")
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("illegal base64 data in images; links are not fetched") from None
    if not raw:
        raise BadRequest("an image is empty")
    if not 0 < (pixels(raw) or 0) <= limits.image_pixels:
        raise BadRequest(
            f"an image has to be PNG, JPEG, GIF, BMP or WebP, of at most "
            f"{limits.image_pixels:,} pixels"
        )
    return data


def stops(value: Any) -> list[str]:
    """Texts that end an answer, from one text or a list. Raises BadRequest."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise BadRequest('"stop" must be a string or an array of strings', param="stop")
    if len(given) > MOST_STOPS or any(len(item) > LONGEST_STOP for item in given):
        raise BadRequest(
            f'"stop" can hold {MOST_STOPS} texts of {LONGEST_STOP} characters', param="stop"
        )
    return [item for item in given if item]


def tools(given: list[Any]) -> list[dict[str, Any]]:
    """Functions that a model may call, rebuilt. Raises BadRequest."""
    if len(given) > MOST_TOOLS:
        raise BadRequest(f"a request to this demo can name {MOST_TOOLS} tools", param="tools")
    return [_tool(item) for item in schemas.bounded(given, "tools")] if given else []


def check_template(text: str) -> None:
    """Refuse a template that counts or calls: Ollama would do so for as long as it says.

    Go's language has ``range 1000000000``: https://pkg.go.dev/text/template. What is left is what
    our own runtime knows of it. Raises BadRequest.
    """
    rest = _ACTION.sub(" ", text)
    if "{{" in rest or "}}" in rest:
        raise BadRequest(
            "a template can have .System, .Prompt, .Suffix, .Response, if, else and end here"
        )


def check_length(texts: list[str], limits: Limits) -> None:
    """Refuse a prompt that is too long. Raises TooLarge."""
    length = sum(map(len, texts))
    if length > limits.prompt_characters:
        raise TooLarge(
            f"the prompt has {length} characters; this demo takes {limits.prompt_characters}"
        )


def logprobs(document: Mapping[str, Any]) -> dict[str, Any]:
    """``logprobs`` and ``top_logprobs`` where they are wanted. Raises BadRequest."""
    top = number(document, "top_logprobs", 0, MOST_TOP_LOGPROBS, whole=True)
    if not typed(document, "logprobs", bool, False):
        return {}
    return {"logprobs": True, **({} if top is None else {"top_logprobs": top})}


def refuse_option(name: str, kind: str) -> BadOption:
    """The error for an option of a wrong type, in Ollama's words."""
    return BadOption(f'option "{name}" must be of type {kind}', param=name)


def _tool(item: Any) -> dict[str, Any]:
    function = item.get("function") if isinstance(item, dict) else None
    if not isinstance(function, dict) or not typed(function, "name", str, ""):
        raise BadRequest("tools must be objects with a function that has a name", param="tools")
    found: dict[str, Any] = {"name": function["name"][:LONGEST_NAME]}
    if description := typed(function, "description", str, ""):
        found["description"] = description
    if (parameters := function.get("parameters")) is not None:
        found["parameters"] = schemas.schema(parameters, "tools")
    return {"type": "function", "function": found}
