"""Deploy, watch and close from the page, against a Console and an endpoint of our own."""

from __future__ import annotations

import hashlib
import threading

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.deploying import AUDITED, QWEN, World
from tests.standins.endpoint import GB
from tests.standins.server import text
from tests.wizard.sdl import factory
from wizard.sdl import document
from wizard.sdl.values import Secrets
from wizard.sdl.writer import to_yaml

pytestmark = pytest.mark.e2e


def test_it_works(world: World) -> None:
    world.endpoint.done = GB
    world.open()
    key = world.page.locator("#api-key").inner_text()
    world.press_deploy()
    world.wait(world.page.locator("#auto-words"), "Takes Example Hosting")
    world.step("download", "now")
    expect(world.page.locator("#step-download")).to_contain_text("1.0 GB of 5.0 GB · 80.0 MB/s")
    expect(world.page.locator("#step-download progress")).to_have_js_property("value", 0.2)
    # What is to be copied is there already, below the steps.
    expect(world.page.locator("#journey + #answer #snippet-curl")).to_be_visible()
    expect(world.page.locator("#snippet-curl")).to_contain_text(world.endpoint.address)
    expect(world.page.locator("#open-playground")).to_be_hidden()
    world.endpoint.phase = "loading"
    world.step("load", "now")
    world.endpoint.phase = "ready"
    world.step("ready", "done")
    expect(world.page.locator("#answer:has(+ #journey)")).to_contain_text("Your endpoint answers")
    expect(world.page.locator("#endpoint-url")).to_have_text(world.endpoint.address)
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
    expect(world.page.locator("#own-title")).to_contain_text("connected", timeout=60_000)
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
    has_reloaded = threading.Event()
    world.console.meanwhile = lambda: has_reloaded.wait(120)
    world.open()
    world.press_deploy()
    expect(world.page.locator("#deploy-state")).to_contain_text("on the chain")
    world.page.reload()
    has_reloaded.set()
    world.step("container", "done")
    assert len(world.console.held) == 1


def test_an_answer_that_was_lost_pays_once(world: World) -> None:
    world.console.lose_answers = 1
    world.open()
    world.press_deploy()
    world.step("container", "done")
    assert len(world.console.held) == 1
    assert world.console.count("/v1/deployments$", "POST") == 1


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
    expect(page.locator("#new-context")).to_have_attribute("placeholder", "4096")
    page.fill("#new-image", "runtime:latest")
    page.click("text=Update in place")
    world.trouble("is no image with a tag")


def test_the_list(world: World) -> None:
    page = world.page
    world.open()
    world.press_deploy()
    world.step("container", "done")
    dseq = world.console.active[0].dseq
    world.open("/deployments/")
    world.wait(page.locator("table.deployments"), "leased")
    row = page.locator("table.deployments tbody tr")
    expect(row).to_contain_text(f"{dseq} qwen3 8b")
    row.locator("a").click()
    world.wait(page.locator("#step-container"), "Container")
    assert page.url.endswith(f"/deploy/?gpu=rtx3090&count=1&dseq={dseq}")


def test_the_list_of_another_tab(world: World) -> None:
    """It knows the account alone."""
    page = world.page
    world.console.make(to_yaml(document.build(factory.plan(), Secrets())))
    world.open("/deployments/")
    page.fill("#console-key", world.console.key)
    page.get_by_role("button", name="Show them").click()
    world.wait(page.locator("table.deployments"), "waits for a lease")
    page.click("table.deployments a")
    world.step("bids", "now")
    assert page.url.endswith(f"/deployments/{world.console.active[0].dseq}/")


def test_the_tab_s_name_tells_how_far_it_is(world: World) -> None:
    world.open()
    expect(world.page).to_have_title("Deploy qwen3 · OneClickLLM")
    world.press_deploy()
    world.step("download", "now")
    expect(world.page).to_have_title("Weights · Deploy qwen3 · OneClickLLM")
    world.endpoint.phase = "ready"
    world.step("ready", "done")
    expect(world.page).to_have_title("Ready · Deploy qwen3 · OneClickLLM")


def test_the_key_is_kept_nowhere(world: World) -> None:
    world.open()
    world.press_deploy()
    world.step("container", "done")
    world.console.fail("/v1/deployments/", text("upstream", 500))
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
    # What was pressed is gone: the keyboard goes on where the page does.
    expect(world.page.locator("#journey-title")).to_be_focused()
    for _ in ("the first bid", "the second"):
        keys.press("Tab")
    keys.press("Enter")
    world.step("container", "done")
    expect(world.page.locator("#journey-title")).to_be_focused()
    assert world.console.active[0].provider == AUDITED
