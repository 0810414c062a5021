"""A server of one model that answers to every name, as llama-server does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.inference import endpoint as endpoints

MESSAGES = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def http(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    flags = [
        *("--model", str(models / "tiny.gguf"), "--model-aliases", "*", "--slots", "1"),
        *("--context-length", "512", "--allow-pull"),
    ]
    with (
        endpoints.running(tmp_path_factory.mktemp("one"), *flags) as running,
        running.client() as client,
    ):
        yield client


def test_it_works(http: httpx.Client) -> None:
    body = {"model": "gpt-4o-mini", "messages": MESSAGES, "max_tokens": 2}
    chat = http.post("/v1/chat/completions", json=body)
    assert chat.status_code == 200, chat.text
    asked = {"model": "llama3", "prompt": "Hi", "stream": False, "options": {"num_predict": 2}}
    assert http.post("/api/generate", json=asked).status_code == 200


def test_it_goes_by_its_own_name_alone(http: httpx.Client) -> None:
    assert [model["id"] for model in http.get("/v1/models").json()["data"]] == ["tiny"]
    assert [model["name"] for model in http.get("/api/tags").json()["models"]] == ["tiny"]


def test_no_name_but_its_own_deletes_it(http: httpx.Client) -> None:
    answer = http.request("DELETE", "/api/delete", json={"model": "gpt-4o-mini"})
    assert (answer.status_code, answer.json()) == (404, {"error": "model 'gpt-4o-mini' not found"})


def test_the_engines_metrics_have_its_own_names(http: httpx.Client) -> None:
    http.post("/completion", json={"prompt": "Hi", "n_predict": 2})
    lines = http.get("/metrics").text.splitlines()
    assert "# TYPE llamacpp:tokens_predicted_total counter" in lines
    (told,) = (line for line in lines if line.startswith("llamacpp:tokens_predicted_total"))
    assert float(told.removeprefix("llamacpp:tokens_predicted_total ")) >= 2
