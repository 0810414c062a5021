"""``/api/generate``, every request of the published examples among them."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.ollama_example import EVERY_OPTION

SHORT = {"num_predict": 8, "seed": 1}
ALL_OPTIONS = {**EVERY_OPTION, "num_predict": 10}


def _png() -> str:
    """A white picture of 8 × 8 pixels in base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\xff" * 24 for _ in range(8)))
    signature = b"\x89PNG\r\n\x1a\n"
    data = signature + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return base64.b64encode(data).decode()


PICTURE = _png()


def _generate(http: httpx.Client, **fields: Any) -> httpx.Response:
    body = {"model": "tiny", "prompt": "Why is the sky blue?", "options": SHORT, **fields}
    return http.post("/api/generate", json=body)


def _whole(http: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = _generate(http, stream=False, **fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_it_works(http: httpx.Client) -> None:
    answer = _generate(http)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    *chunks, last = [json.loads(line) for line in answer.text.splitlines()]
    assert chunks
    for chunk in chunks:
        assert set(chunk) == {"model", "created_at", "response", "done"}
        assert chunk["done"] is False
        assert datetime.fromisoformat(chunk["created_at"])
    assert last["done"] is True
    assert last["response"] == ""
    assert last["done_reason"] in ("stop", "length")


def test_whole_answer_has_every_figure(http: httpx.Client) -> None:
    answer = _generate(http, stream=False)
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    found = answer.json()
    figures = (
        *("total_duration", "load_duration", "prompt_eval_count"),
        *("prompt_eval_duration", "eval_count", "eval_duration"),
    )
    for figure in figures:
        assert isinstance(found[figure], int), figure
        assert found[figure] > 0, figure
    assert found["eval_count"] <= 8
    assert found["model"] == "tiny"
    assert found["response"]
    assert all(isinstance(token, int) for token in found["context"])


def test_every_published_option_is_taken(http: httpx.Client) -> None:
    found = _whole(http, options=ALL_OPTIONS)
    assert found["done"] is True
    assert found["eval_count"] <= 10
    assert "\n" not in found["response"]


def test_mirostat_changes_what_is_drawn(http: httpx.Client) -> None:
    base = {"seed": 7, "num_predict": 40, "temperature": 1.0}
    plain = _whole(http, options=base)
    steered = _whole(http, options={**base, "mirostat": 2, "mirostat_tau": 0.1})
    assert plain["response"] != steered["response"]


def test_a_seed_repeats_an_answer(http: httpx.Client) -> None:
    options = {"seed": 5, "num_predict": 20}
    assert _whole(http, options=options)["response"] == _whole(http, options=options)["response"]


def test_json_mode_gives_json(http: httpx.Client) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    found = _whole(http, format=schema, options={"num_predict": 200})
    assert isinstance(json.loads(found["response"])["ok"], bool)


@pytest.mark.parametrize("extra", [{}, {"raw": True}])
def test_format_json_begins_an_object(http: httpx.Client, extra: dict[str, Any]) -> None:
    found = _whole(http, format="json", options={"num_predict": 300}, **extra)
    assert found["response"].lstrip().startswith("{")


def test_without_a_prompt_the_model_is_loaded(http: httpx.Client) -> None:
    answer = http.post("/api/generate", json={"model": "tiny"})
    found = answer.json()
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert found["done"] is True
    assert found["done_reason"] == "load"
    assert found["response"] == ""


def test_context_goes_on_with_a_conversation(http: httpx.Client) -> None:
    first = _whole(http)
    second = _whole(http, prompt="And then?", context=first["context"])
    assert second["context"][: len(first["context"])] == first["context"]
    assert second["prompt_eval_count"] > first["prompt_eval_count"]


def test_raw_leaves_the_template_out(http: httpx.Client) -> None:
    found = _whole(http, raw=True, prompt="ab")
    assert found["prompt_eval_count"] == 2
    assert "context" not in found


def test_a_template_of_the_request_counts(http: httpx.Client) -> None:
    template = "{{ if .System }}S:{{ .System }}{{ end }}{{ .Prompt }}"
    assert _whole(http, prompt="ab", template=template)["prompt_eval_count"] == 2
    with_system = _whole(http, prompt="ab", template=template, system="x")
    assert with_system["prompt_eval_count"] == 5


def test_a_system_prompt_is_read(http: httpx.Client) -> None:
    plain = _whole(http)["prompt_eval_count"]
    assert _whole(http, system="Be brief.")["prompt_eval_count"] > plain


@pytest.mark.parametrize("picture", [PICTURE, f"data:image/png;base64,{PICTURE}"])
@pytest.mark.parametrize("raw", [False, True])
def test_pictures_are_read(http: httpx.Client, picture: str, raw: bool) -> None:
    without = _whole(http, raw=raw)["prompt_eval_count"]
    found = _whole(http, images=[picture], raw=raw)
    assert found["prompt_eval_count"] > without
    assert found["response"]


def test_logprobs_are_told_for_every_token(http: httpx.Client) -> None:
    for extra in ({}, {"raw": True}):
        found = _whole(http, logprobs=True, top_logprobs=2, **extra)
        assert len(found["logprobs"]) >= found["eval_count"] - 1
        assert all(entry["logprob"] <= 0 for entry in found["logprobs"])
        assert all(len(entry["top_logprobs"]) == 2 for entry in found["logprobs"])


def test_thoughts_come_apart_from_the_answer(http: httpx.Client) -> None:
    found = _whole(http, model="thinker", think=True)
    assert found["thinking"]
    assert found["response"] == ""


def test_thoughts_can_be_left_out(http: httpx.Client) -> None:
    found = _whole(http, model="thinker", think=False)
    assert "thinking" not in found
    assert found["response"]


def test_thoughts_of_a_continued_conversation(http: httpx.Client) -> None:
    found = _whole(http, model="thinker", think=True, context=[104, 105])
    assert found["thinking"]


def test_an_alias_is_answered_by_its_name(http: httpx.Client) -> None:
    assert _whole(http, model="gpt-tiny")["model"] == "gpt-tiny"
    assert _whole(http, model="gpt-tiny:latest")["model"] == "gpt-tiny:latest"


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"model": "nope"}, 404, "model 'nope' not found"),
        ({"model": ""}, 404, "model '' not found"),
        ({"options": {"top_k": "x"}}, 500, 'option "top_k" must be of type integer'),
        ({"options": {"temperature": "x"}}, 500, 'option "temperature" must be of type float32'),
        ({"options": {"stop": "x"}}, 500, 'option "stop" must be of type array'),
        ({"options": {"num_ctx": 1 << 20}}, 400, "CONTEXT_LENGTH"),
        ({"raw": True, "system": "x"}, 400, "raw mode does not support template, system, or conte"),
        ({"think": True}, 400, '"tiny" does not support thinking'),
        ({"think": "much"}, 400, "invalid think value"),
        ({"suffix": "x"}, 400, '"tiny" does not support insert'),
        ({"model": "thinker", "images": [PICTURE]}, 400, '"thinker" does not support vision'),
        ({"images": ["?"]}, 400, "illegal base64"),
        ({"format": "yaml"}, 500, "invalid format"),
        ({"keep_alive": "soon"}, 400, "invalid duration"),
        ({"top_logprobs": 21, "logprobs": True}, 400, "top_logprobs must be between 0 and 20"),
        ({"context": ["x"]}, 400, "context must be"),
        ({"context": [1 << 31]}, 400, "context must be"),
        ({"prompt": 5}, 400, '"prompt" must be of type string'),
        ({"template": "{{ range .Messages }}"}, 400, "not supported"),
    ],
)
def test_refusals(http: httpx.Client, fields: dict[str, Any], status: int, words: str) -> None:
    answer = _generate(http, **fields)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]


def test_an_empty_body_is_refused(http: httpx.Client) -> None:
    answer = http.post("/api/generate")
    assert (answer.status_code, answer.json()) == (400, {"error": "missing request body"})


def test_null_options_are_skipped(http: httpx.Client) -> None:
    assert _whole(http, options={"top_k": None, "unknown": {}, "num_predict": 3})["eval_count"] == 3
