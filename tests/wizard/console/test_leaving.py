"""A browser that leaves: what only looks ends at once, what changes something is carried out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.core.cache import cache

from tests.standins.console import ConsoleApi
from wizard.console import client, creating
from wizard.sdl.writer import to_yaml

pytestmark = pytest.mark.anyio


class Visitor:
    """One request of a browser that may leave before its answer."""

    def __init__(self, method: str, path: str, key: str, body: bytes = b"") -> None:
        headers = [(b"host", b"localhost"), (b"x-console-key", key.encode())]
        scope = {"type": "http", "method": method, "path": path, "headers": headers}
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._sent.put_nowait({"type": "http.request", "body": body})
        self._serving = asyncio.create_task(
            get_asgi_application()(scope, self._sent.get, self._take)
        )

    async def _take(self, message: Any) -> None:
        """What the site answers is not what these tests are about."""

    async def leave(self) -> None:
        """Close the connection, and wait until the site has let go of it."""
        self._sent.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(self._serving, 60)


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_it_works(api: ConsoleApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the list ends with its browser, long before the Console's patience does."""
    monkeypatch.setattr(client, "READ_SECONDS", 600)
    api.hang("/v1/deployments")
    visitor = Visitor("GET", "/deployments/list", api.key)
    await until(lambda: api.count("/v1/deployments"))
    await visitor.leave()


async def test_a_deployment_that_is_being_made(api: ConsoleApi, built: dict[str, Any]) -> None:
    """Its number is noted, so that the next request finds it even where no list tells of it."""
    api.create_seconds = 0.3
    body = json.dumps({"sdl": to_yaml(built), "deposit": 5}).encode()
    visitor = Visitor("POST", "/deployments/create", api.key, body)
    await until(lambda: api.count("/v1/deployments", "POST"))
    await visitor.leave()
    await until(lambda: api.held)
    mark = creating._mark(built)
    await until(lambda: cache.get(mark) in api.held)
