"""No page and no state of it has a fault that axe finds, or a control too small for a finger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route

from inference import status_page
from tests.e2e import axe
from tests.e2e.conftest import Open, Visit
from tests.e2e.deploying import World
from tests.e2e.states import DEPLOYING, NO_SCRIPT, RUNTIME, WIZARD, Deploying, State
from tests.inference import endpoint as endpoints
from tests.inference.endpoint import Endpoint

pytestmark = pytest.mark.e2e

DEMO_MODEL = Path("inference/demo_model/oneclick-demo.gguf")


def named(state: State | Deploying) -> str:
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
