"""However often it is asked for, a file is deployed and paid for once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache

from tests.standins.console import ConsoleApi
from tests.standins.server import text
from tests.wizard.sdl import factory
from wizard.console import client, creating, errors
from wizard.console.client import Console
from wizard.console.values import Created
from wizard.sdl import document, writer
from wizard.sdl.values import Secrets

pytestmark = pytest.mark.anyio


async def deploy(console: Console, built: dict[str, Any]) -> Created:
    return await creating.create(console, built, writer.to_yaml(built), 5)


async def test_it_works(api: ConsoleApi, console: Console, built: dict[str, Any]) -> None:
    first, again = [await deploy(console, built) for _ in range(2)]
    assert (again.dseq, again.manifest) == (first.dseq, first.manifest)
    assert (first.was_there, again.was_there) == (False, True)
    assert len(api.held) == 1
    assert api.balance == 45


def test_a_double_click(api: ConsoleApi, console: Console, built: dict[str, Any]) -> None:
    """Presses that come to different threads of one machine, and so to different loops."""
    api.create_seconds = 0.3

    def press(_: int) -> str:
        try:
            return asyncio.run(deploy(console, built)).dseq
        except errors.StillCreating:
            return "busy"

    with ThreadPoolExecutor(8) as pool:
        told = set(pool.map(press, range(8)))
    assert told == {"busy", *api.held}
    assert len(api.held) == 1


async def test_an_answer_that_was_lost(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    api.lose_answers = 1
    with pytest.raises(errors.ConsoleSlow):
        await deploy(console, built)
    found = await deploy(console, built)
    assert found.was_there
    assert list(api.held) == [found.dseq]


async def test_a_request_that_is_still_on_its_way(
    api: ConsoleApi, console: Console, built: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Console answers nothing, and lists nothing yet: no second request is sent."""
    monkeypatch.setattr(client, "WRITE_SECONDS", 0.1)
    api.create_seconds = 0.5
    with pytest.raises(errors.ConsoleSlow):
        await deploy(console, built)
    with pytest.raises(errors.StillCreating):
        await deploy(console, built)
    assert api.count("/v1/deployments", "POST") == 1


async def test_what_never_came_is_asked_for_again(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    api.route("POST", "/v1/deployments", text("gateway", 504))
    with pytest.raises(errors.ConsoleSlow):
        await deploy(console, built)
    with pytest.raises(errors.StillCreating):
        await deploy(console, built)
    # As it is after IN_FLIGHT_SECONDS.
    cache.clear()
    with pytest.raises(errors.ConsoleSlow):
        await deploy(console, built)
    assert api.count("/v1/deployments", "POST") == 2


async def test_a_refusal_may_be_mended_at_once(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    api.balance = 1
    with pytest.raises(errors.NoFunds):
        await deploy(console, built)
    api.balance = 50
    assert not (await deploy(console, built)).was_there


async def test_an_outage_while_looking_blocks_nothing(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    api.fail("/v1/deployments", text("no", 500), times=6)
    with pytest.raises(errors.ConsoleDown):
        await deploy(console, built)
    api.heal()
    assert not (await deploy(console, built)).was_there


async def test_a_list_that_lags(api: ConsoleApi, console: Console, built: dict[str, Any]) -> None:
    first = await deploy(console, built)
    held = api.held[first.dseq]
    held.hash = "not listed yet"
    assert (await deploy(console, built)).dseq == first.dseq


async def test_closed_is_deployed_anew(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    first = await deploy(console, built)
    await console.close(first.dseq)
    second = await deploy(console, built)
    assert second.dseq != first.dseq
    assert len(api.active) == 1


async def test_another_key_is_another_deployment(api: ConsoleApi, console: Console) -> None:
    for digit in "ab":
        built = document.build(factory.plan(), Secrets(api_key_sha256=digit * 64))
        await deploy(console, built)
    assert len(api.active) == 2


async def test_another_account_is_another_deployment(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    await deploy(console, built)
    api.reset()
    assert not (await deploy(console, built)).was_there
    assert len(api.active) == 1
