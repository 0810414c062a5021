"""A client that goes away stops the answer at its upstream, whatever it was doing."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx2
import orjson
import pytest

from tests.site.live import LiveSite
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import demo_site, wait_until, wait_until_still
from wizard.demo.exchange import STALL_SECONDS

STREAMS = 200
# A fraction of a second (benchmarks/demo_proxy.py measures it), but not on a machine that is
# busy with other work. Less than what ends a client that does not read.
STOPPED_WITHIN = STALL_SECONDS - 5
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def alone(upstream: Upstream) -> Iterator[LiveSite]:
    with demo_site({"ollama": upstream, "vllm": upstream}) as running:
        yield running


class Client:
    """A request on a bare socket, so that it can be left in any way."""

    def __init__(
        self, site: LiveSite, prompt: str, model: str = "on-ollama", *, stream: bool = True
    ) -> None:
        messages = [{"role": "user", "content": prompt}]
        body = orjson.dumps({"model": model, "messages": messages, "stream": stream})
        head = f"POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket = socket.socket()
        # A small window, so that a client that does not read is soon felt.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect(("127.0.0.1", site.port))
        self._socket.sendall(head.encode() + body)

    def read(self) -> bytes:
        self._socket.settimeout(60)
        return self._socket.recv(4096)

    def leave(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Leave without a goodbye, as a machine that is switched off."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


def test_it_works(alone: LiveSite, upstream: Upstream) -> None:
    client = Client(alone, "endless")
    assert client.read().startswith(b"HTTP/1.1 200")
    assert upstream.open == 1
    client.leave()
    wait_until(lambda: upstream.open == 0, STOPPED_WITHIN)


@pytest.mark.parametrize("model", ["on-ollama", "on-vllm"])
@pytest.mark.parametrize("prompt", ["endless", "silent", "flood"])
def test_one_that_leaves_stops_it(
    alone: LiveSite, upstream: Upstream, prompt: str, model: str
) -> None:
    client = Client(alone, prompt, model)
    wait_until(lambda: upstream.open == 1)
    client.leave()
    wait_until(lambda: upstream.open == 0, STOPPED_WITHIN)


def test_one_that_waits_for_a_whole_answer_stops_it(alone: LiveSite, upstream: Upstream) -> None:
    client = Client(alone, "endless", stream=False)
    wait_until(lambda: upstream.open == 1)
    client.leave()
    wait_until(lambda: upstream.open == 0, STOPPED_WITHIN)


def test_those_who_leave_a_flood_cost_no_other_its_connection(
    alone: LiveSite, upstream: Upstream
) -> None:
    """Python's own transport had the next connection wait for ever, at every tenth time or so."""
    for _ in range(100):
        client = Client(alone, "flood", "on-vllm")
        wait_until(lambda: upstream.open == 1)
        client.leave()
        wait_until(lambda: upstream.open == 0, STOPPED_WITHIN)


def test_two_hundred_slow_streams_leave_nothing_behind(alone: LiveSite, upstream: Upstream) -> None:
    """Half of them leave in mid-stream, a quarter stops reading and is then gone.

    Once when all that fits on the way to them is there, once while it fills up.
    """
    _growth(alone, upstream)
    # Each of the four hundred streams that was kept would hold its buffers, every time. The
    # allocator moves it too, by 14 MB (docs/benchmarks.md) and on a busy machine by 26, and
    # then has what it needs.
    assert any(_growth(alone, upstream) < 20 * MEGABYTE for _ in range(6))


def test_the_site_has_no_place_left_taken(upstream: Upstream) -> None:
    limits = {"DEMO_STREAMS": "2", "DEMO_STREAMS_PER_ADDRESS": "2", "DEMO_QUEUE": "0"}
    with demo_site({"ollama": upstream}, **limits) as site:
        for prompt in ("endless", "silent", "flood") * 2:
            client = Client(site, prompt)
            wait_until(lambda: upstream.open == 1)
            client.reset()
            wait_until(lambda: upstream.open == 0, STOPPED_WITHIN)
        answer = httpx2.post(f"{site.url}/api/generate", json={"model": "on-ollama"}, timeout=60)
    assert answer.status_code == 200


def _growth(site: LiveSite, upstream: Upstream) -> int:
    """By how many bytes the worker is larger after two crowds."""
    before = _memory(site)
    for is_full in (True, False):
        _crowd(site, upstream, is_full=is_full)
    return _memory(site) - before


def _crowd(site: LiveSite, upstream: Upstream, *, is_full: bool) -> None:
    readers = [Client(site, "endless") for _ in range(STREAMS - STREAMS // 4)]
    stalled = [Client(site, "flood") for _ in range(STREAMS // 4)]
    wait_until(lambda: upstream.open == STREAMS)
    for client in readers:
        assert client.read()
    if is_full:
        wait_until_still(lambda: upstream.flooded)
    aborted, staying = readers[: STREAMS // 2], readers[STREAMS // 2 :]
    for client in aborted:
        client.leave()
    for client in stalled:
        client.reset()
    wait_until(lambda: upstream.open == len(staying), STOPPED_WITHIN)
    for client in staying:
        client.leave()
    wait_until(lambda: upstream.open == 0, STOPPED_WITHIN)


def _memory(site: LiveSite) -> int:
    """What the site's worker holds, in bytes, once it has come to rest."""
    pid = site.process.pid
    (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for line in Path(f"/proc/{worker}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel tells no memory")
