"""Prism, which nobody here wrote, takes every request of the client and every answer it gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from pytest_django.fixtures import Settings

from tests.judge.prism import Prism
from tests.standins.console import ConsoleApi
from tests.standins.openapi import CONSOLE
from wizard.console import accepting, creating, groups
from wizard.console.client import Console
from wizard.sdl import writer

pytestmark = pytest.mark.anyio


@pytest.fixture
def prism(api: ConsoleApi, settings: Settings) -> Iterator[Prism]:
    with Prism(CONSOLE, api.url) as running:
        settings.CONSOLE_API_URL = running.url
        yield running


async def test_it_works(
    prism: Prism, api: ConsoleApi, console: Console, built: dict[str, Any]
) -> None:
    group = groups.group_specs(built)[0]
    asked = {"requirements": group["requirements"], "resources": group["resources"]}
    assert len(await console.screen(asked)) == 3
    made = await creating.create(console, built, writer.to_yaml(built), 5)
    bid = (await console.bids(made.dseq))[1]
    provider = bid.id.provider
    assert (await console.providers(frozenset({provider})))[0].address == provider
    leased = await accepting.accept(console, bid.id, made.manifest)
    assert leased.lease
    assert leased.lease.uri
    assert await console.token(provider, 60)
    assert (await console.deposit(made.dseq, 1.5)).funds
    built["services"]["llm"]["image"] = "ghcr.io/oneclickllm/runtime:1.0.1"
    await console.update(made.dseq, writer.to_yaml(built))
    await console.close(made.dseq)
    assert await console.deployments() == ()
    used = {request.path.rstrip("0123456789") for request in api.requests} - {"/"}
    assert len(used) == 8


def test_it_judges(prism: Prism, api: ConsoleApi) -> None:
    answer = httpx2.post(
        f"{prism.url}/v1/deployments",
        json={"data": {"sdl": 3}},
        timeout=60,
        headers={"x-api-key": api.key},
    )
    assert answer.status_code == 422
    assert "must be string" in answer.text
    assert api.count("/v1/deployments") == 0
