"""The site, a Console and an endpoint of our own, and a browser's page whose clock tests turn."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.visit import PATIENCE, Visit
from tests.site.live import LiveSite
from tests.standins import console_answers
from tests.standins.console import ConsoleApi
from tests.standins.endpoint import Endpoint
from tests.standins.ollama import OllamaStandIn
from tests.wizard.demo.sites import wait_until_still

QWEN = "/models/ollama/qwen3:8b/deploy/?gpu=rtx3090&count=1"
CONFIGURATION = "/models/ollama/qwen3:8b/configure/"
AUDITED = console_answers.BIDDERS[1].address
POLL = 3000
# The browser and htmx write down each request that was refused or lost.
EXPECTED = ("Failed to load resource", "htmx: htmx:error", "htmx: htmx:response:error")


@dataclass
class World:
    """The site, the Console, the endpoint, and a browser's page on the site."""

    site: LiveSite
    console: ConsoleApi
    endpoint: Endpoint
    visit: Visit

    @property
    def page(self) -> Page:
        return self.visit.page

    def open(self, path: str = QWEN) -> None:
        self.page.goto(self.site.url + path)

    def press_deploy(self, *, automatic: bool = True) -> None:
        self.page.fill("#console-key", self.console.key)
        self.page.locator("#automatic").set_checked(automatic, force=True)
        self.page.click("#deploy-button")

    def wait(self, place: Locator, words: str | re.Pattern[str] = "") -> None:
        """Let the page's clock run until the place shows the words."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                expect(place.first).to_contain_text(words, timeout=300)
                return
            except AssertionError:
                self.page.clock.fast_forward(POLL)
        raise AssertionError(f"{words!r} never came in {place}")

    def step(self, name: str, state: str) -> None:
        """Let it run until a step is in a state; hidden ones have been so from the beginning."""
        assert state != "waiting"
        self.wait(self.page.locator(f'#step-{name}[data-state="{state}"]'))

    def trouble(self, words: str) -> None:
        self.wait(self.page.locator("#deploy-trouble"), words)


def forget_answers(site: LiveSite) -> None:
    """Let the site ask anew."""
    for kept in site.cache_dir.glob("*.djcache"):
        kept.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[ConsoleApi, Endpoint, LiveSite]]:
    with ConsoleApi() as console, Endpoint() as endpoint, OllamaStandIn() as ollama:
        settings = {
            "OFFLINE": "0",
            "CHECK_IMAGES": "0",
            "HUGGING_FACE_URL": "http://127.0.0.1:9",
            "OLLAMA_URL": ollama.url,
            "OLLAMA_REGISTRY_URL": ollama.registry_url,
            "CONSOLE_API_URL": console.url,
            "LOG_LEVEL": "DEBUG",
        }
        with LiveSite(**settings) as site:
            yield console, endpoint, site


@pytest.fixture
def world(browser: Browser, outside: tuple[ConsoleApi, Endpoint, LiveSite]) -> Iterator[World]:
    console, endpoint, site = outside
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    # What the page of the test before had asked for may still be on its way into the cache.
    wait_until_still(lambda: len(console.requests))
    console.reset()
    endpoint.reset()
    forget_answers(site)
    console.endpoint = endpoint.host
    page.clock.install()
    visit = Visit(page, site.url)
    page.on("request", visit.keep_request)
    page.on("console", visit.keep_message)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    yield World(site, console, endpoint, visit)
    context.close()
    assert [one for one in visit.complaints if not one.startswith(EXPECTED)] == []
    assert console.wrong == []
