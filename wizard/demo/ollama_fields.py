"""Requests of Ollama's clients, checked and rebuilt from known fields.

Left out on purpose: ``keep_alive``, with which a visitor could unload a model,
and the options that make an upstream load it anew (``num_ctx``, ``num_batch``,
``num_gpu``, ``main_gpu``, ``num_thread``, ``use_mmap``). They are accepted and
have no effect; the operator's context length holds.
Source of fields and words: ollama ``docs/api.md``, ``api/types.go``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from wizard.demo import fields, schemas
from wizard.demo.errors import BadOption, BadRequest, ModelNotFound
from wizard.demo.values import Dialect, Limits, Work

GENERATE, CHAT = "/api/generate", "/api/chat"
ROLES = ("system", "user", "assistant", "tool")
THINK_LEVELS = ("high", "medium", "low", "max")
MOST_CONTEXT = 1 << 16
_LARGEST = 1 << 31
INTEGERS: Mapping[str, tuple[int, int]] = {
    "num_keep": (-1, 1 << 20),
    "seed": (-_LARGEST, _LARGEST * 2),
    "num_predict": (-_LARGEST, _LARGEST),
    "top_k": (-1, 1 << 20),
    "repeat_last_n": (-1, 1 << 16),
    "mirostat": (0, 2),
}
FLOATS: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 10),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "typical_p": (0, 1),
    "tfs_z": (0, 10),
    "repeat_penalty": (0, 10),
    "presence_penalty": (-10, 10),
    "frequency_penalty": (-10, 10),
    "mirostat_tau": (0, 100),
    "mirostat_eta": (0, 10),
}
IGNORED_INTEGERS = ("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread")
IGNORED_BOOLEANS = (
    "penalize_newline",
    "numa",
    "low_vram",
    "f16_kv",
    "vocab_only",
    "use_mmap",
    "use_mlock",
)


def generate(document: Mapping[str, Any], limits: Limits) -> Work:
    """A request to ``/api/generate``. Raises DemoError."""
    model = fields.model_name(document)
    if not model:
        raise ModelNotFound("model '' not found")
    texts = {
        key: fields.typed(document, key, str, "")
        for key in ("prompt", "suffix", "system", "template")
    }
    fields.check_length(list(texts.values()), limits)
    fields.check_template(texts["template"])
    body: dict[str, Any] = {key: text for key, text in texts.items() if text}
    if context := _context(document):
        body["context"] = context
    if fields.typed(document, "raw", bool, False):
        body["raw"] = True
        if any(key in body for key in ("template", "system", "context")):
            raise BadRequest("raw mode does not support template, system, or context")
    if found := fields.images(fields.typed(document, "images", list, []), limits):
        body["images"] = found
    return _work(GENERATE, model, {**body, **_common(document, limits)}, document)


def chat(document: Mapping[str, Any], limits: Limits) -> Work:
    """A request to ``/api/chat``. Raises DemoError."""
    model = fields.model_name(document)
    if not model:
        raise BadRequest("model is required")
    given = fields.typed(document, "messages", list, [])
    if len(given) > fields.MOST_MESSAGES:
        raise BadRequest(f"a chat with this demo can have {fields.MOST_MESSAGES} messages")
    messages = [_message(item, limits) for item in given]
    if sum(len(message.get("images", ())) for message in messages) > limits.images:
        raise BadRequest(f"a request to this demo can have {limits.images} images")
    fields.check_length([message["content"] for message in messages], limits)
    body: dict[str, Any] = {"messages": messages}
    if tools := fields.tools(fields.typed(document, "tools", list, [])):
        body["tools"] = tools
    return _work(CHAT, model, {**body, **_common(document, limits)}, document)


def options(given: Any, limits: Limits) -> dict[str, Any]:
    """Options that an upstream gets, and the length of the answer within its limit.

    Raises BadOption in Ollama's words for a wrong type.
    """
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise BadRequest("options must be an object")
    found: dict[str, Any] = {}
    for key, value in given.items():
        if value is not None and (read := _option(key, value)) is not None:
            found[key] = read
    wanted = found.get("num_predict", -1)
    found["num_predict"] = min(wanted, limits.max_tokens) if wanted >= 0 else limits.max_tokens
    return found


def _work(path: str, model: str, body: dict[str, Any], document: Mapping[str, Any]) -> Work:
    """The checked request; one that only loads the model has a single answer."""
    stream = fields.typed(document, "stream", bool, True)
    is_load = not (body.get("messages") or body.get("prompt") or body.get("images"))
    stream = stream and not is_load
    return Work(Dialect.OLLAMA, path, model, {**body, "stream": stream}, stream, is_load)


def _common(document: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    found: dict[str, Any] = {"options": options(document.get("options"), limits)}
    if wanted := _format(document.get("format")):
        found["format"] = wanted
    think = document.get("think")
    if think is not None:
        found["think"] = _think(think)
    for key in ("truncate", "shift"):
        if fields.typed(document, key, bool, True) is False:
            found[key] = False
    return {**found, **fields.logprobs(document)}


def _format(value: Any) -> Any:
    if value in (None, "", "json"):
        return value
    if isinstance(value, dict):
        return schemas.schema(value)
    shown = orjson.dumps(value).decode()[:100]
    raise BadOption(f'invalid format: {shown}; expected "json" or a valid JSON Schema object')


def _think(value: Any) -> bool | str:
    if isinstance(value, bool) or value in THINK_LEVELS:
        return value  # type: ignore[no-any-return]  # one of these by the line above
    shown = orjson.dumps(value).decode()[:100]
    allowed = 'must be "high", "medium", "low", "max", true, or false'
    raise BadRequest(f"invalid think value: {shown} ({allowed})")


def _message(item: Any, limits: Limits) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise BadRequest("messages must be objects with a role and a content")
    role = fields.typed(item, "role", str, "").lower()
    if role not in ROLES:
        raise BadRequest(f"invalid role: {role[:50]}; use {', '.join(ROLES)}")
    message: dict[str, Any] = {"role": role, "content": fields.typed(item, "content", str, "")}
    if thinking := fields.typed(item, "thinking", str, ""):
        fields.check_length([thinking], limits)
        message["thinking"] = thinking
    if found := fields.images(fields.typed(item, "images", list, []), limits):
        message["images"] = found
    if calls := fields.typed(item, "tool_calls", list, []):
        message["tool_calls"] = [_call(call) for call in calls[: fields.MOST_TOOLS]]
    for key in ("tool_name", "tool_call_id"):
        if role == "tool" and (name := fields.typed(item, key, str, "")):
            message[key] = name[: fields.LONGEST_NAME]
    return message


def _call(item: Any) -> dict[str, Any]:
    function = item.get("function") if isinstance(item, dict) else None
    if not isinstance(function, dict):
        raise BadRequest("tool_calls must be objects with a function")
    arguments = fields.typed(function, "arguments", dict, {})
    name = fields.typed(function, "name", str, "")[: fields.LONGEST_NAME]
    call: dict[str, Any] = {
        "function": {"name": name, "arguments": schemas.bounded(arguments, "tool_calls")}
    }
    if identifier := fields.typed(item, "id", str, ""):
        call["id"] = identifier[: fields.LONGEST_NAME]
    return call


def _option(key: str, value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if key in INTEGERS:
        return int(_within(key, value, INTEGERS[key], "integer", is_number))
    if key in FLOATS:
        return float(_within(key, value, FLOATS[key], "float32", is_number))
    if key == "stop":
        if not isinstance(value, list):
            raise fields.refuse_option("stop", "array")
        return fields.stops(value)
    if key in IGNORED_INTEGERS and not is_number:
        raise fields.refuse_option(key, "integer")
    if key in IGNORED_BOOLEANS and not isinstance(value, bool):
        raise fields.refuse_option(key, "boolean")
    return None


def _within(
    key: str, value: Any, bounds: tuple[float, float], kind: str, is_number: bool
) -> float | int:
    if not is_number:
        raise fields.refuse_option(key, kind)
    least, most = bounds
    if not least <= value <= most:
        raise BadRequest(f'option "{key}" must be between {least:g} and {most:g}')
    return value  # type: ignore[no-any-return]  # a number by the line above


def _context(document: Mapping[str, Any]) -> list[int]:
    found = fields.typed(document, "context", list, [])
    if len(found) > MOST_CONTEXT or not all(type(item) is int and item >= 0 for item in found):
        raise BadRequest("context must be the list of tokens that an answer gave")
    return found
