"""What a page costs a browser: first paint, layout shift, and bytes by kind.

    python -m benchmarks.browser [--times 5]

Each page is opened in a fresh Chromium profile, cold, against a real gunicorn
on loopback with the bundled catalogue; then choices are changed on the
configuration page, and the shift that the swaps cause is added up. Milliseconds
are the medians; bytes are what crossed the wire, compressed as the server does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from playwright.sync_api import Browser, Page, Playwright, Response, sync_playwright

from tests.site.live import ROOT, LiveSite

PAGES: Mapping[str, str] = {
    "first page": "/",
    "search": "/?q=qwen3",
    "model": "/models/ollama/qwen3/",
    "configuration": "/models/ollama/llama3.1/configure/",
    "check an SDL": "/check/",
    "playground": "/playground/",
}
# Collected before the page's own scripts run.
WATCH = """
window.seen = {shift: 0, paint: 0};
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    if (!entry.hadRecentInput) window.seen.shift += entry.value;
}).observe({type: "layout-shift", buffered: true});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    if (entry.name === "first-contentful-paint") window.seen.paint = entry.startTime;
}).observe({type: "paint", buffered: true});
"""
KINDS = ("page", "script", "style", "font")


@dataclass(frozen=True)
class Visit:
    """One cold visit: milliseconds, the layout shift's score, and bytes."""

    paint: float
    shift: float
    sizes: Mapping[str, int]


def _kind(response: Response) -> str:
    return {"script": "script", "stylesheet": "style", "font": "font", "document": "page"}.get(
        response.request.resource_type, "other"
    )


def _visit(browser: Browser, url: str) -> Visit:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    page.goto(url, wait_until="networkidle")
    seen = page.evaluate("window.seen")
    sizes: dict[str, int] = {}
    for answer in answers:
        size = answer.request.sizes()["responseBodySize"]
        sizes[_kind(answer)] = sizes.get(_kind(answer), 0) + size
    context.close()
    return Visit(seen["paint"], seen["shift"], sizes)


def _swaps(page: Page, url: str) -> float:
    """The shift of four changes of the configuration, each waited for."""
    page.add_init_script(WATCH)
    page.goto(url, wait_until="networkidle")
    for field, value in (("slots", "2"), ("kv", "q8_0"), ("slots", "8"), ("count", "2")):
        with page.expect_response(lambda answer: "configure" in answer.url):
            page.locator(f'input[name="{field}"][value="{value}"]').check(force=True)
        page.wait_for_timeout(800)
    shift: float = page.evaluate("window.seen.shift")
    return shift


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        sys.exit("No Chromium here: apt-get install chromium.")
    with tempfile.TemporaryDirectory() as static, sync_playwright() as playwright:
        collected = collect(static)
        measure(playwright, program, collected, times)


def collect(folder: str, **settings: str) -> LiveSite:
    """A site whose static files are hashed and compressed, as `make run` serves them."""
    words = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    subprocess.run(words, check=True, cwd=ROOT, env={**os.environ, "STATIC_DIR": folder})
    return LiveSite(STATIC_DIR=folder, **settings)


def measure(playwright: Playwright, program: str, live: LiveSite, times: int) -> None:
    """Print the table."""
    with live as site:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        print("| page | first paint, ms | layout shift | page | script | style | font | all |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for name, path in PAGES.items():
            visits = [_visit(browser, site.url + path) for _ in range(times)]
            sizes = visits[-1].sizes
            kinds = " | ".join(f"{sizes.get(kind, 0) / 1000:.1f} kB" for kind in KINDS)
            print(
                f"| {name} | {median(visit.paint for visit in visits):.0f} | "
                f"{max(visit.shift for visit in visits):.3f} | {kinds} | "
                f"{sum(sizes.values()) / 1000:.1f} kB |"
            )
        shift = _swaps(browser.new_page(), site.url + PAGES["configuration"])
        print(f"\nLayout shift of four changes of the configuration: {shift:.3f}")
        browser.close()


if __name__ == "__main__":
    main()
