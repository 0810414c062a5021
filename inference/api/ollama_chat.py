"""Chats between Ollama's words and llama-server's ``/v1/chat/completions``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson

from inference.api import fields
from inference.api.errors import ApiError
from inference.engine import client
from inference.engine.client import EngineRefused
from inference.engine.supervisor import Engine
from inference.images import media_type

TOO_LONG = "exceed_context_size_error"
MOST_TRUNCATIONS = 8
SAFETY = 0.9


@dataclass
class Piece:
    """A part of an answer as it comes; the last one has ``finish`` and the figures."""

    text: str = ""
    thinking: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    finish: str = ""
    timings: Mapping[str, Any] = field(default_factory=dict)
    prompt_tokens: int = 0
    tokens: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.thinking or self.tool_calls or self.logprobs)


def messages(given: list[Any]) -> list[dict[str, Any]]:
    """Ollama's messages in OpenAI's form. Raises ApiError."""
    calls = _Made()
    return [_message(item, calls) for item in given]


def has_images(converted: list[dict[str, Any]]) -> bool:
    return any(isinstance(message.get("content"), list) for message in converted)


def user_content(text: str, images: list[str]) -> Any:
    """A message's content: text alone, or images and text."""
    if not images:
        return text
    urls = (f"data:{media_type(image)};base64,{image}" for image in images)
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [*parts, {"type": "text", "text": text}]


def payload(
    converted: list[dict[str, Any]],
    options: Mapping[str, Any],
    *,
    output_format: Any = None,
    think: bool | str | None = None,
    logprobs: int | None = None,
    tools: list[Any] | None = None,
) -> dict[str, Any]:
    """The body for the engine."""
    body: dict[str, Any] = {
        "messages": converted,
        "stream": True,
        "stream_options": {"include_usage": True},
        **options,
        **_format(output_format),
    }
    if think is not None:
        body["chat_template_kwargs"] = {"enable_thinking": bool(think)}
    if isinstance(think, str):
        body["chat_template_kwargs"]["reasoning_effort"] = think
    if logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": logprobs}
    if tools:
        body["tools"] = tools
    return body


async def pieces(
    engine: Engine, body: dict[str, Any], *, truncate: bool = True
) -> AsyncGenerator[Piece]:
    """Run a chat. With ``truncate`` the oldest messages go where the chat is too long."""
    for _ in range(MOST_TRUNCATIONS):
        try:
            async with aclosing(_run(engine, body)) as running:
                async for piece in running:
                    yield piece
            return
        except EngineRefused as error:
            shorter = _shortened(body["messages"], error.body)
            if error.kind != TOO_LONG or not truncate or shorter is None:
                raise
            body = {**body, "messages": shorter}
    raise ApiError(400, "the messages are longer than the context")


async def _run(engine: Engine, body: Mapping[str, Any]) -> AsyncGenerator[Piece]:
    calls = _Calls()
    end = Piece(finish="stop")
    async with aclosing(client.events(engine, "/v1/chat/completions", body)) as events:
        async for event in events:
            _note_figures(end, event)
            for choice in event.get("choices") or ():
                piece = _piece(choice, calls)
                end.finish = choice.get("finish_reason") or end.finish
                if not piece.is_empty:
                    yield piece
    if calls.whole():
        yield Piece(tool_calls=calls.whole())
    yield end


def _piece(choice: Mapping[str, Any], calls: _Calls) -> Piece:
    delta = choice.get("delta") or {}
    for call in delta.get("tool_calls") or ():
        calls.add(call)
    content = (choice.get("logprobs") or {}).get("content") or ()
    return Piece(
        text=delta.get("content") or "",
        thinking=delta.get("reasoning_content") or "",
        logprobs=[logprob(entry) for entry in content],
    )


