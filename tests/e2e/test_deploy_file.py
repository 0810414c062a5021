"""From the wizard's deploy.yaml to an answer: what the file says is all that the runtime is told.

Each file is downloaded from a live site. Its env and args start the runtime
as the image does, in an environment that holds nothing else but what the
image sets; only the addresses of this machine differ: the port, the models'
folder, and the registries, which stand-ins are.
"""

from __future__ import annotations

import hashlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import ollama
import openai
import pytest
import yaml
from openai.types.chat import ChatCompletionMessageParam

from inference import entrypoint
from tests.inference import tiny_gguf
from tests.site.live import LiveSite
from tests.standins.console_prices import ConsolePrices
from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.huggingface_repo import Repo
from tests.standins.ollama import OllamaStandIn
from tests.standins.ollama_models import Library, tag
from tests.standins.ports import free_port
from wizard.sdl.values import HF_TOKEN_PLACEHOLDER

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "inference" / "Dockerfile.cpu"
HUB = "/models/hf/acme/tiny-GGUF"
GATED = "/models/hf/acme/gated-GGUF"
TOKEN = "hf_of-somebody-who-accepted"
OLLAMA = "/models/ollama/tiny:1b"
HUB_NAME = "hf.co/acme/tiny-GGUF:F32"
OWN_KEY = "ocl_a-key-that-the-page-made-in-the-browser"
STARTING = 120.0
QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hi"}]
FEW = {"num_predict": 6, "seed": 1}
Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class World:
    """The site, and the registries that both the site and the runtime ask."""

    site: LiveSite
    hub: HuggingFaceStandIn
    ollama: OllamaStandIn


@dataclass(frozen=True)
class Deployed:
    """A runtime that a file started, the file's env, and the key of its header."""

    url: str
    env: list[str]
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def ollama(self) -> ollama.Client:
        return ollama.Client(self.url, headers=self.headers)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("weights")
    weights = tiny_gguf.write_model(folder / "tiny.gguf", context=4096).read_bytes()
    facts = {"total": 35_000, "architecture": "llama", "context_length": 4096}
    files = {"README.md": b"# Tiny\n", "tiny-F32.gguf": weights}
    repo = Repo("acme/tiny-GGUF", files, gguf=facts, card={"license": "mit"}, library_name=None)
    gated = replace(repo, id="acme/gated-GGUF", gated="manual")
    library = Library("tiny", (tag("1b", weights, parameters="35K", quantisation="F32"),))
    with (
        HuggingFaceStandIn([repo, gated]) as hub,
        OllamaStandIn([library]) as registry,
        ConsolePrices() as prices,
    ):
        hub.tokens.add(TOKEN)
        settings = {
            "OFFLINE": "0",
            "CHECK_IMAGES": "0",
            "HUGGING_FACE_URL": hub.url,
            "OLLAMA_URL": registry.url,
            "OLLAMA_REGISTRY_URL": registry.registry_url,
            "CONSOLE_API_URL": prices.url,
        }
        with LiveSite(**settings) as site:
            yield World(site, hub, registry)


def _file(world: World, path: str, **query: str) -> tuple[dict[str, Any], str]:
    """The file's service, and the key that its header tells."""
    answer = httpx2.get(f"{world.site.url}{path}/deploy.yaml", params=query, timeout=60)
    assert answer.status_code == 200, answer.text
    told = re.search(r"^# API key: (\S+)$", answer.text, re.MULTILINE)
    service: dict[str, Any] = yaml.safe_load(answer.text)["services"]["llm"]
    return service, told[1] if told else ""


