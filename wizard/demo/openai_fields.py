"""Requests of OpenAI's clients, checked and rebuilt from known fields.

What is left out has no effect or is not a visitor's to say (``user``,
``store``, ``metadata``, ``service_tier`` and the like); several answers to one
request are refused.
Source of fields: OpenAI's API reference, chat and legacy completions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.images import media_type
from wizard.demo import fields, schemas
from wizard.demo.errors import BadRequest, TooLarge
from wizard.demo.values import Dialect, Limits, Work

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
ROLES = ("system", "developer", "user", "assistant", "tool")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
NUMBERS: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
SEED = (-(1 << 53), 1 << 53)
ENDLESS = 1 << 31
MOST_COMPLETION_LOGPROBS = 5


def chat(document: Mapping[str, Any], limits: Limits) -> Work:
    """A request to ``/v1/chat/completions``. Raises DemoError."""
    model = _model(document)
    given = fields.typed(document, "messages", list, [])
    if not given:
        raise BadRequest('"messages" must have a message at least', param="messages")
    if len(given) > fields.MOST_MESSAGES:
        raise BadRequest(f"a chat with this demo can have {fields.MOST_MESSAGES} messages")
    messages = [_message(item, limits) for item in given]
    texts, pictures = _contents(messages)
    fields.check_length(texts, limits)
    if pictures > limits.images:
        raise BadRequest(f"a request to this demo can have {limits.images} images")
    body: dict[str, Any] = {"messages": messages, **_sampling(document, limits)}
    if wanted := _response_format(document.get("response_format")):
        body["response_format"] = wanted
    if tools := fields.tools(fields.typed(document, "tools", list, [])):
        body["tools"] = tools
        body |= _tool_choice(document)
    if effort := fields.typed(document, "reasoning_effort", str, ""):
        body["reasoning_effort"] = _effort(effort)
    return _work(CHAT, model, {**body, **fields.logprobs(document)}, document)


def completion(document: Mapping[str, Any], limits: Limits) -> Work:
    """A request to ``/v1/completions``. Raises DemoError."""
    model = _model(document)
    prompt = document.get("prompt", "")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise BadRequest('"prompt" must be one text here', param="prompt")
    suffix = fields.typed(document, "suffix", str, "")
    fields.check_length([prompt, suffix], limits)
    body: dict[str, Any] = {"prompt": prompt, **_sampling(document, limits)}
    if suffix:
        body["suffix"] = suffix
    if fields.typed(document, "echo", bool, False):
        body["echo"] = True
    top = fields.number(document, "logprobs", 0, MOST_COMPLETION_LOGPROBS, whole=True)
    if top is not None:
        body["logprobs"] = top
    return _work(COMPLETIONS, model, body, document)


def _model(document: Mapping[str, Any]) -> str:
    model = fields.typed(document, "model", str, "")[: fields.LONGEST_NAME]
    if not model:
        raise BadRequest("you must provide a model parameter", param="model")
    for name in ("n", "best_of"):
        if fields.number(document, name, 1, ENDLESS, whole=True) not in (None, 1):
            raise BadRequest(f'"{name}" must be 1: this demo gives one answer', param=name)
    return model


def _work(path: str, model: str, body: dict[str, Any], document: Mapping[str, Any]) -> Work:
    stream = fields.typed(document, "stream", bool, False)
    options = fields.typed(document, "stream_options", dict, {})
    usage = fields.typed(options, "include_usage", bool, False)
    whole = {**body, "stream": stream}
    return Work(Dialect.OPENAI, path, model, whole, stream, tells_usage=usage)


def _sampling(document: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, bounds in NUMBERS.items():
        value = fields.number(document, key, *bounds)
        if value is not None:
            found[key] = value
    if (seed := fields.number(document, "seed", *SEED, whole=True)) is not None:
        found["seed"] = seed
    if (stop := document.get("stop")) is not None:
        found["stop"] = fields.stops(stop)
    found["max_tokens"] = _length(document, limits)
    return found


def _length(document: Mapping[str, Any], limits: Limits) -> int:
    for key in ("max_completion_tokens", "max_tokens"):
        wanted = fields.number(document, key, -1, ENDLESS, whole=True)
        if wanted is not None and wanted >= 0:
            return min(int(wanted), limits.max_tokens)
    return limits.max_tokens


def _message(item: Any, limits: Limits) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise BadRequest("messages must be objects with a role and a content", param="messages")
    role = fields.typed(item, "role", str, "").lower()
    if role not in ROLES:
        raise BadRequest(f"invalid role: {role[:50]}; use {', '.join(ROLES)}", param="messages")
    message: dict[str, Any] = {"role": "system" if role == "developer" else role}
    message["content"] = _content(item.get("content"), limits)
    if calls := fields.typed(item, "tool_calls", list, []):
        message["tool_calls"] = [_call(call, limits) for call in calls[: fields.MOST_TOOLS]]
    for key in ("name", "tool_call_id"):
        if name := fields.typed(item, key, str, ""):
            message[key] = name[: fields.LONGEST_NAME]
    return message


def _content(value: Any, limits: Limits) -> Any:
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, list) or len(value) > fields.MOST_MESSAGES:
        raise BadRequest('"content" must be a text or an array of parts', param="messages")
    return [_part(item, limits) for item in value]


def _part(item: Any, limits: Limits) -> dict[str, Any]:
    kind = item.get("type") if isinstance(item, dict) else None
    if kind == "text":
        return {"type": "text", "text": fields.typed(item, "text", str, "")}
    if kind != "image_url":
        raise BadRequest("a part of a message must be a text or an image_url", param="messages")
    given = item.get("image_url")
    address = given.get("url") if isinstance(given, dict) else given
    if not isinstance(address, str) or not address.startswith("data:image/"):
        raise BadRequest(
            "an image must be sent as base64 in a data: URI; this demo fetches no links",
            param="messages",
        )
    data = fields.image(address, limits)
    address = f"data:{media_type(data)};base64,{data}"
    return {"type": "image_url", "image_url": {"url": address}}


def _contents(messages: list[dict[str, Any]]) -> tuple[list[str], int]:
    """All texts of a chat, and the number of its images."""
    texts: list[str] = []
    pictures = 0
    for message in messages:
        content = message["content"]
        parts = [{"text": content}] if isinstance(content, str) else content
        texts += [part["text"] for part in parts if "text" in part]
        pictures += sum("image_url" in part for part in parts)
        texts += [call["function"]["arguments"] for call in message.get("tool_calls", ())]
    return texts, pictures


def _call(item: Any, limits: Limits) -> dict[str, Any]:
    function = item.get("function") if isinstance(item, dict) else None
    if not isinstance(function, dict):
        raise BadRequest("tool_calls must be objects with a function", param="messages")
    arguments = fields.typed(function, "arguments", str, "")
    if len(arguments) > limits.prompt_characters:
        raise TooLarge("the arguments of a tool call are too long")
    name = fields.typed(function, "name", str, "")[: fields.LONGEST_NAME]
    identifier = fields.typed(item, "id", str, "")[: fields.LONGEST_NAME]
    return {
        "id": identifier,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def _effort(value: str) -> str:
    if value not in EFFORTS:
        told = f'"reasoning_effort" must be one of {", ".join(EFFORTS)}'
        raise BadRequest(told, param="reasoning_effort")
    return value


def _tool_choice(document: Mapping[str, Any]) -> dict[str, Any]:
    choice = document.get("tool_choice")
    if isinstance(choice, dict):
        function = fields.typed(choice, "function", dict, {})
        name = fields.typed(function, "name", str, "")[: fields.LONGEST_NAME]
        choice = {"type": "function", "function": {"name": name}}
    elif choice not in (None, "none", "auto", "required"):
        raise BadRequest('"tool_choice" must be none, auto, required or a function')
    found: dict[str, Any] = {} if choice is None else {"tool_choice": choice}
    if document.get("parallel_tool_calls") is not None:
        found["parallel_tool_calls"] = fields.typed(document, "parallel_tool_calls", bool, True)
    return found


def _response_format(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    if kind != "json_schema":
        raise BadRequest(
            '"response_format" must be of type text, json_object or json_schema',
            param="response_format",
        )
    given = fields.typed(value, "json_schema", dict, {})
    told: dict[str, Any] = {
        "name": fields.typed(given, "name", str, "answer")[: fields.LONGEST_NAME],
        "schema": schemas.schema(given.get("schema"), "response_format"),
    }
    if given.get("strict") is not None:
        told["strict"] = fields.typed(given, "strict", bool, False)
    return {"type": "json_schema", "json_schema": told}