def logprob(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One token's probability in Ollama's form."""
    found = {key: entry.get(key) for key in ("token", "logprob", "bytes")}
    if entry.get("top_logprobs"):
        found["top_logprobs"] = [logprob(other) for other in entry["top_logprobs"]]
    return found


def _note_figures(end: Piece, event: Mapping[str, Any]) -> None:
    usage = event.get("usage")
    if usage:
        end.prompt_tokens = usage.get("prompt_tokens", 0)
        end.tokens = usage.get("completion_tokens", 0)
    end.timings = event.get("timings") or end.timings


class _Calls:
    """Tool calls, put together from the parts that a stream brings."""

    def __init__(self) -> None:
        self._found: dict[int, dict[str, str]] = {}

    def add(self, part: Mapping[str, Any]) -> None:
        call = self._found.setdefault(part.get("index", 0), {"id": "", "name": "", "arguments": ""})
        function = part.get("function") or {}
        call["id"] += part.get("id") or ""
        call["name"] += function.get("name") or ""
        call["arguments"] += function.get("arguments") or ""

    def whole(self) -> list[dict[str, Any]]:
        """The calls in Ollama's form; arguments that are no object are left out."""
        return [
            {
                "id": call["id"],
                "function": {
                    "index": index,
                    "name": call["name"],
                    "arguments": _object(call["arguments"]),
                },
            }
            for index, call in sorted(self._found.items())
        ]


class _Made:
    """The calls that a chat has made so far, the last of each name at hand."""

    def __init__(self) -> None:
        self._count = 0
        self._last: dict[str, tuple[str, str]] = {}

    def add(self, name: str, identifier: str) -> str:
        """Note a call. Answers its identifier, made up where it has none."""
        identifier = identifier or f"call_{self._count}"
        self._count += 1
        self._last[name] = self._last[""] = identifier, name
        return identifier

    def last(self, name: str) -> tuple[str, str]:
        """The last call's identifier and name: of that name, or of any where it is empty."""
        return self._last.get(name, ("call_0", name))


def _object(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _format(output_format: Any) -> dict[str, Any]:
    if output_format is None:
        return {}
    if output_format == "json":
        return {"response_format": {"type": "json_object"}}
    schema = {"name": "answer", "schema": output_format}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _message(item: Any, calls: _Made) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ApiError(400, "messages must be objects with a role and a content")
    role = fields.typed(item, "role", str, "").lower()
    if not role:
        raise ApiError(400, "messages must have a role, such as user")
    text = fields.typed(item, "content", str, "")
    message: dict[str, Any] = {"role": role, "content": user_content(text, fields.images(item))}
    if thinking := fields.typed(item, "thinking", str, ""):
        message["reasoning_content"] = thinking
    if given := fields.typed(item, "tool_calls", list, []):
        message["tool_calls"] = [_call(call, calls) for call in given]
    if role == "tool":
        message |= _answered(item, calls)
    return message


def _call(item: Any, calls: _Made) -> dict[str, Any]:
    function = item.get("function") if isinstance(item, dict) else None
    if not isinstance(function, dict):
        raise ApiError(400, "tool_calls must be objects with a function")
    name = fields.typed(function, "name", str, "")
    arguments = fields.typed(function, "arguments", dict, {})
    identifier = calls.add(name, fields.typed(item, "id", str, ""))
    told = {"name": name, "arguments": orjson.dumps(arguments).decode()}
    return {"id": identifier, "type": "function", "function": told}


def _answered(item: dict[str, Any], calls: _Made) -> dict[str, Any]:
    """Which call a tool's message answers: the one it names, or the last."""
    name = fields.typed(item, "tool_name", str, "") or fields.typed(item, "name", str, "")
    wanted = fields.typed(item, "tool_call_id", str, "")
    identifier, called = calls.last(name)
    return {"tool_call_id": wanted or identifier, "name": name or called}


def _shortened(
    converted: list[dict[str, Any]], error: Mapping[str, Any]
) -> list[dict[str, Any]] | None:
    """The system's messages and the latest others, about as many as fit; None for none left."""
    kept = [message for message in converted if message["role"] == "system"]
    rest = [message for message in converted if message["role"] != "system"]
    if len(rest) < 2:
        return None
    room = error.get("n_ctx", 0) / max(1, error.get("n_prompt_tokens", 1)) * SAFETY
    allowed = sum(map(_length, converted)) * min(room, SAFETY) - sum(map(_length, kept))
    first, length = 1, sum(map(_length, rest[1:]))
    while first < len(rest) - 1 and length > allowed:
        length -= _length(rest[first])
        first += 1
    return [*kept, *rest[first:]]


def _length(message: Mapping[str, Any]) -> int:
    return len(str(message.get("content") or "")) + 16
