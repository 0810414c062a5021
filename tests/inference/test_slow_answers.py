"""Answers other than text that take their time: loading, embedding, downloading."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.inference import endpoint as endpoints
from tests.inference.endpoint import Endpoint
from tests.standins.ollama import OllamaStandIn
from tests.standins.ollama_models import Library, tag
from tests.standins.server import Reply, Request

BEATS = ("--heartbeat", "200ms")
SIGN = b" "


@pytest.fixture(scope="module")
def slow(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A runtime whose engine needs a second to start."""
    folder = tmp_path_factory.mktemp("slow")
    with endpoints.running_on_stand_in(folder, models, *BEATS, start="slow") as running:
        yield running


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
    slow: Endpoint, path: str, body: dict[str, object]
) -> None:
    with slow.client() as http:
        unloaded = http.post("/api/generate", json={"model": "tiny", "keep_alive": 0})
        assert unloaded.json()["done_reason"] == "unload"
        answer = http.post(path, json=body)
    assert answer.status_code == 200
    assert answer.content.startswith(SIGN)
    assert answer.json()


def test_a_slow_embedding_shows_signs_of_life(slow: Endpoint) -> None:
    with slow.client() as http:
        answer = http.post("/api/embed", json={"model": "tiny", "input": "wait 1"})
    assert answer.content.startswith(SIGN)
    assert answer.json()["embeddings"] == [[1.0, 0.0]]


def test_a_failure_after_a_sign_of_life_is_told_all_the_same(slow: Endpoint) -> None:
    with slow.client() as http:
        late = http.post("/api/embed", json={"model": "tiny", "input": "wait 1 fail"})
        soon = http.post("/api/embed", json={"model": "tiny", "input": "wait 0 fail"})
    assert late.status_code == 200
    assert late.json() == {"error": "the graph could not be computed"}
    assert soon.status_code == 500
    assert soon.json() == late.json()


def test_a_download_without_a_stream_shows_signs_of_life(models: Path, tmp_path: Path) -> None:
    gate = threading.Event()
    library = Library("late", (tag("latest", (models / "tiny.gguf").read_bytes()),))
    with OllamaStandIn([library]) as registry:

        def waits(request: Request) -> Reply:
            gate.wait(20)
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
