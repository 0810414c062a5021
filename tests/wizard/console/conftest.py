"""A Console of our own, and files to deploy on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tests.standins.console import ConsoleApi
from tests.wizard.sdl import factory
from tests.wizard.sdl.conftest import judge
from wizard.console import client
from wizard.console.client import Console
from wizard.sdl import document
from wizard.sdl.values import Secrets

__all__ = ["judge"]


@pytest.fixture
def anyio_backend() -> str:
    """The loop that the site runs in."""
    return "asyncio"


@pytest.fixture
def api(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConsoleApi]:
    """Every request and answer of a test has to be as the API's document says."""
    monkeypatch.setattr(client, "PAUSES", (0.01, 0.01))
    with ConsoleApi() as server:
        settings.OFFLINE = False
        settings.CONSOLE_API_URL = server.url
        yield server
        assert server.wrong == []


@pytest.fixture
def console(api: ConsoleApi) -> Console:
    return Console(api.key)


@pytest.fixture
def built() -> dict[str, Any]:
    """A document with a key of its own."""
    return document.build(factory.plan(), Secrets(api_key_sha256="a" * 64))
