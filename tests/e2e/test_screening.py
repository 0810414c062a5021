"""Who can host a plan, and each of the cards listed, as the configuration page tells it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Route, expect

from tests.e2e.deploying import CONFIGURATION, World
from tests.standins.server import text

pytestmark = pytest.mark.e2e
ASKING = re.compile("/screening[/?]")


def shown(world: World) -> Locator:
    return world.page.locator(".offers").first


def hosts(world: World, card: str) -> Locator:
    """What a card of the list says of who can host it."""
    return shown(world).locator(".offer", has_text=card).locator(".hosts")


def test_it_works(world: World) -> None:
    world.console.hosts_of = {"t4": (), "rtx3090": world.console.bidders[:1]}
    held: list[Route] = []
    world.page.route(ASKING, lambda route: held.append(route))  # noqa: PLW0108 - no builtin
    world.open(CONFIGURATION)
    expect(hosts(world, "RTX 3090")).to_be_empty()
    below = world.page.locator("#choices")
    before = below.bounding_box()
    # In this order: what is held when nobody waits for it any more, the browser lets go itself.
    for route in held:
        route.continue_()
    world.page.unroute(ASKING)
    world.wait(hosts(world, "RTX 3090"), "1 provider now")
    expect(hosts(world, "T4")).to_have_text("no providers now")
    expect(hosts(world, "P40")).to_have_text("3 providers now")
    world.wait(world.page.locator(".screening"), "3 providers can host this now")
    assert below.bounding_box() == before


def test_folded_cards_are_asked_about_when_they_are_seen(world: World) -> None:
    page = world.page
    world.open(CONFIGURATION)
    world.wait(hosts(world, "T4"), "3 providers now")
    world.wait(page.locator(".screening"), "3 providers can host this now")
    asked = len(world.console.screenings)
    folded = page.locator("#more-offers .hosts")
    page.clock.fast_forward(60_000)
    expect(folded.first).to_be_empty()
    page.click("#more-offers > summary")
    world.wait(folded.first, "3 providers now")
    part = page.locator("#more-offers .offers").first.locator(".offer").count()
    assert len(world.console.screenings) == asked + part
    expect(folded.last).to_be_empty()
    folded.last.scroll_into_view_if_needed()
    world.wait(folded.last, "3 providers now")


def test_another_choice_asks_anew(world: World) -> None:
    page = world.page
    world.open(CONFIGURATION)
    world.wait(hosts(world, "T4"), "3 providers now")
    world.console.hosts = world.console.bidders[:2]
    page.fill("#context", "4096")
    world.wait(hosts(world, "Quadro M4000"), "2 providers now")
    # What providers would be asked for with a T4 is the same: the answer of just now holds.
    expect(hosts(world, "T4")).to_have_text("3 providers now")
    assert "CONTEXT_LENGTH=4096" in page.locator("#sdl").inner_text()


def test_a_console_that_is_away_is_no_reason_to_worry(world: World) -> None:
    world.console.fail("/v1/bid-screening", text("upstream", 502))
    with world.page.expect_response(re.compile("/screening/0$")):
        world.open(CONFIGURATION)
        world.page.clock.fast_forward(2000)
    world.wait(world.page.locator(".screening"), "could not be asked")
    assert set(shown(world).locator(".hosts").all_inner_texts()) == {""}
    expect(world.page.locator("#trouble")).to_be_empty()


def test_without_scripts(browser: Browser, world: World) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(world.site.url + CONFIGURATION)
    expect(page.locator(".offer").first).to_be_visible()
    expect(page.locator(".hosts").first).to_be_hidden()
    page.get_by_role("link", name="Use this").first.click()
    expect(page).to_have_url(re.compile("gpu="))
    context.close()
    assert not world.console.screenings


def test_relaxations_lead_to_a_changed_configuration(world: World) -> None:
    world.console.only_ephemeral = True
    world.open("/models/ollama/qwen3:8b/configure/?gpu=rtx3090&count=1")
    way = world.page.locator(".ways a", has_text="without the persistent volume: 3")
    way.click()
    expect(world.page).to_have_url(re.compile("storage=ephemeral"))
    expect(world.page.locator(".screening")).to_contain_text("3 providers can host this now")
    world.page.click("#deploy-now")
    expect(world.page).to_have_url(re.compile("/deploy/.*storage=ephemeral"))
