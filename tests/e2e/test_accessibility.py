"""No page and no state of it has a fault that axe finds, or a control too small for a finger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Route, expect

from inference import status_page
from tests.e2e import axe
from tests.e2e.conftest import Open, Visit
from tests.e2e.deploying import World
from tests.e2e.states import (
    DEPLOYING,
    FAILING,
    NO_SCRIPT,
    RUNTIME,
    TEMPLATES,
    WIZARD,
    Deploying,
    Failing,
    State,
)
from tests.inference import endpoint as endpoints
from tests.inference.endpoint import Endpoint
from tests.site.live import LiveSite
from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.server import StandIn

pytestmark = pytest.mark.e2e

NOWHERE = "http://127.0.0.1:9"
DEMO_MODEL = Path("inference/demo_model/oneclick-demo.gguf")


def named(state: State | Deploying | Failing) -> str:
    return state.name


def reach(visit: Visit, state: State) -> None:
    visit.open(state.path)
    state.reach(visit.page)


def forgive(visit: Visit, words: str) -> None:
    """Leave the complaints out that come with the state."""
    visit.complaints[:] = [
        one for one in visit.complaints if not words or not re.search(words, one)
    ]


@pytest.mark.parametrize("state", WIZARD, ids=named)
def test_a_page_of_the_wizard(visit: Open, state: State) -> None:
    seen = visit(permissions=["clipboard-read", "clipboard-write"])
    reach(seen, state)
    assert axe.complaints(seen.page) == []
    forgive(seen, state.complaints)


@pytest.mark.parametrize("state", NO_SCRIPT, ids=named)
def test_a_page_without_its_scripts(visit: Open, state: State) -> None:
    """Blocked, not switched off: axe is a script itself."""
    seen = visit()
    seen.page.route("**/*.js", lambda route: route.abort())
    reach(seen, state)
    assert axe.complaints(seen.page) == []
    forgive(seen, "ERR_FAILED")


@pytest.fixture(scope="module")
def failing_site() -> Iterator[tuple[LiveSite, StandIn]]:
    with HuggingFaceStandIn() as hub:
        settings = {"OFFLINE": "0", "CHECK_IMAGES": "0", "HUGGING_FACE_URL": hub.url}
        with LiveSite(**settings, OLLAMA_URL=NOWHERE, CONSOLE_API_URL=NOWHERE) as site:
            yield site, hub.hub


@pytest.mark.parametrize("state", FAILING, ids=named)
def test_a_page_while_a_registry_fails(
    visit_at: Open, failing_site: tuple[LiveSite, StandIn], state: Failing
) -> None:
    site, hub = failing_site
    hub.heal()
    for kept in site.cache_dir.glob("*.djcache"):
        kept.unlink()
    state.fault(hub)
    seen = visit_at(site.url)
    seen.open(state.path)
    expect(seen.page.locator("main")).to_contain_text(state.words)
    assert axe.complaints(seen.page) == []
    forgive(seen, "50\\d")


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_page_of_a_site_that_is_not_well(visit: Open, template: str) -> None:
    seen = visit()
    body = render_to_string(template, TEMPLATES[template])
    seen.page.route("**/unwell/", lambda route: route.fulfill(body=body, content_type="text/html"))
    seen.open("/unwell/")
    assert axe.complaints(seen.page) == []


@pytest.mark.parametrize("state", DEPLOYING, ids=named)
def test_a_deployment(world: World, state: Deploying) -> None:
    state.reach(world)
    assert axe.complaints(world.page) == []


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    folder = tmp_path_factory.mktemp("endpoint")
    with endpoints.running(folder, "--model", str(DEMO_MODEL)) as running:
        yield running


@pytest.mark.parametrize("phase", RUNTIME)
def test_the_endpoint_s_own_page(visit_at: Open, endpoint: Endpoint, phase: str) -> None:
    """As the runtime writes it, from what it would tell in that phase."""
    status = RUNTIME[phase]
    seen = visit_at(endpoint.url)

    def page(route: Route) -> None:
        headers = {"Content-Type": "text/html", "Content-Security-Policy": status_page.POLICY}
        route.fulfill(body=status_page.render(status, locked=True), headers=headers)

    seen.page.route(f"{endpoint.url}/", page)
    seen.page.route("**/status", lambda route: route.fulfill(json=status))
    seen.open("/")
    assert axe.complaints(seen.page) == []


@pytest.mark.parametrize("key", [endpoints.KEY, "another-key"])
def test_the_endpoint_s_figures(visit_at: Open, endpoint: Endpoint, key: str) -> None:
    seen = visit_at(endpoint.url)
    seen.open("/")
    seen.page.get_by_label("Key").fill(key)
    seen.page.keyboard.press("Enter")
    seen.page.get_by_role("region", name="Figures").wait_for()
    assert axe.complaints(seen.page) == []
