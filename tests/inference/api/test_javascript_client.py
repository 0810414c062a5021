"""Ollama's own JavaScript client, unchanged, against this server."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.inference.api.test_chat import QUESTION, WEATHER
from tests.inference.api.test_generate import PICTURE
from tests.inference.endpoint import Endpoint
from tests.judge.client import HERE

FEW = {"num_predict": 6, "seed": 1}
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}},
    "required": ["colour"],
    "additionalProperties": False,
}


def _told(endpoint: Endpoint, *calls: tuple[str, Any], key: str = "") -> list[dict[str, Any]]:
    asked = {"url": endpoint.url, "key": key or endpoint.key, "calls": calls}
    done = subprocess.run(
        ["node", "ollama.mjs", json.dumps(asked)],
        cwd=HERE,
        capture_output=True,
        timeout=60,
        check=True,
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def _answers(endpoint: Endpoint, *calls: tuple[str, Any]) -> list[Any]:
    """What each call gave; none may have failed."""
    told = _told(endpoint, *calls)
    assert [each["error"] for each in told if "error" in each] == []
    return [each["answer"] for each in told]


def test_it_works(endpoint: Endpoint) -> None:
    chat = {"model": "tiny", "messages": QUESTION, "options": FEW}
    generate = {"model": "tiny", "prompt": "Hi", "options": FEW}
    whole, parts, text, texts = _answers(
        endpoint,
        ("chat", chat),
        ("chat", {**chat, "stream": True}),
        ("generate", generate),
        ("generate", {**generate, "stream": True}),
    )
    assert whole["message"]["content"]
    assert whole["done"]
    said = "".join(part["message"]["content"] for part in parts)
    assert said == whole["message"]["content"]
    assert [part["done"] for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1]["eval_count"] == 6
    assert text["response"] == "".join(part["response"] for part in texts)
    assert text["context"] == texts[-1]["context"]


def test_a_schema_is_kept_to(endpoint: Endpoint) -> None:
    chat = {"model": "tiny", "messages": QUESTION, "format": SCHEMA}
    found, anything = _answers(
        endpoint, ("chat", chat), ("generate", {"model": "tiny", "prompt": "", "format": "json"})
    )
    assert json.loads(found["message"]["content"])["colour"] in ("red", "blue")
    assert anything["done_reason"] == "load"


def test_thoughts_and_pictures(endpoint: Endpoint) -> None:
    seen = {"role": "user", "content": "What is it?", "images": [PICTURE]}
    thought, looked = _answers(
        endpoint,
        ("chat", {"model": "thinker", "messages": QUESTION, "think": True, "options": FEW}),
        ("chat", {"model": "tiny", "messages": [seen], "options": FEW}),
    )
    assert thought["message"]["thinking"]
    assert looked["message"]["content"]
    assert looked["prompt_eval_count"] > 16


def test_tools(endpoint: Endpoint, on_stand_in: Endpoint) -> None:
    chat = {"model": "tiny", "messages": QUESTION, "tools": [WEATHER]}
    (read,) = _answers(endpoint, ("chat", {**chat, "options": FEW}))
    assert read["message"]["role"] == "assistant"
    call = {**chat, "messages": [{"role": "user", "content": "call"}]}
    whole, parts = _answers(on_stand_in, ("chat", call), ("chat", {**call, "stream": True}))
    streamed = [one for part in parts for one in part["message"].get("tool_calls", [])]
    assert whole["message"]["tool_calls"] == streamed
    assert streamed[0]["function"]["arguments"] == {"place": "Paris"}


def test_embeddings(endpoint: Endpoint) -> None:
    both, older = _answers(
        endpoint,
        ("embed", {"model": "tiny", "input": ["a", "b"]}),
        ("embeddings", {"model": "tiny", "prompt": "a"}),
    )
    assert [len(vector) for vector in both["embeddings"]] == [32, 32]
    assert len(older["embedding"]) == 32


def test_models(endpoint: Endpoint) -> None:
    listed, shown, loaded, version = _answers(
        endpoint, ("list", None), ("show", {"model": "tiny"}), ("ps", None), ("version", None)
    )
    assert [model["name"] for model in listed["models"]][:2] == ["tiny", "thinker"]
    assert shown["details"]["family"] == "llama"
    assert shown["model_info"]["llama.context_length"] == 2048
    assert "tiny" in [model["name"] for model in loaded["models"]]
    assert version["version"]


def test_errors(endpoint: Endpoint, on_stand_in: Endpoint) -> None:
    chat = {"model": "nope", "messages": QUESTION}
    missing, wrong, pulled = _told(
        endpoint,
        ("chat", chat),
        ("generate", {"model": "tiny", "prompt": "Hi", "options": {"top_k": "x"}}),
        ("pull", {"model": "tiny"}),
    )
    assert missing == {"error": "model 'nope' not found", "status": 404}
    assert wrong["error"] == 'option "top_k" must be of type integer'
    assert pulled["status"] == 403
    (locked,) = _told(endpoint, ("chat", chat), key="wrong")
    assert locked["status"] == 401
    fails = {"model": "tiny", "messages": [{"role": "user", "content": "fail"}], "stream": True}
    (broken,) = _told(on_stand_in, ("chat", fails))
    assert broken["error"] == "the graph could not be computed"


def test_the_signs_of_life_are_taken(on_stand_in: Endpoint) -> None:
    chat = {"model": "tiny", "messages": [{"role": "user", "content": "wait 1"}]}
    whole, parts = _answers(on_stand_in, ("chat", chat), ("chat", {**chat, "stream": True}))
    assert whole["message"]["content"] == "word word "
    assert "".join(part["message"]["content"] for part in parts) == "word word "
