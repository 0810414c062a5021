"""Ollama's requests for upstreams that speak OpenAI's API, and the way back.

The words are those of ``docs/api.md`` of Ollama on one side and of OpenAI's
reference on the other; vLLM's further sampling fields are used where it is one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

from inference.images import media_type
from wizard.demo import memory
from wizard.demo.asked import Question, stamp
from wizard.demo.documents import count, member, members, text
from wizard.demo.errors import BadRequest, UpstreamFailed
from wizard.demo.passing import DIED, Lines, failed, parsed
from wizard.demo.values import Kind, Upstream, Work

CHAT_PATH, COMPLETIONS_PATH = "/v1/chat/completions", "/v1/completions"
_SAME = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "stop")
_VLLM = {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty"}
# Not every server that speaks OpenAI's API has a level above this one.
_EFFORTS = {"max": "high"}
NANOSECONDS = 1e9


def question(work: Work, upstream: Upstream, model: str, name: str) -> Question:
    """The question for an upstream that speaks OpenAI's API. Raises BadRequest."""
    body: dict[str, Any] = {"model": model, "stream": work.stream}
    body |= _options(work.body["options"], upstream.kind)
    if work.stream:
        body["stream_options"] = {"include_usage": True}
    if work.path == "/api/chat":
        messages = _messages(work.body["messages"])
        body |= _chat(work, messages, upstream.kind)
        return _question(CHAT_PATH, body, _Shape(name, "message", []))
    if work.body.get("suffix") or work.body.get("template"):
        raise BadRequest(f'"{work.model}" does not support insert or a template of your own')
    if work.body.get("raw"):
        body["prompt"] = work.body.get("prompt", "")
        return _question(COMPLETIONS_PATH, body, _Shape(name, "response", []))
    messages = _prompted(work.body)
    body |= _chat(work, messages, upstream.kind)
    return _question(CHAT_PATH, body, _Shape(name, "response", messages))


def loaded(work: Work, name: str) -> dict[str, Any]:
    """The answer to a request that only loads the model: an upstream like this has it always."""
    empty: dict[str, Any] = {"response": ""}
    if work.path == "/api/chat":
        empty = {"message": {"role": "assistant", "content": ""}}
    told = {"model": name, "created_at": stamp(), **empty}
    return {**told, "done": True, "done_reason": "load"}


def _question(path: str, body: dict[str, Any], shape: _Shape) -> Question:
    return Question(path, body, lambda: _Lines(shape), shape.whole)


def _options(given: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """What the caller chose, and no more: a model's defaults are its own, and OpenAI's newest
    ones refuse any other temperature."""
    found = {key: given[key] for key in _SAME if given.get(key) not in (None, [])}
    found["max_tokens"] = given["num_predict"]
    if given.get("seed", -1) >= 0:
        found["seed"] = given["seed"]
    if kind is Kind.VLLM:
        found |= {told: given[key] for key, told in _VLLM.items() if key in given}
    return found


def _chat(work: Work, messages: list[dict[str, Any]], kind: Kind) -> dict[str, Any]:
    found: dict[str, Any] = {"messages": messages}
    if "tools" in work.body:
        found["tools"] = work.body["tools"]
    if wanted := work.body.get("format"):
        found["response_format"] = _format(wanted)
    think = work.body.get("think")
    if isinstance(think, str):
        found["reasoning_effort"] = _EFFORTS.get(think, think)
    elif think is not None and kind is Kind.VLLM:
        # Qwen's templates know the first name, DeepSeek's and Granite's the second.
        found["chat_template_kwargs"] = {"enable_thinking": think, "thinking": think}
    if work.body.get("logprobs"):
        # Named only where it was: to llama.cpp 0 means none at all.
        found |= {key: work.body[key] for key in ("logprobs", "top_logprobs") if key in work.body}
    return found


def _format(wanted: Any) -> dict[str, Any]:
    if wanted == "json":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted}}


