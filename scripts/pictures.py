"""Take the documentation's pictures from the real pages: `python scripts/pictures.py`.

The site is a gunicorn of this checkout, offline, with its own tiny model, and the
endpoint a runtime with the same model; the browser is the machine's Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.inference import endpoint as endpoints  # noqa: E402 - found through the line above
from tests.site.live import LiveSite  # noqa: E402

FOLDER = ROOT / "docs" / "images"
DEMO_MODEL = ROOT / "inference" / "demo_model" / "oneclick-demo.gguf"
# Where the endpoint is, as far as its page knows.
ENDPOINT = "https://3f9k2c.ingress.provider.example"
QUESTION = "What is Akash?"


@dataclass(frozen=True)
class Picture:
    """A page as it is after ``prepare``; ``height`` in pixels."""

    name: str
    path: str
    height: int
    scheme: Literal["light", "dark"] = "light"
    prepare: Callable[[Page], None] = lambda page: page.wait_for_timeout(700)


def _chat(page: Page) -> None:
    expect(page.get_by_role("combobox").first).to_contain_text("oneclick-demo")
    page.locator("#prompt").fill(QUESTION)
    page.keyboard.press("Enter")
    answer = page.get_by_role("region", name="Messages")
    expect(answer.get_by_text("marketplace")).to_be_visible(timeout=60_000)
    expect(page.locator("#stop")).to_be_hidden(timeout=60_000)
    page.wait_for_timeout(500)


def _checked(page: Page) -> None:
    page.locator("textarea").first.fill("version: '2.0'\nservices: {}\n")
    page.get_by_role("button", name="Check it").click()
    page.wait_for_timeout(1500)


PICTURES = (
    Picture("home-light", "/", 900),
    Picture("model-light", "/models/ollama/qwen3/", 900),
    Picture("configure-light", "/models/ollama/qwen3:8b/configure/", 1150),
    Picture("configure-dark", "/models/ollama/qwen3:8b/configure/", 1150, "dark"),
    Picture("check-light", "/check/", 760, prepare=_checked),
    Picture("playground-light", "/playground/", 860, prepare=_chat),
    Picture("playground-dark", "/playground/", 860, "dark", prepare=_chat),
)
ENDPOINT_PICTURE = Picture("endpoint-light", "/", 940)


def _take(browser: Browser, base: str, picture: Picture, source: str = "") -> None:
    """``source`` is asked in place of ``base``, where that is a name for the picture alone."""
    context = browser.new_context(
        viewport={"width": 1200, "height": picture.height}, color_scheme=picture.scheme
    )
    page = context.new_page()

    def ask(route: Route) -> None:
        address = source + route.request.url.removeprefix(base)
        route.fulfill(response=route.fetch(url=address))

    if source:
        page.route(f"{base}/**", ask)
    page.goto(base + picture.path)
    picture.prepare(page)
    page.screenshot(path=FOLDER / f"{picture.name}.png")
    context.close()


def main() -> None:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        sys.exit("No Chromium here: apt-get install chromium.")
    names = set(sys.argv[1:])
    with LiveSite(DEMO_EMBEDDED="1") as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for picture in PICTURES:
            if not names or picture.name in names:
                _take(browser, site.url, picture)
                print(picture.name)
        if not names or ENDPOINT_PICTURE.name in names:
            _take_endpoint(browser)
        browser.close()


def _take_endpoint(browser: Browser) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        endpoints.running(Path(folder), "--model", str(DEMO_MODEL)) as running,
    ):
        _take(browser, ENDPOINT, ENDPOINT_PICTURE, running.url)
    print(ENDPOINT_PICTURE.name)


if __name__ == "__main__":
    main()
