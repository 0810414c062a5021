"""Streams as other people's servers send them, put into the other dialect.

Shapes after the sources of vLLM (``chat_completion/serving.py``), llama.cpp
(``server-task.cpp``), OpenAI's reference, and Ollama (``server/routes.go``,
``api/types.go``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from wizard.demo import ollama_fields, openai_fields
from wizard.demo.asked import Question
from wizard.demo.asking import question
from wizard.demo.errors import UpstreamFailed
from wizard.demo.values import Kind, Limits, Offer, Upstream

LIMITS = Limits()
HI = [{"role": "user", "content": "Hi"}]
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "real"}
USAGE = {"prompt_tokens": 7, "total_tokens": 10, "completion_tokens": 3}


def _asked(kind: Kind, **more: Any) -> Question:
    """What is asked of a server for a client of the other dialect."""
    upstream = Upstream("u", "http://u", kind, (Offer("alias", "real"),))
    body = {"model": "alias", "messages": HI, "stream": True, **more}
    fields = openai_fields if kind is Kind.OLLAMA else ollama_fields
    return question(fields.chat(body, LIMITS), upstream)


def _chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, **more}
    return _event({**HEAD, "choices": [choice]})


def _event(document: dict[str, Any], end: str = "\n\n") -> bytes:
    return f"data: {json.dumps(document)}{end}".encode()


def _line(**told: Any) -> bytes:
    head = {"model": "real", "created_at": "2026-11-23T08:00:00.123456789Z"}
    return json.dumps({**head, **told}).encode() + b"\n"


DONE = b"data: [DONE]\n\n"
BEGIN = _chunk({"role": "assistant", "content": ""})
TOTAL = _event({**HEAD, "choices": [], "usage": USAGE})
LAST_LINE = {
    "message": {"role": "assistant", "content": ""},
    "done": True,
    "done_reason": "stop",
    "total_duration": 4,
    "load_duration": 1,
    "prompt_eval_count": 7,
    "prompt_eval_duration": 1,
    "eval_count": 3,
    "eval_duration": 2,
}


def _lines(pieces: Sequence[bytes]) -> list[dict[str, Any]]:
    """An OpenAI server's events as an Ollama client gets them."""
    stream = _asked(Kind.VLLM).stream()
    raw = b"".join([*map(stream.feed, pieces), stream.close()])
    assert stream.tokens in (0, 10)
    return [json.loads(line) for line in raw.splitlines()]


def _events(pieces: Sequence[bytes], **more: Any) -> list[dict[str, Any]]:
    """Ollama's lines as an OpenAI client gets them."""
    stream = _asked(Kind.OLLAMA, **more).stream()
    raw = b"".join([*map(stream.feed, pieces), stream.close()])
    *events, last = raw.split(b"\n\n")[:-1]
    assert last == b"data: [DONE]"
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


def test_it_works() -> None:
    lines = _lines([BEGIN, _chunk({"content": "Good day"}), _chunk({}, "stop"), TOTAL, DONE])
    assert [line.get("message", {}).get("content") for line in lines] == ["Good day", ""]
    assert (lines[-1]["done_reason"], lines[-1]["prompt_eval_count"]) == ("stop", 7)
    events = _events([_line(message={"content": "Good day"}, done=False), _line(**LAST_LINE)])
    assert [event["choices"][0]["delta"].get("content") for event in events] == [
        "",
        "Good day",
        None,
    ]


def test_pieces_that_end_anywhere() -> None:
    whole = b"".join([BEGIN, _chunk({"content": "Grüße 👋"}), _chunk({}, "stop"), TOTAL, DONE])
    lines = _lines([whole[at : at + 1] for at in range(len(whole))])
    assert lines[0]["message"]["content"] == "Grüße 👋"
    assert lines[-1]["eval_count"] == 3