def _prompted(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A prompt as a chat: what is remembered, the system's text, and the prompt."""
    messages: list[dict[str, Any]] = [*memory.remembered(body.get("context", []))]
    if system := body.get("system"):
        messages = [item for item in messages if item["role"] != "system"]
        messages.insert(0, {"role": "system", "content": system})
    content = _content(body.get("prompt", ""), body.get("images", []))
    return [*messages, {"role": "user", "content": content}]


def _messages(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    calls: list[tuple[str, str]] = []
    return [_message(item, calls) for item in given]


def _message(item: Mapping[str, Any], calls: list[tuple[str, str]]) -> dict[str, Any]:
    content = _content(item["content"], item.get("images", []))
    message: dict[str, Any] = {"role": item["role"], "content": content}
    if "tool_calls" in item:
        message["tool_calls"] = [_call(call, calls) for call in item["tool_calls"]]
    if item["role"] == "tool":
        name = item.get("tool_name", "")
        made = next((key for key, called in reversed(calls) if name in ("", called)), "call_0")
        message["tool_call_id"] = item.get("tool_call_id") or made
    return message


def _call(call: Mapping[str, Any], calls: list[tuple[str, str]]) -> dict[str, Any]:
    function = call["function"]
    identifier = call.get("id") or f"call_{len(calls)}"
    calls.append((identifier, function["name"]))
    arguments = orjson.dumps(function["arguments"]).decode()
    told = {"name": function["name"], "arguments": arguments}
    return {"id": identifier, "type": "function", "function": told}


def _content(text: str, images: list[str]) -> Any:
    if not images:
        return text
    urls = (f"data:{media_type(image)};base64,{image}" for image in images)
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [*parts, {"type": "text", "text": text}]


class _Shape:
    """Ollama's form of an answer: ``message`` or ``response``, its figures and its context."""

    def __init__(self, name: str, key: str, remembers: list[dict[str, Any]]) -> None:
        self._name = name
        self._key = key
        self._remembers = remembers
        self._began = time.monotonic()

    def part(self, text: str, thinking: str = "", **more: Any) -> dict[str, Any]:
        """A line of a stream without ``done``."""
        extra = {**({"thinking": thinking} if thinking else {}), **more}
        if self._key == "message":
            told: dict[str, Any] = {"message": {"role": "assistant", "content": text, **extra}}
        else:
            told = {"response": text, **extra}
        return {"model": self._name, "created_at": stamp(), **told}

    def end(self, finish: str, usage: Mapping[str, Any], text: str, first: float) -> dict[str, Any]:
        """The last line's further fields; ``first`` is when the first token came."""
        now = time.monotonic()
        figures: dict[str, Any] = {
            "done": True,
            "done_reason": "length" if finish == "length" else "stop",
        }
        if self._remembers:
            figures["context"] = memory.encoded(self._remembers, text)
        first = first or now
        return {
            **figures,
            "total_duration": _nanoseconds(now - self._began),
            "load_duration": 1,
            "prompt_eval_count": count(usage, "prompt_tokens"),
            "prompt_eval_duration": _nanoseconds(first - self._began),
            "eval_count": count(usage, "completion_tokens"),
            "eval_duration": _nanoseconds(now - first),
        }

    def whole(self, document: Any) -> tuple[dict[str, Any], int]:
        """A single answer in Ollama's form, and its tokens."""
        choice = _choice(document)
        message = member(choice, "message") or {"content": choice.get("text")}
        usage = member(document, "usage")
        said = text(message, "content")
        calls = [_ollama_call(call) for call in members(message, "tool_calls")]
        more = {"tool_calls": calls} if calls else {}
        told = self.part(said, _thinking(message), **more)
        # When the first token came is not known: the whole time counts as writing.
        told |= self.end(text(choice, "finish_reason"), usage, said, self._began)
        if found := _logprobs(choice):
            told["logprobs"] = found
        return told, count(usage, "prompt_tokens") + count(usage, "completion_tokens")


class _Lines:
    """An event stream of OpenAI's as Ollama's lines."""

    def __init__(self, shape: _Shape) -> None:
        self.tokens = 0
        self._shape = shape
        self._lines = Lines()
        self._text: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._usage: dict[str, Any] = {}
        self._finish = ""
        self._first = 0.0
        self._is_done = False
        self._failure: UpstreamFailed | None = None

    def feed(self, data: bytes) -> bytes:
        """Lines for the events in these bytes. Raises UpstreamFailed after an error event."""
        if self._failure:
            raise self._failure
        found = []
        for line in self._lines.feed(data).split(b"\n"):
            if line.startswith(b"data:"):
                found += self._event(line[5:].strip())
        return _written(found)

    def close(self) -> bytes:
        """The last lines. Raises UpstreamFailed where the upstream did not finish."""
        if self._failure or not (self._is_done or self._finish):
            raise self._failure or UpstreamFailed(DIED)
        end = self._shape.end(self._finish, self._usage, "".join(self._text), self._first)
        return _written([*self._whole_calls(), {**self._shape.part(""), **end}])

    def _event(self, data: bytes) -> list[dict[str, Any]]:
        if data == b"[DONE]":
            self._is_done = True
            return []
        event = parsed(data)
        if "error" in event or event.get("object") == "error":
            self._failure = failed(event)
        if usage := member(event, "usage"):
            self._usage = usage
            self.tokens = count(self._usage, "prompt_tokens") + count(
                self._usage, "completion_tokens"
            )
        return [line for choice in members(event, "choices") for line in self._delta(choice)]

    def _delta(self, choice: Mapping[str, Any]) -> list[dict[str, Any]]:
        self._finish = text(choice, "finish_reason") or self._finish
        delta = member(choice, "delta") or {"content": choice.get("text")}
        for call in members(delta, "tool_calls"):
            self._add_call(call)
        said, thinking = text(delta, "content"), _thinking(delta)
        if not said and not thinking:
            return []
        self._first = self._first or time.monotonic()
        self._text.append(said)
        line = {**self._shape.part(said, thinking), "done": False}
        found = _logprobs(choice)
        return [{**line, "logprobs": found} if found else line]

    def _add_call(self, part: Mapping[str, Any]) -> None:
        empty = {"id": "", "name": "", "arguments": ""}
        call = self._calls.setdefault(count(part, "index"), empty)
        function = member(part, "function")
        # Some servers say these two again with each piece of the arguments.
        call["id"] = call["id"] or text(part, "id")
        call["name"] = call["name"] or text(function, "name")
        call["arguments"] += text(function, "arguments")

    def _whole_calls(self) -> list[dict[str, Any]]:
        calls = [
            _ollama_call({"id": call["id"], "function": call})
            for _, call in sorted(self._calls.items())
        ]
        return [{**self._shape.part("", tool_calls=calls), "done": False}] if calls else []


def _written(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)


def _choice(document: Any) -> dict[str, Any]:
    choices = members(document, "choices") if isinstance(document, dict) else []
    if not choices:
        raise UpstreamFailed("the model's server answered something that is no answer")
    return choices[0]


def _ollama_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function, identifier = member(call, "function"), text(call, "id")
    arguments = parsed(text(function, "arguments").encode())
    told = {"name": text(function, "name"), "arguments": arguments}
    return {"function": told, **({"id": identifier} if identifier else {})}


def _thinking(message: Mapping[str, Any]) -> str:
    """vLLM says ``reasoning``, and said ``reasoning_content`` before, as llama.cpp does."""
    return text(message, "reasoning_content") or text(message, "reasoning")


def _logprobs(choice: Mapping[str, Any]) -> list[dict[str, Any]]:
    return members(member(choice, "logprobs"), "content")


def _nanoseconds(seconds: float) -> int:
    return max(1, int(seconds * NANOSECONDS))
