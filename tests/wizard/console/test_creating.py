"""However often it is asked for, a file is deployed and paid for once."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from django.core.cache import cache

from tests.site.live import LiveSite
from tests.standins.console import ConsoleApi
from tests.standins.server import text
from tests.wizard.sdl import factory
from wizard.console import client, creating, errors
from wizard.console.client import Console
from wizard.console.manifest import manifest
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
    was_busy = threading.Event()
    api.meanwhile = lambda: was_busy.wait(60)

    def press(_: int) -> str:
        try:
            return asyncio.run(deploy(console, built)).dseq
        except errors.StillCreating:
            was_busy.set()
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
    monkeypatch.setattr(client, "WRITE_SECONDS", 2.0)
    is_over = threading.Event()
    api.meanwhile = lambda: is_over.wait(60)
    with pytest.raises(errors.ConsoleSlow):
        await deploy(console, built)
    with pytest.raises(errors.StillCreating):
        await deploy(console, built)
    assert api.count("/v1/deployments", "POST") == 1
    is_over.set()


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


async def test_another_machine_was_first(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    """Neither saw the other's when it looked, since they share no cache."""
    api.meanwhile = lambda: api.make(writer.to_yaml(built))
    made = await deploy(console, built)
    assert made.was_there
    assert [one.dseq for one in api.active] == [made.dseq] == [min(api.held)]
    assert made.manifest == manifest(built)
    assert (await deploy(console, built)).dseq == made.dseq


async def test_another_machine_came_later(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    """Blocks tell who was first: numbers are given out before a transaction is sent."""

    def later() -> None:
        twin = api.make(writer.to_yaml(built))
        twin.block += 1000

    api.meanwhile = later
    made = await deploy(console, built)
    assert not made.was_there
    assert made.dseq == max(api.held)


async def test_another_file_is_left_alone(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    other = document.build(factory.plan(), Secrets(api_key_sha256="c" * 64))
    api.meanwhile = lambda: api.make(writer.to_yaml(other))
    assert not (await deploy(console, built)).was_there
    assert len(api.active) == 2


async def test_an_outage_after_it_was_made_loses_nothing(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    api.meanwhile = lambda: api.fail("/v1/deployments", text("no", 502))
    made = await deploy(console, built)
    assert list(api.held) == [made.dseq]


def test_two_machines_at_once(api: ConsoleApi, built: dict[str, Any]) -> None:
    """Two sites, each with a cache of its own, are sent the same file at the same time."""
    # Neither is made before both have looked.
    api.meanwhile = threading.Barrier(2, timeout=60).wait
    environ = {"OFFLINE": "0", "CONSOLE_API_URL": api.url}
    headers = {"X-Console-Key": api.key}
    body = {"sdl": writer.to_yaml(built), "deposit": 5}

    def press(site: LiveSite) -> str:
        address = f"{site.url}/deployments/create"
        answer = httpx2.post(address, json=body, headers=headers, timeout=60)
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["dseq"])

    with LiveSite(**environ) as one, LiveSite(**environ) as other, ThreadPoolExecutor() as pool:
        told = set(pool.map(press, (one, other)))
    assert api.count("/v1/deployments", "POST") == 2
    assert told == {held.dseq for held in api.active}
    assert len(told) == 1
