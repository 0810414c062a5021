"""Everything that can go wrong with a deployment, each seen once in words with the way out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.deploying import AUDITED, World, forget_answers
from tests.standins import console_answers
from tests.standins.console import unaudited
from tests.standins.endpoint import GB
from tests.standins.provider import Provider, event, line
from tests.standins.server import json, text

pytestmark = pytest.mark.e2e


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


def test_a_key_that_is_deleted_meanwhile(world: World) -> None:
    world.console.running_after = 3600
    world.open()
    world.press_deploy()
    world.step("container", "now")
    world.console.key = "another-key-entirely"
    world.trouble("does not know this key")
    world.page.fill("#console-key", world.console.key)
    world.console.running_after = 0
    world.page.click("#deploy-button")
    world.step("container", "done")
    expect(world.page.locator("#deploy-trouble")).to_be_empty()
    assert len(world.console.held) == 1


def test_a_console_that_asks_to_slow_down(world: World) -> None:
    world.console.fail("/v1/deployments$", json({"message": "Too many requests"}, 429), times=2)
    world.open()
    world.press_deploy()
    world.trouble("asks us to slow down")
    world.step("container", "done")
    expect(world.page.locator("#deploy-trouble")).to_be_empty()


def test_no_bids_in_time(world: World) -> None:
    """The answer of the screening is asked for anew, and says what would let somebody bid."""
    page = world.page
    world.console.bids_after = 3600
    world.console.born_before = 150
    world.open()
    expect(page.locator("#screening")).to_contain_text("3 providers can host this now")
    world.console.only_ephemeral = True
    forget_answers(world.site)
    world.press_deploy()
    world.wait(page.locator("#progress"), "No provider has bid within two minutes")
    world.wait(page.locator("#screening .ways"), "without the persistent volume")
    page.click("#close-button")
    page.click("#close-really")
    world.wait(page.locator("#progress"), "This deployment is closed.")
    assert world.console.balance == 50
    page.locator("#screening .ways a", has_text="without the persistent volume").click()
    expect(page).to_have_url(re.compile("/configure/.*storage=ephemeral"))


def test_a_bid_that_is_gone(world: World) -> None:
    page = world.page

    def go_away(route: Route) -> None:
        world.console.bidders = console_answers.BIDDERS[:1]
        route.continue_()

    world.open()
    world.press_deploy(automatic=False)
    world.wait(page.locator(".bid"))
    page.route("**/lease", go_away)
    page.click(f'[data-accept="{AUDITED}"]')
    world.trouble("That bid is gone")
    world.wait(page.locator(".bids:not(:has(.bid + .bid))"))
    expect(page.locator("#deploy-trouble")).to_contain_text("Choose another of the bids")
    page.click("[data-accept]")
    world.step("container", "done")
    expect(page.locator("#deploy-trouble")).to_be_empty()
    assert len(world.console.active) == 1


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


def test_a_provider_that_does_not_take_the_file(world: World) -> None:
    world.console.born_before = world.console.leased_before = 1000
    world.console.status_after = 3600
    world.open()
    world.press_deploy()
    world.wait(world.page.locator("#progress"), "has not taken the file within fifteen minutes")
    expect(world.page.locator("#logs")).to_have_attribute("open", "")


def test_readiness_that_comes_too_late(world: World) -> None:
    world.console.born_before = world.console.leased_before = 1000
    world.console.running_after = 3600
    world.open()
    world.press_deploy()
    world.wait(world.page.locator("#progress"), "has not started within fifteen minutes")
    expect(world.page.locator("#logs")).to_have_attribute("open", "")
    world.page.click("#logs > summary")
    world.page.clock.fast_forward(10_000)
    expect(world.page.locator("#logs")).not_to_have_attribute("open", "")
    world.console.running_after = 0
    world.step("container", "done")
    expect(world.page.locator("#progress")).not_to_contain_text("fifteen minutes")


def test_a_container_that_restarts(world: World) -> None:
    with Provider() as provider:
        provider.events = [event("BackOff", "Back-off restarting failed container")]
        provider.lines = [line("CUDA error: out of memory")]
        world.console.bidders = (replace(console_answers.BIDDERS[1], host=provider.url),)
        world.open()
        world.press_deploy()
        world.step("container", "done")
        world.console.is_crashing = True
        world.wait(world.page.locator("#step-container"), "has started anew once")
        logs = world.page.locator("#logs-place")
        world.wait(logs, "“llm” has ended and is started again and again.")
        expect(logs.locator("pre")).to_contain_text("llm  CUDA error: out of memory")


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
    expect(world.page.locator("#answer")).to_be_hidden()


def test_a_model_that_is_here_and_cannot_be_loaded(world: World) -> None:
    world.endpoint.phase, world.endpoint.done = "failed", world.endpoint.size
    world.endpoint.message = "The model needs 9.1 GB, and the card has 7.8 GB left."
    world.open()
    world.press_deploy()
    world.step("load", "failed")
    expect(world.page.locator("#step-load")).to_contain_text("needs 9.1 GB")


def test_a_change_whose_answer_is_lost(world: World) -> None:
    page = world.page
    world.endpoint.phase = "ready"
    world.open()
    world.press_deploy()
    world.step("ready", "done")
    page.route("**/update", lambda route: route.abort())
    page.fill("#new-context", "4096")
    page.click("text=Update in place")
    world.trouble("The connection is lost")
    expect(page.locator("#manage-state")).to_contain_text("the same change twice does no harm")
    page.clock.fast_forward(16_000)
    expect(page.locator("#deploy-trouble")).to_be_empty()
    page.unroute("**/update")
    page.click("text=Update in place")
    world.wait(page.locator("#manage-state"), "Updated")


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
