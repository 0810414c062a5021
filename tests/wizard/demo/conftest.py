"""Sites whose demo is answered by stand-ins, and one with its own tiny model."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.site.live import LiveSite
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import OPEN, demo_site, wait_until


@pytest.fixture(scope="session")
def embedded() -> Iterator[LiveSite]:
    """The site as `make run` serves it, with the tiny model beside it, limits out of the way."""
    with LiveSite(DEMO_EMBEDDED="1", **OPEN) as site:
        wait_until(lambda: _answers(site))
        yield site


@pytest.fixture(scope="module")
def standins() -> Iterator[dict[str, Upstream]]:
    """One stand-in for each kind of upstream."""
    with Upstream() as runtime, Upstream() as ollama, Upstream() as vllm, Upstream() as openai:
        yield {"runtime": runtime, "ollama": ollama, "vllm": vllm, "openai": openai}


@pytest.fixture(scope="module")
def site(standins: dict[str, Upstream]) -> Iterator[LiveSite]:
    """A site that offers ``on-runtime``, ``on-ollama``, ``on-vllm`` and ``on-openai``."""
    with demo_site(standins) as running:
        yield running


def _answers(site: LiveSite) -> bool:
    body = {"model": "oneclick-demo", "prompt": "Hello", "stream": False}
    return httpx2.post(f"{site.url}/api/generate", json=body, timeout=60).status_code == 200
