from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from threading import Event

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.ollama import OllamaStandIn
from tests.standins.server import Reply, Request
from wizard.registry import catalogue
from wizard.registry import catalogue_store as store
from wizard.registry.errors import RateLimited
from wizard.registry.refresh import STATE, Refresh
from wizard.registry.values import ModelRef, Source

LLAMA = ModelRef(Source.OLLAMA, "library", "llama3.1", "70b")


@pytest.fixture
def library(hub: HuggingFaceStandIn, settings: Settings) -> Iterator[OllamaStandIn]:
    with OllamaStandIn() as standin:
        settings.OLLAMA_URL = standin.url
        settings.OLLAMA_REGISTRY_URL = standin.registry_url
        yield standin


def _run(output: Path, limit: int = 50) -> str:
    out = StringIO()
    call_command("refresh_catalogue", output=output, limit=limit, stdout=out, stderr=StringIO())
    return out.getvalue()


def _records(output: Path, name: str) -> dict[str, store.Record]:
    return {item["repo"]: item for item in store.read_file(output / name)["models"]}


def test_it_works(library: OllamaStandIn, tmp_path: Path) -> None:
    assert "knows" in _run(tmp_path)
    known = catalogue.load(tmp_path)
    assert (Source.OLLAMA, "llama3.1") in known.by_name
    assert any(entry.source is Source.HUGGING_FACE for entry in known.entries)
    row = next(
        row
        for row in _records(tmp_path, "ollama.json.gz")["llama3.1"]["variants"]
        if row[0] == "70b"
    )
    variant = store.variant_from(row)
    assert variant.size_is_exact
    shape = store.architecture_from(known.architectures[store.architecture_key(row)])
    assert shape.layers == 80


def test_cloud_and_mlx_tags_are_kept_as_refusals(library: OllamaStandIn, tmp_path: Path) -> None:
    _run(tmp_path)
    records = _records(tmp_path, "ollama.json.gz")
    assert records["deepseek-v4-pro"]["cloud"] == ["cloud"]
    assert "variants" not in records["deepseek-v4-pro"]
    assert records["qwen3"]["mlx"] == ["8b-mlx"]


def test_every_variant_points_to_a_known_shape(library: OllamaStandIn, tmp_path: Path) -> None:
    _run(tmp_path)
    known = catalogue.load(tmp_path)
    keys = {
        store.architecture_key(row)
        for entry in known.entries
        for row in entry.record.get("variants", ())
    }
    assert keys - {""} == set(known.architectures)


def test_a_limit_bounds_each_registry(library: OllamaStandIn, tmp_path: Path) -> None:
    _run(tmp_path, limit=2)
    assert len(_records(tmp_path, "ollama.json.gz")) == 2


def test_it_goes_on_where_it_was(library: OllamaStandIn, tmp_path: Path) -> None:
    work = Refresh(tmp_path, 3)
    refs = work.models()
    work.read(refs[0])
    asked = len(library.site.requests) + len(library.registry.requests)
    again = Refresh(tmp_path, 3)
    assert again.models() == refs
    again.read(refs[0])
    assert len(library.site.requests) + len(library.registry.requests) == asked


def test_a_model_that_cannot_be_served_is_left_out(library: OllamaStandIn, tmp_path: Path) -> None:
    work = Refresh(tmp_path, 3)
    missing = ModelRef(Source.OLLAMA, "library", "gone")
    assert not work.read(missing)
    assert work.read(ModelRef(Source.OLLAMA, "library", "qwen3"))


def test_it_waits_as_long_as_the_registry_says(library: OllamaStandIn, tmp_path: Path) -> None:
    pauses: list[float] = []
    library.site.rate_limit("/tags", wait=9)
    with pytest.raises(RateLimited):
        Refresh(tmp_path, 3, pauses.append).read(LLAMA)
    assert len(pauses) == 3
    assert all(0 < pause <= 10 for pause in pauses)
    assert not list(tmp_path.rglob("*.gz"))


def test_nothing_is_replaced_when_nothing_was_read(library: OllamaStandIn, tmp_path: Path) -> None:
    work = Refresh(tmp_path, 3)
    missing = ModelRef(Source.OLLAMA, "library", "gone")
    work.read(missing)
    with pytest.raises(Exception, match="stays as it is"):
        work.finish([missing])
    assert not list(tmp_path.glob("*.gz"))


def test_the_state_is_gone_when_it_is_done(library: OllamaStandIn, tmp_path: Path) -> None:
    _run(tmp_path, limit=2)
    assert not (tmp_path / STATE).exists()


def test_a_registry_that_is_down_is_told(library: OllamaStandIn, tmp_path: Path) -> None:
    library.site.drop()
    with pytest.raises(Exception, match="out of reach"):
        Refresh(tmp_path, 3, lambda _seconds: None).models()


def test_offline_is_refused(settings: Settings, tmp_path: Path) -> None:
    settings.OFFLINE = True
    with pytest.raises(CommandError, match="OFFLINE"):
        _run(tmp_path)


def test_a_limit_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--limit"):
        _run(tmp_path, limit=0)


def test_it_survives_being_killed(
    library: OllamaStandIn, hub: HuggingFaceStandIn, tmp_path: Path
) -> None:
    """Killed while the registry hangs in the middle, then run again to the end."""
    reached, released = Event(), Event()

    def stall(request: Request) -> Reply:
        reached.set()
        released.wait()
        return library.manifest(request)

    place = r"/v2/(?P<namespace>library)/(?P<name>gemma3)/manifests/(?P<tag>[^/]+)"
    library.registry.route("GET", place, stall)
    environment = {
        **os.environ,
        "OFFLINE": "0",
        "CACHE_DIR": str(tmp_path / "cache"),
        "HUGGING_FACE_URL": hub.url,
        "OLLAMA_URL": library.url,
        "OLLAMA_REGISTRY_URL": library.registry_url,
        "REGISTRY_TIMEOUT": "60",
    }
    output = tmp_path / "catalogue"
    command = [sys.executable, "manage.py", "refresh_catalogue", "--limit", "4"]
    with subprocess.Popen(
        [*command, "--output", str(output)], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        assert reached.wait(300)
        process.kill()
    released.set()
    assert len(list((output / STATE).glob("*.json"))) >= 2
    assert not list(output.glob("*.gz"))
    library.site.requests.clear()
    _run(output, limit=4)
    assert not library.site.count("/library/llama3.1/tags")
    assert {"llama3.1", "gemma3"} <= _records(output, "ollama.json.gz").keys()
