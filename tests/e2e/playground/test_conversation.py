"""Talking in the playground: a real browser against real and ill-behaved models."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit
from tests.e2e.playground.talking import (
    MARKDOWN,
    answers,
    ask,
    forgive,
    kept,
    say,
    settled,
    upstreams,
    wait_until_at_end,
)
from tests.site.live import LiveSite
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import OPEN, wait_until, wait_until_still

pytestmark = pytest.mark.e2e


def test_it_works(at: Callable[..., Visit], embedded: LiveSite) -> None:
    page = at(embedded.url).page
    expect(page.locator("#model")).to_have_value("oneclick-demo")
    page.get_by_role("button", name="What is quantisation?").click()
    answer = settled(page)
    expect(answer.locator(".md")).to_contain_text("fewer bits")
    expect(answer.locator(".status")).to_contain_text(
        re.compile(r"s to first word.*tokens/s.*\d+ tokens")
    )
    expect(page.locator("#meter")).to_have_text(re.compile(r"^\d+ of 2,048 tokens$"))
    ask(page, "What is GGUF?")
    expect(answers(page)).to_have_count(2)
    expect(page.locator("#title")).to_have_value("What is quantisation?")


def test_stop_in_mid_stream_keeps_the_half_and_ends_the_upstreams_work(
    page: Page, ada: Upstream
) -> None:
    say(page, "endless")
    expect(page.locator(".md")).to_contain_text("word2")
    expect(page.locator(".phase")).to_contain_text(re.compile(r"Writing · \d+\.\d s"))
    page.click("#stop")
    expect(page.locator(".status")).to_contain_text("Stopped")
    expect(page.locator("#prompt")).to_be_focused()
    wait_until(lambda: ada.open == 0)
    half = page.locator(".md").inner_text()
    wait_until(lambda: '"state":"stopped"' in kept(page))
    page.reload()
    expect(page.locator(".md")).to_have_text(half)


def test_escape_stops_too(page: Page) -> None:
    say(page, "endless")
    expect(page.locator(".md")).to_contain_text("word1")
    page.keyboard.press("Escape")
    expect(page.locator(".status")).to_contain_text("Stopped")


def test_a_page_that_is_closed_in_mid_stream_keeps_what_had_come(page: Page, ada: Upstream) -> None:
    say(page, "endless")
    wait_until(lambda: "endless" in kept(page))
    expect(page.locator(".md")).to_contain_text("word9")
    shown = page.locator(".md").inner_text()
    page.reload()
    expect(page.locator(".status")).to_contain_text("Stopped")
    assert page.locator(".md").inner_text().startswith(shown)
    wait_until(lambda: '"state":"stopped"' in kept(page))
    assert page.evaluate("localStorage.getItem('oneclickllm.playground.unsaved')") is None
    wait_until(lambda: ada.open == 0)


def test_a_conversation_longer_than_the_demo_takes_goes_on_without_its_beginning(
    page: Page, ada: Upstream
) -> None:
    first, second = "a" * 14_000, "b" * 7_000
    ask(page, first)
    expect(page.locator("#notice")).to_be_hidden()
    answer = ask(page, second)
    expect(answer).to_contain_text(second)
    expect(page.locator("#notice")).to_contain_text("takes 32,000 characters at once")
    sent = [message["content"] for message in ada.asked("/api/chat")[-1]["messages"]]
    assert sent == [second]
    ask(page, "c")
    sent = [message["content"] for message in ada.asked("/api/chat")[-1]["messages"]]
    assert sent == [second, f"You said: {second}", "c"]


def test_again_makes_a_branch_beside_the_first(page: Page) -> None:
    ask(page, "drip 3")
    page.locator("[data-act=again]").click()
    settled(page)
    expect(page.locator(".branches")).to_have_text("2 of 2")
    page.get_by_role("button", name="Previous branch").click()
    expect(page.locator(".branches")).to_have_text("1 of 2")
    expect(page.locator(".turn")).to_have_count(2)


def test_an_edited_message_begins_a_branch_and_both_stay(page: Page) -> None:
    ask(page, "first")
    ask(page, "second")
    user = page.locator(".turn.user").first
    user.hover()
    user.get_by_role("button", name="Edit").click()
    page.get_by_label("Edit the message").fill("other")
    page.keyboard.press("Enter")
    settled(page)
    expect(page.locator(".said")).to_have_text(["other", "You said: other"])
    page.get_by_role("button", name="Previous branch").click()
    expect(page.locator(".bubble")).to_have_text(["first", "second"])
    assert kept(page)
    page.reload()
    expect(page.locator(".bubble")).to_have_text(["first", "second"])


def test_leaving_an_edit_changes_nothing(page: Page) -> None:
    ask(page, "first")
    page.locator("[data-act=edit]").focus()
    page.keyboard.press("Enter")
    page.keyboard.type(" and more")
    page.keyboard.press("Escape")
    expect(page.locator(".bubble")).to_have_text("first")
    expect(page.locator("[data-act=edit]")).to_be_focused()


def test_what_failed_without_a_word_is_not_said_again(
    at: Callable[..., Visit], site: LiveSite, ada: Upstream
) -> None:
    visit = at(site.url)
    page = visit.page
    ask(page, "first")
    expect(ask(page, "refuse").locator(".answer-trouble")).to_be_visible()
    ask(page, "second")
    told = ada.asked("/api/chat")[-1]["messages"]
    assert [message["content"] for message in told] == ["first", "You said: first", "second"]
    forgive(visit, "400")


def test_what_was_stopped_before_a_word_is_said_with_the_next(page: Page, ada: Upstream) -> None:
    """Many templates refuse two messages of the user in a row."""
    say(page, "silent")
    expect(page.locator(".phase")).to_contain_text("Reading the prompt")
    page.click("#stop")
    ask(page, "and go on")
    assert ada.asked("/api/chat")[-1]["messages"] == [
        {"role": "user", "content": "silent\n\nand go on"}
    ]


def test_what_is_sent_is_what_was_set(page: Page, ada: Upstream) -> None:
    page.fill("#system", "Be brief.")
    page.locator("#temperature").press("Home")
    page.locator("#top_p").press("End")
    page.locator("#length").press("Home")
    page.fill("#seed", "42")
    page.locator("#json").check()
    expect(page.locator("#json-pill")).to_be_checked()
    ask(page, "hello")
    body = ada.asked("/api/chat")[-1]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    wanted = {"temperature": 0, "top_p": 1, "num_predict": 16, "seed": 42}
    assert {key: body["options"][key] for key in wanted} == wanted
    assert body["format"] == "json"
    page.reload()
    expect(page.locator("#seed")).to_have_value("42")


def test_two_models_side_by_side_go_on_from_their_own_answers(
    page: Page, ada: Upstream, bob: Upstream
) -> None:
    page.locator("#compare").check()
    expect(page.locator("#rival")).to_have_value("bob")
    ask(page, "hello")
    expect(page.locator(".pair .answer-name")).to_have_text(["ada", "bob"])
    expect(page.locator(".pair .md")).to_have_text(["You said: hello"] * 2)
    boxes = [page.locator(".pair .answer").nth(at).bounding_box() for at in (0, 1)]
    assert boxes[0] and boxes[1]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] < boxes[1]["x"]
    ask(page, "and now?")
    expect(page.locator(".pair")).to_have_count(2)
    told = [ada.asked("/api/chat")[-1], bob.asked("/v1/chat/completions")[-1]]
    assert all(len(body["messages"]) == 3 for body in told)


def test_the_place_in_the_queue_is_told(
    at: Callable[..., Visit], ada: Upstream, bob: Upstream
) -> None:
    settings = {**OPEN, "DEMO_STREAMS": "1", "DEMO_UPSTREAMS": upstreams(ada, bob)}
    with LiveSite(**settings) as small:
        first, second = at(small.url).page, at(small.url).page
        say(first, "endless")
        expect(first.locator(".md")).to_contain_text("word0")
        say(second, "hello")
        expect(second.locator(".phase")).to_contain_text("Queued, place 1")
        expect(second.locator("#announcer")).to_have_text("Queued, place 1.")
        first.click("#stop")
        expect(settled(second).locator(".md")).to_have_text("You said: hello")


def test_the_phases_of_an_answer_are_told_with_their_times(
    at: Callable[..., Visit], ada: Upstream, bob: Upstream
) -> None:
    settings = {**OPEN, "DEMO_STREAMS": "1", "DEMO_UPSTREAMS": upstreams(ada, bob)}
    with LiveSite(**settings) as small:
        first, second = at(small.url).page, at(small.url).page
        say(first, "endless")
        expect(first.locator(".md")).to_contain_text("word0")
        say(second, "hold drip 60 hold")
        phase = second.locator(".phase")
        expect(phase).to_have_text(re.compile(r"^Queued, place 1 · [1-9]\d*\.\d s$"))
        first.click("#stop")
        expect(phase).to_have_text(re.compile(r"^Reading the prompt · [1-9]\d*\.\d s$"))
        expect(second.locator(".answer")).to_have_attribute("aria-busy", "true")
        ada.let_go()
        expect(phase).to_have_text(re.compile(r"^Writing · \d+\.\d s$"))
        ada.let_go()
        expect(second.locator(".status")).to_contain_text(re.compile(r"[\d.]+ tokens/s"))
        settled(second)
        told = str(second.locator(".status").get_attribute("title"))
        spent = r"[\d.]+ s"
        assert re.fullmatch(
            f"queued {spent}, reading 7 tokens {spent}, writing {spent}; {spent} in all", told
        )


def test_the_log_follows_only_from_its_end(page: Page) -> None:
    page.set_viewport_size({"width": 700, "height": 420})
    ask(page, "\n".join(f"line {number}\n" for number in range(60)))
    log = page.locator("#log")
    wait_until_at_end(page)
    say(page, "endless")
    expect(page.locator(".md").last).to_contain_text("word3")
    wait_until_at_end(page)
    log.hover()
    page.mouse.wheel(0, -600)
    expect(page.locator("#jump")).to_be_visible()
    wait_until_still(lambda: int(log.evaluate("log => log.scrollTop")))
    top = log.evaluate("log => log.scrollTop")
    expect(page.locator(".md").last).to_contain_text("word30")
    assert log.evaluate("log => log.scrollTop") == top
    page.click("#jump")
    expect(page.locator("#jump")).to_be_hidden()
    page.click("#stop")
    wait_until_at_end(page)


def test_an_empty_one_is_read_from_its_beginning(page: Page) -> None:
    """Twice as large on a screen of a laptop, and after a long conversation."""
    page.set_viewport_size({"width": 640, "height": 400})
    expect(page.locator("#empty")).to_be_visible()
    assert page.evaluate("document.querySelector('#log').scrollHeight > 400")
    say(page, MARKDOWN)
    settled(page)
    page.click("#clear")
    expect(page.locator("#empty")).to_be_visible()
    assert page.evaluate("document.querySelector('#log').scrollTop") == 0


def test_nothing_jumps_while_a_model_answers(page: Page) -> None:
    expect(page.locator("#model")).to_have_value("ada")
    page.evaluate("window.shift = 0")
    ask(page, "drip 10")
    ask(page, MARKDOWN)
    assert page.evaluate("window.shift") < 0.02


def test_deploying_leads_into_the_wizard_with_the_model_chosen(page: Page) -> None:
    page.select_option("#model", "bob")
    expect(page.locator("#deploy")).to_have_text("Deploy bob")
    href = str(page.locator("#deploy").get_attribute("href"))
    assert href == "/playground/deploy?model=bob"


def test_a_link_can_name_the_model(at: Callable[..., Visit], site: LiveSite) -> None:
    page = at(site.url, "/playground/?model=bob").page
    expect(page.locator("#model")).to_have_value("bob")


def test_a_link_to_a_model_that_is_not_offered_says_so(
    at: Callable[..., Visit], site: LiveSite
) -> None:
    page = at(site.url, "/playground/?model=<b>gone</b>").page
    expect(page.locator("#notice")).to_contain_text("<b>gone</b> is not offered here")
    expect(page.locator("#model")).to_have_value("ada")