def test_lines_that_end_as_windows_does() -> None:
    told = {**HEAD, "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    lines = _lines([_event(told, "\r\n\r\n"), b": ping\r\n\r\n", b"data: [DONE]\r\n\r\n"])
    assert [line["done"] for line in lines] == [False, True]


CALL = {"index": 0, "id": "call-1", "type": "function"}


@pytest.mark.parametrize(
    "deltas",
    [
        pytest.param(
            [
                {**CALL, "function": {"name": "weather", "arguments": ""}},
                {"index": 0, "function": {"arguments": '{"city": '}},
                {"index": 0, "function": {"arguments": '"Paris"}'}},
            ],
            id="vllm",
        ),
        pytest.param(
            [
                {**CALL, "function": {"name": "weather", "arguments": '{"city": '}},
                {**CALL, "function": {"name": "weather", "arguments": '"Paris"}'}},
            ],
            id="said-again",
        ),
        pytest.param(
            [{**CALL, "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}],
            id="whole",
        ),
    ],
)
@pytest.mark.parametrize("end", [[TOTAL, DONE], []], ids=["done", "without-done"])
def test_a_tools_call_in_pieces(deltas: list[dict[str, Any]], end: list[bytes]) -> None:
    pieces = [_chunk({"tool_calls": [delta]}) for delta in deltas]
    *_, call, last = _lines([BEGIN, *pieces, _chunk({}, "tool_calls"), *end])
    told = {"function": {"name": "weather", "arguments": {"city": "Paris"}}, "id": "call-1"}
    assert call["message"]["tool_calls"] == [told]
    assert (call["done"], last["done"], last["done_reason"]) == (False, True, "stop")


def test_two_calls_stay_apart() -> None:
    deltas = [
        {**CALL, "index": at, "id": f"call-{at}", "function": {"name": name, "arguments": "{}"}}
        for at, name in enumerate(("one", "two"))
    ]
    lines = _lines([_chunk({"tool_calls": deltas}), _chunk({}, "tool_calls"), DONE])
    assert [call["function"]["name"] for call in lines[0]["message"]["tool_calls"]] == [
        "one",
        "two",
    ]


def test_usage_beside_the_last_choice() -> None:
    choice = {"index": 0, "delta": {}, "finish_reason": "length"}
    last = _event({**HEAD, "choices": [choice], "usage": USAGE})
    lines = _lines([BEGIN, _chunk({"content": "Hi"}), last, DONE])
    assert (lines[-1]["done_reason"], lines[-1]["eval_count"]) == ("length", 3)


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_thoughts_under_either_name(key: str) -> None:
    lines = _lines([BEGIN, _chunk({key: "hmm"}), _chunk({"content": "Hi"}, "stop"), DONE])
    assert [line["message"].get("thinking") for line in lines] == ["hmm", None, None]


def test_logprobs_both_ways() -> None:
    found = [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}]
    lines = _lines([_chunk({"content": "Hi"}, "stop", logprobs={"content": found}), DONE])
    assert lines[0]["logprobs"] == found
    first = _line(message={"content": "Hi"}, done=False, logprobs=found)
    events = _events([first, _line(**LAST_LINE)], logprobs=True)
    assert events[1]["choices"][0]["logprobs"] == {"content": found}


def test_a_whole_answers_time_is_all_writing() -> None:
    """So that tokens a second are rather too few than absurd."""
    choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
    told, tokens = _asked(Kind.VLLM, stream=False).whole({"choices": [choice], "usage": USAGE})
    assert tokens == 10
    assert told["prompt_eval_duration"] == 1
    assert told["eval_duration"] == told["total_duration"]


@pytest.mark.parametrize("wanted", [{}, {"top_logprobs": 2}])
def test_logprobs_are_asked_for_as_they_were(wanted: dict[str, int]) -> None:
    body = _asked(Kind.OPENAI, logprobs=True, **wanted).body
    asked = {key: body[key] for key in ("logprobs", "top_logprobs") if key in body}
    assert asked == {"logprobs": True, **wanted}


@pytest.mark.parametrize(
    "told",
    [
        {"error": {"message": "out of luck", "type": "InternalServerError", "code": 500}},
        {"object": "error", "message": "out of luck", "type": "BadRequestError", "code": 400},
    ],
)
def test_a_failure_in_mid_stream_is_told_in_its_words(told: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFailed, match="failed in the middle of its answer: out of luck"):
        _lines([BEGIN, _chunk({"content": "Hi"}), _event(told), DONE])
    with pytest.raises(UpstreamFailed, match="failed in the middle of its answer: out of luck"):
        _events([_line(message={"content": "Hi"}, done=False), b'{"error":"out of luck"}\n'])


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_ollamas_calls(reason: str) -> None:
    function = {"index": 0, "name": "weather", "arguments": {"city": "Paris"}}
    message = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "c1", "function": function}],
    }
    last = {**LAST_LINE, "done_reason": reason}
    _, call, end = _events([_line(message=message, done=False), _line(**last)])
    (told,) = call["choices"][0]["delta"]["tool_calls"]
    assert (told["id"], told["index"], told["type"]) == ("c1", 0, "function")
    assert json.loads(told["function"]["arguments"]) == {"city": "Paris"}
    wanted = "tool_calls" if reason == "stop" else reason
    assert end["choices"][0]["finish_reason"] == wanted


def test_a_call_in_ollamas_last_line() -> None:
    message = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "now"}}]}
    _, call, end = _events([_line(**{**LAST_LINE, "message": message})])
    (told,) = call["choices"][0]["delta"]["tool_calls"]
    assert told["id"].startswith("call_")
    assert told["function"] == {"name": "now", "arguments": "{}"}
    assert end["choices"][0]["finish_reason"] == "tool_calls"


def test_usage_comes_last_where_it_is_wanted() -> None:
    pieces = [_line(message={"content": "Hi"}, done=False), _line(**LAST_LINE)]
    events = _events(pieces, stream_options={"include_usage": True})
    assert events[-1]["choices"] == []
    assert events[-1]["usage"] == USAGE
    assert all("usage" not in event for event in events[:-1])


@pytest.mark.parametrize(
    ("effort", "think"),
    [("none", False), ("minimal", "low"), ("high", "high"), ("xhigh", "max"), ("max", "max")],
)
def test_how_hard_to_think_for_ollama(effort: str, think: bool | str) -> None:
    assert _asked(Kind.OLLAMA, reasoning_effort=effort).body["think"] == think


def test_how_hard_to_think_for_openai() -> None:
    assert _asked(Kind.VLLM, think="max").body["reasoning_effort"] == "high"
    templated = _asked(Kind.VLLM, think=False).body["chat_template_kwargs"]
    assert templated == {"enable_thinking": False, "thinking": False}
    assert "chat_template_kwargs" not in _asked(Kind.OPENAI, think=False).body
