"""Answers other than text that take their time: loading, embedding, downloading."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.outcomes import SOON
from tests.inference import endpoint as endpoints
from tests.inference.endpoint import Endpoint
from tests.standins.gate import Gate
from tests.standins.ollama import OllamaStandIn
from tests.standins.ollama_models import Library, tag
from tests.standins.server import Reply, Request

BEATS = ("--heartbeat", "200ms")
SIGN = b" "


@pytest.fixture(scope="module")
def starting(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """Closed, it lets no engine be ready."""
    return Gate(tmp_path_factory.mktemp("starting"))


@pytest.fixture(scope="module")
def slow(
    models: Path, starting: Gate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    """A runtime whose engine is ready when its gate is open."""
    folder = tmp_path_factory.mktemp("slow")
    starting.open()
    with endpoints.running_on_stand_in(folder, models, *BEATS, start=starting.prompt) as running:
        yield running


def _in_silence(endpoint: Endpoint, gate: Gate, path: str, body: dict[str, object]) -> bytes:
    """The answer of an engine that says nothing until the caller has heard something."""
    gate.close()
    with endpoint.client() as http, http.stream("POST", path, json=body) as answer:
        assert answer.status_code == 200
        parts = answer.iter_raw()
        first = next(parts)
        gate.open()
        return first + b"".join(parts)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/generate", {"model": "tiny"}),
        ("/api/chat", {"model": "tiny", "messages": []}),
        ("/api/embed", {"model": "tiny", "input": "wait 0"}),
        ("/api/embeddings", {"model": "tiny", "prompt": "wait 0"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_model_that_loads_shows_signs_of_life(
    slow: Endpoint, starting: Gate, path: str, body: dict[str, object]
) -> None:
    with slow.client() as http:
        unloaded = http.post("/api/generate", json={"model": "tiny", "keep_alive": 0})
    assert unloaded.json()["done_reason"] == "unload"
    told = _in_silence(slow, starting, path, body)
    assert told.startswith(SIGN)
    assert json.loads(told)


def test_a_slow_embedding_shows_signs_of_life(slow: Endpoint, tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    body: dict[str, object] = {"model": "tiny", "input": gate.prompt}
    told = _in_silence(slow, gate, "/api/embed", body)
    assert told.startswith(SIGN)
    assert json.loads(told)["embeddings"] == [[1.0, 0.0]]


def test_a_failure_after_a_sign_of_life_is_told_all_the_same(
    slow: Endpoint, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    body: dict[str, object] = {"model": "tiny", "input": f"{gate.prompt} fail"}
    told = _in_silence(slow, gate, "/api/embed", body)
    assert json.loads(told) == {"error": "the graph could not be computed"}


def test_a_failure_before_one_has_its_status(models: Path, tmp_path: Path) -> None:
    with endpoints.running_on_stand_in(tmp_path, models) as endpoint, endpoint.client() as http:
        answer = http.post("/api/embed", json={"model": "tiny", "input": "fail"})
    assert answer.status_code == 500
    assert answer.json() == {"error": "the graph could not be computed"}


def test_a_download_without_a_stream_shows_signs_of_life(models: Path, tmp_path: Path) -> None:
    gate = threading.Event()
    library = Library("late", (tag("latest", (models / "tiny.gguf").read_bytes()),))
    with OllamaStandIn([library]) as registry:

        def waits(request: Request) -> Reply:
            gate.wait(SOON)
            return registry.manifest(request)

        path = r"/v2/(?P<namespace>[^/]+)/(?P<name>[^/]+)/manifests/(?P<tag>[^/]+)"
        registry.registry.route("GET", path, waits)
        flags = ("--allow-pull", "--ollama-registry-url", registry.registry_url)
        with (
            endpoints.running_on_stand_in(tmp_path, models, *BEATS, *flags) as endpoint,
            endpoint.client() as http,
            http.stream("POST", "/api/pull", json={"model": "late", "stream": False}) as answer,
        ):
            parts = answer.iter_raw()
            assert next(parts) == b" "
            gate.set()
            assert b"".join(parts).strip() == b'{"status":"success"}'
