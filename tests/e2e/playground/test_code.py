"""“View code”: what is shown is run."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit
from tests.e2e.playground.talking import GIVE, LARGE_PNG, RUNNERS, ask, copied_code, run
from tests.site.live import LiveSite
from tests.standins.upstream import Upstream

pytestmark = pytest.mark.e2e


CLIPBOARD = ["clipboard-read", "clipboard-write"]


@pytest.mark.parametrize("language", RUNNERS)
def test_the_code_runs_as_it_is_and_answers_the_same(
    at: Callable[..., Visit], embedded: LiveSite, language: str
) -> None:
    page = at(embedded.url, permissions=CLIPBOARD).page
    page.fill("#system", "You're \"brief\" & use `$HOME` \\ 'quotes'\nEND-OF-REQUEST")
    page.fill("#seed", "7")
    page.locator("#temperature").press("Home")
    page.locator("#length").press("Home")
    ask(page, "What is a KV cache?")
    answer = ask(page, "What is GGUF?")
    answer.get_by_role("button", name="View code").click()
    assert run(language, copied_code(page, language)) == answer.locator(".md").inner_text().strip()


@pytest.mark.parametrize("language", RUNNERS)
def test_the_code_has_images_and_json_mode(
    at: Callable[..., Visit], site: LiveSite, bob: Upstream, language: str
) -> None:
    page = at(site.url, permissions=CLIPBOARD).page
    page.select_option("#model", "bob")
    page.locator("#json").check()
    page.evaluate(GIVE, [page.evaluate(LARGE_PNG), "paste"])
    expect(page.locator("#thumbs img")).to_have_count(1)
    answer = ask(page, "What is this?")
    first = bob.asked("/v1/chat/completions")[-1]
    answer.get_by_role("button", name="View code").click()
    expect(page.locator(f"#code-text-{language}")).to_contain_text(re.compile(r"… \(\d+ KB\)"))
    assert run(language, copied_code(page, language)) == "You said: What is this?"
    again = bob.asked("/v1/chat/completions")[-1]
    asked = ("messages", "response_format", "seed", "temperature", "top_p", "max_tokens")
    assert {key: again[key] for key in asked} == {key: first[key] for key in asked}
    assert again["response_format"] == {"type": "json_object"}


def test_the_code_of_what_is_being_typed(page: Page) -> None:
    page.fill("#prompt", "Not sent yet")
    page.click("#code-now")
    expect(page.locator("#code-text-curl")).to_contain_text("Not sent yet")
    page.keyboard.press("Escape")
    expect(page.locator("#code-view")).to_be_hidden()
    expect(page.locator("#code-now")).to_be_focused()
