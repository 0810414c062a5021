"""The shared cache against a real Redis server."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
import redis

from tests.site.live import LiveSite, free_port


@contextmanager
def _redis(port: int, folder: Path) -> Iterator[str]:
    program = shutil.which("redis-server")
    assert program, "No redis-server here: make test installs it."
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        url = f"redis://127.0.0.1:{port}/0"
        _wait_for(url)
        try:
            yield url
        finally:
            process.kill()


@pytest.fixture
def cache_url(tmp_path: Path) -> Iterator[str]:
    with _redis(free_port(), tmp_path) as url:
        yield url


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with redis.Redis.from_url(url) as client:
                client.ping()
            return
        except redis.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_it_works(cache_url: str) -> None:
    with LiveSite(CACHE_URL=cache_url) as site:
        health = httpx2.get(f"{site.url}/healthz")
        page = httpx2.get(f"{site.url}/models/ollama/llama3.1:8b/configure/")
    assert (health.status_code, page.status_code) == (200, 200)
    with redis.Redis.from_url(cache_url) as client:
        assert client.dbsize() > 0


def _cached(site: LiveSite) -> bool:
    return bool(httpx2.get(f"{site.url}/healthz").json()["cache"])


def test_a_redis_that_goes_and_returns_takes_no_page_with_it(tmp_path: Path) -> None:
    port = free_port()
    page = "/models/ollama/llama3.1:8b/configure/"
    first = ExitStack()
    url = first.enter_context(_redis(port, tmp_path))
    with first, LiveSite(CACHE_URL=url) as site:
        assert httpx2.get(site.url + page).status_code == 200
        assert _cached(site)
        first.close()
        for _ in range(3):
            assert httpx2.get(site.url + page).status_code == 200
        assert not _cached(site)
        with _redis(port, tmp_path):
            deadline = time.monotonic() + 30
            while not _cached(site):
                assert time.monotonic() < deadline, "the cache did not come back"
                time.sleep(0.1)
        log = site.log.read_text()
    assert log.count("the cache is out of reach") == 1
    assert log.count("the cache is back") == 1
