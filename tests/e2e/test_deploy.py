"""Deploy, watch and close from the page, against a Console and an endpoint of our own."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import Visit
from tests.site.live import LiveSite
from tests.standins import console_answers
from tests.standins.console import ConsoleApi, unaudited
from tests.standins.endpoint import GB, Endpoint
from tests.standins.ollama import OllamaStandIn
from tests.standins.provider import Provider, event, line
from tests.standins.server import text

pytestmark = pytest.mark.e2e

QWEN = "/models/ollama/qwen3:8b/deploy/?gpu=rtx3090&count=1"
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
        deadline = time.monotonic() + 30
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
    console.reset()
    endpoint.reset()
    for kept in site.cache_dir.glob("*.djcache"):
        kept.unlink()
    console.endpoint = endpoint.host
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.clock.install()
    visit = Visit(page, site.url)
    page.on("request", visit.keep_request)
    page.on("console", visit.keep_message)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    yield World(site, console, endpoint, visit)
    context.close()
    assert [one for one in visit.complaints if not one.startswith(EXPECTED)] == []
    assert console.wrong == []


def test_it_works(world: World) -> None:
    world.endpoint.done = GB
    world.open()
    key = world.page.locator("#api-key").inner_text()
    world.press_deploy()
    world.wait(world.page.locator("#auto-words"), "Takes Example Hosting")
    world.step("download", "now")
    expect(world.page.locator("#step-download")).to_contain_text("1.0 GB of 5.0 GB · 80.0 MB/s")
    expect(world.page.locator("#step-download progress")).to_have_js_property("value", 0.2)
    world.endpoint.phase = "loading"
    world.step("load", "now")
    world.endpoint.phase = "ready"
    world.step("ready", "done")
    expect(world.page.locator("#endpoint-url")).to_have_text(world.endpoint.address)
    expect(world.page.locator("#snippet-curl")).to_contain_text(world.endpoint.address)
    expect(world.page.locator("#snippet-curl")).to_contain_text(key)
    link = world.page.locator("#open-playground").get_attribute("href") or ""
    assert link.startswith("/playground/#endpoint=https%3A%2F%2F127.0.0.1")
    held = world.console.active[0]
    assert held.provider == AUDITED
    env = dict(line.split("=", 1) for line in held.document["services"]["llm"]["env"])
    assert env["API_KEY_SHA256"] == hashlib.sha256(key.encode()).hexdigest()
    assert key not in world.visit.sent_text()


def test_the_playground_takes_the_endpoint(world: World) -> None:
    world.endpoint.phase = "ready"
    world.open()
    world.press_deploy()
    world.step("ready", "done")
    key = world.page.locator("#api-key").inner_text()
    world.page.click("#open-playground")
    expect(world.page.locator("#own-title")).to_contain_text("connected", timeout=20_000)
    expect(world.page.locator("#own-url")).to_have_value(world.endpoint.address)
    expect(world.page.locator("#own-key")).to_have_value(key)


def test_an_engine_behind_its_gateway(world: World) -> None:
    world.endpoint.is_runtime = False
    world.open(f"{QWEN}&engine=ollama")
    world.endpoint.api_key = world.page.locator("#api-key").inner_text()
    world.press_deploy()
    world.step("download", "now")
    expect(world.page.locator("#step-download")).to_contain_text("downloaded or loaded")
    world.endpoint.phase = "ready"
    world.step("ready", "done")
    env = world.console.active[0].document["services"]["gateway"]["env"]
    assert f"API_KEY={world.endpoint.api_key}" in env


def test_the_same_file_again_finds_what_runs(world: World) -> None:
    for is_found in (False, True):
        world.open()
        world.press_deploy()
        world.step("container", "done")
        assert world.page.locator("#found").is_visible() is is_found
    assert len(world.console.held) == 1


def test_a_reload_at_each_step(world: World) -> None:
    page = world.page
    world.console.running_after = 3600
    world.open()
    world.press_deploy(automatic=False)
    world.wait(page.locator(".bid"))
    page.reload()
    world.wait(page.locator(".bid"))
    page.click(f'[data-accept="{AUDITED}"]')
    world.step("container", "now")
    page.reload()
    world.step("container", "now")
    world.console.running_after = 0
    world.step("download", "now")
    page.reload()
    world.step("download", "now")
    world.endpoint.phase = "ready"
    world.wait(page.locator("#answer"), world.endpoint.address)
    page.reload()
    world.wait(page.locator("#answer"), world.endpoint.address)
    assert len(world.console.held) == 1
    assert world.console.count("/v1/leases", "POST") == 1


def test_a_double_click_pays_once(world: World) -> None:
    world.console.create_seconds = 0.5
    world.open()
    world.page.fill("#console-key", world.console.key)
    world.page.dblclick("#deploy-button")
    world.step("container", "done")
    assert len(world.console.held) == 1


def test_a_reload_while_it_is_made_pays_once(world: World) -> None:
    world.console.create_seconds = 1
    world.open()
    world.press_deploy()
    expect(world.page.locator("#deploy-state")).to_contain_text("on the chain")
    world.page.reload()
    world.step("container", "done")
    assert len(world.console.held) == 1


def test_an_answer_that_was_lost_pays_once(world: World) -> None:
    world.console.lose_answers = 1
    world.open()
    world.press_deploy()
    world.step("container", "done")
    assert len(world.console.held) == 1
    assert world.console.count("/v1/deployments$", "POST") == 1


def test_a_lost_connection(world: World) -> None:
    world.console.running_after = 3600
    world.open()
    world.press_deploy()
    world.step("container", "now")
    world.page.context.set_offline(True)
    world.trouble("The connection is lost.")
    world.page.context.set_offline(False)
    world.console.running_after = 0
    world.step("download", "now")
    expect(world.page.locator("#deploy-trouble")).to_be_empty()


def test_another_tab_needs_the_key_only(world: World) -> None:
    world.endpoint.phase = "ready"
    world.open()
    world.press_deploy()
    world.step("ready", "done")
    address = world.page.url
    world.page.evaluate("sessionStorage.clear()")
    world.page.goto(address)
    expect(world.page.locator("#deploy-button")).to_have_text("Show it")
    expect(world.page.locator("#deposit")).to_be_hidden()
    world.page.fill("#console-key", world.console.key)
    world.page.click("#deploy-button")
    world.step("ready", "done")
    assert len(world.console.held) == 1


def test_closing_tells_the_cost(world: World) -> None:
    page = world.page
    world.endpoint.phase = "ready"
    world.open()
    world.press_deploy()
    world.step("ready", "done")
    page.click("#close-button")
    page.click("#close-not")
    assert world.console.active
    page.click("#close-button")
    page.click("#close-really")
    world.wait(page.locator("#progress"), "This deployment is closed.")
    expect(page.locator("#progress")).to_contain_text("It cost $0.0")
    expect(page.locator("#answer")).to_be_hidden()
    assert not world.console.active


def test_more_deposit_and_another_context(world: World) -> None:
    page = world.page
    world.endpoint.phase = "ready"
    world.open()
    world.press_deploy()
    world.step("ready", "done")
    page.fill("#more", "2.5")
    page.get_by_role("button", name="Add").click()
    world.wait(page.locator("#left"), "$7.")
    page.fill("#new-context", "4096")
    page.fill("#new-image", "ghcr.io/oneclickllm/runtime:1.0.1")
    page.click("text=Update in place")
    world.wait(page.locator("#manage-state"), "Updated")
    service = world.console.active[0].document["services"]["llm"]
    assert "CONTEXT_LENGTH=4096" in service["env"]
    assert service["image"].endswith(":1.0.1")
    page.fill("#new-image", "runtime:latest")
    page.click("text=Update in place")
    world.trouble("is no image with a tag")


def test_the_list(world: World) -> None:
    page = world.page
    world.open()
    world.press_deploy()
    world.step("container", "done")
    world.open("/deployments/")
    world.wait(page.locator("table.deployments"), "leased")
    page.click("table.deployments a")
    world.wait(page.locator("#step-container"), "Container")
    assert page.url.endswith(f"/deployments/{world.console.active[0].dseq}/")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("key", "another-key-entirely", "does not know this key"),
        ("may_write", False, "may not do that"),
        ("balance", 1.0, "too little credit"),
    ],
)
def test_a_refusal_has_a_way_out(world: World, field: str, value: object, words: str) -> None:
    world.open()
    key = world.console.key
    setattr(world.console, field, value)
    world.page.fill("#console-key", key)
    world.page.click("#deploy-button")
    world.trouble(words)
    expect(world.page.locator("#deploy-trouble a")).to_have_text("Open Akash Console")
    expect(world.page.locator("#deploy-button")).to_be_enabled()
    assert not world.console.held


def test_a_card_that_the_trial_has_not(world: World) -> None:
    world.console.is_trialing = True
    world.open("/models/ollama/qwen3:8b/deploy/?gpu=rtx4090&count=1")
    expect(world.page.locator("#deploy-form")).to_contain_text("trial cannot lease these cards")
    world.press_deploy()
    world.trouble("The free trial cannot lease these cards")


def test_no_bids_in_time(world: World) -> None:
    world.console.bidders = ()
    world.console.born_before = 150
    world.open()
    expect(world.page.locator("#screening")).to_contain_text("No provider can host this now")
    world.press_deploy()
    world.wait(world.page.locator("#progress"), "No provider has bid within two minutes")


def test_nobody_audited_is_asked_about(world: World) -> None:
    world.console.bidders = unaudited(console_answers.BIDDERS)
    world.open()
    world.press_deploy()
    world.wait(world.page.locator("#auto-words"), "choose one yourself")
    assert world.console.count("/v1/leases") == 0


def test_a_lease_that_is_lost(world: World) -> None:
    world.open()
    world.press_deploy()
    world.step("container", "done")
    world.console.lose_lease("lease_closed_insufficient_funds")
    world.wait(world.page.locator("#progress"), "The lease has ended")
    expect(world.page.locator("#endpoint-steps")).to_be_hidden()


def test_a_container_that_restarts(world: World) -> None:
    world.open()
    world.press_deploy()
    world.step("container", "done")
    world.console.is_crashing = True
    world.wait(world.page.locator("#step-container"), "has started anew once")
    expect(world.page.locator("#logs")).to_have_attribute("open", "")


def test_an_image_that_cannot_be_pulled(world: World) -> None:
    with Provider() as provider:
        provider.events = [event("Failed", 'Failed to pull image "ghcr.io/x:1": not found')]
        provider.lines = [line("no such thing")]
        world.console.bidders = (replace(console_answers.BIDDERS[1], host=provider.url),)
        world.console.running_after = 3600
        world.open()
        world.press_deploy()
        world.step("container", "now")
        world.page.click("#logs > summary")
        world.wait(world.page.locator("#logs-place"), "The image of “llm” cannot be pulled.")
        expect(world.page.locator("#logs-place pre")).to_contain_text("llm  no such thing")


def test_an_endpoint_that_cannot_start(world: World) -> None:
    world.endpoint.phase = "failed"
    world.endpoint.message = "The model needs a Hugging Face token."
    world.open()
    world.press_deploy()
    world.step("download", "failed")
    expect(world.page.locator("#endpoint-trouble")).to_contain_text("needs a Hugging Face token")


def test_nothing_moves(world: World) -> None:
    world.open()
    world.press_deploy()
    world.step("download", "now")
    world.page.clock.fast_forward(601_000)
    world.wait(world.page.locator("#endpoint-trouble"), "Nothing has moved for ten minutes")
    world.endpoint.done = GB
    world.wait(world.page.locator("#step-download"), "1.0 GB")
    expect(world.page.locator("#endpoint-trouble")).to_be_empty()


def test_an_outage_passes(world: World) -> None:
    world.console.running_after = 3600
    world.open()
    world.press_deploy()
    world.step("container", "now")
    world.console.fail("/v1/deployments/", text("upstream", 502))
    world.trouble("Akash Console does not answer")
    world.console.heal()
    world.console.running_after = 0
    world.step("download", "now")
    expect(world.page.locator("#deploy-trouble")).to_be_empty()


def test_relaxations_lead_to_a_changed_configuration(world: World) -> None:
    world.console.only_ephemeral = True
    world.open("/models/ollama/qwen3:8b/configure/?gpu=rtx3090&count=1")
    way = world.page.locator(".ways a", has_text="without the persistent volume: 3")
    way.click()
    expect(world.page).to_have_url(re.compile("storage=ephemeral"))
    expect(world.page.locator(".screening")).to_contain_text("3 providers can host this now")
    world.page.click("#deploy-now")
    expect(world.page).to_have_url(re.compile("/deploy/.*storage=ephemeral"))


def test_the_key_is_kept_nowhere(world: World) -> None:
    world.open()
    world.press_deploy()
    world.step("container", "done")
    world.console.fail("/v1/deployments/", text("upstream", 500), times=3)
    world.trouble("does not answer")
    key = world.console.key
    assert key not in world.site.log.read_text()
    assert "console: GET" in world.site.log.read_text()
    files = [file for file in world.site.cache_dir.rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if key.encode() in file.read_bytes()]
    assert not any(key in request.target for request in world.console.requests)
    kept = world.page.evaluate("JSON.stringify([localStorage, document.cookie])")
    assert key not in kept


def test_without_scripts(browser: Browser, world: World) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(world.site.url + QWEN)
    expect(page.locator("main")).to_contain_text("This page needs JavaScript")
    expect(page.get_by_role("link", name="download deploy.yaml")).to_be_visible()
    expect(page.locator("#deploy-form")).to_be_hidden()
    context.close()


def test_by_keyboard_alone(world: World) -> None:
    world.open()
    world.page.focus("#console-key")
    keys = world.page.keyboard
    keys.type(world.console.key)
    for _ in ("the link below it", "the deposit", "the tick"):
        keys.press("Tab")
    keys.press("Space")
    expect(world.page.locator("#automatic")).not_to_be_checked()
    keys.press("Tab")
    expect(world.page.locator("#deploy-button")).to_be_focused()
    keys.press("Enter")
    world.wait(world.page.locator(".bid"))
    world.page.locator(".bid button").nth(1).focus()
    keys.press("Enter")
    world.step("container", "done")
