"""The client against a Console that holds every request and answer against the API's document."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tests.standins.console import ConsoleApi
from tests.standins.server import Reply, json, text
from wizard.console import accepting, client, errors, groups
from wizard.console.client import Console
from wizard.console.manifest import manifest
from wizard.console.values import BidState
from wizard.sdl import writer


def test_it_works(api: ConsoleApi, console: Console, built: dict[str, Any]) -> None:
    made = console.create(writer.to_yaml(built), 5)
    assert made.manifest == manifest(built)
    bids = console.bids(made.dseq)
    assert [bid.price.usd_per_hour for bid in bids] == pytest.approx([0.18, 0.24, 0.54])
    leased = accepting.accept(console, bids[1].id, made.manifest)
    assert leased.lease
    assert leased.lease.is_active
    found = console.deployment(made.dseq)
    assert found.lease
    assert found.lease.uri == f"https://{api.endpoint}"
    assert found.left_usd == pytest.approx(5, abs=0.01)
    assert [one.dseq for one in console.deployments()] == [made.dseq]
    assert console.deposit(made.dseq, 2.5).left_usd == pytest.approx(7.5, abs=0.01)
    console.close(made.dseq)
    console.close(made.dseq)
    assert not console.deployment(made.dseq).is_active
    assert list(console.deployments()) == []


def test_screening_needs_no_key(api: ConsoleApi, built: dict[str, Any]) -> None:
    group = groups.group_specs(built)[0]
    asked = {"requirements": group["requirements"], "resources": group["resources"]}
    found = Console().screen(asked)
    assert [provider.audited for provider in found] == [False, True, True]
    assert api.screenings == [asked | {"timezone": "UTC"}]


def test_an_update_in_place(api: ConsoleApi, console: Console, built: dict[str, Any]) -> None:
    made = console.create(writer.to_yaml(built), 5)
    built["services"]["llm"]["image"] = "ghcr.io/oneclickllm/runtime:1.0.1"
    before = api.active[0].hash
    assert console.update(made.dseq, writer.to_yaml(built)).hash != before


def test_a_page_is_followed_by_the_next(
    api: ConsoleApi, console: Console, built: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE", 2)
    made = {console.create(writer.to_yaml(built), 1).dseq for _ in range(5)}
    assert {one.dseq for one in console.deployments()} == made
    assert api.count("/v1/deployments", "GET") == 3


def test_many_providers_are_asked_for_in_turns(api: ConsoleApi) -> None:
    names = [f"akash1manymanymanymany{number}" for number in range(45)]
    api.bidders = tuple(replace(api.bidders[0], address=name) for name in names)
    found = Console().providers(frozenset(names))
    assert {provider.address for provider in found} == set(names)
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
        (418, "teapot", errors.ConsoleError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value)[:30],
)
def test_a_refusal_has_a_way_out(
    api: ConsoleApi, console: Console, status: int, message: str, kind: type[errors.ConsoleError]
) -> None:
    api.fail("/v1/deployments", json({"error": "E", "message": message, "code": "c"}, status))
    with pytest.raises(kind) as caught:
        console.create("sdl", 5)
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert caught.value.next_step.endswith(".")
    assert api.count() == 1


def test_reading_is_repeated(api: ConsoleApi, console: Console) -> None:
    api.fail("/v1/deployments", text("upstream", 502), times=2)
    assert list(console.deployments()) == []
    assert api.count() == 3


def test_what_costs_money_is_sent_once(api: ConsoleApi, console: Console) -> None:
    api.fail("/v1/", text("upstream", 502))
    for work in (lambda: console.create("sdl", 5), lambda: console.deposit("1", 5)):
        api.requests.clear()
        with pytest.raises(errors.ConsoleSlow):
            work()
        assert api.count() == 1


def test_no_answer_is_told_as_not_knowing(
    api: ConsoleApi, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "WRITE_SECONDS", 0.2)
    api.hang("/v1/deployments")
    with pytest.raises(errors.ConsoleSlow):
        console.create("sdl", 5)


def test_no_connection_is_told_as_not_done(console: Console, settings: Settings) -> None:
    settings.CONSOLE_API_URL = "http://127.0.0.1:9"
    with pytest.raises(errors.ConsoleDown) as caught:
        console.create("sdl", 5)
    assert not isinstance(caught.value, errors.ConsoleSlow)


def test_offline_asks_nothing(api: ConsoleApi, console: Console, settings: Settings) -> None:
    settings.OFFLINE = True
    with pytest.raises(errors.ConsoleOffline):
        console.deployment("1")
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
def test_another_form_is_refused(api: ConsoleApi, console: Console, reply: Reply) -> None:
    api.fail("/v1/deployments/", reply)
    with pytest.raises(errors.ConsoleError):
        console.deployment("1")


def test_a_long_answer_is_cut(
    api: ConsoleApi, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_BYTES", 1000)
    api.fail("/v1/bids", json({"data": ["x" * 2000]}))
    with pytest.raises(errors.UnexpectedAnswer, match="too long"):
        console.bids("1")


def test_a_transaction_that_failed_is_no_deployment(api: ConsoleApi, console: Console) -> None:
    signed = {"code": 5, "transactionHash": "", "rawLog": "insufficient funds: spendable balance"}
    body = {"data": {"dseq": "1", "manifest": "[]", "signTx": signed}}
    api.fail("/v1/deployments", json(body, 201))
    with pytest.raises(errors.NoFunds):
        console.create("sdl", 5)


def test_cookies_of_one_account_reach_no_other(api: ConsoleApi, console: Console) -> None:
    body = {"deployments": [], "pagination": {"total": 0, "skip": 0, "limit": 1, "hasMore": False}}
    api.fail("/v1/deployments", json({"data": body}, headers={"Set-Cookie": "session=1; Path=/"}))
    list(console.deployments())
    list(Console("another").deployments())
    assert "cookie" not in api.requests[-1].headers


def test_the_key_is_never_logged(
    api: ConsoleApi, console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.fail("/v1/deployments", text("no", 500))
    with pytest.raises(errors.ConsoleDown):
        list(console.deployments())
    assert api.key not in caplog.text
    assert api.key not in repr(console)
    assert "console" in caplog.text


def test_a_bid_that_is_gone_is_not_leased(
    api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    made = console.create(writer.to_yaml(built), 5)
    wanted = console.bids(made.dseq)[0]
    assert wanted.state is BidState.OPEN
    api.bidders = api.bidders[1:]
    with pytest.raises(errors.BidGone):
        accepting.accept(console, wanted.id, made.manifest)


def test_a_second_bid_changes_no_lease(console: Console, built: dict[str, Any]) -> None:
    made = console.create(writer.to_yaml(built), 5)
    first, second, _ = console.bids(made.dseq)
    accepting.accept(console, first.id, made.manifest)
    again = accepting.accept(console, second.id, made.manifest)
    assert again.lease
    assert again.lease.id.provider == first.id.provider
