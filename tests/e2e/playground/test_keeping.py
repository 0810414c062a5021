"""What stays of a conversation: in this browser, in files, and on the clipboard."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit
from tests.e2e.playground.talking import ask, kept
from tests.site.live import LiveSite
from tests.wizard.demo.sites import wait_until

pytestmark = pytest.mark.e2e


def test_what_another_tab_said_is_not_overwritten(page: Page, site: LiveSite) -> None:
    ask(page, "from the first tab")
    other = page.context.new_page()
    other.goto(f"{site.url}/playground/")
    other.get_by_role("button", name="from the first tab").first.click()
    ask(other, "from the second tab")
    wait_until(lambda: "You said: from the second tab" in kept(other))
    other.close()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".bubble")).to_have_text(["from the first tab", "from the second tab"])


def test_a_conversation_stays_and_others_stand_beside_it(page: Page) -> None:
    ask(page, "the first one")
    page.click("#new-talk")
    expect(page.locator("#empty")).to_be_visible()
    ask(page, "the second one")
    wait_until(lambda: "You said: the second one" in kept(page))
    page.reload()
    expect(page.locator(".bubble")).to_have_text("the second one")
    page.get_by_role("button", name="the first one").first.click()
    expect(page.locator(".bubble")).to_have_text("the first one")
    page.fill("#title", "Renamed")
    page.press("#title", "Enter")
    expect(page.locator(".talk-title").first).to_have_text("Renamed")


def test_nothing_of_a_conversation_is_asked_of_the_site_but_the_answers(
    at: Callable[..., Visit], site: LiveSite
) -> None:
    visit = at(site.url)
    ask(visit.page, "a secret thought")
    mentions = [line for line in visit.sent if "secret thought" in line]
    assert len(mentions) == 1
    assert "/api/chat" in mentions[0]
    assert "secret" not in visit.page.evaluate("JSON.stringify([sessionStorage, document.cookie])")


def test_clearing_can_be_undone(page: Page) -> None:
    ask(page, "keep me")
    page.click("#clear")
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator(".talk")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".bubble")).to_have_text("keep me")
    page.click("#clear")
    wait_until(lambda: "keep me" not in kept(page))
    page.reload()
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator(".talk")).to_have_count(0)


def test_clearing_can_be_undone_by_keyboard(page: Page) -> None:
    ask(page, "keep me")
    page.locator("#clear").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".bubble")).to_have_text("keep me")
    expect(page.locator("#prompt")).to_be_focused()


@pytest.mark.parametrize("kind", ["JSON", "Markdown"])
def test_a_conversation_can_be_taken_along(page: Page, kind: str) -> None:
    ask(page, "# Take me along")
    page.click("#export > summary")
    with page.expect_download() as waiting:
        page.get_by_role("button", name=kind).click()
    text = Path(waiting.value.path()).read_text()
    if kind == "Markdown":
        assert waiting.value.suggested_filename == "take-me-along.md"
        assert "## You\n\n# Take me along\n\n## ada\n\nYou said: # Take me along" in text
    else:
        document = json.loads(text)
        assert [message["role"] for message in document["messages"]] == ["user", "assistant"]


def test_copying_works_without_a_clipboard_of_the_browsers(page: Page) -> None:
    ask(page, "hello")
    page.evaluate(
        """() => {
          Object.defineProperty(navigator, "clipboard", { value: undefined });
          document.addEventListener("copy", () => { window.copied = String(getSelection()); });
        }"""
    )
    page.locator(".answer [data-act=copy]").click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("window.copied") == "You said: hello"
