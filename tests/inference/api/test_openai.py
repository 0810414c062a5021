"""OpenAI's and Anthropic's routes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.inference.api.test_generate import PICTURE
from tests.inference.endpoint import Endpoint

QUESTION = [{"role": "user", "content": "Why is the sky blue?"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def _chat(http: httpx.Client, **fields: Any) -> httpx.Response:
    body = {"model": "tiny", "messages": QUESTION, "max_tokens": 8, **fields}
    return http.post("/v1/chat/completions", json=body)


def test_it_works(http: httpx.Client) -> None:
    found = _chat(http).json()
    assert found["object"] == "chat.completion"
    assert found["model"] == "tiny"
    assert found["choices"][0]["message"]["content"]
    assert found["usage"]["completion_tokens"] <= 8


def test_a_stream_ends_with_usage_and_done(http: httpx.Client) -> None:
    answer = _chat(http, stream=True, stream_options={"include_usage": True})
    assert answer.headers["Content-Type"] == "text/event-stream"
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert events[-1] == "[DONE]"
    last = json.loads(events[-2])
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > 0


def test_a_tool_can_be_asked_for(http: httpx.Client) -> None:
    found = _chat(http, tools=[TOOL], tool_choice="auto").json()
    assert found["choices"][0]["message"]["role"] == "assistant"


def test_an_alias_and_no_name_mean_the_default_model(http: httpx.Client) -> None:
    for name in ("gpt-tiny", "", None):
        assert _chat(http, model=name).json()["model"] == "tiny"


def test_temperature_zero_is_kept(http: httpx.Client) -> None:
    answers = {_chat(http, temperature=0).json()["choices"][0]["message"]["content"] for _ in "ab"}
    assert len(answers) == 1


def test_what_was_read_before_is_not_read_again(http: httpx.Client) -> None:
    history = [{"role": "system", "content": "a prompt that many requests share " * 8}]
    first, second = (
        _chat(http, messages=[*history, {"role": "user", "content": question}]).json()["usage"]
        for question in ("One?", "Two?")
    )
    shared = len(history[0]["content"])
    assert second["prompt_tokens_details"]["cached_tokens"] >= shared
    assert first["prompt_tokens"] == second["prompt_tokens"]


def test_models(http: httpx.Client) -> None:
    listed = http.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["tiny", "thinker", "gpt-tiny"]
    one = http.get("/v1/models/tiny").json()
    assert one == {**one, "id": "tiny", "object": "model"}
    assert isinstance(one["created"], int)


def test_completions_embeddings_responses_messages(http: httpx.Client) -> None:
    text = http.post("/v1/completions", json={"model": "tiny", "prompt": "a", "max_tokens": 4})
    assert text.json()["choices"][0]["text"]
    vectors = http.post("/v1/embeddings", json={"model": "tiny", "input": ["a", "b"]})
    assert len(vectors.json()["data"]) == 2
    body = {"model": "tiny", "input": "a", "max_output_tokens": 4}
    assert http.post("/v1/responses", json=body).json()["object"] == "response"
    message = {"model": "tiny", "messages": QUESTION, "max_tokens": 4}
    assert http.post("/v1/messages", json=message).json()["type"] == "message"


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"model": "nope"}, 404, "model_not_found"),
        ({"messages": "x"}, 400, None),
        ({"model": 5}, 400, None),
    ],
)
def test_errors_have_their_shape(
    http: httpx.Client, fields: dict[str, Any], status: int, code: str | None
) -> None:
    answer = _chat(http, **fields)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) >= {"message", "type", "param", "code"}
    assert error["code"] == code


def test_an_unknown_model_of_the_list(http: httpx.Client) -> None:
    answer = http.get("/v1/models/no/such")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"


def test_errors_of_anthropic_have_theirs(http: httpx.Client) -> None:
    answer = http.post("/v1/messages", json={"model": "nope", "messages": QUESTION})
    assert answer.status_code == 404
    found = answer.json()
    assert found["type"] == "error"
    assert found["error"]["type"] == "not_found_error"


def test_a_chat_that_is_too_long_is_told_so(http: httpx.Client) -> None:
    error = _chat(http, messages=[{"role": "user", "content": "a" * 5000}]).json()["error"]
    assert error["type"] == "exceed_context_size_error"
    assert error["n_ctx"] == 2048


@pytest.mark.parametrize("link", ["http://169.254.169.254/x", "file:///etc/passwd"])
@pytest.mark.parametrize("kind", ["chat", "responses", "messages"])
def test_links_are_not_fetched(http: httpx.Client, link: str, kind: str) -> None:
    parts = {
        "chat": {"type": "image_url", "image_url": {"url": link}},
        "responses": {"type": "input_image", "image_url": link},
        "messages": {"type": "image", "source": {"type": "url", "url": link}},
    }
    paths = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}
    content = [{"role": "user", "content": [parts[kind]]}]
    body = {"model": "tiny", "input" if kind == "responses" else "messages": content}
    answer = http.post(paths.get(kind, "/v1/messages"), json=body)
    assert answer.status_code == 400
    assert "fetches no links" in answer.text


MISTAKES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"messages": QUESTION, "tools": [{"kind": "a word of a caller"}]}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "text"}]}]}),
    ("/v1/chat/completions", {"messages": QUESTION, "model": "thinker", "picture": True}),
    ("/v1/messages", {"max_tokens": 3}),
    ("/v1/messages/count_tokens", {}),
    ("/v1/embeddings", {"input": "a" * 3000}),
    ("/detokenize", {"tokens": [99999]}),
]


@pytest.mark.parametrize(("path", "body"), MISTAKES, ids=lambda value: str(value)[:50])
def test_a_callers_mistake_is_no_fault_of_the_server(
    http: httpx.Client, endpoint: Endpoint, path: str, body: dict[str, Any]
) -> None:
    body = dict(body)
    if body.pop("picture", False):
        part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
        body = {**body, "messages": [{"role": "user", "content": [part]}]}
    answer = http.post(path, json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "a word of a caller" not in endpoint.logged()
