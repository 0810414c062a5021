"""OpenAI's requests for upstreams that speak Ollama's API, and the way back.

After Ollama's own ``openai/openai.go``: temperature and top_p default to 1, and
a legacy completion is a prompt like any other.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

import orjson

from wizard.demo.asked import Question
from wizard.demo.documents import count, member, members, text
from wizard.demo.errors import UpstreamFailed
from wizard.demo.passing import DIED, Lines, failed, parsed
from wizard.demo.values import Work

_SAME = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop")
_OPENAI_DEFAULTS = {"temperature": 1.0, "top_p": 1.0}
_THINKING = {"none": False, "minimal": "low", "xhigh": "max"}


def question(work: Work, context: int, model: str, name: str) -> Question:
    """The question for an upstream that speaks Ollama's API only."""
    body: dict[str, Any] = {"model": model, "stream": work.stream}
    body["options"] = _options(work.body, context)
    is_chat = work.path == "/v1/chat/completions"
    shape = _Shape(name, is_chat=is_chat, echo=_echo(work))
    if is_chat:
        body |= _chat(work.body)
    else:
        body |= {key: work.body[key] for key in ("prompt", "suffix") if key in work.body}

    def stream() -> _Events:
        return _Events(shape, tells_usage=work.tells_usage)

    return Question("/api/chat" if is_chat else "/api/generate", body, stream, shape.whole)


def _options(body: Mapping[str, Any], context: int) -> dict[str, Any]:
    given = {**_OPENAI_DEFAULTS, **body}
    found = {key: given[key] for key in _SAME if key in given}
    found["num_predict"] = given["max_tokens"]
    return {**found, "num_ctx": context} if context else found


def _echo(work: Work) -> str:
    return str(work.body.get("prompt", "")) if work.body.get("echo") else ""


def _chat(body: Mapping[str, Any]) -> dict[str, Any]:
    names: dict[str, str] = {}
    found: dict[str, Any] = {"messages": [_message(item, names) for item in body["messages"]]}
    if body.get("tools") and body.get("tool_choice") != "none":
        found["tools"] = body["tools"]
    if wanted := body.get("response_format"):
        is_schema = wanted["type"] == "json_schema"
        found["format"] = wanted["json_schema"]["schema"] if is_schema else "json"
    if effort := body.get("reasoning_effort"):
        found["think"] = _THINKING.get(effort, effort)
    for key in ("logprobs", "top_logprobs"):
        if key in body:
            found[key] = body[key]
    return found


