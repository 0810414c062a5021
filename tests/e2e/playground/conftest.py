"""Sites with a playground: on stand-ins, and with its own tiny model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import Open, Visit
from tests.e2e.playground.talking import upstreams
from tests.site.live import LiveSite
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import OPEN, wait_until

WATCH = """
  window.violations = [];
  window.shift = 0;
  document.addEventListener("securitypolicyviolation",
    (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  // The box grows with what is typed into it: on a slow machine long after the key.
  const isTyping = ({ node }) => node?.classList?.contains("composer");
  new PerformanceObserver((list) => {
    for (const { hadRecentInput, sources, value } of list.getEntries())
      if (!hadRecentInput && !sources.every(isTyping)) window.shift += value;
  }).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="package")
def ada() -> Iterator[Upstream]:
    with Upstream("ada:1b") as upstream:
        yield upstream


@pytest.fixture(scope="package")
def bob() -> Iterator[Upstream]:
    with Upstream("bob:2b") as upstream:
        yield upstream


@pytest.fixture(scope="package")
def site(ada: Upstream, bob: Upstream) -> Iterator[LiveSite]:
    """A site that offers ``ada``, and ``bob`` who sees images."""
    with LiveSite(**OPEN, DEMO_UPSTREAMS=upstreams(ada, bob)) as running:
        yield running


@pytest.fixture(scope="package")
def embedded() -> Iterator[LiveSite]:
    """The site as `make run` serves it."""
    with LiveSite(**OPEN, DEMO_EMBEDDED="1") as running:
        question = {"model": "oneclick-demo", "prompt": "Hello", "stream": False}
        wait_until(
            lambda: (
                httpx2.post(f"{running.url}/api/generate", json=question, timeout=30).status_code
                == 200
            )
        )
        yield running


@pytest.fixture
def at(visit_at: Open) -> Iterator[Callable[..., Visit]]:
    """``at(site, **context options)``: the playground, ready; no policy may be violated."""
    opened: list[Visit] = []

    def start(url: str, path: str = "/playground/", **options: Any) -> Visit:
        visit = visit_at(url, **options)
        visit.page.add_init_script(WATCH)
        opened.append(visit)
        visit.open(path)
        return visit

    yield start
    violations = [visit.page.evaluate("window.violations") for visit in opened]
    assert all(found == [] for found in violations), violations


@pytest.fixture
def page(at: Callable[..., Visit], site: LiveSite) -> Page:
    """The playground on the stand-ins."""
    return at(site.url).page
