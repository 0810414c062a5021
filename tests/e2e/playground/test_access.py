"""By keyboard, by screen reader, on a phone, and without JavaScript."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open, Visit
from tests.e2e.playground.talking import MARKDOWN, ask, forgive, joined, say, settled, tab_to
from tests.site.live import LiveSite

pytestmark = pytest.mark.e2e


def test_a_screen_reader_is_told_the_answer_once(page: Page) -> None:
    page.evaluate(
        "() => { window.told = []; new MutationObserver(() => window.told.push("
        "document.getElementById('announcer').textContent))"
        ".observe(document.getElementById('announcer'), { childList: true }); }"
    )
    ask(page, "drip 40")
    expect(page.locator("#announcer")).to_contain_text("word39")
    told = page.evaluate("window.told")
    assert len(told) == 2
    assert told[0] == "ada is reading."
    assert told[1].startswith("ada: word0 word1")


def test_a_screen_reader_is_told_both_answers(page: Page) -> None:
    page.locator("#compare").check()
    ask(page, "hello")
    expect(page.locator("#announcer")).to_have_text("ada: You said: hello bob: You said: hello")


def test_a_screen_reader_is_told_what_went_wrong(at: Callable[..., Visit], site: LiveSite) -> None:
    visit = at(site.url)
    ask(visit.page, "refuse")
    expect(visit.page.locator("#announcer")).to_have_text(
        'The demo could not take this request. "ada" does not like this'
    )
    forgive(visit, "400")


def test_the_accessibility_tree_has_what_is_there_and_no_more(page: Page) -> None:
    settings = page.get_by_role("complementary", name="Model and settings")
    model = settings.get_by_role("combobox", name="Model")
    expect(model).to_have_accessible_description("4K · Q4_0 · 1 MB · tools")
    expect(settings.get_by_role("slider", name="Length")).to_have_attribute(
        "aria-valuetext", "512 tokens"
    )
    expect(page.get_by_label("Image files")).to_be_hidden()
    ask(page, "hello")
    expect(page.locator("#messages")).to_match_aria_snapshot(
        """
        - article "You":
          - paragraph: hello
          - button "Copy"
          - button "Edit"
        - article "Answer of ada":
          - paragraph: "You said: hello"
          - text: /s to first word/
          - button "Copy"
          - button "Again"
          - button "View code"
        """
    )


@pytest.mark.parametrize("how", ["again", "edit", "retry"])
def test_the_focus_goes_on_in_the_box(at: Callable[..., Visit], site: LiveSite, how: str) -> None:
    visit = at(site.url)
    page = visit.page
    ask(page, "refuse" if how == "retry" else "hello")
    page.locator(f"[data-act={how}]").focus()
    page.keyboard.press("Enter")
    if how == "edit":
        page.keyboard.type(" again")
        page.keyboard.press("Enter")
    expect(page.locator("#prompt")).to_be_focused()
    settled(page)
    expect(page.locator("#prompt")).to_be_focused()
    if how == "retry":
        forgive(visit, "400")


def test_the_focus_leaves_stop_with_it(page: Page) -> None:
    say(page, "drip 20")
    page.locator("#stop").focus()
    settled(page)
    expect(page.locator("#prompt")).to_be_focused()


def test_by_keyboard_alone(at: Callable[..., Visit], site: LiveSite) -> None:
    page = at(site.url).page
    keys = page.keyboard
    keys.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    keys.press("Enter")
    tab_to(page, "#model")
    keys.press("ArrowDown")
    expect(page.locator("#model")).to_have_value("bob")
    tab_to(page, "#prompt", backwards=True)
    keys.type("drip 3")
    keys.press("Shift+Enter")
    keys.press("Enter")
    settled(page)
    tab_to(page, "[data-act=again]", backwards=True)
    keys.press("Enter")
    expect(page.locator(".branches")).to_have_text("2 of 2")
    settled(page)
    tab_to(page, "[data-act=previous]", backwards=True)
    keys.press("Enter")
    expect(page.locator(".branches")).to_have_text("1 of 2")
    expect(page.locator("[data-act=next]")).to_be_focused()
    tab_to(page, "[data-act=code]")
    keys.press("Enter")
    expect(page.locator("#code-view")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("[data-act=code]")).to_be_focused()


def test_stop_copy_and_a_new_conversation_by_keyboard(
    at: Callable[..., Visit], site: LiveSite
) -> None:
    page = at(site.url, permissions=["clipboard-read", "clipboard-write"]).page
    keys = page.keyboard
    say(page, "endless")
    expect(page.locator(".answer .md")).to_contain_text("word1")
    tab_to(page, "#stop")
    keys.press("Enter")
    settled(page)
    expect(page.locator("#prompt")).to_be_focused()
    expect(page.locator(".status")).to_contain_text("Stopped")
    tab_to(page, ".answer [data-act=copy]", backwards=True)
    keys.press("Enter")
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert str(page.evaluate("navigator.clipboard.readText()")).startswith("word0 word1")
    tab_to(page, "#new-talk", backwards=True)
    keys.press("Enter")
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#prompt")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(at: Callable[..., Visit], site: LiveSite, scheme: str) -> None:
    page = at(site.url, viewport={"width": 390, "height": 844}, color_scheme=scheme).page
    page.get_by_role("button", name="Model and settings").click()
    assert page.evaluate("document.querySelectorAll('#chat[inert], .top[inert]').length") == 2
    page.locator("#compare").check()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Model and settings")).to_be_focused()
    assert page.evaluate("document.querySelectorAll('[inert]').length") == 0
    ask(page, MARKDOWN + "`" + "long" * 200 + "`")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#log").evaluate("log => log.scrollWidth - log.clientWidth") <= 0
    send = page.locator("#send").bounding_box()
    assert send
    assert send["x"] + send["width"] <= 390
    page.get_by_role("button", name="Conversations", exact=True).click()
    expect(page.locator(".talk")).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#prompt")).to_be_visible()


def test_without_javascript(at: Callable[..., Visit], embedded: LiveSite, visit_at: Open) -> None:
    visit = visit_at(embedded.url, java_script_enabled=False)
    visit.open("/playground/")
    page = visit.page
    expect(page.locator("#prompt")).to_be_hidden()
    expect(page.locator(".plain")).to_contain_text("needs JavaScript")
    code = page.locator(".plain pre").inner_text()
    done = subprocess.run(["bash", "-s"], input=code, capture_output=True, text=True, check=True)
    assert "SDL" in joined(done.stdout)
