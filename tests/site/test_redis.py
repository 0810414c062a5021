"""The shared cache against a real Redis server."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import redis

from tests.site.live import LiveSite, free_port


@pytest.fixture
def cache_url(tmp_path: Path) -> Iterator[str]:
    program = shutil.which("redis-server")
    assert program, "No redis-server here: make test installs it."
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        url = f"redis://127.0.0.1:{port}/0"
        _wait_for(url)
        yield url
        process.terminate()


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
