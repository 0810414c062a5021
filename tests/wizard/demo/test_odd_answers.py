"""Upstreams that answer JSON of another shape than theirs: told as a failure, or left out."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from wizard.demo import asking, documents, ollama_fields, openai_fields
from wizard.demo.asked import Question
from wizard.demo.errors import UpstreamFailed
from wizard.demo.values import Kind, Limits, Offer, Upstream, Work

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
OLLAMA = ollama_fields.chat(CHAT, Limits())
OPENAI = openai_fields.chat(CHAT, Limits())
NOTHING: tuple[Any, ...] = ("x", 7, True, None, [], ["x"], [[]], [None], {}, {"x": "y"})


def _asked(work: Work, kind: Kind) -> Question:
    return asking.question(work, Upstream("u", "http://u.example", kind, (Offer("m", "real"),)))


def _from_openai(**choice: Any) -> dict[str, Any]:
    return _asked(OLLAMA, Kind.VLLM).whole({"choices": [choice]})[0]


def _from_ollama(**answer: Any) -> dict[str, Any]:
    told = _asked(OPENAI, Kind.OLLAMA).whole({"done": True, **answer})[0]
    return dict(told["choices"][0])


def _streamed(work: Work, kind: Kind, *parts: Any) -> bytes:
    mark = b"" if kind is Kind.OLLAMA else b"data: "
    stream = _asked(work, kind).stream()
    lines = b"".join(mark + orjson.dumps(part) + b"\n\n" for part in parts)
    return stream.feed(lines) + stream.close()


def test_it_works() -> None:
    assert _from_openai(message={"content": "Hi"})["message"]["content"] == "Hi"
    assert _from_ollama(message={"content": "Hi"})["message"]["content"] == "Hi"


@pytest.mark.parametrize("odd", NOTHING, ids=repr)
def test_what_is_no_answer_is_a_failure(odd: Any) -> None:
    for document in (odd, {"choices": odd}):
        with pytest.raises(UpstreamFailed, match="no answer"):
            _asked(OLLAMA, Kind.VLLM).whole(document)
    for document in (odd, {"done": odd if odd is not True else "yes"}):
        with pytest.raises(UpstreamFailed, match="no answer"):
            _asked(OPENAI, Kind.OLLAMA).whole(document)


@pytest.mark.parametrize("odd", NOTHING[1:], ids=repr)
@pytest.mark.parametrize("key", ["content", "tool_calls", "reasoning", "reasoning_content"])
def test_a_field_of_another_type_is_left_out(key: str, odd: Any) -> None:
    message = _from_openai(message={"content": "Hi", key: odd})["message"]
    assert message["content"] == ("" if key == "content" else "Hi")
    assert "thinking" not in message
    told = _streamed(OLLAMA, Kind.VLLM, {"choices": [{"delta": {key: odd}}]}, _last())
    assert orjson.loads(told.splitlines()[-1])["done"] is True


def _last() -> dict[str, Any]:
    return {"choices": [{"delta": {}, "finish_reason": "stop"}]}


@pytest.mark.parametrize("odd", NOTHING[1:], ids=repr)
@pytest.mark.parametrize("key", ["content", "tool_calls", "thinking"])
def test_so_is_one_of_ollama_s(key: str, odd: Any) -> None:
    message = _from_ollama(message={"content": "Hi", key: odd})["message"]
    assert message["content"] == ("" if key == "content" else "Hi")
    assert "reasoning" not in message
    told = _streamed(OPENAI, Kind.OLLAMA, {"message": {key: odd}}, {"done": True})
    assert told.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("odd", NOTHING, ids=repr)
@pytest.mark.parametrize("key", ["choices", "usage", "delta", "index", "function", "finish_reason"])
def test_an_event_of_another_shape_ends_no_stream(key: str, odd: Any) -> None:
    call = {"index": 0, "function": {"name": "f", "arguments": "{}"}, key: odd}
    choice = {"delta": {"content": "Hi", "tool_calls": [call]}, key: odd}
    told = _streamed(OLLAMA, Kind.VLLM, {"choices": [choice], key: odd}, _last())
    assert orjson.loads(told.splitlines()[-1])["done"] is True


def test_arguments_that_nobody_could_write_again_are_none() -> None:
    deep = '{"a":' * 300 + "1" + "}" * 300
    call = {"function": {"name": "f", "arguments": deep}}
    (told,) = _from_openai(message={"tool_calls": [call]})["message"]["tool_calls"]
    assert told["function"] == {"name": "f", "arguments": {}}


@pytest.mark.parametrize(("levels", "is_read"), [(100, True), (101, False), (2000, False)])
def test_documents_are_read_as_deep_as_they_may_be(levels: int, is_read: bool) -> None:
    raw = b"[" * levels + b"]" * levels
    if is_read:
        assert orjson.dumps(documents.read(raw)) == raw
        return
    with pytest.raises(ValueError, match=r"deep|depth"):
        documents.read(raw)
