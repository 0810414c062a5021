"""One runtime for most tests: two tiny models, one that sees and calls tools, one that thinks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.inference import endpoint as endpoints
from tests.inference import tiny_gguf
from tests.inference.endpoint import Endpoint


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tiny.gguf``, ``thinker.gguf`` and ``projector.gguf``."""
    folder = tmp_path_factory.mktemp("gguf")
    tiny_gguf.write_model(folder / "tiny.gguf", template=tiny_gguf.WITH_TOOLS)
    tiny_gguf.write_model(folder / "thinker.gguf", template=tiny_gguf.WITH_THINKING, seed=3)
    tiny_gguf.write_projector(folder / "projector.gguf")
    return folder


@pytest.fixture(scope="session", params=endpoints.providers(), ids=lambda name: Path(name).name)
def provider(request: pytest.FixtureRequest) -> str:
    """Whose llama.cpp it is."""
    return str(request.param)


@pytest.fixture(scope="session")
def endpoint(
    models: Path, provider: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoint]:
    """A runtime with both models on the real engine; ``gpt-tiny`` is an alias of the first."""
    flags = [
        *("--model", str(models / "tiny.gguf"), "--model", str(models / "thinker.gguf")),
        *("--projector", str(models / "projector.gguf"), "--model-aliases", "gpt-tiny"),
        *("--slots", "4", "--cors-origins", "https://pages.example"),
    ]
    environ = {"ENGINE_BINARY": str(endpoints.binary_of(provider) or "")}
    with endpoints.running(tmp_path_factory.mktemp("runtime"), *flags, environ=environ) as running:
        yield running


@pytest.fixture
def http(endpoint: Endpoint) -> Iterator[httpx.Client]:
    """A client of the shared runtime that sends its key."""
    with endpoint.client() as client:
        yield client


@pytest.fixture(scope="session")
def on_stand_in(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A runtime on the stand-in engine, which does what its prompt says; beats every 0.3 s."""
    folder = tmp_path_factory.mktemp("stand-in")
    flags = ["--heartbeat", "0.3s", "--slots", "2"]
    with endpoints.running_on_stand_in(folder, models, *flags) as running:
        yield running
