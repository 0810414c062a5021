"""The client against a Console that holds every request and answer against the API's document."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tests.standins.console import ConsoleApi
from tests.standins.server import Reply, Sparse, json, text
from wizard.console import accepting, client, connections, errors, groups
from wizard.console.client import Console
from wizard.console.manifest import manifest
from wizard.console.values import BidState, Coin
from wizard.sdl import writer

pytestmark = pytest.mark.anyio


class Trickle(Sparse):
    """A body whose bytes come one by one."""

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        for at in range(start, stop):
            time.sleep(0.02)
            yield self.head[at : at + 1] or b" "


def usd(coins: tuple[Coin, ...]) -> float:
    return sum(coin.usd or 0 for coin in coins)


async def test_it_works(api: ConsoleApi, console: Console, built: dict[str, Any]) -> None:
    made = await console.create(writer.to_yaml(built), 5)
    assert made.manifest == manifest(built)
    bids = await console.bids(made.dseq)
    assert [bid.price.usd_per_hour for bid in bids] == pytest.approx([0.18, 0.24, 0.54])
    leased = await accepting.accept(console, bids[1].id, made.manifest)
    assert leased.lease
    assert leased.lease.is_active
    found = await console.deployment(made.dseq)
    assert found.lease
    assert found.lease.uri == f"https://{api.endpoint}"
    assert usd(found.funds) == pytest.approx(5, abs=0.01)
    assert [one.dseq for one in await console.deployments()] == [made.dseq]
    more = await console.deposit(made.dseq, 2.5)
    assert usd(more.funds) == pytest.approx(7.5, abs=0.01)
    await console.close(made.dseq)
    await console.close(made.dseq)
    assert not (await console.deployment(made.dseq)).is_active
    assert await console.deployments() == ()


async def test_screening_needs_no_key(api: ConsoleApi, built: dict[str, Any]) -> None:
    group = groups.group_specs(built)[0]
    asked = {"requirements": group["requirements"], "resources": group["resources"]}
    found = await Console().screen(asked)
    assert [provider.audited for provider in found] == [False, True, True]
    assert api.screenings == [asked | {"timezone": "UTC"}]


async def test_an_update_in_place(api: ConsoleApi, console: Console, built: dict[str, Any]) -> None:
    made = await console.create(writer.to_yaml(built), 5)
    built["services"]["llm"]["image"] = "ghcr.io/oneclickllm/runtime:1.0.1"
    before = api.active[0].hash
    assert (await console.update(made.dseq, writer.to_yaml(built))).hash != before


async def test_a_page_is_followed_by_the_next(
    api: ConsoleApi, console: Console, built: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE", 2)
    made = {(await console.create(writer.to_yaml(built), 1)).dseq for _ in range(5)}
    assert {one.dseq for one in await console.deployments()} == made
    assert api.count("/v1/deployments", "GET") == 3


async def test_many_providers_are_asked_for_in_turns(api: ConsoleApi) -> None:
    names = [f"akash1manymanymanymany{number}" for number in range(45)]
    api.bidders = tuple(replace(api.bidders[0], address=name) for name in names)
    found = await Console().providers(frozenset(names))
    assert {provider.address for provider in found} == set(names)
    assert {provider.name for provider in found} == {"Attic"}
    assert api.count("/v1/providers") == 3


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "Invalid API key", errors.KeyRefused),
        (403, "Forbidden", errors.KeyWithoutRights),
        (402, "Not enough balance to cover the deployment deposit.", errors.NoFunds),
        (400, "Failed to create deployment: Insufficient funds", errors.NoFunds),
        (400, "Failed to create deployment: Deposit too low", errors.DepositTooLow),
        (400, "Invalid SDL: RTX 4090 not available on free trial: Add funds", errors.TrialBlocked),
        (400, "Console trial expired", errors.TrialBlocked),
        (400, "Invalid SDL: must have image", errors.FileRefused),
        (400, "Cannot create lease: The selected bid is no longer open.", errors.BidGone),
        (400, "Cannot create lease: order has already been matched or closed.", errors.BidGone),
        (400, "Deployment closed", errors.DeploymentClosed),
        (404, "Deployment not found", errors.NotFound),
        (429, "", errors.ConsoleBusy),
        (418, "teapot", errors.Refused),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value)[:30],
)
async def test_a_refusal_has_a_way_out(
    api: ConsoleApi, console: Console, status: int, message: str, kind: type[errors.ConsoleError]
) -> None:
    api.fail("/v1/deployments", json({"error": "E", "message": message, "code": "c"}, status))
    with pytest.raises(kind) as caught:
        await console.create("sdl", 5)
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert caught.value.next_step.endswith(".")
    assert api.count() == 1


async def test_reading_is_repeated(api: ConsoleApi, console: Console) -> None:
    api.fail("/v1/deployments", text("upstream", 502), times=2)
    assert await console.deployments() == ()
    assert api.count() == 3


async def test_a_connection_that_breaks_is_no_reason_to_give_up_reading(
    api: ConsoleApi, console: Console
) -> None:
    api.drop("/v1/deployments", times=1)
    assert await console.deployments() == ()
    assert api.count() == 2


async def test_what_costs_money_is_sent_once(api: ConsoleApi, console: Console) -> None:
    api.fail("/v1/", text("upstream", 502))
    for work in (console.create("sdl", 5), console.deposit("1", 5)):
        api.requests.clear()
        with pytest.raises(errors.ConsoleSlow):
            await work
        assert api.count() == 1


async def test_no_answer_is_told_as_not_knowing(
    api: ConsoleApi, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "WRITE_SECONDS", 2.0)
    api.hang("/v1/deployments")
    with pytest.raises(errors.ConsoleSlow):
        await console.create("sdl", 5)


async def test_a_slow_answer_counts_as_a_whole(
    api: ConsoleApi, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time, and all of them together never do."""
    monkeypatch.setattr(client, "READ_SECONDS", 0.4)
    api.fail("/v1/bids", Reply(200, Trickle(b'{"data": [', 10_000)))
    with pytest.raises(errors.ConsoleSlow, match=r"within 0\.4 seconds"):
        await console.bids("1")
    assert api.count() == 1


