"""From a name to an answer: a model of an Ollama registry, with what the registry adds to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.faults.outcomes import eventually
from tests.inference import endpoint as endpoints
from tests.inference.endpoint import Endpoint
from tests.standins.ollama import OllamaStandIn
from tests.standins.ollama_models import Library, digest_of, tag

PARAMS = json.dumps({"temperature": 0, "num_predict": 5, "stop": ["§"]}).encode()


def _library(models: Path, name: str) -> Library:
    made = tag("latest", (models / "tiny.gguf").read_bytes(), parameters="35K", quantisation="F32")
    kept = tuple(layer for layer in made.layers if layer[0] != "params")
    layers = (*kept, ("params", PARAMS), ("system", b"You are brief."))
    return Library(name, (replace(made, layers=layers),))


def _size_told(http: httpx.Client) -> int:
    (model,) = http.get("/status").json()["models"]
    return int(model["progress"]["size"]) if model["progress"] else 0


@pytest.fixture(scope="module")
def registry(models: Path) -> Iterator[OllamaStandIn]:
    with OllamaStandIn([_library(models, "first"), _library(models, "second")]) as standin:
        yield standin


@pytest.fixture(scope="module")
def served(registry: OllamaStandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    folder = tmp_path_factory.mktemp("served")
    flags = ["--model", "first", "--ollama-registry-url", registry.registry_url, "--allow-pull"]
    with endpoints.running(folder, *flags) as running:
        yield running


def test_it_works(served: Endpoint) -> None:
    with served.client() as http:
        body = {"model": "first", "prompt": "Hi", "stream": False}
        found = http.post("/api/generate", json=body).json()
        assert found["eval_count"] <= 5
        assert found["response"] == http.post("/api/generate", json=body).json()["response"]


def test_what_the_registry_adds_is_shown(served: Endpoint) -> None:
    with served.client() as http:
        found = http.post("/api/show", json={"model": "first:latest"}).json()
        (listed,) = [m for m in http.get("/api/tags").json()["models"] if "first" in m["name"]]
    assert found["system"] == "You are brief."
    assert "Apache License" in found["license"]
    assert "temperature" in found["parameters"]
    assert found["template"] == "{{ .Prompt }}"
    assert 'SYSTEM """You are brief."""' in found["modelfile"]
    assert listed["name"] == "first:latest"
    assert listed["details"]["parameter_size"] == "35K"


def test_its_system_prompt_counts_unless_the_caller_has_one(served: Endpoint) -> None:
    with served.client() as http:

        def tokens(*messages: dict[str, str]) -> int:
            body = {"model": "first", "messages": messages, "stream": False}
            return int(http.post("/api/chat", json=body).json()["prompt_eval_count"])

        question = {"role": "user", "content": "Hi"}
        shorter = {"role": "system", "content": "x"}
        assert tokens(question) > tokens(shorter, question)


QUESTION = {"role": "user", "content": "Hi"}
SAID: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("/v1/chat/completions", {"messages": [QUESTION]}, {}),
    ("/chat/completions", {"messages": [QUESTION]}, {}),
    ("/v1/responses", {"input": "Hi"}, {"instructions": "x"}),
    ("/v1/messages", {"messages": [QUESTION]}, {"system": "x"}),
]


@pytest.mark.parametrize(("path", "body", "own"), SAID, ids=[path for path, *_ in SAID])
def test_its_system_prompt_counts_in_every_dialect(
    served: Endpoint, path: str, body: dict[str, object], own: dict[str, object]
) -> None:
    own = own or {"messages": [{"role": "developer", "content": "x"}, QUESTION]}
    counting = "count_tokens" if path == "/v1/messages" else "input_tokens"
    with served.client() as http:
        by_it = http.post(f"/v1{path.removeprefix('/v1')}/{counting}", json=body).json()
        by_caller = http.post(f"/v1{path.removeprefix('/v1')}/{counting}", json={**body, **own})
        usage = http.post(path, json=body).json()["usage"]
    assert by_it["input_tokens"] - by_caller.json()["input_tokens"] == len("You are brief.") - 1
    read = ("prompt_tokens", "input_tokens", "cache_read_input_tokens")
    assert sum(usage.get(name, 0) for name in read) == by_it["input_tokens"]


@pytest.mark.parametrize(
    ("path", "longest", "written"),
    [
        ("/v1/chat/completions", "max_tokens", "completion_tokens"),
        ("/v1/responses", "max_output_tokens", "output_tokens"),
        ("/v1/messages", "max_tokens", "output_tokens"),
    ],
)
def test_its_params_bound_an_answer_that_nobody_bounded(
    served: Endpoint, path: str, longest: str, written: str
) -> None:
    body = {"input": "Hi"} if path == "/v1/responses" else {"messages": [QUESTION]}
    with served.client() as http:
        assert http.post(path, json=body).json()["usage"][written] <= 5
        own = http.post(path, json={**body, longest: 3}).json()["usage"][written]
    assert own <= 3


def test_its_params_count_for_openai_too(served: Endpoint) -> None:
    body = {"model": "first", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
    with served.client() as http:
        answers = {
            http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
            for _ in range(3)
        }
    assert len(answers) == 1


def test_a_caller_may_pull_and_delete(served: Endpoint) -> None:
    with served.client() as http:
        lines = http.post("/api/pull", json={"model": "second"}).text.splitlines()
        told = [json.loads(line) for line in lines]
        assert told[0] == {"status": "pulling manifest"}
        assert told[-1] == {"status": "success"}
        assert any(line.get("total") for line in told)
        chat = {"model": "second", "messages": [{"role": "user", "content": "Hi"}]}
        assert http.post("/api/chat", json=chat).status_code == 200
        assert http.request("DELETE", "/api/delete", json={"model": "second"}).status_code == 200
        assert http.post("/api/chat", json=chat).status_code == 404
        assert "second" not in http.get("/api/tags").text


def test_what_is_deleted_takes_its_aliases_along(registry: OllamaStandIn, tmp_path: Path) -> None:
    flags = ["--model", "first", "--ollama-registry-url", registry.registry_url, "--allow-pull"]
    with (
        endpoints.running(tmp_path, *flags, "--model-aliases", "gpt,*") as running,
        running.client() as http,
    ):
        assert http.request("DELETE", "/api/delete", json={"model": "gpt"}).status_code == 200
        assert http.get("/api/tags").json() == {"models": []}
        for name in ("gpt", "first", "anything"):
            answer = http.post("/api/chat", json={"model": name, "messages": []})
            assert answer.status_code == 404


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", ["nowhere", "?!"])
def test_what_cannot_be_pulled_is_told(served: Endpoint, stream: bool, name: str) -> None:
    with served.client() as http:
        answer = http.post("/api/pull", json={"model": name, "stream": stream})
    assert json.loads(answer.text.splitlines()[-1])["error"]


def test_a_download_is_shown_while_it_lasts(models: Path, tmp_path: Path) -> None:
    library = _library(models, "slow")
    weights = digest_of(dict(library.tags[0].layers)["model"]).removeprefix("sha256:")
    with OllamaStandIn([library]) as standin:
        standin.storage.hang(weights)
        flags = ["--model", "slow", "--ollama-registry-url", standin.registry_url]
        with (
            endpoints.running(tmp_path, *flags, wait=False) as endpoint,
            endpoint.client() as http,
        ):
            endpoints.wait_ready(endpoint, "/healthz")
            eventually(lambda: _size_told(http) > 0)
            assert http.get("/status").json()["phase"] == "pulling"
            assert http.get("/readyz").status_code == 503
            page = http.get("/", headers={"Accept": "text/html"})
            assert "<progress" in page.text
            assert "script-src 'self'" in page.headers["Content-Security-Policy"]
            answer = http.post("/api/chat", json={"model": "slow", "messages": []})
            assert answer.status_code == 503
            assert "still being downloaded" in answer.json()["error"]


def test_a_model_that_is_nowhere_is_told_on_the_page(
    registry: OllamaStandIn, tmp_path: Path
) -> None:
    flags = ["--model", "nowhere", "--ollama-registry-url", registry.registry_url]
    with endpoints.running(tmp_path, *flags, wait=False) as endpoint, endpoint.client() as http:
        endpoints.wait_ready(endpoint, "/healthz")
        eventually(lambda: http.get("/status").json()["phase"] == "failed")
        assert "nowhere" in http.get("/status").json()["message"]
        assert "Not started" in http.get("/", headers={"Accept": "text/html"}).text
