"""``/api/chat``"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.inference.api.test_generate import PICTURE

SHORT = {"num_predict": 8, "seed": 1}
QUESTION = [{"role": "user", "content": "Why is the sky blue?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}},
            "required": ["place"],
        },
    },
}


def _chat(http: httpx.Client, **fields: Any) -> httpx.Response:
    body = {"model": "tiny", "messages": QUESTION, "options": SHORT, **fields}
    return http.post("/api/chat", json=body)


def _whole(http: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = _chat(http, stream=False, **fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_it_works(http: httpx.Client) -> None:
    answer = _chat(http)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    *chunks, last = [json.loads(line) for line in answer.text.splitlines()]
    assert chunks
    for chunk in chunks:
        assert chunk["message"]["role"] == "assistant"
        assert chunk["message"]["content"]
        assert chunk["done"] is False
    assert last["done"] is True
    assert last["eval_count"] > 0
    assert "context" not in last


def test_whole_answer(http: httpx.Client) -> None:
    found = _whole(http)
    assert found["message"]["role"] == "assistant"
    assert found["message"]["content"]
    figures = ("total_duration", "load_duration", "prompt_eval_count", "eval_count")
    assert all(found[figure] > 0 for figure in figures)


def test_a_stream_says_what_a_whole_answer_says(http: httpx.Client) -> None:
    lines = [json.loads(line) for line in _chat(http).text.splitlines()]
    streamed = "".join(line["message"]["content"] for line in lines)
    assert streamed == _whole(http)["message"]["content"]


def test_pictures_are_read(http: httpx.Client) -> None:
    seen = [{"role": "user", "content": "What is it?", "images": [PICTURE]}]
    unseen = [{"role": "user", "content": "What is it?"}]
    with_picture = _whole(http, messages=seen)["prompt_eval_count"]
    assert with_picture > _whole(http, messages=unseen)["prompt_eval_count"]


def test_tools_reach_the_template(http: httpx.Client) -> None:
    with_tools = _whole(http, tools=[WEATHER])
    assert with_tools["prompt_eval_count"] > _whole(http)["prompt_eval_count"]


def test_a_conversation_with_tools_is_read(http: httpx.Client) -> None:
    call = {"function": {"name": "weather", "arguments": {"place": "Paris"}}}
    messages = [
        *QUESTION,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_name": "weather", "content": "11 degrees"},
    ]
    found = _whole(http, messages=messages, tools=[WEATHER])
    assert found["message"]["role"] == "assistant"


def test_thoughts_come_apart(http: httpx.Client) -> None:
    message = _whole(http, model="thinker", think=True)["message"]
    assert message["thinking"]
    assert message["content"] == ""
    message = _whole(http, model="thinker", think=False)["message"]
    assert "thinking" not in message
    assert message["content"]


def test_a_schema_is_kept_to(http: httpx.Client) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "boolean"}}, "required": ["n"]}
    found = _whole(http, format=schema, options={"num_predict": 200})
    assert isinstance(json.loads(found["message"]["content"])["n"], bool)


def test_logprobs_are_told(http: httpx.Client) -> None:
    found = _whole(http, logprobs=True, top_logprobs=1)
    assert len(found["logprobs"]) >= found["eval_count"] - 1


def test_no_messages_load_the_model(http: httpx.Client) -> None:
    found = _chat(http, messages=[]).json()
    assert found["done_reason"] == "load"
    assert found["message"] == {"role": "assistant", "content": ""}


def test_the_oldest_messages_go_where_a_chat_is_too_long(http: httpx.Client) -> None:
    long = [{"role": "user", "content": f"{number} " + "word " * 100} for number in range(30)]
    assert _whole(http, messages=[*long, *QUESTION])["prompt_eval_count"] <= 2048
    answer = _chat(http, messages=[*long, *QUESTION], truncate=False)
    assert answer.status_code == 400
    assert "context" in answer.json()["error"]


@pytest.mark.parametrize("role", ["User", "control", "developer"])
def test_a_role_may_be_in_capitals_or_the_templates_own(http: httpx.Client, role: str) -> None:
    messages = [{"role": role, "content": "thinking"}, *QUESTION]
    assert _whole(http, messages=messages)["prompt_eval_count"] > 0


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"model": "nope"}, 404, "model 'nope' not found"),
        ({"model": ""}, 400, "model is required"),
        ({"messages": "x"}, 400, '"messages" must be of type array'),
        ({"messages": ["x"]}, 400, "messages must be objects"),
        ({"messages": [{"content": "x"}]}, 400, "must have a role"),
        ({"model": "thinker", "tools": [WEATHER]}, 400, '"thinker" does not support tools'),
        ({"think": True}, 400, '"tiny" does not support thinking'),
        ({"messages": [{"role": "user", "content": "a" * 9000}]}, 400, "context size"),
    ],
)
def test_refusals(http: httpx.Client, fields: dict[str, Any], status: int, words: str) -> None:
    answer = _chat(http, **fields)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]
