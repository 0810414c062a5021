"""A real Chromium against a real gunicorn; every request and complaint is kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.e2e.deploying import outside, world
from tests.e2e.visit import PATIENCE, Visit
from tests.site.live import LiveSite

__all__ = ["Visit", "outside", "world"]

ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
expect.set_options(timeout=PATIENCE)


Open = Callable[..., Visit]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for each module: while Playwright lives, no other test can run a loop."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    assert path, "No Chromium here: make test installs it."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=list(ARGUMENTS), timeout=2 * PATIENCE
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def offline_site() -> Iterator[LiveSite]:
    with LiveSite(OFFLINE="1", CHECK_IMAGES="0") as site:
        yield site


@pytest.fixture
def visit_at(browser: Browser) -> Iterator[Open]:
    """``visit_at(url, **context options)``; nothing may have complained at the end."""
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def start(url: str, **options: Any) -> Visit:
        context = browser.new_context(accept_downloads=True, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        visit = Visit(context.new_page(), url)
        visits.append(visit)
        visit.page.on("request", visit.keep_request)
        visit.page.on("console", visit.keep_message)
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        return visit

    yield start
    complaints = [complaint for visit in visits for complaint in visit.complaints]
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def visit(visit_at: Open, offline_site: LiveSite) -> Open:
    """As ``visit_at``, on the site without a network."""
    return lambda **options: visit_at(offline_site.url, **options)
