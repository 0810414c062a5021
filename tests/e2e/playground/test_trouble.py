"""What goes wrong is told in words that help, and nothing is lost by it."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit
from tests.e2e.playground.talking import ask, forgive, settled, upstreams
from tests.site.live import LiveSite
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import OPEN, wait_until

pytestmark = pytest.mark.e2e


def test_a_limit_is_told_with_the_time_to_wait(
    at: Callable[..., Visit], ada: Upstream, bob: Upstream
) -> None:
    settings = {**OPEN, "DEMO_RATE": "1/minute", "DEMO_UPSTREAMS": upstreams(ada, bob)}
    with LiveSite(**settings) as limited:
        visit = at(limited.url)
        page = visit.page
        ask(page, "one")
        ask(page, "two")
        trouble = page.locator(".answer-trouble").filter(visible=True)
        expect(trouble).to_contain_text("That was the limit for one visitor")
        retry = trouble.get_by_role("button", name=re.compile(r"^Retry in \d+ s$"))
        expect(retry).to_be_disabled()
        forgive(visit, "429")


def test_a_model_that_dies_in_its_answer_leaves_the_half_and_a_way_on(
    at: Callable[..., Visit], site: LiveSite
) -> None:
    page = at(site.url).page
    answer = ask(page, "die")
    expect(answer.locator(".md")).to_have_text("You said: die")
    expect(answer.locator(".answer-trouble")).to_contain_text("in the middle of the answer")
    answer.get_by_role("button", name="Retry").click()
    settled(page)
    expect(page.locator(".branches")).to_have_text("2 of 2")


def test_an_error_in_mid_stream_is_told_in_the_models_words(page: Page) -> None:
    answer = ask(page, "fail")
    expect(answer.locator(".answer-trouble")).to_contain_text("the model ran out of luck")


def test_a_refusal_is_told_and_retried_without_a_trace(
    at: Callable[..., Visit], site: LiveSite
) -> None:
    visit = at(site.url)
    answer = ask(visit.page, "refuse")
    expect(answer.locator(".answer-trouble")).to_contain_text('"ada" does not like this')
    answer.get_by_role("button", name="Retry").click()
    settled(visit.page)
    expect(visit.page.locator(".branches")).to_have_count(0)
    forgive(visit, "400")


def test_a_server_that_fails_is_told(
    at: Callable[..., Visit], site: LiveSite, ada: Upstream
) -> None:
    visit = at(site.url)
    ada.failing = 500
    try:
        answer = ask(visit.page, "hello")
        expect(answer.locator(".answer-trouble")).to_contain_text(
            re.compile("The demo is busy|server failed|failed at this request")
        )
        expect(answer.get_by_role("button", name=re.compile("Retry"))).to_be_visible()
    finally:
        ada.failing = 0
    forgive(visit, "50")
    wait_until(lambda: _is_up(site))


def _is_up(site: LiveSite) -> bool:
    body = {"model": "ada", "prompt": "Hello", "stream": False}
    return httpx2.post(f"{site.url}/api/generate", json=body, timeout=60).status_code == 200


def test_a_lost_network_is_told_and_the_message_kept(
    at: Callable[..., Visit], site: LiveSite
) -> None:
    visit = at(site.url)
    page = visit.page
    page.context.set_offline(True)
    answer = ask(page, "hello?")
    expect(answer.locator(".answer-trouble")).to_contain_text("This device is offline")
    page.context.set_offline(False)
    answer.get_by_role("button", name="Retry").click()
    expect(settled(page).locator(".md")).to_have_text("You said: hello?")
    forgive(visit, "ERR_INTERNET_DISCONNECTED")


def test_no_models_at_all_is_told(at: Callable[..., Visit], site: LiveSite) -> None:
    visit = at(site.url)
    visit.page.route("**/api/tags", lambda route: route.abort())
    visit.page.reload()
    expect(visit.page.locator("#notice")).to_contain_text("could not be reached")
    visit.page.unroute("**/api/tags")
    visit.page.locator("#notice").get_by_role("button", name="Retry").click()
    expect(visit.page.locator("#model")).to_have_value("ada")
    expect(visit.page.locator("#notice")).to_be_hidden()
    forgive(visit, "ERR_FAILED")


def test_a_text_that_is_too_long_is_told_and_kept(page: Page) -> None:
    text = "word " * 7000
    page.fill("#prompt", text)
    page.press("#prompt", "Enter")
    expect(page.locator("#notice")).to_contain_text("34,999 characters; the demo takes 32,000")
    expect(page.locator("#prompt")).to_have_value(text)