def _message(item: Mapping[str, Any], names: dict[str, str]) -> dict[str, Any]:
    content = item["content"]
    parts: list[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    texts = [part["text"] for part in parts if part["type"] == "text"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    message: dict[str, Any] = {"role": item["role"], "content": "\n".join(texts)}
    if urls:
        message["images"] = [url.partition(",")[2] for url in urls]
    if calls := item.get("tool_calls"):
        message["tool_calls"] = [_call(call) for call in calls]
        names |= {call["id"]: call["function"]["name"] for call in calls}
    if item["role"] == "tool":
        answered = item.get("tool_call_id", "")
        message["tool_name"] = item.get("name") or names.get(answered, "")
    return message


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = parsed(function["arguments"].encode())
    return {"id": call["id"], "function": {"name": function["name"], "arguments": arguments}}


class _Shape:
    """OpenAI's form of an answer: a chat completion or a legacy one."""

    def __init__(self, name: str, *, is_chat: bool, echo: str) -> None:
        self.is_chat = is_chat
        self.echo = echo
        self._name = name
        self._id = ("chatcmpl-" if is_chat else "cmpl-") + secrets.token_hex(12)
        self._created = int(time.time())

    def document(self, kind: str, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._name,
            "system_fingerprint": "fp_ollama",
            "choices": choices,
            **more,
        }

    def chunk(
        self, said: str, message: Mapping[str, Any], finish: str | None, **delta: Any
    ) -> dict[str, Any]:
        """One event of a stream."""
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
        if not self.is_chat:
            return self.document("text_completion", [{**choice, "text": said}])
        if thinking := text(message, "thinking"):
            delta["reasoning"] = thinking
        if said or not (delta or finish):
            delta["content"] = said
        return self.document("chat.completion.chunk", [{**choice, "delta": delta}])

    def whole(self, document: Any) -> tuple[dict[str, Any], int]:
        """A single answer in OpenAI's form, and its tokens."""
        if not isinstance(document, dict) or document.get("done") is not True:
            raise UpstreamFailed("the model's server answered something that is no answer")
        usage = _usage(document)
        choice: dict[str, Any] = {"index": 0, "logprobs": _logprobs(document)}
        if not self.is_chat:
            said = self.echo + text(document, "response")
            choice |= {"text": said, "finish_reason": _finish(document, is_calling=False)}
            return self.document("text_completion", [choice], usage=usage), usage["total_tokens"]
        given = member(document, "message")
        calls = _openai_calls(given, 0)
        message: dict[str, Any] = {"role": "assistant", "content": text(given, "content")}
        if thinking := text(given, "thinking"):
            message["reasoning"] = thinking
        if calls:
            message["tool_calls"] = calls
        choice |= {"message": message, "finish_reason": _finish(document, is_calling=bool(calls))}
        return self.document("chat.completion", [choice], usage=usage), usage["total_tokens"]


class _Events:
    """Ollama's lines as an event stream of OpenAI's."""

    def __init__(self, shape: _Shape, *, tells_usage: bool) -> None:
        self.tokens = 0
        self._shape = shape
        self._tells_usage = tells_usage
        self._lines = Lines()
        self._has_begun = False
        self._calls = 0
        self._is_done = False
        self._failure: UpstreamFailed | None = None

    def feed(self, data: bytes) -> bytes:
        """Events for the lines in these bytes. Raises UpstreamFailed after one with an error."""
        if self._failure:
            raise self._failure
        lines = self._lines.feed(data).split(b"\n")
        return b"".join(b"".join(map(_event, self._line(line))) for line in lines if line.strip())

    def close(self) -> bytes:
        """The mark at the end. Raises UpstreamFailed where the upstream did not finish."""
        if self._failure or not self._is_done:
            raise self._failure or UpstreamFailed(DIED)
        return b"data: [DONE]\n\n"

    def _line(self, line: bytes) -> list[dict[str, Any]]:
        found = parsed(line)
        if not found or "error" in found:
            self._failure = failed(found)
            return []
        message = member(found, "message")
        said = text(message, "content") if self._shape.is_chat else text(found, "response")
        events = self._begin()
        calls = _openai_calls(message, self._calls)
        self._calls += len(calls)
        if calls:
            events.append(self._shape.chunk("", {}, None, tool_calls=calls))
        if said or text(message, "thinking"):
            chunk = self._shape.chunk(said, message, None)
            if logprobs := _logprobs(found):
                chunk["choices"][0]["logprobs"] = logprobs
            events.append(chunk)
        return [*events, *self._end(found)] if found.get("done") is True else events

    def _begin(self) -> list[dict[str, Any]]:
        if self._has_begun:
            return []
        self._has_begun = True
        if self._shape.is_chat:
            return [self._shape.chunk("", {}, None, role="assistant", content="")]
        return [self._shape.chunk(self._shape.echo, {}, None)] if self._shape.echo else []

    def _end(self, line: Mapping[str, Any]) -> list[dict[str, Any]]:
        self._is_done = True
        usage = _usage(line)
        self.tokens = usage["total_tokens"]
        finish = _finish(line, is_calling=self._calls > 0)
        events = [self._shape.chunk("", {}, finish)]
        if self._tells_usage:
            kind = "chat.completion.chunk" if self._shape.is_chat else "text_completion"
            events.append(self._shape.document(kind, [], usage=usage))
        return events


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(document) + b"\n\n"


def _usage(line: Mapping[str, Any]) -> dict[str, int]:
    prompt, answer = count(line, "prompt_eval_count"), count(line, "eval_count")
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
    }


def _finish(line: Mapping[str, Any], *, is_calling: bool) -> str:
    """An answer that was cut is told as such, even if it has calls."""
    if line.get("done_reason") == "length":
        return "length"
    return "tool_calls" if is_calling else "stop"


def _logprobs(line: Mapping[str, Any]) -> dict[str, Any] | None:
    found = members(line, "logprobs")
    return {"content": found} if found else None


def _openai_calls(message: Mapping[str, Any], first: int) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "id": text(call, "id") or f"call_{secrets.token_hex(4)}",
            "type": "function",
            "function": {
                "name": text(member(call, "function"), "name"),
                "arguments": orjson.dumps(member(member(call, "function"), "arguments")).decode(),
            },
        }
        for index, call in enumerate(members(message, "tool_calls"), first)
    ]
