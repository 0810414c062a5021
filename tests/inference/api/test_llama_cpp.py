"""llama.cpp's own routes, passed through: what changes nothing that other callers see."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.api.errors import LLAMA_CPP_ROUTES
from tests.faults.outcomes import eventually
from tests.inference.endpoint import Endpoint
from tests.standins.gate import Gate

MESSAGES = [{"role": "user", "content": "Hi"}]


def _post(http: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = http.post(path, json={"model": "tiny", **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_it_works(http: httpx.Client) -> None:
    found = _post(http, "/completion", prompt="Hi", n_predict=4, seed=1)
    assert found["tokens_predicted"] == 4
    assert (
        found["content"] == _post(http, "/completions", prompt="Hi", n_predict=4, seed=1)["content"]
    )
    chat = _post(http, "/chat/completions", messages=MESSAGES, max_tokens=4)
    assert chat["usage"]["completion_tokens"] == 4


def test_texts_become_tokens_and_texts_again(http: httpx.Client) -> None:
    tokens = _post(http, "/tokenize", content="Hello")["tokens"]
    assert len(tokens) == 5
    assert _post(http, "/detokenize", tokens=tokens)["content"] == "Hello"
    prompt = _post(http, "/apply-template", messages=MESSAGES)["prompt"]
    assert prompt == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions/input_tokens", "/chat/completions/input_tokens"]
)
def test_tokens_are_counted_beforehand(http: httpx.Client, path: str) -> None:
    counted = _post(http, path, messages=MESSAGES)
    chat = _post(http, "/v1/chat/completions", messages=MESSAGES, max_tokens=1)
    assert counted["input_tokens"] == chat["usage"]["prompt_tokens"]


def test_a_model_tells_what_it_is(http: httpx.Client) -> None:
    told = http.get("/props").json()
    assert told["default_generation_settings"]["n_ctx"] == 2048
    assert told["model_path"] == "tiny"
    assert http.get("/props", params={"model": "thinker"}).json()["model_path"] == "thinker"
    assert http.get("/props", params={"model": "nope"}).status_code == 404
    first, second, *_ = http.get("/models").json()["models"]
    assert first["capabilities"] == ["completion", "multimodal"]
    assert second["capabilities"] == ["completion"]


def test_each_request_names_a_slot_of_its_own(on_stand_in: Endpoint, tmp_path: Path) -> None:
    """The stand-in for the engine tells which slot it was asked to use."""
    gate = Gate(tmp_path)
    with on_stand_in.client() as http, ThreadPoolExecutor(1) as pool:
        eventually(lambda: http.get("/status").json()["in_flight"] == 0)
        busy = pool.submit(_post, http, "/v1/chat/completions", messages=_said(gate.prompt))
        eventually(lambda: gate.was_asked)
        slots = [_post(http, "/v1/chat/completions", messages=_said("x"))["id_slot"]]
        gate.open()
        slots.append(busy.result()["id_slot"])
    assert sorted(slots) == [0, 1]


def test_errors_have_llama_cpps_shape(http: httpx.Client) -> None:
    answer = http.post("/infill", json={"model": "tiny", "input_prefix": "a", "input_suffix": "b"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (501, 501, "not_supported_error")
    missing = http.post("/completion", json={"model": "nope", "prompt": "x"}).json()["error"]
    assert (missing["code"], missing["message"]) == (404, "The model 'nope' does not exist here.")


def test_slots_tell_whether_they_are_busy_and_nothing_of_what_is_asked(http: httpx.Client) -> None:
    body = {"model": "tiny", "prompt": "a secret", "n_predict": 4, "stream": True}
    with http.stream("POST", "/completion", json=body) as answer:
        next(answer.iter_lines())
        told = http.get("/slots", params={"model": "tiny"})
    found = told.json()
    assert {slot["n_ctx"] for slot in found} == {2048}
    assert {type(slot["is_processing"]) for slot in found} == {bool}
    assert "secret" not in told.text
    assert len(http.get("/slots").json()) == 4


def test_slots_of_a_model_that_is_not_here(http: httpx.Client) -> None:
    answer = http.get("/slots", params={"model": "nope"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, 404)


def test_nothing_is_fetched_for_a_page(http: httpx.Client) -> None:
    answer = http.get("/cors-proxy", params={"url": "http://example.com"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, 403)


@pytest.mark.parametrize("path", LLAMA_CPP_ROUTES)
def test_each_wants_the_key(http: httpx.Client, path: str) -> None:
    assert httpx.post(f"{http.base_url}{path}", json={}).status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/slots/0", "/lora-adapters", "/tools", "/models/load", "/v1/streams/lookup"],
)
def test_what_others_would_feel_is_not_offered(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code in (404, 405)
    assert http.post(path, json={}).status_code in (404, 405)
