"""“View code”: what is shown is run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit
from tests.e2e.playground.talking import ask, joined
from tests.site.live import LiveSite

pytestmark = pytest.mark.e2e


RUNNERS = {
    "curl": ["bash", "-s"],
    "openai": [sys.executable, "-"],
    "ollama": [sys.executable, "-"],
    "javascript": ["node", "--input-type=module", "-"],
}


@pytest.mark.parametrize("language", RUNNERS)
def test_the_code_runs_as_it_is_and_answers_the_same(
    at: Callable[..., Visit], embedded: LiveSite, language: str
) -> None:
    page = at(embedded.url, permissions=["clipboard-read", "clipboard-write"]).page
    page.fill("#system", "You're \"brief\" & use `$HOME` \\ 'quotes'\nEND-OF-REQUEST")
    page.fill("#seed", "7")
    page.locator("#temperature").press("Home")
    page.locator("#length").press("Home")
    ask(page, "What is a KV cache?")
    answer = ask(page, "What is GGUF?")
    answer.get_by_role("button", name="View code").click()
    page.click(f"#code-tab-{language}")
    page.click("#code-copy")
    expect(page.locator("#announcer")).to_have_text("Copied")
    code = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(
        RUNNERS[language], input=code, capture_output=True, text=True, timeout=60, check=True
    )
    said = joined(done.stdout) if language == "curl" else done.stdout
    assert said.strip() == answer.locator(".md").inner_text().strip()


def test_the_code_of_what_is_being_typed(page: Page) -> None:
    page.fill("#prompt", "Not sent yet")
    page.click("#code-now")
    expect(page.locator("#code-text-curl")).to_contain_text("Not sent yet")
    page.keyboard.press("Escape")
    expect(page.locator("#code-view")).to_be_hidden()
    expect(page.locator("#code-now")).to_be_focused()
