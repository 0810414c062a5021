"""A suffix: text between what is there before and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.inference import endpoint as endpoints
from tests.inference import tiny_gguf
from tests.standins.ollama import OllamaStandIn
from tests.standins.ollama_models import Library, tag

FEW = {"num_predict": 6, "temperature": 0}
TEMPLATE = (
    b"{{- if .Suffix }}<PRE> {{ .Prompt }} <SUF>{{ .Suffix }} <MID>{{ else }}{{ .Prompt }}{{ end }}"
)


@pytest.fixture(scope="module")
def http(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A runtime with ``coder``, which has the tokens, and ``older``, which has a template."""
    folder = tmp_path_factory.mktemp("coder")
    coder = tiny_gguf.write_model(folder / "coder.gguf", fills_in=True)
    made = tag("latest", tiny_gguf.write_model(folder / "older.gguf").read_bytes())
    layers = tuple((kind, TEMPLATE if kind == "template" else blob) for kind, blob in made.layers)
    flags = ["--model", str(coder), "--model", "older", "--slots", "1"]
    environ = {"ENGINE_BINARY": str(endpoints.binary_of(provider) or "")}
    with OllamaStandIn([Library("older", (replace(made, layers=layers),))]) as registry:
        told = ("--ollama-registry-url", registry.registry_url)
        with (
            endpoints.running(folder, *flags, *told, environ=environ) as running,
            running.client() as client,
        ):
            yield client


def _filled(http: httpx.Client, **fields: Any) -> dict[str, Any]:
    body = {"model": "coder", "prompt": "def f(", "stream": False, "options": FEW, **fields}
    answer = http.post("/api/generate", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_it_works(http: httpx.Client) -> None:
    filled = _filled(http, suffix="return x")
    assert filled["eval_count"] == 6
    assert filled["response"]
    longer = _filled(http, suffix="return x + 1")
    assert longer["prompt_eval_count"] == filled["prompt_eval_count"] + len(" + 1")


def test_a_stream_says_the_same(http: httpx.Client) -> None:
    body = {"model": "coder", "prompt": "def f(", "suffix": "return x", "options": FEW}
    lines = [json.loads(line) for line in http.post("/api/generate", json=body).text.splitlines()]
    said = "".join(line["response"] for line in lines)
    assert said == _filled(http, suffix="return x")["response"]
    assert lines[-1]["done"]


def test_an_older_models_template_is_filled(http: httpx.Client) -> None:
    filled = _filled(http, model="older", suffix="return x")
    written = "<PRE> def f( <SUF>return x <MID>"
    raw = _filled(http, model="older", prompt=written, raw=True)
    assert filled["response"] == raw["response"]
    assert filled["prompt_eval_count"] == len(written)


@pytest.mark.parametrize("name", ["coder", "older"])
def test_it_is_told(http: httpx.Client, name: str) -> None:
    assert "insert" in http.post("/api/show", json={"model": name}).json()["capabilities"]
