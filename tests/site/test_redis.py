"""The shared cache against a real Redis server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
import redis

from oneclick_site import shared_cache
from oneclick_site.shared_cache import SharedCache
from tests.site.live import LiveSite
from tests.site.redis_server import redis_server
from tests.standins.ports import free_port


@pytest.fixture
def cache_url(tmp_path: Path) -> Iterator[str]:
    with redis_server(free_port(), tmp_path) as url:
        yield url


def test_it_works(cache_url: str) -> None:
    with LiveSite(CACHE_URL=cache_url) as site:
        health = httpx2.get(f"{site.url}/healthz", timeout=60)
        page = httpx2.get(f"{site.url}/models/ollama/llama3.1:8b/configure/", timeout=60)
    assert (health.status_code, page.status_code) == (200, 200)
    with redis.Redis.from_url(cache_url) as client:
        assert client.dbsize() > 0


def _cached(site: LiveSite) -> bool:
    return bool(httpx2.get(f"{site.url}/healthz", timeout=60).json()["cache"])


def test_a_redis_that_goes_and_returns_takes_no_page_with_it(tmp_path: Path) -> None:
    port = free_port()
    page = "/models/ollama/llama3.1:8b/configure/"
    first = ExitStack()
    url = first.enter_context(redis_server(port, tmp_path))
    with first, LiveSite(CACHE_URL=url) as site:
        assert httpx2.get(site.url + page, timeout=60).status_code == 200
        assert _cached(site)
        first.close()
        for _ in range(3):
            assert httpx2.get(site.url + page, timeout=60).status_code == 200
        assert not _cached(site)
        with redis_server(port, tmp_path):
            deadline = time.monotonic() + 60
            while not _cached(site):
                assert time.monotonic() < deadline, "the cache did not come back"
                time.sleep(0.1)
        log = site.log.read_text()
    assert log.count("the cache is out of reach") == 1
    assert log.count("the cache is back") == 1


def test_a_redis_without_memory_is_told_once(
    cache_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it has can still be read."""
    monkeypatch.setattr(shared_cache, "REST_SECONDS", 0.0)
    cache = SharedCache(cache_url, {})
    cache.set("x", 1)
    with redis.Redis.from_url(cache_url) as client:
        client.config_set("maxmemory", 1)
        for number in range(3):
            cache.set("y", number)
            assert cache.get("x") == 1
        assert cache.is_away
        client.config_set("maxmemory", 0)
    cache.set("y", 4)
    assert not cache.is_away
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "the cache is out of reach",
        "the cache is back",
    ]
