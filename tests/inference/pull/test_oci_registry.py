"""Debian's ``docker-registry``: a real one, holding a model as Ollama's registry does."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from inference.errors import DigestMismatch, ModelNotFound
from inference.models import LocalModel
from inference.pull.tasks import pull
from inference.settings import load
from tests.inference.pull.child import PIECE
from tests.inference.pull.conftest import QUICK
from tests.standins.ports import free_port
from tests.standins.weights import gguf

NAME = "acme/tiny:latest"
SIZE = 24 << 20
KILLS = 50
LAYERS = {"params": b'{"temperature": 0}', "system": b"You are brief.", "license": b"MIT"}
CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {folder}}}
  cache: {{blobdescriptor: inmemory}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@dataclass(frozen=True)
class Registry:
    """Where the registry listens and keeps its blobs, and the model's weights."""

    url: str
    folder: Path
    data: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def blob(self) -> Path:
        (path,) = self.folder.glob(f"docker/registry/v2/blobs/sha256/*/{self.digest}/data")
        return path


def _push(url: str, data: bytes) -> str:
    """Upload a blob as the distribution's specification says; answers its digest."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    place = httpx2.post(f"{url}/v2/acme/tiny/blobs/uploads/").headers["Location"]
    headers = {"Content-Type": "application/octet-stream"}
    parameters = httpx2.URL(place).copy_merge_params({"digest": digest})
    answer = httpx2.put(parameters, content=data, headers=headers, timeout=60)
    assert answer.status_code == 201, answer.text
    return digest


def _push_model(url: str, weights: bytes) -> None:
    config = json.dumps({"model_format": "gguf", "model_family": "llama", "file_type": "Q8_0"})
    kind = "application/vnd.ollama.image."
    blobs = {"model": weights, **LAYERS}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": _push(url, config.encode()),
            "size": len(config),
        },
        "layers": [
            {"mediaType": kind + name, "digest": _push(url, data), "size": len(data)}
            for name, data in blobs.items()
        ],
    }
    headers = {"Content-Type": str(manifest["mediaType"])}
    answer = httpx2.put(
        f"{url}/v2/acme/tiny/manifests/latest", content=json.dumps(manifest), headers=headers
    )
    assert answer.status_code == 201, answer.text


def _wait_for(url: str) -> None:
    ends = time.monotonic() + 60
    while True:
        try:
            httpx2.get(f"{url}/v2/", timeout=5)
            return
        except httpx2.TransportError:
            assert time.monotonic() < ends, "the registry did not start"
            time.sleep(0.05)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    program = shutil.which("docker-registry")
    assert program, "No docker-registry here: make test installs it."
    port, folder = free_port(), tmp_path / "registry"
    file = tmp_path / "registry.yml"
    file.write_text(CONFIGURATION.format(folder=folder, port=port))
    with subprocess.Popen(
        [program, "serve", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        url, data = f"http://127.0.0.1:{port}", gguf(SIZE, 11)
        try:
            _wait_for(url)
            _push_model(url, data)
            yield Registry(url, folder, data)
        finally:
            process.terminate()


def _environ(registry: Registry, folder: Path) -> dict[str, str]:
    return {"OLLAMA_REGISTRY_URL": registry.url, "MODELS_DIR": str(folder)}


def _pull(registry: Registry, folder: Path, name: str = NAME) -> LocalModel:
    told = load(["--model", name], _environ(registry, folder), serving=False)
    return asyncio.run(pull(told.models[0], told, limits=QUICK))


def test_it_works(registry: Registry, tmp_path: Path) -> None:
    model = _pull(registry, tmp_path / "models")
    assert model.path.read_bytes() == registry.data
    assert model.params == {"temperature": 0}
    assert (model.system, model.licenses) == ("You are brief.", ("MIT",))
    pinned = _pull(registry, tmp_path / "others", f"{NAME}@sha256:{model.digest}")
    assert pinned.path.read_bytes() == registry.data


def test_fifty_kills_end_with_the_same_bytes(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    chance = random.Random(20261124)  # noqa: S311 - the same moments in every run
    journal = folder / "blobs" / f"sha256-{registry.digest}.journal"
    found = [_killed(registry, folder, journal, chance) for _ in range(KILLS)]
    assert found == sorted(found)
    assert 0 < found[-1] <= SIZE // PIECE
    ready = _start(registry, folder)
    path = Path(ready.communicate()[0].split()[-1])
    assert ready.returncode == 0
    assert hashlib.sha256(path.read_bytes()).hexdigest() == registry.digest
    assert [file for file in path.parent.iterdir() if file.suffix in (".part", ".journal")] == []


def test_a_flipped_byte_is_refused(registry: Registry, tmp_path: Path) -> None:
    data = bytearray(registry.data)
    data[SIZE // 2] ^= 1
    registry.blob.write_bytes(data)
    with pytest.raises(DigestMismatch):
        _pull(registry, tmp_path / "models")
    assert list((tmp_path / "models" / "blobs").glob(f"*{registry.digest}*")) == []


def test_a_tag_that_is_not_there_is_told(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        _pull(registry, tmp_path / "models", "acme/tiny:7b")


def _start(registry: Registry, folder: Path, **others: str) -> subprocess.Popen[str]:
    environ = {**os.environ, **_environ(registry, folder), **others}
    command = [sys.executable, "-m", "tests.inference.pull.child", NAME]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


def _killed(registry: Registry, folder: Path, journal: Path, chance: random.Random) -> int:
    """Let a pull be killed once it has noted a few pieces more; the pieces that are noted then."""
    more = 1 + chance.randrange(SIZE // PIECE // KILLS)
    child = _start(registry, folder, KILLED_AFTER=str(more))
    child.communicate()
    assert child.returncode == -9
    return _noted(journal)


def _noted(journal: Path) -> int:
    return journal.read_text().count("\n[") if journal.exists() else 0
