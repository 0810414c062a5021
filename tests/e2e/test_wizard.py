"""Find, choose, see it move, download: as a person does it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open, Visit

pytestmark = pytest.mark.e2e

QWEN = "/models/ollama/qwen3:8b/configure/?gpu=rtx3090&count=1"
GATED = "/models/hf/meta-llama/Llama-3.1-8B-Instruct/configure/"
TOKEN = "hf_" + "Zq9" * 11


def _kv_width(page: Page) -> float:
    return float(page.locator("#bar-kv_cache").get_attribute("width") or 0)


def _downloaded(visit: Visit, selector: str = "#download") -> str:
    with visit.page.expect_download() as waiting:
        visit.page.click(selector)
    return Path(waiting.value.path()).read_text()


def _env(text: str) -> dict[str, str]:
    pairs: list[str] = yaml.safe_load(text)["services"]["llm"]["env"]
    return dict(pair.split("=", 1) for pair in pairs)


def _key(page: Page) -> str:
    expect(page.locator("#api-key")).to_have_text(re.compile(r"^ocl_[A-Za-z0-9_-]{43}$"))
    return page.locator("#api-key").inner_text()


def test_it_works(visit: Open) -> None:
    seen = visit()
    seen.open("/")
    page = seen.page
    page.fill("#q", "qwen3")
    row = page.get_by_role("link", name="qwen3", exact=True)
    expect(page.locator(".results-title")).to_contain_text("models")
    row.click()
    page.get_by_role("link", name="8b", exact=True).click()
    page.fill("#context", "4096")
    expect(page.locator("#sdl")).to_contain_text("CONTEXT_LENGTH=4096")
    env = _env(_downloaded(seen))
    assert env["CONTEXT_LENGTH"] == "4096"
    assert env["API_KEY_SHA256"] == hashlib.sha256(_key(page).encode()).hexdigest()


def test_a_search_s_address_tells_what_was_chosen_alone(visit: Open) -> None:
    seen = visit()
    seen.open("/")
    seen.page.fill("#q", "embed")
    seen.page.press("#q", "Enter")
    seen.page.wait_for_url("**/?q=embed")
    seen.page.get_by_label("Task").select_option("feature-extraction")
    seen.page.press("#q", "Enter")
    seen.page.wait_for_url("**/?q=embed&task=feature-extraction")
    expect(seen.page.locator(".results-title")).to_contain_text("model")


def test_the_bar_follows_the_context(visit: Open) -> None:
    seen = visit()
    seen.open(QWEN + "&context=2048")
    before = _kv_width(seen.page)
    slider = seen.page.locator("#context-slider")
    slider.focus()
    slider.press("End")
    expect(seen.page.locator("#sdl")).to_contain_text("CONTEXT_LENGTH=40960")
    assert _kv_width(seen.page) > before * 4
    expect(seen.page).to_have_url(re.compile("context=40960"))
    expect(slider).to_be_focused()
    expect(slider).to_have_attribute("aria-valuetext", "40,960 tokens")


@pytest.mark.parametrize(
    ("field", "wrong", "words", "right"),
    [
        ("#context", "999999", "Use a whole number from 256 to 40,960.", "8192"),
        ("#context", "-5", "Use a whole number from 256 to 40,960.", "8192"),
        ("#replicas", "99", "Use a whole number from 1 to 20.", "2"),
        ("#region", "Üs!", "Write a region like us-west", "us-west"),
    ],
)
def test_a_wrong_choice_is_told_beside_its_field(
    visit: Open, field: str, wrong: str, words: str, right: str
) -> None:
    seen = visit()
    seen.open(QWEN)
    page = seen.page
    page.evaluate("document.getElementById('advanced').open = true")
    before = page.locator("#sdl").inner_text()
    page.fill(field, wrong)
    page.press(field, "Tab")
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.locator(field)).to_have_attribute("aria-invalid", "true")
    assert page.locator("#sdl").inner_text() == before
    page.fill(field, right)
    expect(page.locator(".field-trouble")).to_have_count(0)
    expect(page).to_have_url(re.compile(f"={right}"))


def test_going_back_to_automatic_leaves_the_choice_out(visit: Open) -> None:
    seen = visit()
    seen.open(QWEN + "&slots=2")
    seen.page.get_by_label("Automatic", exact=False).and_(
        seen.page.locator('input[name="slots"]')
    ).check(force=True)
    expect(seen.page.locator("#sdl")).to_contain_text("SLOTS=4")
    expect(seen.page).not_to_have_url(re.compile("slots"))


def test_what_is_copied_is_what_is_downloaded(visit: Open) -> None:
    seen = visit(permissions=["clipboard-read", "clipboard-write"])
    seen.open(QWEN)
    _key(seen.page)
    file = _downloaded(seen)
    seen.page.click("#copy-sdl")
    expect(seen.page.locator("#announcer")).to_have_text("Copied")
    assert seen.page.evaluate("navigator.clipboard.readText()") == file


def test_the_key_never_crosses_the_wire(visit: Open) -> None:
    seen = visit()
    seen.open("/models/ollama/qwen3:8b/configure/?engine=ollama")
    key = _key(seen.page)
    text = _downloaded(seen)
    assert key in text
    assert "PASTE-YOUR-API-KEY-HERE" not in text
    assert len(seen.sent) > 5
    assert key not in seen.sent_text()


def test_the_token_never_crosses_the_wire(visit: Open) -> None:
    seen = visit()
    seen.open(GATED)
    seen.page.fill("#hf-token", TOKEN)
    expect(seen.page.locator("#sdl")).to_contain_text(f"HF_TOKEN={TOKEN}")
    seen.page.fill("#context", "4096")
    expect(seen.page.locator("#context-hint")).to_contain_text("You chose 4,096")
    expect(seen.page.locator("#sdl")).to_contain_text(f"HF_TOKEN={TOKEN}")
    assert _env(_downloaded(seen))["HF_TOKEN"] == TOKEN
    assert TOKEN not in seen.sent_text()
    assert TOKEN not in str(seen.page.evaluate("JSON.stringify([sessionStorage, localStorage])"))


def test_the_key_stays_until_a_new_one_is_asked_for(visit: Open) -> None:
    seen = visit()
    seen.open(QWEN)
    first = _key(seen.page)
    seen.page.reload()
    assert _key(seen.page) == first
    seen.page.click("#new-key")
    expect(seen.page.locator("#api-key")).not_to_have_text(first)
    digest = hashlib.sha256(_key(seen.page).encode()).hexdigest()
    expect(seen.page.locator("#sdl")).to_contain_text(digest)


def test_what_was_opened_stays_open(visit: Open) -> None:
    seen = visit()
    seen.open(QWEN)
    seen.page.click("#advanced > summary")
    seen.page.click("#tab-openai-python")
    seen.page.fill("#replicas", "2")
    expect(seen.page.locator("#sdl")).to_contain_text("count: 2")
    expect(seen.page.locator("#replicas")).to_be_visible()
    expect(seen.page.locator("#panel-openai-python")).to_be_visible()
    expect(seen.page.locator("#panel-curl")).to_be_hidden()


def test_by_keyboard_alone(visit: Open) -> None:
    seen = visit()
    seen.open("/")
    keys = seen.page.keyboard
    keys.press("Tab")
    expect(seen.page.locator(".skip")).to_be_focused()
    keys.press("Enter")
    keys.press("Tab")
    expect(seen.page.locator("#q")).to_be_focused()
    keys.type("qwen3:8b")
    keys.press("Enter")
    seen.page.wait_for_url("**/models/ollama/qwen3:8b/")
    _tab_to(seen.page, "Configure and deploy")
    keys.press("Enter")
    seen.page.wait_for_url("**/configure/")
    _key(seen.page)
    _tab_to(seen.page, "Download deploy.yaml")
    with seen.page.expect_download() as waiting:
        keys.press("Enter")
    assert "MODEL" in _env(Path(waiting.value.path()).read_text())


def test_after_the_download_the_page_says_what_comes_next(visit: Open) -> None:
    seen = visit(permissions=["clipboard-read", "clipboard-write"])
    seen.open(QWEN)
    page, keys = seen.page, seen.page.keyboard
    key = _key(page)
    after = page.locator("#after-download")
    expect(after).to_be_hidden()
    _downloaded(seen, "#download-top")
    expect(page.get_by_role("heading", name="What happens next")).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == key
    page.fill("#context", "4096")
    expect(page.locator("#sdl")).to_contain_text("CONTEXT_LENGTH=4096")
    expect(after).to_be_hidden()


def test_checking_by_keyboard_alone(visit: Open) -> None:
    seen = visit()
    seen.open("/")
    page, keys = seen.page, seen.page.keyboard
    _tab_to(page, "Check an SDL")
    keys.press("Enter")
    page.wait_for_url("**/check/")
    for _ in range(10):
        keys.press("Tab")
        if page.locator("#sdl").evaluate("field => field === document.activeElement"):
            break
    keys.type("version: 1")
    keys.press("Tab")
    keys.press("Enter")
    told = page.locator("#problems")
    expect(told).to_contain_text("that Akash would refuse")
    expect(told).to_have_attribute("aria-live", "polite")


def _tab_to(page: Page, name: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if name in str(page.evaluate("document.activeElement.textContent")).strip():
            return
    raise AssertionError(f"{name} cannot be reached by Tab.")


def test_without_javascript(visit: Open) -> None:
    seen = visit(java_script_enabled=False)
    seen.open("/")
    page = seen.page
    page.fill("#q", "qwen3:8b")
    page.click("text=Search >> nth=0")
    page.get_by_role("link", name="Configure and deploy").click()
    page.fill("#context", "4096")
    page.click("text=Update")
    expect(page.locator("#sdl")).to_contain_text("CONTEXT_LENGTH=4096")
    expect(page.locator("#api-key")).to_be_hidden()
    text = _downloaded(seen)
    key = re.search("API key: (ocl_[A-Za-z0-9_-]{43})", text)
    assert key
    assert _env(text)["API_KEY_SHA256"] == hashlib.sha256(key[1].encode()).hexdigest()


PAGES = ("/", "/?q=qwen3", "/models/ollama/qwen3/", QWEN, GATED, "/check/", "/docs/", "/?q=zzzz")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_scrolls_sideways_on_a_phone(visit: Open, scheme: Any) -> None:
    seen = visit(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    for path in PAGES:
        seen.open(path)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_a_swap_moves_nothing_above_it(visit: Open) -> None:
    seen = visit(viewport={"width": 1200, "height": 900})
    seen.open("/?q=qwen3")
    before = seen.page.locator("#results-card").bounding_box()
    seen.page.fill("#q", "llama")
    expect(seen.page.locator("#results")).to_contain_text("llama3.1")
    assert seen.page.locator("#results-card").bounding_box()["y"] == before["y"]  # type: ignore[index]


def test_checking_a_file(visit: Open) -> None:
    seen = visit()
    seen.open(QWEN)
    text = _downloaded(seen)
    seen.open("/check/")
    seen.page.fill("#sdl", text)
    seen.page.click("text=Check it")
    expect(seen.page.locator("#problems")).to_contain_text("Valid")
    seen.page.fill("#sdl", text.replace('version: "2.0"', "version: 2.0"))
    seen.page.click("text=Check it")
    expect(seen.page.locator("#problems")).to_contain_text("1 problem that Akash would refuse")


def test_a_site_that_does_not_answer_is_said_to(visit: Open) -> None:
    seen = visit()
    seen.open(QWEN)
    seen.page.route("**/configure/**", lambda route: route.abort())
    seen.page.fill("#context", "4096")
    expect(seen.page.locator("#trouble")).to_contain_text("The site did not answer")
    seen.page.unroute("**/configure/**")
    seen.page.fill("#context", "2048")
    expect(seen.page.locator("#sdl")).to_contain_text("CONTEXT_LENGTH=2048")
    expect(seen.page.locator("#trouble")).to_be_empty()
    complaints = [text for text in seen.complaints if "ERR_FAILED" in text or "fetch" in text]
    assert complaints == seen.complaints
    seen.complaints.clear()


def test_a_failed_preview_leaves_the_choices_and_says_why(visit: Open) -> None:
    seen = visit()
    seen.open(QWEN + "&slots=2")
    nowhere = seen.url + "/models/ollama/no-such-model/configure/"
    seen.page.route("**/configure/**", lambda route: route.continue_(url=nowhere))
    seen.page.fill("#context", "4096")
    notice = seen.page.get_by_role("alert")
    expect(notice).to_contain_text("no-such-model")
    expect(notice).to_contain_text("What you see is from before your last change.")
    expect(seen.page.locator("#context")).to_have_value("4096")
    expect(seen.page.locator("input[name=slots][value='2']")).to_be_checked()
    expect(seen.page.locator("#sdl")).to_contain_text("SLOTS=2")
    seen.page.unroute("**/configure/**")
    seen.page.fill("#context", "2048")
    expect(seen.page.locator("#sdl")).to_contain_text("CONTEXT_LENGTH=2048")
    expect(notice).to_have_count(0)
    assert all("404" in text for text in seen.complaints)
    seen.complaints.clear()


def test_typing_fast_shows_the_last_word_alone(visit: Open) -> None:
    seen = visit()
    seen.open("/")
    seen.page.locator("#q").press_sequentially("llama3.2", delay=60)
    expect(seen.page.locator(".model-row").first).to_contain_text("llama3.2")
    expect(seen.page.locator("#q")).to_be_focused()
    expect(seen.page).to_have_url(re.compile(r"/\?q=llama3\.2$"))
    expect(seen.page.locator("#trouble")).to_be_empty()
