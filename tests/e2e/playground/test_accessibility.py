"""No state of the playground has a fault that axe finds, or a control too small for a finger."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e import axe
from tests.e2e.conftest import Visit
from tests.e2e.states import DRAWERS, PLAYGROUND, State
from tests.e2e.test_accessibility import forgive, named
from tests.site.live import LiveSite

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("state", PLAYGROUND, ids=named)
def test_a_state(at: Callable[..., Visit], site: LiveSite, state: State) -> None:
    seen = at(site.url)
    state.reach(seen.page)
    assert axe.complaints(seen.page) == []
    forgive(seen, state.complaints)


@pytest.mark.parametrize("state", DRAWERS, ids=named)
def test_a_drawer_on_a_phone(at: Callable[..., Visit], site: LiveSite, state: State) -> None:
    seen = at(site.url, viewport={"width": axe.PHONE, "height": 844})
    state.reach(seen.page)
    assert axe.complaints(seen.page) == []
    forgive(seen, state.complaints)
