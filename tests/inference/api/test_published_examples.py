"""The requests of the project's first published document, each with the answer's shape it shows.

An answer may have more fields than the document knew, and never fewer.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.inference.api.test_generate import ALL_OPTIONS

SKY = "Why is the sky blue?"
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": SKY}]}
JSON_PLEASE = "What color is the sky at different times of the day? Respond using JSON"
FIGURES = {
    "total_duration": int,
    "load_duration": int,
    "prompt_eval_count": int,
    "prompt_eval_duration": int,
    "eval_count": int,
    "eval_duration": int,
}
HEAD = {"model": str, "created_at": str}
WHOLE = {**HEAD, "response": str, "done": bool, "context": list, **FIGURES}
CHUNK = {**HEAD, "response": str, "done": bool}
MESSAGE = {"role": str, "content": str}
CHAT_CHUNK = {**HEAD, "message": {**MESSAGE, "images": None}, "done": bool}
DETAILS = {"format": str, "family": str, "parameter_size": str, "quantization_level": str}
LISTED = {"name": str, "modified_at": str, "size": int, "digest": str, "details": DETAILS}
# A time with its zone, to the microsecond at least.
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6,9}(Z|[+-]\d\d:\d\d)")


def _has_shape(found: Any, shape: Any) -> bool:
    if shape is None:
        return found is None
    if isinstance(shape, dict):
        return all(key in found and _has_shape(found[key], kind) for key, kind in shape.items())
    return type(found) is shape


def _lines(http: httpx.Client, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = http.post(path, json={"options": {"num_predict": 8}, **body})
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_it_works(http: httpx.Client) -> None:
    """A generate request that streams."""
    *chunks, last = _lines(http, "/api/generate", {"model": "tiny", "prompt": SKY})
    assert chunks
    assert all(_has_shape(chunk, CHUNK) and not chunk["done"] for chunk in chunks)
    assert _has_shape(last, WHOLE)
    assert last["response"] == ""
    assert last["done"] is True


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": SKY},
        {"prompt": JSON_PLEASE, "format": "json", "options": {"num_predict": 200}},
        {"prompt": SKY, "options": ALL_OPTIONS},
    ],
    ids=["plain", "JSON mode", "every option"],
)
def test_generate_without_a_stream(http: httpx.Client, body: dict[str, Any]) -> None:
    (found,) = _lines(http, "/api/generate", {"model": "tiny", "stream": False, **body})
    assert _has_shape(found, WHOLE)
    assert STAMP.fullmatch(found["created_at"])
    assert datetime.fromisoformat(found["created_at"])
    assert found["done"] is True


def test_a_model_is_loaded(http: httpx.Client) -> None:
    (found,) = _lines(http, "/api/generate", {"model": "tiny"})
    assert _has_shape(found, {**HEAD, "response": str, "done": bool})
    assert (found["response"], found["done"]) == ("", True)


def test_chat(http: httpx.Client) -> None:
    *chunks, last = _lines(http, "/api/chat", CHAT)
    assert all(_has_shape(chunk, CHAT_CHUNK) for chunk in chunks)
    assert chunks[0]["message"]["role"] == "assistant"
    assert _has_shape(last, {**HEAD, "done": bool, **FIGURES})
    (whole,) = _lines(http, "/api/chat", {**CHAT, "stream": False})
    assert _has_shape(whole, {**HEAD, "message": MESSAGE, "done": bool, **FIGURES})


def test_models_are_listed_and_shown(http: httpx.Client) -> None:
    listed = http.get("/api/tags").json()["models"]
    assert all(_has_shape(model, LISTED) for model in listed)
    assert all(re.fullmatch("[0-9a-f]{64}", model["digest"]) for model in listed)
    shown = http.post("/api/show", json={"name": "tiny"}).json()
    told = {"license": str, "modelfile": str, "template": str, "details": DETAILS}
    assert _has_shape(shown, told)
