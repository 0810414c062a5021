"""What a provider says of a lease, and what it means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tests.standins.console import ConsoleApi
from tests.standins.console_answers import BIDDERS
from tests.standins.provider import Provider, event, line
from tests.standins.server import json
from wizard.console import accepting, logs
from wizard.console.client import Console
from wizard.console.values import Deployment
from wizard.sdl import writer

pytestmark = pytest.mark.anyio


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
async def leased(
    api: ConsoleApi, console: Console, provider: Provider, built: dict[str, Any]
) -> Deployment:
    api.bidders = (replace(BIDDERS[0], host=provider.url),)
    made = await console.create(writer.to_yaml(built), 5)
    return await accepting.accept(console, (await console.bids(made.dseq))[0].id, made.manifest)


async def test_it_works(console: Console, provider: Provider, leased: Deployment) -> None:
    provider.events = [event("Scheduled", "Successfully assigned")]
    provider.lines = [line("loading the model"), line("ready\x1b[0m", "gateway-1-2")]
    told = await logs.read(console, leased)
    assert told.problem == told.meaning == ""
    assert [(one.service, one.text) for one in told.lines] == [
        ("llm", "loading the model"),
        ("gateway", "ready [0m"),
    ]
    assert told.events[0].reason == "Scheduled"
    assert set(provider.tokens) == {"Bearer eyJhbGciOiJFUzI1NksifQ.e30.c2lnbmF0dXJl"}
    assert all(path.startswith(f"/lease/{leased.dseq}/1/1/") for path in provider.paths)


@pytest.mark.parametrize(
    ("reason", "note", "words"),
    [
        ("Failed", 'Failed to pull image "x:1": not found', "cannot be pulled"),
        ("BackOff", 'Back-off pulling image "x:1"', "cannot be pulled"),
        ("BackOff", "Back-off restarting failed container", "started again and again"),
        ("FailedScheduling", "0/3 nodes are available: Insufficient memory", "has no room"),
    ],
)
async def test_an_event_is_explained(
    console: Console, provider: Provider, leased: Deployment, reason: str, note: str, words: str
) -> None:
    provider.events = [event("Scheduled", "fine"), event(reason, note)]
    told = await logs.read(console, leased)
    assert words in told.meaning
    assert "“llm”" in told.meaning
    assert told.way_out


async def test_a_stream_without_an_end(
    console: Console, provider: Provider, leased: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "READ_SECONDS", 3.0)
    provider.is_endless = True
    provider.lines = [line(f"line {number}") for number in range(200)]
    told = await logs.read(console, leased)
    assert len(told.lines) == logs.MOST_LINES
    assert told.lines[-1].text == "line 199"


async def test_a_provider_that_is_down(
    api: ConsoleApi, console: Console, leased: Deployment
) -> None:
    api.bidders = (replace(api.bidders[0], host="https://127.0.0.1:9"),)
    assert "does not answer" in (await logs.read(console, leased)).problem


async def test_messages_of_another_form(
    console: Console, provider: Provider, leased: Deployment
) -> None:
    provider.lines = [{"name": 3, "message": ["x"]}, {}]
    provider.events = [{"object": "x", "note": None, "reason": {}}]
    told = await logs.read(console, leased)
    assert [one.text for one in told.lines] == ["", ""]


@pytest.mark.parametrize("message", ["no JSON", "[" * 60_000])
async def test_messages_that_cannot_be_read(
    console: Console, provider: Provider, leased: Deployment, message: str
) -> None:
    provider.lines = [message]
    assert "does not answer" in (await logs.read(console, leased)).problem


async def test_a_redirect_is_not_followed(
    console: Console, provider: Provider, leased: Deployment
) -> None:
    provider.redirect = f"{provider.url}/lease/1/1/1/inside"
    assert "does not answer" in (await logs.read(console, leased)).problem
    assert not any("inside" in path for path in provider.paths)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254"])
async def test_a_provider_leads_nowhere_inside(
    api: ConsoleApi,
    console: Console,
    provider: Provider,
    leased: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
) -> None:
    port = provider.url.rpartition(":")[2]
    api.bidders = (replace(api.bidders[0], host=f"https://{host}:{port}"),)
    monkeypatch.setattr(logs, "_is_local", lambda _url: False)
    assert "does not answer" in (await logs.read(console, leased)).problem
    assert provider.paths == []


async def test_no_token_is_told(api: ConsoleApi, console: Console, leased: Deployment) -> None:
    api.fail("/v1/create-jwt-token", json({"message": "Forbidden"}, 403))
    assert "may not do that" in (await logs.read(console, leased)).problem


async def test_no_lease_no_logs(
    api: ConsoleApi, console: Console, leased: Deployment, settings: Settings
) -> None:
    api.lose_lease()
    assert (
        "no running lease"
        in (await logs.read(console, await console.deployment(leased.dseq))).problem
    )
