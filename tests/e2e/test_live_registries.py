"""The same pages while both registries and the prices answer, and when they fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import expect

from tests.e2e.conftest import Open
from tests.site.live import LiveSite
from tests.standins.console_prices import ConsolePrices
from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class World:
    """The site, and the servers that stand in for the outside."""

    site: LiveSite
    hub: HuggingFaceStandIn
    ollama: OllamaStandIn


@pytest.fixture
def world() -> Iterator[World]:
    with HuggingFaceStandIn() as hub, OllamaStandIn() as ollama, ConsolePrices() as prices:
        settings = {
            "OFFLINE": "0",
            "CHECK_IMAGES": "0",
            "HUGGING_FACE_URL": hub.url,
            "OLLAMA_URL": ollama.url,
            "OLLAMA_REGISTRY_URL": ollama.registry_url,
            "CONSOLE_API_URL": prices.url,
        }
        with LiveSite(**settings) as site:
            yield World(site, hub, ollama)


def test_it_works(visit_at: Open, world: World) -> None:
    seen = visit_at(world.site.url)
    seen.open("/?q=qwen3")
    expect(seen.page.locator("#results")).to_contain_text("Live from the registries")
    seen.page.locator(".model-row", has_text="Ollama").get_by_role("link").first.click()
    seen.page.get_by_role("link", name="Configure and deploy").click()
    seen.page.fill("#context", "4096")
    expect(seen.page.locator("#sdl")).to_contain_text("CONTEXT_LENGTH=4096")
    with seen.page.expect_download() as waiting:
        seen.page.click("#download")
    document = yaml.safe_load(Path(waiting.value.path()).read_text())
    assert any(pair.startswith("MODEL=qwen3") for pair in document["services"]["llm"]["env"])


def test_a_hub_model_reads_its_header(visit_at: Open, world: World) -> None:
    seen = visit_at(world.site.url)
    seen.open("/models/hf/Qwen/Qwen3-8B-GGUF/configure/")
    expect(seen.page.locator("#memory-total")).not_to_contain_text("rough")
    assert "as known on" not in seen.page.content()


def test_registries_that_are_down_are_said_to_be(visit_at: Open, world: World) -> None:
    world.hub.hub.drop()
    world.ollama.site.drop()
    seen = visit_at(world.site.url)
    seen.open("/?q=qwen3")
    expect(seen.page.locator("#results")).to_contain_text("Hugging Face is out of reach")
    expect(seen.page.locator("#results")).to_contain_text("The Ollama library is out of reach")
    expect(seen.page.locator(".model-row").first).to_be_visible()


def test_the_registry_never_learns_of_secrets(visit_at: Open, world: World) -> None:
    seen = visit_at(world.site.url)
    seen.open("/models/ollama/qwen3:8b/configure/")
    key = seen.page.locator("#api-key")
    expect(key).to_contain_text("ocl_")
    with seen.page.expect_download():
        seen.page.click("#download")
    servers = (world.hub.hub, world.ollama.site, world.ollama.registry)
    requests = [
        f"{item.target} {item.headers} {item.body!r}"
        for server in servers
        for item in server.requests
    ]
    assert requests
    assert key.inner_text() not in seen.sent_text() + "\n".join(requests)
