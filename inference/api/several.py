"""Several answers to one request, told with the tokens of them all.

llama-server tells the tokens of the first answer alone, and in a stream those of
each, where clients take the last. In a stream each answer's figures are there, so
that a whole answer is asked for as one and put together here, unless it is to tell
probabilities: a stream leaves out those of tokens that end within a character. A
prompt counts once, however many answers there are to it, as OpenAI counts it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import orjson

from inference.engine import client, slots
from inference.engine.supervisor import Engine

_CHATS = ("/v1/chat/completions", "/chat/completions")
_PATHS = (*_CHATS, "/v1/completions")
_TEXTS = ("content", "reasoning_content")
_PROBABILITIES = ("logprobs", "top_logprobs", "n_probs")


def is_meant(path: str, body: Mapping[str, Any], *, stream: bool) -> bool:
    """Whether a request wants several answers, and their tokens told."""
    wanted = slots.request(path, body)
    if path not in _PATHS or wanted is None or wanted.width == 1:
        return False
    if stream:
        return path in _CHATS and _tells_usage(body)
    return not any(body.get(key) for key in _PROBABILITIES)


async def parts(engine: Engine, path: str, body: Mapping[str, Any]) -> AsyncGenerator[bytes]:
    """The answer as it is told to the client. Raises EngineRefused and EngineLost."""
    usage = _Usage(slots.answers_each(body))
    asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
    async with aclosing(client.events(engine, path, asked)) as events:
        if not body.get("stream"):
            yield orjson.dumps(await _whole(events, usage, is_chat=path in _CHATS))
            return
        last: dict[str, Any] = {}
        async for event in events:
            usage.add(event)
            if event.get("choices"):
                yield _event(event)
            else:
                last = event
    yield _event({**last, "usage": usage.total}) + b"data: [DONE]\n\n"


async def _whole(
    events: AsyncIterator[dict[str, Any]], usage: _Usage, *, is_chat: bool
) -> dict[str, Any]:
    document: dict[str, Any] = {}
    answers: dict[int, _Answer] = {}
    async for event in events:
        usage.add(event)
        document = {**event, **document}
        for choice in event.get("choices") or ():
            answers.setdefault(choice["index"], _Answer()).add(choice)
    kind = "chat.completion" if is_chat else "text_completion"
    told = [answers[index].choice(index, is_chat=is_chat) for index in sorted(answers)]
    return {**document, "object": kind, "choices": told, "usage": usage.total}


def _event(document: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(document) + b"\n\n"


def _tells_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


class _Usage:
    """The tokens of all answers: what was written by each, and each prompt once."""

    def __init__(self, answers_each: int) -> None:
        self._answers_each = answers_each
        self._written = self._read = self._cached = 0

    def add(self, event: Mapping[str, Any]) -> None:
        if usage := event.get("usage"):
            self._written += usage["completion_tokens"]
            self._read += usage["prompt_tokens"]
            self._cached += usage["prompt_tokens_details"]["cached_tokens"]

    @property
    def total(self) -> dict[str, Any]:
        read = self._read // self._answers_each
        # All but the first answer to a prompt have the whole of it from the first.
        cached = max(0, self._cached - (self._answers_each - 1) * read)
        return {
            "completion_tokens": self._written,
            "prompt_tokens": read,
            "total_tokens": self._written + read,
            "prompt_tokens_details": {"cached_tokens": cached},
        }


class _Answer:
    """One answer, put together from the parts that a stream brings."""

    def __init__(self) -> None:
        self._texts = dict.fromkeys(("text", *_TEXTS), "")
        self._calls: dict[int, dict[str, Any]] = {}
        self._finish: str | None = None

    def add(self, choice: Mapping[str, Any]) -> None:
        delta = choice.get("delta") or {}
        self._texts["text"] += choice.get("text") or ""
        for name in _TEXTS:
            self._texts[name] += delta.get(name) or ""
        for call in delta.get("tool_calls") or ():
            self._add_call(call)
        self._finish = choice.get("finish_reason") or self._finish

    def choice(self, index: int, *, is_chat: bool) -> dict[str, Any]:
        """The answer as llama-server tells a whole one."""
        told: dict[str, Any] = {"finish_reason": self._finish, "index": index}
        if not is_chat:
            return {**told, "text": self._texts["text"], "logprobs": None}
        return {**told, "message": self._message()}

    def _message(self) -> dict[str, Any]:
        calls = [self._calls[place] for place in sorted(self._calls)]
        message: dict[str, Any] = {"role": "assistant", "content": self._texts["content"]}
        if calls and not message["content"]:
            message["content"] = None
        if self._texts["reasoning_content"]:
            message["reasoning_content"] = self._texts["reasoning_content"]
        return {**message, "tool_calls": calls} if calls else message

    def _add_call(self, part: Mapping[str, Any]) -> None:
        empty = {"type": "function", "function": {"name": "", "arguments": ""}, "id": ""}
        call = self._calls.setdefault(part.get("index", 0), empty)
        call["id"] += part.get("id") or ""
        for name, text in (part.get("function") or {}).items():
            call["function"][name] += text or ""