async def test_no_connection_is_told_as_not_done(console: Console, settings: Settings) -> None:
    settings.CONSOLE_API_URL = "http://127.0.0.1:9"
    with pytest.raises(errors.ConsoleDown) as caught:
        await console.create("sdl", 5)
    assert not isinstance(caught.value, errors.ConsoleSlow)


async def test_offline_asks_nothing(api: ConsoleApi, console: Console, settings: Settings) -> None:
    settings.OFFLINE = True
    with pytest.raises(errors.ConsoleOffline):
        await console.deployment("1")
    assert api.count() == 0


@pytest.mark.parametrize(
    "reply",
    [
        text("<html>"),
        json([]),
        json({"data": {}}),
        json({"data": {"deployment": {"id": {"dseq": "abc"}}}}),
        text("[" * 100_000),
        Reply(302, b"", {"Location": "http://127.0.0.1:9/"}),
    ],
    ids=["html", "list", "empty", "dseq", "deep", "redirect"],
)
async def test_another_form_is_refused(api: ConsoleApi, console: Console, reply: Reply) -> None:
    api.fail("/v1/deployments/", reply)
    with pytest.raises(errors.ConsoleError):
        await console.deployment("1")


async def test_a_long_answer_is_cut(
    api: ConsoleApi, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_BYTES", 1000)
    api.fail("/v1/bids", json({"data": ["x" * 2000]}))
    with pytest.raises(errors.UnexpectedAnswer, match="too long"):
        await console.bids("1")


async def test_a_transaction_that_failed_is_no_deployment(
    api: ConsoleApi, console: Console
) -> None:
    signed = {"code": 5, "transactionHash": "", "rawLog": "insufficient funds: spendable balance"}
    body = {"data": {"dseq": "1", "manifest": "[]", "signTx": signed}}
    api.fail("/v1/deployments", json(body, 201))
    with pytest.raises(errors.NoFunds):
        await console.create("sdl", 5)


async def test_cookies_of_one_account_reach_no_other(api: ConsoleApi, console: Console) -> None:
    body = {"deployments": [], "pagination": {"total": 0, "skip": 0, "limit": 1, "hasMore": False}}
    api.fail("/v1/deployments", json({"data": body}, headers={"Set-Cookie": "session=1; Path=/"}))
    await console.deployments()
    await Console("another").deployments()
    assert "cookie" not in api.requests[-1].headers


async def test_the_key_is_never_logged(
    api: ConsoleApi, console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.fail("/v1/deployments", text("no", 500))
    with pytest.raises(errors.ConsoleDown):
        await console.deployments()
    assert api.key not in caplog.text
    assert api.key not in repr(console)
    assert "console" in caplog.text


async def test_a_bid_that_is_gone_is_not_leased(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    made = await console.create(writer.to_yaml(built), 5)
    wanted = (await console.bids(made.dseq))[0]
    assert wanted.state is BidState.OPEN
    api.bidders = api.bidders[1:]
    with pytest.raises(errors.BidGone):
        await accepting.accept(console, wanted.id, made.manifest)


async def test_a_second_bid_changes_no_lease(console: Console, built: dict[str, Any]) -> None:
    made = await console.create(writer.to_yaml(built), 5)
    first, second, _ = await console.bids(made.dseq)
    await accepting.accept(console, first.id, made.manifest)
    again = await accepting.accept(console, second.id, made.manifest)
    assert again.lease
    assert again.lease.id.provider == first.id.provider


async def test_a_loop_keeps_its_connections(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    async with connections.kept_open():
        for _ in range(3):
            await console.deployments()
        assert api.connected == 1
    for _ in range(2):
        await console.deployments()
    assert api.connected == 3


def test_each_loop_has_connections_of_its_own(api: ConsoleApi, console: Console) -> None:
    async def ask() -> None:
        async with connections.kept_open():
            await console.deployments()

    for _ in range(2):
        asyncio.run(ask())
    assert api.connected == 2


async def test_no_key_is_left_in_what_is_shared(api: ConsoleApi, console: Console) -> None:
    async with connections.kept_open(), connections.connected() as pool:
        await console.deployments()
        await Console().screen({"resources": [], "requirements": {}})
        assert api.key not in str(dict(pool.headers))
    assert "x-api-key" not in api.requests[-1].headers
