"""Several answers to one request: put together as llama-server tells them, with all tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.inference import endpoint as endpoints
from tests.inference.endpoint import Endpoint

QUESTION = [{"role": "user", "content": "Hi"}]
PROMPT = 21  # tokens of "Hi" in the tiny model's template
CHAT = {"model": "tiny", "messages": QUESTION, "max_tokens": 3, "ignore_eos": True}
TEXT = {"model": "tiny", "prompt": "Hi", "max_tokens": 3, "ignore_eos": True}


def ask(http: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def tokens(document: dict[str, Any]) -> tuple[int, int, int]:
    usage = document["usage"]
    return usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]


def form(value: Any) -> Any:
    """What a document is made of, without its values."""
    if isinstance(value, dict):
        return {key: form(item) for key, item in value.items()}
    if isinstance(value, list):
        return [form(item) for item in value[:1]]
    return type(value).__name__


def events(text: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/chat/completions", CHAT), ("/v1/completions", TEXT)]
)
def test_it_works(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    one, both = ask(http, path, **body), ask(http, path, **body, n=2)
    read, written, _ = tokens(one)
    assert tokens(both) == (read, 2 * written, read + 2 * written)
    assert [choice["index"] for choice in both["choices"]] == [0, 1]
    assert form(both) == form(one)


def test_what_is_said_is_what_the_engine_says(http: httpx.Client) -> None:
    """Greedy answers are all the same, and the same as a single one."""
    greedy = {**CHAT, "temperature": 0, "max_tokens": 20}
    one = ask(http, "/v1/chat/completions", **greedy)
    both = ask(http, "/v1/chat/completions", **greedy, n=2)
    (said,) = one["choices"]
    assert both["choices"] == [said, {**said, "index": 1}]


def test_probabilities(http: httpx.Client) -> None:
    body = {**CHAT, "logprobs": True, "top_logprobs": 2, "n": 2}
    both = ask(http, "/v1/chat/completions", **body)
    for choice in both["choices"]:
        assert len(choice["logprobs"]["content"]) == 3
        assert len(choice["logprobs"]["content"][0]["top_logprobs"]) == 2


def test_several_prompts(models: Path, provider: str, tmp_path: Path) -> None:
    """llama-server takes several from a model that sees nothing."""
    body = {**TEXT, "prompt": ["Hi", "Hiho"], "max_tokens": 2}
    flags = ["--model", str(models / "tiny.gguf"), "--slots", "4"]
    environ = {"ENGINE_BINARY": str(endpoints.binary_of(provider) or "")}
    with endpoints.running(tmp_path, *flags, environ=environ) as blind, blind.client() as http:
        assert tokens(ask(http, "/v1/completions", **body)) == (6, 4, 10)
        assert tokens(ask(http, "/v1/completions", **body, n=2)) == (6, 8, 14)


def test_a_prompt_of_the_cache_is_told_once(http: httpx.Client) -> None:
    body = {**CHAT, "messages": [{"role": "user", "content": "The same again " * 5}]}
    ask(http, "/v1/chat/completions", **body)
    for n in (1, 2):
        usage = ask(http, "/v1/chat/completions", **body, n=n)["usage"]
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        assert 0 <= cached < usage["prompt_tokens"]


def test_a_stream_tells_its_tokens_once(http: httpx.Client) -> None:
    body = {**CHAT, "n": 2, "stream": True, "stream_options": {"include_usage": True}}
    found = events(http.post("/v1/chat/completions", json=body).text)
    assert [event for event in found if event.get("usage")] == found[-1:]
    assert found[-1]["choices"] == []
    assert tokens(found[-1]) == (PROMPT, 6, PROMPT + 6)
    indices = {choice["index"] for event in found for choice in event["choices"]}
    assert indices == {0, 1}


def test_a_stream_that_tells_none_is_the_engines_own(http: httpx.Client) -> None:
    found = events(http.post("/v1/chat/completions", json={**CHAT, "n": 2, "stream": True}).text)
    assert not any(event.get("usage") for event in found)


def test_calls_of_tools(on_stand_in: Endpoint) -> None:
    """The stand-in gives one answer, whose calls come in pieces."""
    body = {"model": "tiny", "messages": [{"role": "user", "content": "call"}], "n": 2}
    with on_stand_in.client() as http:
        one = ask(http, "/v1/chat/completions", **{**body, "n": 1})
        two = ask(http, "/v1/chat/completions", **body)
    calls = [answer["choices"][0]["message"]["tool_calls"] for answer in (one, two)]
    assert calls[1] == calls[0]


def test_more_than_there_are_slots_is_refused(http: httpx.Client) -> None:
    answer = http.post("/v1/chat/completions", json={**CHAT, "n": 64})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_openais_client(endpoint: Endpoint) -> None:
    with openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=endpoint.key) as client:
        answer = client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "Hi"}], max_tokens=3, n=3
        )
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert answer.usage
    assert answer.usage.prompt_tokens == PROMPT
