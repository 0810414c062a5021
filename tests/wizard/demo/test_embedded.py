"""The tiny model beside the site: one for all workers, and never left behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx2
import pytest

from tests.site.live import LiveSite
from tests.wizard.demo.sites import OPEN, wait_until

BODY = {"model": "oneclick-demo", "prompt": "Hello", "stream": False}


def _status(site: LiveSite) -> int:
    return httpx2.post(f"{site.url}/api/generate", json=BODY, timeout=60).status_code


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _keeper(site: LiveSite) -> int:
    found = [pid for pid in _children(site.process.pid) if "wizard.demo.embedded" in _command(pid)]
    assert len(found) == 1
    return found[0]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def _family(pid: int) -> list[int]:
    return [pid, *(found for child in _children(pid) for found in _family(child))]


def _lives(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "zombie" not in status.read_text()


def test_it_works() -> None:
    with LiveSite(DEMO_EMBEDDED="1", WORKERS="2", **OPEN) as site:
        early = httpx2.post(f"{site.url}/api/generate", json=BODY, timeout=60)
        wait_until(lambda: _status(site) == 200)
        family = _family(_keeper(site))
    assert early.status_code in (200, 503)
    assert len(family) == 3, "the keeper, the runtime, its engine"
    wait_until(lambda: not any(map(_lives, family)))


def test_it_is_started_again() -> None:
    with LiveSite(DEMO_EMBEDDED="1", **OPEN) as site:
        wait_until(lambda: _status(site) == 200)
        keeper = _keeper(site)
        (runtime,) = _children(keeper)
        os.kill(keeper, signal.SIGSTOP)
        os.kill(runtime, signal.SIGKILL)
        wait_until(lambda: _status(site) == 503)
        chat = {"model": "oneclick-demo", "messages": [{"role": "user", "content": "Hi"}]}
        refused = httpx2.post(f"{site.url}/api/chat", json=chat, timeout=60)
        assert httpx2.get(f"{site.url}/healthz", timeout=60).status_code == 200
        os.kill(keeper, signal.SIGCONT)
        wait_until(lambda: _status(site) == 200)
        assert "ended with code -9" in site.log.read_text()
    assert refused.status_code == 503
    assert "at the moment" in refused.json()["error"]
    assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_nothing_outlives_the_site(number: signal.Signals) -> None:
    with LiveSite(DEMO_EMBEDDED="1", **OPEN) as site:
        wait_until(lambda: _status(site) == 200)
        family = _family(_keeper(site))
        site.process.send_signal(number)
        wait_until(lambda: not any(map(_lives, family)))
