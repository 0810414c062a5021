"""A browser that leaves: what only looks ends at once, what changes something is carried out."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.core.cache import cache

from tests.site.live import LiveSite
from tests.standins.console import ConsoleApi
from tests.wizard.demo.sites import wait_until
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


def test_a_site_that_stops_while_a_deployment_is_made(
    api: ConsoleApi, built: dict[str, Any]
) -> None:
    """It stays until the deployment is there, and looked for a twin that another worker made."""
    api.create_seconds = 2
    body = json.dumps({"sdl": to_yaml(built), "deposit": 5}).encode()
    head = f"POST /deployments/create HTTP/1.1\r\nHost: localhost\r\nX-Console-Key: {api.key}\r\n"
    with LiveSite(OFFLINE="0", CONSOLE_API_URL=api.url) as site:
        with socket.create_connection(("127.0.0.1", site.port)) as visitor:
            visitor.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            wait_until(lambda: api.count("/v1/deployments", "POST") == 1)
        site.process.send_signal(signal.SIGTERM)
        assert site.process.wait(60) == 0
    paths = [request.method for request in api.requests if request.path == "/v1/deployments"]
    assert paths == ["GET", "GET", "POST", "GET"]
