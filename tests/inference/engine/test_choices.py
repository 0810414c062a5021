"""Settings of the engine that change how, or what, it answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.inference import endpoint as endpoints
from tests.inference import tiny_gguf
from tests.standins.ollama import OllamaStandIn
from tests.standins.ollama_models import Library, tag

PROMPT = "one two one two one two one two"
GREEDY = {"temperature": 0, "num_predict": 24, "seed": 1}


@contextmanager
def _runtime(folder: Path, provider: str, *flags: str) -> Iterator[httpx.Client]:
    environ = {"ENGINE_BINARY": str(endpoints.binary_of(provider) or "")}
    with (
        endpoints.running(folder, *flags, environ=environ) as running,
        running.client() as client,
    ):
        yield client


def _said(http: httpx.Client, name: str) -> str:
    body: dict[str, Any] = {"model": name, "prompt": PROMPT, "stream": False, "options": GREEDY}
    return str(http.post("/api/generate", json=body).json()["response"])


def test_it_works(models: Path, provider: str, tmp_path: Path) -> None:
    """What only changes the pace changes no word."""
    model = ("--model", str(models / "tiny.gguf"), "--slots", "1")
    said = []
    others = (
        ("--speculative", "ngram"),
        ("--batch", "64", "--ubatch", "32", "--cpu-moe"),
    )
    for flags in ((), *others):
        with _runtime(tmp_path, provider, *model, *flags) as http:
            said.append(_said(http, "tiny"))
    assert said[0]
    assert said == [said[0]] * 3


@pytest.mark.parametrize("slots", ["3", "7"])
def test_any_number_of_slots(models: Path, provider: str, tmp_path: Path, slots: str) -> None:
    """With embeddings llama.cpp wants its step to be a multiple of them."""
    flags = ("--model", str(models / "tiny.gguf"), "--slots", slots, "--context-length", "512")
    with _runtime(tmp_path, provider, *flags) as http:
        assert _said(http, "tiny")
        texts = ["one", "two and three", "four"]
        answer = http.post("/api/embed", json={"model": "tiny", "input": texts})
        assert len(answer.json()["embeddings"]) == 3


def test_layers_for_drafts_must_be_there(models: Path, tmp_path: Path) -> None:
    flags = ("--model", str(models / "tiny.gguf"), "--speculative", "mtp")
    with endpoints.running(tmp_path, *flags, wait=False) as endpoint:
        endpoints.wait_ready(endpoint, "/readyz", 503)
        endpoints.wait_ready(endpoint, "/healthz")
        with endpoint.client() as http:
            answer = http.post("/api/generate", json={"model": "tiny", "prompt": "Hi"})
    assert answer.status_code == 422
    assert "SPECULATIVE is mtp, and the model has no layers for it. Set" in answer.json()["error"]


def test_an_adapter_of_the_registry_changes_what_is_said(provider: str, tmp_path: Path) -> None:
    weights = tiny_gguf.write_model(tmp_path / "base.gguf").read_bytes()
    adapter = tiny_gguf.write_adapter(tmp_path / "adapter.gguf").read_bytes()
    plain = tag("plain", weights)
    tuned = replace(plain, name="tuned", layers=(*plain.layers, ("adapter", adapter)))
    with OllamaStandIn([Library("mine", (plain, tuned))]) as registry:
        flags = ("--model", "mine:plain", "--model", "mine:tuned", "--slots", "1")
        told = ("--ollama-registry-url", registry.registry_url)
        with _runtime(tmp_path, provider, *flags, *told) as http:
            assert _said(http, "mine:plain")
            assert _said(http, "mine:tuned") != _said(http, "mine:plain")
