"""The examples of the endpoint's first documentation, answered by the tiny model as they say."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import httpx2
import pytest

from tests.ollama_example import EVERY_OPTION
from tests.site.live import LiveSite

FIGURES = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)
QUANTUM = "What is quantum mechanics?"
SKY = [{"role": "user", "content": "Why is the sky blue?"}]


def _post(site: LiveSite, path: str, body: dict[str, Any]) -> httpx2.Response:
    # As `curl -d` sends it: without saying that it is JSON.
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    content = json.dumps(body)
    answer = httpx2.post(f"{site.url}{path}", content=content, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


def _lines(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def _check_figures(told: dict[str, Any]) -> None:
    assert told["done"] is True
    assert all(type(told[name]) is int and told[name] > 0 for name in FIGURES)
    assert told["total_duration"] >= told["eval_duration"]
    assert datetime.fromisoformat(told["created_at"]).tzinfo is not None


def test_it_works(embedded: LiveSite) -> None:
    lines = _lines(_post(embedded, "/api/generate", {"model": "llava-phi3", "prompt": QUANTUM}))
    assert all(line["done"] is False and line["response"] for line in lines[:-1])
    assert lines[-1]["response"] == ""
    assert all(type(token) is int for token in lines[-1]["context"])
    _check_figures(lines[-1])


@pytest.mark.parametrize("model", ["llava-phi3", "llama2-7b", "mistral-7b", "llama3"])
def test_without_streaming_it_is_one_object(embedded: LiveSite, model: str) -> None:
    body = {"model": model, "prompt": QUANTUM, "stream": False}
    answer = _post(embedded, "/api/generate", body)
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    told = answer.json()
    assert told["response"]
    # It stands in for the model of the example, and does not pretend to be it.
    assert told["model"] == "oneclick-demo"
    assert told["context"]
    _check_figures(told)


def test_json_mode_gives_json(embedded: LiveSite) -> None:
    prompt = "What color is the sky at different times of the day? Respond using JSON"
    body = {"model": "llama3", "prompt": prompt, "format": "json", "stream": False}
    options = {"options": {"num_predict": 200, "seed": 1, "temperature": 0}}
    told = _post(embedded, "/api/generate", {**body, **options}).json()
    assert isinstance(json.loads(told["response"]), dict)
    _check_figures(told)


def test_every_option_is_taken(embedded: LiveSite) -> None:
    body = {"model": "llama3", "prompt": "Why is the sky blue?", "stream": False}
    told = _post(embedded, "/api/generate", {**body, "options": EVERY_OPTION}).json()
    assert told["response"]
    assert "\n" not in told["response"]
    _check_figures(told)


def test_an_empty_prompt_loads(embedded: LiveSite) -> None:
    told = _post(embedded, "/api/generate", {"model": "llama3"}).json()
    assert told["response"] == ""
    assert told["done"] is True
    assert datetime.fromisoformat(told["created_at"])


def test_a_chat_streams(embedded: LiveSite) -> None:
    lines = _lines(_post(embedded, "/api/chat", {"model": "llama3", "messages": SKY}))
    assert all(line["message"]["role"] == "assistant" for line in lines[:-1])
    assert "".join(line["message"]["content"] for line in lines[:-1])
    _check_figures(lines[-1])


def test_a_chat_without_streaming(embedded: LiveSite) -> None:
    body = {"model": "llama3", "messages": SKY, "stream": False}
    told = _post(embedded, "/api/chat", body).json()
    assert told["message"]["role"] == "assistant"
    assert told["message"]["content"]
    _check_figures(told)


def test_the_context_is_a_memory(embedded: LiveSite) -> None:
    first = {"model": "llama3", "prompt": "Hello", "stream": False}
    context = _post(embedded, "/api/generate", first).json()["context"]
    again = {**first, "prompt": "Who are you?", "context": context}
    told = _post(embedded, "/api/generate", again).json()
    assert told["context"][: len(context)] == context
    assert len(told["context"]) > len(context)


def test_models_are_listed(embedded: LiveSite) -> None:
    (model,) = httpx2.get(f"{embedded.url}/api/tags", timeout=60).json()["models"]
    assert model["name"] == "oneclick-demo"
    assert model["size"] > 1_000_000
    assert len(model["digest"]) == 64
    assert datetime.fromisoformat(model["modified_at"])
    details = model["details"]
    assert (details["format"], details["family"]) == ("gguf", "llama")
    assert details["parameter_size"]
    assert details["quantization_level"] == "Q8_0"


@pytest.mark.parametrize("key", ["name", "model"])
def test_a_model_is_shown(embedded: LiveSite, key: str) -> None:
    told = _post(embedded, "/api/show", {key: "llama3"}).json()
    wanted = {"modelfile", "template", "details", "model_info", "capabilities"}
    assert wanted <= told.keys()
    assert "tools" in told["capabilities"]
