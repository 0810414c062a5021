"""What is done around every request."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from inference import application, settings
from inference.engine.client import new_session
from inference.engine.pool import Pool
from inference.library import Library
from inference.runtime import Runtime


async def _broken(request: web.Request) -> web.Response:
    raise ConnectionResetError("Cannot write to closing transport")


async def _faulty(request: web.Request) -> web.Response:
    raise ZeroDivisionError


def _ask(path: str) -> tuple[int, Runtime]:
    """Ask a server that has one route that loses its caller, and one with a mistake in it."""

    async def asked() -> tuple[int, Runtime]:
        chosen = settings.load(["--model", "llama3.1:8b", "--host", "127.0.0.1"], {})
        async with new_session() as session:
            runtime = Runtime(chosen, session, Library(chosen), Pool(chosen, session))
            app = application.build(runtime)
            app.router.add_get("/broken", _broken)
            app.router.add_get("/faulty", _faulty)
            async with TestClient(TestServer(app)) as client, client.get(path) as answer:
                return answer.status, runtime

    return asyncio.run(asked())


def test_a_caller_who_is_gone_is_noted_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        _, runtime = _ask("/broken")
    assert runtime.metrics.cancelled == 1
    assert dict(runtime.metrics.requests) == {("/broken", 499): 1}
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_a_mistake_of_ours_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    status, runtime = _ask("/faulty")
    assert status == 500
    assert "internal error" in runtime.failures[-1]
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.exc_info is not None for record in logged] == [True]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/status"])
def test_health_checks_are_in_the_log_only_where_it_tells_more(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "inference.requests"):
        _ask(path)
    lines = [record for record in caplog.records if record.name == "inference.requests"]
    assert [line.levelno for line in lines] == [logging.DEBUG]