def _image_env() -> dict[str, str]:
    """What the image sets, apart from the places of its own file system."""
    (block,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", DOCKERFILE.read_text(), re.MULTILINE)
    pairs = dict(pair.split("=", 1) for pair in block.replace("\\\n", " ").split())
    return {
        **pairs,
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
    }


def _environ(world: World, service: dict[str, Any], folder: Path) -> dict[str, str]:
    """What the image's entry point gives to the server: the image's, the file's, and where."""
    env = dict(pair.split("=", 1) for pair in service["env"])
    here = {
        "PORT": str(free_port()),
        "MODELS_DIR": str(folder / "models"),
        "HUGGING_FACE_URL": world.hub.url,
        "OLLAMA_REGISTRY_URL": world.ollama.registry_url,
    }
    return entrypoint.environment({**_image_env(), **env, **here}, folder / "models")


@contextmanager
def _started(environ: dict[str, str], service: dict[str, Any], folder: Path) -> Iterator[Process]:
    """The server, as the entry point starts it."""
    assert "command" not in service
    command = [sys.executable, "-m", "inference", *(service.get("args") or ["serve"])]
    with (folder / "runtime.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _deployed(
    world: World, folder: Path, path: str, *, token: str = "", **query: str
) -> Iterator[Deployed]:
    """Start what the file describes, and wait until it is ready.

    ``token`` is what the page's script puts in the place of the token's placeholder.
    """
    service, key = _file(world, path, **query)
    environ = _environ(world, service, folder)
    if token:
        assert environ["HF_TOKEN"] == HF_TOKEN_PLACEHOLDER
        environ["HF_TOKEN"] = token
    with _started(environ, service, folder) as process:
        deployed = Deployed(f"http://127.0.0.1:{environ['PORT']}", service["env"], key)
        _wait(deployed, process, folder / "runtime.log")
        yield deployed


def _wait(deployed: Deployed, process: Process, log: Path) -> None:
    ends = time.monotonic() + STARTING
    while time.monotonic() < ends and process.poll() is None:
        try:
            if httpx2.get(f"{deployed.url}/readyz", timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"The file does not work:\n{log.read_text()}")


def _answers(deployed: Deployed, name: str) -> None:
    """Both dialects answer the name to whoever has the key."""
    assert deployed.ollama().chat(name, QUESTION, options=FEW).message.content
    parts = list(deployed.ollama().generate(name, "Hi", options=FEW, stream=True))
    assert parts[-1].done
    with openai.OpenAI(base_url=f"{deployed.url}/v1", api_key=deployed.key) as client:
        said = client.chat.completions.create(model=name, messages=QUESTION, max_tokens=6)
        assert said.choices[0].message.content
        assert name in [model.id for model in client.models.list()]


def _is_locked(deployed: Deployed) -> None:
    """Neither dialect answers without the key, or with another one."""
    for path in ("/api/tags", "/v1/models", "/api/ps"):
        for headers in ({}, {"Authorization": "Bearer ocl_wrong"}, {"x-api-key": "ocl_wrong"}):
            assert httpx2.get(deployed.url + path, headers=headers, timeout=60).status_code == 401
    with pytest.raises(ollama.ResponseError) as caught:
        ollama.Client(deployed.url).chat("any", QUESTION)
    assert caught.value.status_code == 401


@pytest.mark.parametrize(("path", "name"), [(HUB, HUB_NAME), (OLLAMA, "tiny:1b")])
def test_it_works(world: World, tmp_path: Path, path: str, name: str) -> None:
    with _deployed(world, tmp_path, path) as deployed:
        _answers(deployed, name)
        _is_locked(deployed)


def test_every_choice_reaches_the_runtime(world: World, tmp_path: Path) -> None:
    digest = hashlib.sha256(OWN_KEY.encode()).hexdigest()
    chosen = {"context": "1024", "slots": "2", "alias": "gpt-4o", "cpu_only": "1", "replicas": "2"}
    with _deployed(world, tmp_path, HUB, api_key_sha256=digest, **chosen) as deployed:
        assert not deployed.key
        held = replace(deployed, key=OWN_KEY)
        _answers(held, "gpt-4o")
        _is_locked(held)
        status = httpx2.get(f"{held.url}/status", headers=held.headers, timeout=60).json()
        (loaded,) = held.ollama().ps().models
    assert loaded.context_length == 1024
    assert status["engines"][0]["slots"] == 2
    assert "GPU_LAYERS=0" in held.env
    assert "LISTEN_WHEN_READY=1" in held.env


def test_a_gated_model_needs_the_token_that_the_page_fills_in(world: World, tmp_path: Path) -> None:
    with _deployed(world, tmp_path, GATED, token=TOKEN) as deployed:
        _answers(deployed, "hf.co/acme/gated-GGUF:F32")


def test_a_placeholder_that_was_left_is_told(world: World, tmp_path: Path) -> None:
    service, _ = _file(world, GATED)
    with _started(_environ(world, service, tmp_path), service, tmp_path) as process:
        assert process.wait(STARTING) == 2
    told = (tmp_path / "runtime.log").read_text()
    assert told.startswith("HF_TOKEN makes no sense: it still holds the placeholder")
